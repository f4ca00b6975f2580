//! The readout of a run, and the loss as its rates see it.
//!
//! ```text
//! o_s = W_out r_s        ∂L/∂r_s = W_outᵀ ∂L/∂o_s,   ∂L/∂W_out = Σ_s ∂L/∂o_s r_sᵀ        s = 0 … S
//! ```

use super::rows::Rows;
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::of_width;
use mdl_kernels::product::present::WINDOW;
use mdl_kernels::real::Real;

/// Sums side by side that make up an output: of the units 0, 8, …, of the units 1, 9, …, and so on.
const SUMS: usize = 8;

/// Trials whose sums are computed together: with more, they would not fit the registers.
const TOGETHER: usize = 8;

/// Outputs `[trials, O]` by `w_out` `[O, N]` of rates `[N, trials]`.
pub(super) fn read<R: Real>(n: usize, w_out: &[R], trials: usize, rates: &[R], outputs: &mut [R]) {
    of_width!(trials, WIDTH => read_block::<R, WIDTH>(n, w_out, rates, outputs));
}

fn read_block<R: Real, const WIDTH: usize>(n: usize, w_out: &[R], rates: &[R], outputs: &mut [R]) {
    let (rates, last) = (&rates.as_chunks::<WIDTH>().0[..n], w_out.len() / n);
    dispatch(
        #[inline(always)]
        || {
            for (o, weights) in w_out.chunks_exact(n).enumerate() {
                if WIDTH <= TOGETHER {
                    let read: [R; WIDTH] = dots(weights, rates, 0);
                    (0..WIDTH).for_each(|trial| outputs[trial * last + o] = read[trial]);
                } else {
                    for from in (0..WIDTH).step_by(TOGETHER) {
                        let read: [R; TOGETHER] = dots(weights, rates, from);
                        (0..TOGETHER).for_each(|trial| outputs[(from + trial) * last + o] = read[trial]);
                    }
                }
            }
        },
    );
}

/// The sums of the weighted rates of the trials `from..from + PART`.
#[inline(always)]
fn dots<R: Real, const WIDTH: usize, const PART: usize>(weights: &[R], rates: &[[R; WIDTH]], from: usize) -> [R; PART] {
    let mut sums = [[R::zero(); PART]; SUMS];
    let ((weights, weights_rest), (rates, rates_rest)) = (weights.as_chunks::<SUMS>(), rates.as_chunks::<SUMS>());
    for (weights, rates) in weights.iter().zip(rates) {
        for k in 0..SUMS {
            for trial in 0..PART {
                sums[k][trial] = weights[k].mul_add(rates[k][from + trial], sums[k][trial]);
            }
        }
    }
    for (sum, (weight, rates)) in sums.iter_mut().zip(weights_rest.iter().zip(rates_rest)) {
        for trial in 0..PART {
            sum[trial] = weight.mul_add(rates[from + trial], sum[trial]);
        }
    }
    std::array::from_fn(
        #[inline(always)]
        |trial| {
            let four: [R; 4] = std::array::from_fn(
                #[inline(always)]
                |k| sums[k][trial] + sums[k + 4][trial],
            );
            (four[0] + four[2]) + (four[1] + four[3])
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
                of_width!(trials, WIDTH => of_outputs::<R, WIDTH>(w_out, outputs.rows(step, WIDTH), to));
            }
        }
    }

    /// Adds Σ ∂L/∂o_s r_sᵀ over up to eight steps from `step` onwards to the gradient `[O, N, trials]` of W_out, for the steps'
    /// rates `[N, trials]`, in rows of `row` numbers.
    pub(super) fn add_to_readout(&self, step: usize, trials: usize, row: usize, rates: &[R], gradient: &mut [R]) {
        if let Self::Outputs { outputs, .. } = self {
            of_width!(trials, WIDTH => add_window::<R, WIDTH>(outputs, step, row, rates, gradient));
        }
    }
}

/// ∂L/∂o of an output in all trials, from those of a step `[WIDTH, O]`.
#[inline(always)]
fn of_output<R: Real, const WIDTH: usize>(of_step: &[R], o: usize) -> [R; WIDTH] {
    let last = of_step.len() / WIDTH;
    std::array::from_fn(
        #[inline(always)]
        |trial| of_step[trial * last + o],
    )
}

/// to `[N, WIDTH]` ← W_outᵀ ∂L/∂o, for ∂L/∂o `[WIDTH, O]` of a step.
fn of_outputs<R: Real, const WIDTH: usize>(w_out: &[R], of_step: &[R], to: &mut [R]) {
    let (to, last) = (to.as_chunks_mut::<WIDTH>().0, of_step.len() / WIDTH);
    dispatch(
        #[inline(always)]
        || {
            for (o, weights) in w_out.chunks_exact(w_out.len() / last).enumerate() {
                let output: [R; WIDTH] = of_output(of_step, o);
                for (to, weight) in to.iter_mut().zip(weights) {
                    for trial in 0..WIDTH {
                        let before = if o == 0 { R::zero() } else { to[trial] };
                        to[trial] = weight.mul_add(output[trial], before);
                    }
                }
            }
        },
    );
}

fn add_window<R: Real, const WIDTH: usize>(
    outputs: &Rows<R>,
    step: usize,
    row: usize,
    rates: &[R],
    gradient: &mut [R],
) {
    let n = gradient.len() / (outputs.n * WIDTH);
    dispatch(
        #[inline(always)]
        || {
            for (o, gradient) in gradient.as_chunks_mut::<WIDTH>().0.chunks_exact_mut(n).enumerate() {
                let output = |k: usize| -> [R; WIDTH] { of_output(outputs.rows(step + k, WIDTH), o) };
                let rates_of = |k: usize| &rates[k * row..].as_chunks::<WIDTH>().0[..n];
                // One trial has its units side by side, and its rows one after the other.
                if WIDTH > 1 && rates.len() == WINDOW * row {
                    let (outputs, rates): ([_; WINDOW], [_; WINDOW]) =
                        (std::array::from_fn(output), std::array::from_fn(rates_of));
                    for (unit, gradient) in gradient.iter_mut().enumerate() {
                        for trial in 0..WIDTH {
                            let mut sum = gradient[trial];
                            for k in 0..WINDOW {
                                sum = outputs[k][trial].mul_add(rates[k][unit][trial], sum);
                            }
                            gradient[trial] = sum;
                        }
                    }
                } else {
                    for k in 0..rates.len() / row {
                        let output = output(k);
                        for (gradient, rates) in gradient.iter_mut().zip(rates_of(k)) {
                            for trial in 0..WIDTH {
                                gradient[trial] = output[trial].mul_add(rates[trial], gradient[trial]);
                            }
                        }
                    }
                }
            }
        },
    );
}
