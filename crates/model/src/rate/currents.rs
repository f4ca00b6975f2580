//! Input currents of a run, from its rates.
//!
//! ```text
//! I_s = W_eff r̂_{s−1} + d_s          x_s = (1 − a) ⊙ x_{s−1} + a ⊙ I_s + noise_s,   s = 1 … S
//! ```
//!
//! (A direct drive enters x at once, but is a part of I as well.)

use super::{RateSequence, Recurrence};
use candle_core::{Result, Tensor};

impl RateSequence {
    /// Input currents I `[S, B, N]` of a run over a drive d `[S, B, N]`, whose rates r `[S + 1, B, N]` are those of
    /// [`RateSequence::run`] with the same weights; computed from the rates, within rounding.
    ///
    /// # Errors
    /// Tensors of mismatched shapes.
    pub fn currents(&self, drive: &Tensor, weights: &Tensor, rates: &Tensor) -> Result<Tensor> {
        let before = self.sent(rates)?.narrow(0, 0, drive.dim(0)?)?.flatten_to(1)?;
        let recurrent = match &self.recurrence {
            Recurrence::Dense { .. } => before.matmul(&self.effective_weights(weights)?.t()?)?,
            Recurrence::Modes => before.matmul(&weights.get(1)?)?.matmul(&weights.get(0)?.t()?)?,
        };
        recurrent.reshape(drive.shape())? + drive
    }
}

#[cfg(test)]
mod tests {
    use super::super::Activation;
    use super::*;
    use candle_core::Device;
    use mdl_kernels::random::{Purpose, fill_normal};

    /// x_s − (1 − a) x_{s−1} − noise_s = a I_s, of both kinds of recurrence.
    #[test]
    fn currents_move_the_state() -> Result<()> {
        let (steps, batch, n) = (30, 4, 12);
        let normal = |index: u64, shape: &[usize]| {
            let mut values = vec![0f32; shape.iter().product()];
            fill_normal(5, Purpose::Initialisation, index, 0, 0.5, &mut values);
            Tensor::from_vec(values, shape, &Device::Cpu)
        };
        let sign = (0..n).map(|unit| if unit % 3 == 0 { -1.0 } else { 1.0 }).collect();
        let dense = Recurrence::Dense { sign: Some(sign), mask: None };
        for (recurrence, shape) in [(dense, vec![n, n]), (Recurrence::Modes, vec![2, n, 3])] {
            let (initial, noise) = (normal(0, &[batch, n])?, normal(1, &[steps, batch, n])?);
            let sequence = RateSequence {
                activation: Activation::Sigmoid,
                recurrence,
                initial,
                noise: Some(noise.clone()),
                spike_noise: Some(normal(4, &[steps + 1, batch, n])?),
                direct_drive: false,
            };
            let (drive, weights) = (normal(2, &[steps, batch, n])?, normal(3, &shape)?);
            let leak =
                Tensor::from_vec((0..n).map(|unit| 0.1 + 0.05 * unit as f32).collect::<Vec<_>>(), n, &Device::Cpu)?;
            let states = sequence.run(&drive, &weights, &leak)?;
            let found = sequence.currents(&drive, &weights, &states.r)?.broadcast_mul(&leak)?;
            let (before, after) = (states.x.narrow(0, 0, steps)?, states.x.narrow(0, 1, steps)?);
            let expected = ((after - before.broadcast_mul(&leak.affine(-1.0, 1.0)?)?)? - noise)?;
            let far = (found - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(far < 1e-5, "{far}");
        }
        Ok(())
    }
}
