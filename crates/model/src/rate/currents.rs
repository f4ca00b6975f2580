//! Input currents of a run, from its rates.
//!
//! ```text
//! I_s = W_eff r_{s−1} + d_s          x_s = (1 − a) ⊙ x_{s−1} + a ⊙ I_s + noise_s,   s = 1 … S
//! ```

use super::{RateSequence, Recurrence};
use candle_core::{Result, Tensor};

impl RateSequence {
    /// Input currents I `[S, B, N]` of a run over a drive d `[S, B, N]`, whose rates r `[S + 1, B, N]` are those of
    /// [`RateSequence::run`] with the same weights; computed from the rates, within rounding.
    ///
    /// # Errors
    /// Tensors of mismatched shapes.
    pub fn currents(&self, drive: &Tensor, weights: &Tensor, rates: &Tensor) -> Result<Tensor> {
        let before = rates.narrow(0, 0, drive.dim(0)?)?.flatten_to(1)?;
        let recurrent = match &self.recurrence {
            Recurrence::Dense { .. } => before.matmul(&self.effective_weights(weights)?.t()?)?,
            Recurrence::Modes => before.matmul(&weights.get(1)?)?.matmul(&weights.get(0)?.t()?)?,
        };
        recurrent.reshape(drive.shape())? + drive
    }
}
