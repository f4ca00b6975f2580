//! Activities of each unit over time, in the form needed by the gradient of sparse weights.

use super::common::windows;
use crate::lanes::{LANES, Lanes};
use crate::real::Real;
use crate::transpose::transpose;
use std::ops::Range;

/// Numbers per step that are transposed together: a cache line of each step.
const TOGETHER: usize = 16;

/// Values of a block of trials, unit by unit: for each trial and window of steps `[N, steps]`, with steps padded with
/// zeros to whole vectors.
pub struct ByUnit<R> {
    n: usize,
    of_trials: Vec<Vec<Lanes<R>>>,
}

/// One column per unit, of one trial and window.
#[derive(Clone, Copy)]
pub struct OfTrial<'a, R> {
    values: &'a [Lanes<R>],
    /// Length of a column.
    pub vectors: usize,
}

/// Steps per window, padded.
fn length(window: &Range<usize>) -> usize {
    window.len().next_multiple_of(LANES)
}

impl<R: Real> ByUnit<R> {
    /// Of the first `steps` steps of `values` `[steps, N, trials]`.
    pub fn new(n: usize, trials: usize, steps: usize, values: &[R]) -> Self {
        let (row, all) = (n * trials, windows(steps).map(|window| length(&window)).sum::<usize>());
        let mut of_trials: Vec<_> = (0..trials).map(|_| Vec::with_capacity(n * all / LANES)).collect();
        for window in windows(steps) {
            let length = length(&window);
            let mut together = vec![R::zero(); TOGETHER * length];
            for from in (0..row).step_by(TOGETHER) {
                let to = row.min(from + TOGETHER);
                let numbers = |step| &values[(window.start + step) * row..][from..to];
                transpose(window.len(), numbers, length, &mut together);
                for (column, at) in together.chunks_exact(length).zip(from..to) {
                    of_trials[at % trials].extend(column.as_chunks().0.iter().map(|lanes| Lanes(*lanes)));
                }
            }
        }
        Self { n, of_trials }
    }

    /// The columns of a trial in a window.
    pub fn of_trial(&self, trial: usize, window: &Range<usize>) -> OfTrial<'_, R> {
        // All windows before are full.
        let values = &self.of_trials[trial][window.start * self.n / LANES..];
        OfTrial { values, vectors: length(window) / LANES }
    }
}

impl<'a, R> OfTrial<'a, R> {
    /// The column of a unit.
    #[inline(always)]
    pub fn of_unit(&self, unit: usize) -> &'a [Lanes<R>] {
        &self.values[unit * self.vectors..][..self.vectors]
    }
}

#[cfg(test)]
mod tests {
    use super::super::common::WINDOW;
    use super::*;

    #[test]
    fn every_value_has_its_place() {
        let (n, steps) = (5, WINDOW + 7);
        for trials in [1, 4, 8] {
            let value = |step: usize, unit: usize, trial: usize| ((step * n + unit) * trials + trial) as f32 + 1.0;
            let values: Vec<f32> = (0..(steps + 1) * n * trials).map(|at| at as f32 + 1.0).collect();
            let columns = ByUnit::new(n, trials, steps, &values);
            for window in windows(steps) {
                for (trial, unit) in (0..trials).flat_map(|trial| (0..n).map(move |unit| (trial, unit))) {
                    let column = Lanes::values(columns.of_trial(trial, &window).of_unit(unit));
                    let expected = window.clone().map(|step| value(step, unit, trial));
                    assert_eq!(column.len(), length(&window));
                    assert!(column.iter().copied().eq(expected.chain(std::iter::repeat(0.0)).take(column.len())));
                }
            }
        }
    }
}
