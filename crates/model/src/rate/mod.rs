//! Rate networks (dynamics sections 3 and 4).

pub mod config;
pub mod network;
pub mod parameters;

use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The activation φ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// 1/(1 + e⁻ˣ)
    Sigmoid,
    /// tanh x
    Tanh,
    /// ln(1 + eˣ), at most 20
    Softplus,
    /// max(x, 0), at most 20
    Relu,
}

/// How the weights given to a run are to be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Recurrence {
    /// `[N, N]`: relu(W) diag(sign) ⊙ mask, without `sign` W ⊙ mask.
    Dense {
        /// Sign of each unit's outgoing weights, `[N]`.
        sign: Option<Vec<f32>>,
        /// 0 where a connection is forbidden, `[N, N]`.
        mask: Option<Vec<f32>>,
    },
    /// `[2, N, P]`: Ξ_in diag(λ) and Ξ_out.
    Modes,
}

/// A run over a sequence.
pub struct RateSequence {
    /// φ
    pub activation: Activation,
    /// How the weights are read.
    pub recurrence: Recurrence,
    /// x_0 `[B, N]`
    pub initial: Tensor,
    /// Noise `[S, B, N]`
    pub noise: Option<Tensor>,
}

/// States of a run, row 0 the initial one.
pub struct RateStates {
    /// x `[S + 1, B, N]`
    pub x: Tensor,
    /// r = φ(x) `[S + 1, B, N]`
    pub r: Tensor,
}

impl RateSequence {
    /// Runs the recurrence over a drive `[S, B, N]`.
    ///
    /// # Errors
    /// Those of candle.
    pub fn run(&self, drive: &Tensor, weights: &Tensor, leak: &Tensor) -> Result<RateStates> {
        let phi = |x: &Tensor| match self.activation {
            Activation::Sigmoid => candle_nn::ops::sigmoid(x),
            Activation::Tanh => x.tanh(),
            Activation::Softplus => (x.exp()? + 1.0)?.log()?.minimum(20.0),
            Activation::Relu => x.relu()?.minimum(20.0),
        };
        let recur = |r: &Tensor| match &self.recurrence {
            Recurrence::Modes => r.matmul(&weights.get(1)?)?.matmul(&weights.get(0)?.t()?),
            Recurrence::Dense { sign, mask } => {
                let n = leak.elem_count();
                let mut w = weights.clone();
                if let Some(sign) = sign {
                    w = w.relu()?.broadcast_mul(&Tensor::from_slice(sign, n, w.device())?)?;
                }
                if let Some(mask) = mask {
                    w = (w * Tensor::from_slice(mask, (n, n), weights.device())?)?;
                }
                r.matmul(&w.t()?)
            }
        };
        let keep = leak.affine(-1.0, 1.0)?;
        let (mut x, mut r) = (vec![self.initial.clone()], vec![phi(&self.initial)?]);
        for s in 0..drive.dim(0)? {
            let total = (recur(&r[s])? + drive.get(s)?)?;
            let mut next = (x[s].broadcast_mul(&keep)? + total.broadcast_mul(leak)?)?;
            if let Some(noise) = &self.noise {
                next = (next + noise.get(s)?)?;
            }
            r.push(phi(&next)?);
            x.push(next);
        }
        Ok(RateStates { x: Tensor::stack(&x, 0)?, r: Tensor::stack(&r, 0)? })
    }
}
