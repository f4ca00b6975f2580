//! A rate network under a constant input, in double precision and without noise.
//!
//! ```text
//! x ← x + a ⊙ (−x + W φ(x) + W_in u)          a = Δt/τ, or 1 − e^{−Δt/τ} where the network decays exactly
//! ```
//!
//! A network that filters as the LIF network does has another state, v = x − W_in u, with the same fixed points x and the same
//! derivative of a step.

use mdl_model::rate::config::{Integration, RateConfig};
use mdl_model::rate::parameters::{RateParameters, RecurrentWeights};
use mdl_model::rate::{Curve, effective_weights};

use crate::linear::{dot, times, times_transposed};

/// The recurrent weights as they act on units.
#[derive(Debug)]
pub enum Weights {
    /// W `[N, N]`, row = to.
    Dense(Vec<f64>),
    /// W = A Cᵀ.
    Modes {
        /// Number of modes P.
        modes: usize,
        /// A = Ξ_in diag(λ) `[N, P]`
        into: Vec<f64>,
        /// C = Ξ_out `[N, P]`
        out: Vec<f64>,
    },
}

/// A rate network.
#[derive(Debug)]
pub struct RateModel {
    /// Units N.
    pub units: usize,
    /// Input channels K.
    pub channels: usize,
    /// Outputs O.
    pub outputs: usize,
    /// W
    pub weights: Weights,
    /// W_in `[N, K]`
    pub w_in: Vec<f64>,
    /// W_out `[O, N]`
    pub w_out: Vec<f64>,
    /// b_out `[O]`
    pub b_out: Vec<f64>,
    /// a `[N]`
    pub leak: Vec<f64>,
    /// Δt (ms)
    pub step_ms: f64,
    /// φ
    pub curve: Curve,
}

fn double(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

impl RateModel {
    /// The network of these parameters, in a task with steps of `step_ms`.
    pub fn new(config: &RateConfig, parameters: &RateParameters, step_ms: f64) -> Self {
        let n = parameters.neurons;
        let weights = match &parameters.recurrent {
            RecurrentWeights::Dense { w_rec, sign, mask } => {
                let mask = mask.as_ref().map(|mask| mask.iter().map(|kept| f32::from(*kept)).collect::<Vec<f32>>());
                Weights::Dense(double(&effective_weights(n, sign.as_deref(), mask.as_deref(), w_rec)))
            }
            RecurrentWeights::Modes { modes, mode_in, score, mode_out } => {
                let scored = mode_in.iter().enumerate().map(|(k, x)| f64::from(*x) * f64::from(score[k % modes]));
                Weights::Modes { modes: *modes, into: scored.collect(), out: double(mode_out) }
            }
        };
        let leak = |tau_ms: &f32| match config.integration {
            Integration::Euler => step_ms / f64::from(*tau_ms),
            Integration::Exponential => -(-step_ms / f64::from(*tau_ms)).exp_m1(),
        };
        Self {
            units: n,
            channels: parameters.channels,
            outputs: parameters.outputs,
            weights,
            w_in: double(&parameters.w_in),
            w_out: double(&parameters.w_out),
            b_out: parameters.b_out.as_deref().map_or(vec![0.0; parameters.outputs], double),
            leak: parameters.tau_ms(config).iter().map(leak).collect(),
            step_ms,
            curve: config.activation.curve(),
        }
    }

    /// W_in u `[N]`.
    pub fn drive(&self, u: &[f64]) -> Vec<f64> {
        self.w_in.chunks_exact(self.channels.max(1)).map(|row| dot(row, u)).collect()
    }

    /// φ(x)
    pub fn rates(&self, x: &[f64]) -> Vec<f64> {
        let mut r = vec![0.0; x.len()];
        self.curve.rates(x, &mut r);
        r
    }

    /// W r `[N]`.
    pub fn recurrent(&self, r: &[f64]) -> Vec<f64> {
        match &self.weights {
            Weights::Dense(w) => times(w, r),
            Weights::Modes { modes, into, out } => times(into, &times_transposed(out, *modes, r)),
        }
    }

    /// −x + W φ(x) + drive `[N]`, which is zero at a fixed point.
    pub fn rest(&self, x: &[f64], drive: &[f64]) -> Vec<f64> {
        let mut rest = self.recurrent(&self.rates(x));
        rest.iter_mut().zip(x).zip(drive).for_each(|((rest, x), drive)| *rest += drive - x);
        rest
    }

    /// Advances x by a step.
    pub fn step(&self, x: &mut [f64], drive: &[f64]) {
        let rest = self.rest(x, drive);
        x.iter_mut().zip(&rest).zip(&self.leak).for_each(|((x, rest), leak)| *x += leak * rest);
    }

    /// Outputs W_out φ(x) + b_out `[O]`.
    pub fn output(&self, x: &[f64]) -> Vec<f64> {
        let outputs = times(&self.w_out, &self.rates(x));
        outputs.iter().zip(&self.b_out).map(|(output, bias)| output + bias).collect()
    }

    /// φ'(x)
    pub fn slopes(&self, x: &[f64]) -> Vec<f64> {
        let (mut r, mut slopes) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        self.curve.rates_and_slopes(x, &mut r, &mut slopes);
        slopes
    }

    /// Derivative of a step, diag(1 − a) + diag(a) W diag(φ'(x)), `[N, N]`.
    pub fn derivative(&self, x: &[f64]) -> Vec<f64> {
        let (n, slopes) = (self.units, self.slopes(x));
        let mut derivative = match &self.weights {
            Weights::Dense(w) => w.clone(),
            Weights::Modes { modes, into, out } => {
                let row =
                    |i: usize| (0..n).map(move |j| dot(&into[i * modes..][..*modes], &out[j * modes..][..*modes]));
                (0..n).flat_map(row).collect()
            }
        };
        for (i, row) in derivative.chunks_exact_mut(n).enumerate() {
            row.iter_mut().zip(&slopes).for_each(|(value, slope)| *value *= self.leak[i] * slope);
            row[i] += 1.0 - self.leak[i];
        }
        derivative
    }

    /// The leak of all units, if they share one.
    pub fn shared_leak(&self) -> Option<f64> {
        let first = *self.leak.first()?;
        self.leak.iter().all(|leak| *leak == first).then_some(first)
    }

    /// Cᵀ diag(slopes) A `[P, P]` of a network with modes.
    pub fn between_modes(&self, slopes: &[f64]) -> Option<Vec<f64>> {
        let Weights::Modes { modes, into, out } = &self.weights else { return None };
        let p = *modes;
        let mut product = vec![0.0; p * p];
        for ((into, out), slope) in into.chunks_exact(p).zip(out.chunks_exact(p)).zip(slopes) {
            for (row, out) in product.chunks_exact_mut(p).zip(out) {
                let factor = out * slope;
                row.iter_mut().zip(into).for_each(|(value, into)| *value += factor * into);
            }
        }
        Some(product)
    }
}
