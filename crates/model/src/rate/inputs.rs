//! What drives the trials of a block.

use super::rows::Rows;
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::of_width;
use mdl_kernels::product::common::add_scaled;
use mdl_kernels::random::UnitNoise;
use mdl_kernels::real::Real;

/// Inputs of the trials of a block.
pub(super) struct Inputs<'a, R> {
    pub(super) initial: Rows<'a, R>,
    pub(super) drive: Drive<'a, R>,
    pub(super) noise: Noise<'a, R>,
    pub(super) spike_noise: Option<Rows<'a, R>>,
}

/// The drive d.
#[derive(Clone, Copy)]
pub(super) enum Drive<'a, R> {
    /// `[S, B, N]`
    Given(Rows<'a, R>),
    /// W_in u of the input u `[S, B, K]`
    Projected(Rows<'a, R>, &'a InputWeights<R>),
}

/// W_in as rows `[N, K]` and as columns `[K, N]`.
pub(super) struct InputWeights<R> {
    rows: Vec<R>,
    columns: Vec<R>,
}

impl<R: Real> InputWeights<R> {
    /// W_in `[N, K]`
    pub(super) fn new(n: usize, rows: &[R]) -> Self {
        let channels = rows.len() / n;
        let columns = (0..channels).flat_map(|k| (0..n).map(move |unit| rows[unit * channels + k])).collect();
        Self { rows: rows.to_vec(), columns }
    }
}

/// The noise of the leaky state.
#[derive(Clone, Copy)]
pub(super) enum Noise<'a, R> {
    None,
    /// `[S, B, N]`
    Given(Rows<'a, R>),
    /// Drawn step by step; the first of the trials.
    Drawn(&'a UnitNoise, usize),
}

impl<R: Real> Inputs<'_, R> {
    /// Room for the input of a step.
    pub(super) fn signals(&self, trials: usize) -> Vec<R> {
        match &self.drive {
            Drive::Given(_) => Vec::new(),
            Drive::Projected(input, _) => vec![R::zero(); input.n * trials],
        }
    }

    /// d `[N, trials]` of a step.
    pub(super) fn load_drive(&self, step: usize, trials: usize, signals: &mut [R], to: &mut [R]) {
        match &self.drive {
            Drive::Given(drive) => drive.load(step, trials, to),
            Drive::Projected(input, w_in) => {
                input.load(step, trials, signals);
                of_width!(trials, WIDTH => project::<R, WIDTH>(w_in, signals, to));
            }
        }
    }

    /// The noise `[N, trials]` of a step.
    pub(super) fn load_noise(&self, step: usize, trials: usize, to: &mut [R]) {
        match &self.noise {
            Noise::None => (),
            Noise::Given(noise) => noise.load(step, trials, to),
            Noise::Drawn(noise, trial) => R::fill_noise(noise, step, *trial, trials, to),
        }
    }
}

/// to `[N, WIDTH]` ← W_in u, of u `[K, WIDTH]`. The channels are added in ascending order.
fn project<R: Real, const WIDTH: usize>(w_in: &InputWeights<R>, signals: &[R], to: &mut [R]) {
    let channels = signals.len() / WIDTH;
    dispatch(
        #[inline(always)]
        || {
            if WIDTH == 1 {
                // Units side by side.
                let to = &mut to[..w_in.rows.len() / channels];
                to.fill(R::zero());
                for (column, signal) in w_in.columns.chunks_exact(to.len()).zip(signals) {
                    add_scaled(to, column, *signal);
                }
                return;
            }
            let signals = signals.as_chunks::<WIDTH>().0;
            for (to, weights) in to.as_chunks_mut::<WIDTH>().0.iter_mut().zip(w_in.rows.chunks_exact(channels)) {
                let mut sum = [R::zero(); WIDTH];
                for (weight, signal) in weights.iter().zip(signals) {
                    for trial in 0..WIDTH {
                        sum[trial] = weight.mul_add(signal[trial], sum[trial]);
                    }
                }
                *to = sum;
            }
        },
    );
}
