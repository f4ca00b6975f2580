//! A run of a rate network as plain data.

use super::activation::Activation;
use candle_core::{Result, Tensor};

/// Interpretation of the weights of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Recurrence {
    /// `[N, N]`: relu(W)·diag(sign) ⊙ mask, or W ⊙ mask without `sign`.
    Dense {
        /// Sign of each unit's outgoing weights, `[N]` (Dale's principle).
        sign: Option<Vec<f32>>,
        /// 0 where a connection is forbidden, else 1, `[N, N]`.
        mask: Option<Vec<f32>>,
    },
    /// `[2, N, P]`: Ξ_in diag(λ) and Ξ_out, W_eff = Ξ_in diag(λ) Ξ_outᵀ, never multiplied out.
    Modes,
}

/// Run without the tensors by which it is differentiated.
#[derive(Clone, Debug)]
pub struct RateSequence {
    /// φ
    pub activation: Activation,
    /// Interpretation of the weights.
    pub recurrence: Recurrence,
    /// x_0 `[B, N]`, a constant.
    pub initial: Tensor,
    /// Noise `[S, B, N]`, a constant.
    pub noise: Option<Tensor>,
    /// Spike noise ζ `[S + 1, B, N]`, a constant: units send r̂ = r + √r ζ; none: r.
    pub spike_noise: Option<Tensor>,
    /// The drive enters x at once, as the input of LIF neurons does, instead of through the leak.
    pub direct_drive: bool,
}

/// States of a run, row 0 the initial one.
#[derive(Clone, Debug)]
pub struct RateStates {
    /// x `[S + 1, B, N]`, for inspection; a constant for candle.
    pub x: Tensor,
    /// r = φ(x) `[S + 1, B, N]`, differentiable with respect to drive, weights and leak.
    pub r: Tensor,
}

impl RateSequence {
    /// r̂ = r + √r ζ, what units of rates r `[S + 1, B, N]` send; the gradient passes it as if it were r.
    ///
    /// # Errors
    /// Rates of another shape.
    pub fn sent(&self, r: &Tensor) -> Result<Tensor> {
        match &self.spike_noise {
            Some(spike_noise) => r + (r.detach().sqrt()? * spike_noise)?,
            None => Ok(r.clone()),
        }
    }
}
