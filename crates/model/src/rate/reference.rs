//! The recurrence in candle operations: slow, but easy to check against the equations.

use super::activation::rectified;
use super::{RateSequence, RateStates, Recurrence};
use candle_core::{Result, Tensor};

impl RateSequence {
    /// Like [`RateSequence::run`], step by step in plain operations.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn run_reference(&self, drive: &Tensor, weights: &Tensor, leak: &Tensor) -> Result<RateStates> {
        let keep = leak.affine(-1.0, 1.0)?;
        let effective = self.effective_weights(weights)?;
        let (mut x, mut r) = (vec![self.initial.clone()], vec![self.activation.apply(&self.initial)?]);
        let mut leaky = self.initial.clone();
        for s in 0..drive.dim(0)? {
            let sent = match &self.spike_noise {
                Some(spike_noise) => (&r[s] + (r[s].detach().sqrt()? * spike_noise.get(s)?)?)?,
                None => r[s].clone(),
            };
            let mut current = sent.matmul(&effective.t()?)?;
            if !self.direct_drive {
                current = (current + drive.get(s)?)?;
            }
            leaky = (leaky.broadcast_mul(&keep)? + current.broadcast_mul(leak)?)?;
            if let Some(noise) = &self.noise {
                leaky = (leaky + noise.get(s)?)?;
            }
            let next = if self.direct_drive { (&leaky + drive.get(s)?)? } else { leaky.clone() };
            r.push(self.activation.apply(&next)?);
            x.push(next);
        }
        Ok(RateStates { x: Tensor::stack(&x, 0)?, r: Tensor::stack(&r, 0)? })
    }

    /// W_eff `[N, N]`.
    pub(super) fn effective_weights(&self, weights: &Tensor) -> Result<Tensor> {
        let Recurrence::Dense { sign, mask } = &self.recurrence else {
            return weights.get(0)?.matmul(&weights.get(1)?.t()?);
        };
        let constant = |values: &[f32], shape: &[usize]| {
            Tensor::from_slice(values, shape, weights.device())?.to_dtype(weights.dtype())
        };
        let n = weights.dim(0)?;
        let mut effective = weights.clone();
        if let Some(sign) = sign {
            effective = rectified(&effective)?.broadcast_mul(&constant(sign, &[n])?)?;
        }
        if let Some(mask) = mask {
            effective = (effective * constant(mask, &[n, n])?)?;
        }
        Ok(effective)
    }
}
