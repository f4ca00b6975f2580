//! Losses between outputs and targets of a batch. Definitions stand at [`Loss`].

use candle_core::{D, Result, Tensor};
use mdl_model::experiment::Loss;

/// The loss of outputs and targets `[T, B, O]` as a scalar tensor.
///
/// # Errors
/// Those of candle: shapes that differ.
pub fn loss(kind: Loss, outputs: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let error = (outputs - targets)?;
    match kind {
        Loss::L2 => error.sqr()?.sum(D::Minus1)?.sum(0)?.sqrt()?.mean_all(),
        Loss::L1 => error.abs()?.sum(D::Minus1)?.sum(0)?.mean_all(),
        Loss::RootSumSquared => error.sqr()?.sum_all()?.sqrt(),
        Loss::MeanSquared => error.sqr()?.mean_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn losses_by_hand() {
        // Two steps, two trials, one output: errors 3, 0 then 4, 1.
        let o = Tensor::new(&[[[3f32], [0.0]], [[4.0], [1.0]]], &Device::Cpu).unwrap();
        let z = o.zeros_like().unwrap();
        let value = |kind| loss(kind, &o, &z).unwrap().to_scalar::<f32>().unwrap();
        assert!((value(Loss::L2) - (5.0 + 1.0) / 2.0).abs() < 1e-6);
        assert!((value(Loss::L1) - (7.0 + 1.0) / 2.0).abs() < 1e-6);
        assert!((value(Loss::RootSumSquared) - 26f32.sqrt()).abs() < 1e-6);
        assert!((value(Loss::MeanSquared) - 6.5).abs() < 1e-6);
    }
}
