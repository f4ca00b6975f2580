//! The readout of a run, and the loss as its rates see it.
//!
//! ```text
//! o_s = W_out r_s        ∂L/∂r_s = W_outᵀ ∂L/∂o_s,   ∂L/∂W_out = Σ_s ∂L/∂o_s r_sᵀ        s = 0 … S
//! ```

use super::product::{LANES, add_scaled, sum};
use super::sparse::SparseReal;
use super::sweep::Rows;
use mdl_data::simd::dispatch;
use rayon::prelude::*;

/// Rows of rates that are read in one piece.
const PIECE: usize = 256;

/// Outputs `[rows, O]` of rates `[rows, N]` by `w_out` `[O, N]`.
pub(super) fn read<R: SparseReal>(n: usize, w_out: &[R], rates: &[R]) -> Vec<R> {
    let outputs = w_out.len() / n;
    let mut read = vec![R::zero(); rates.len() / n * outputs];
    read.par_chunks_mut(PIECE * outputs).zip(rates.par_chunks(PIECE * n)).for_each(|(read, rates)| {
        dispatch(
            #[inline(always)]
            || {
                for (read, rates) in read.chunks_exact_mut(outputs).zip(rates.chunks_exact(n)) {
                    for (read, weights) in read.iter_mut().zip(w_out.chunks_exact(n)) {
                        *read = dot(weights, rates);
                    }
                }
            },
        );
    });
    read
}

/// aᵀ b in 16 sums side by side.
#[inline(always)]
fn dot<R: SparseReal>(a: &[R], b: &[R]) -> R {
    let mut lanes = [R::zero(); LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            lanes[l] += a[l] * b[l];
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += *a * *b;
    }
    sum(lanes)
}

/// The derivative of the loss of one trial by its rates.
#[derive(Clone, Copy)]
pub(super) enum Outer<'a, R> {
    /// As it is given.
    Rates(Rows<'a, R>),
    /// Through the outputs, by which the derivative is given, and `w_out` `[O, N]`.
    Outputs { outputs: Rows<'a, R>, w_out: &'a [R] },
}

impl<R: SparseReal> Outer<'_, R> {
    /// ∂L/∂r `[N, trials]` of a step, for `trials` trials.
    pub(super) fn load(&self, step: usize, trials: usize, to: &mut [R]) {
        match self {
            Self::Rates(rates) => rates.load(step, trials, to),
            Self::Outputs { outputs, w_out } => {
                to.fill(R::zero());
                let units = to.len() / trials;
                let outputs = outputs.rows(step, trials);
                let last = w_out.len() / units;
                dispatch(
                    #[inline(always)]
                    || {
                        for (o, weights) in w_out.chunks_exact(units).enumerate() {
                            if trials == 1 {
                                add_scaled(to, weights, outputs[o]);
                                continue;
                            }
                            for (to, weight) in to.chunks_exact_mut(trials).zip(weights) {
                                for (to, outputs) in to.iter_mut().zip(outputs.chunks_exact(last)) {
                                    *to += *weight * outputs[o];
                                }
                            }
                        }
                    },
                );
            }
        }
    }
}

/// gradient `[O, N]` += Σ_s ∂L/∂o_s r_sᵀ over the steps 0 … `steps` of one trial.
pub(super) fn accumulate_readout<R: SparseReal>(steps: usize, outputs: Rows<R>, rates: Rows<R>, gradient: &mut [R]) {
    dispatch(
        #[inline(always)]
        || {
            for step in 0..=steps {
                for (gradient, output) in gradient.chunks_exact_mut(rates.n).zip(outputs.row(step)) {
                    add_scaled(gradient, rates.row(step), *output);
                }
            }
        },
    );
}
