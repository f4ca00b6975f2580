//! A run of a rate network as plain data.

use super::activation::Activation;
use candle_core::Tensor;

/// How the weights given to a run are to be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Recurrence {
    /// `[N, N]`: relu(W)·diag(sign) ⊙ mask, without `sign` W ⊙ mask.
    Dense {
        /// Sign of each unit's outgoing weights, `[N]` (Dale's principle).
        sign: Option<Vec<f32>>,
        /// 0 where a connection is forbidden, else 1, `[N, N]`.
        mask: Option<Vec<f32>>,
    },
    /// `[2, N, P]`: Ξ_in diag(λ) and Ξ_out, W_eff = Ξ_in diag(λ) Ξ_outᵀ, never multiplied out.
    Modes,
}

/// All of a run but what it is differentiated by.
#[derive(Clone, Debug)]
pub struct RateSequence {
    /// φ
    pub activation: Activation,
    /// How the weights are read.
    pub recurrence: Recurrence,
    /// x_0 `[B, N]`, a constant.
    pub initial: Tensor,
    /// Noise `[S, B, N]`, a constant.
    pub noise: Option<Tensor>,
}

/// States of a run, row 0 the initial one.
#[derive(Clone, Debug)]
pub struct RateStates {
    /// x `[S + 1, B, N]`; a constant to candle, for looking at.
    pub x: Tensor,
    /// r = φ(x) `[S + 1, B, N]`, differentiable by drive, weights and leak.
    pub r: Tensor,
}
