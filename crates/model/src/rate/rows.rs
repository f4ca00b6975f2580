//! Trials side by side in tensors, and back.

use mdl_kernels::real::Real;
use mdl_kernels::transpose::transpose;

/// The rows that some trials side by side have in a tensor `[·, B, N]`.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, R> {
    pub(super) values: &'a [R],
    pub(super) batch: usize,
    /// The first of the trials.
    pub(super) trial: usize,
    pub(super) n: usize,
}

impl<'a, R> Rows<'a, R> {
    /// The row of the first trial.
    pub(super) fn row(&self, step: usize) -> &'a [R] {
        self.rows(step, 1)
    }

    /// The rows of `trials` trials, `[trials, N]`.
    pub(super) fn rows(&self, step: usize, trials: usize) -> &'a [R] {
        &self.values[(step * self.batch + self.trial) * self.n..][..trials * self.n]
    }
}

impl<R: Real> Rows<'_, R> {
    /// The rows of `trials` trials as `[N, trials]`.
    pub(super) fn load(&self, step: usize, trials: usize, to: &mut [R]) {
        if trials == 1 {
            return to[..self.n].copy_from_slice(self.row(step));
        }
        transpose(trials, |trial| &self.rows(step, trials)[trial * self.n..][..self.n], trials, to);
    }
}

/// Values `[steps, N, trials]`, in rows of `row` numbers, as `[steps, trials, N]`.
pub(super) fn by_trial<R: Real>(n: usize, trials: usize, row: usize, values: &[R]) -> Vec<R> {
    let mut rows = vec![R::zero(); values.len() / row * n * trials];
    for (rows, values) in rows.chunks_exact_mut(n * trials).zip(values.chunks_exact(row)) {
        if trials == 1 {
            rows.copy_from_slice(&values[..n]);
        } else {
            transpose(n, |unit| &values[unit * trials..][..trials], n, rows);
        }
    }
    rows
}
