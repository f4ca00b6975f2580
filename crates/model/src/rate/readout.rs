//! The readout of a run, and the loss as its rates see it.
//!
//! ```text
//! o_s = W_out r_s        ∂L/∂r_s = W_outᵀ ∂L/∂o_s,   ∂L/∂W_out = Σ_s ∂L/∂o_s r_sᵀ        s = 0 … S
//! ```

use super::rows::{Rows, by_trial};
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::of_width;
use mdl_kernels::real::Real;

/// Outputs `[steps, trials, O]` by `w_out` `[O, N]` of rates `[steps, N, trials]`.
pub(super) fn read<R: Real>(n: usize, w_out: &[R], trials: usize, rates: &[R]) -> Vec<R> {
    of_width!(trials, WIDTH => read_block::<R, WIDTH>(n, w_out, rates))
}

fn read_block<R: Real, const WIDTH: usize>(n: usize, w_out: &[R], rates: &[R]) -> Vec<R> {
    let (outputs, steps) = (w_out.len() / n, rates.len() / (n * WIDTH));
    let mut read = vec![R::zero(); steps * WIDTH * outputs];
    dispatch(
        #[inline(always)]
        || {
            let rates = rates.as_chunks::<WIDTH>().0;
            for (read, rates) in read.chunks_exact_mut(outputs * WIDTH).zip(rates.chunks_exact(n)) {
                for (o, weights) in w_out.chunks_exact(n).enumerate() {
                    for (trial, dot) in dots(weights, rates).into_iter().enumerate() {
                        read[trial * outputs + o] = dot;
                    }
                }
            }
        },
    );
    read
}

/// The sums of the weighted rates of each trial, in 16 sums side by side.
#[inline(always)]
fn dots<R: Real, const WIDTH: usize>(weights: &[R], rates: &[[R; WIDTH]]) -> [R; WIDTH] {
    let mut lanes = [[R::zero(); WIDTH]; LANES];
    let ((weights, weights_rest), (rates, rates_rest)) = (weights.as_chunks::<LANES>(), rates.as_chunks::<LANES>());
    for (weights, rates) in weights.iter().zip(rates) {
        for l in 0..LANES {
            for trial in 0..WIDTH {
                lanes[l][trial] += weights[l] * rates[l][trial];
            }
        }
    }
    for (lane, (weight, rates)) in lanes.iter_mut().zip(weights_rest.iter().zip(rates_rest)) {
        for trial in 0..WIDTH {
            lane[trial] += *weight * rates[trial];
        }
    }
    std::array::from_fn(
        #[inline(always)]
        |trial| {
            let [sum] = Lanes::sums([Lanes(lanes.map(|lane| lane[trial]))]);
            sum
        },
    )
}

/// Derivative of the loss of some trials with respect to their rates.
#[derive(Clone, Copy)]
pub(super) enum Outer<'a, R> {
    /// Given directly.
    Rates(Rows<'a, R>),
    /// Through the outputs, by which the derivative is given, and `w_out` `[O, N]`.
    Outputs { outputs: Rows<'a, R>, w_out: &'a [R] },
}

impl<R: Real> Outer<'_, R> {
    /// ∂L/∂r `[N, trials]` of a step, for `trials` trials.
    pub(super) fn load(&self, step: usize, trials: usize, to: &mut [R]) {
        match self {
            Self::Rates(rates) => rates.load(step, trials, to),
            Self::Outputs { outputs, w_out } => {
                to.fill(R::zero());
                of_width!(trials, WIDTH => add_outputs::<R, WIDTH>(w_out, outputs.rows(step, trials), to));
            }
        }
    }
}

/// to `[N, WIDTH]` += W_outᵀ ∂L/∂o, for ∂L/∂o `[WIDTH, O]` of a step.
fn add_outputs<R: Real, const WIDTH: usize>(w_out: &[R], outputs: &[R], to: &mut [R]) {
    let (to, last) = (to.as_chunks_mut::<WIDTH>().0, outputs.len() / WIDTH);
    dispatch(
        #[inline(always)]
        || {
            for (o, weights) in w_out.chunks_exact(to.len()).enumerate() {
                let output: [R; WIDTH] = std::array::from_fn(|trial| outputs[trial * last + o]);
                for (to, weight) in to.iter_mut().zip(weights) {
                    for trial in 0..WIDTH {
                        to[trial] += *weight * output[trial];
                    }
                }
            }
        },
    );
}

/// Gradients `[trials, O, N]` of W_out, Σ_s ∂L/∂o_s r_sᵀ, for the outputs' gradients and the rates `[steps, N, trials]` of a
/// block.
pub(super) fn readout_gradient<R: Real>(outputs: Rows<R>, n: usize, trials: usize, rates: &[R]) -> Vec<R> {
    of_width!(trials, WIDTH => block_gradient::<R, WIDTH>(outputs, n, rates))
}

fn block_gradient<R: Real, const WIDTH: usize>(outputs: Rows<R>, n: usize, rates: &[R]) -> Vec<R> {
    let mut gradient = vec![[R::zero(); WIDTH]; outputs.n * n];
    dispatch(
        #[inline(always)]
        || {
            for (step, rates) in rates.as_chunks::<WIDTH>().0.chunks_exact(n).enumerate() {
                let of_step = outputs.rows(step, WIDTH);
                for (o, gradient) in gradient.chunks_exact_mut(n).enumerate() {
                    let output: [R; WIDTH] = std::array::from_fn(|trial| of_step[trial * outputs.n + o]);
                    for (gradient, rates) in gradient.iter_mut().zip(rates) {
                        for trial in 0..WIDTH {
                            gradient[trial] += rates[trial] * output[trial];
                        }
                    }
                }
            }
        },
    );
    by_trial(outputs.n * n, WIDTH, gradient.into_flattened())
}
