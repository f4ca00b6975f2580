//! Losses between outputs and targets of a batch, defined at [`Loss`].

use crate::config::Loss;
use candle_core::{D, Result, Tensor};

/// Loss of outputs and targets `[T, B, O]` as a scalar tensor.
///
/// # Errors
/// Errors of candle: different shapes; a loss for classes.
pub fn sequence_loss(kind: Loss, outputs: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let error = (outputs - targets)?;
    match kind {
        Loss::L2 => root(&error.sqr()?.sum(D::Minus1)?.sum(0)?)?.mean_all(),
        Loss::L1 => error.abs()?.sum(D::Minus1)?.sum(0)?.mean_all(),
        Loss::RootSumSquared => root(&error.sqr()?.sum_all()?),
        Loss::MeanSquared => error.sqr()?.mean_all(),
        Loss::CrossEntropy | Loss::CrossEntropyOfSoftmax => candle_core::bail!("{kind:?} is a loss of classes"),
    }
}

/// √x of sums of squares, with gradient 0 at x = 0, where that of the root is not a number. The outputs of a silent
/// network have no error in trials with target 0.
fn root(x: &Tensor) -> Result<Tensor> {
    x.maximum(1e-30)?.sqrt()
}

/// Loss of outputs `[B, O]` with true classes `labels` `[B]`, as a scalar tensor.
///
/// # Errors
/// Errors of candle: different shapes; a loss for sequences.
pub fn class_loss(kind: Loss, outputs: &Tensor, labels: &Tensor) -> Result<Tensor> {
    match kind {
        Loss::CrossEntropy => candle_nn::loss::cross_entropy(outputs, labels),
        Loss::CrossEntropyOfSoftmax => candle_nn::loss::cross_entropy(&candle_nn::ops::softmax(outputs, 1)?, labels),
        _ => candle_core::bail!("{kind:?} is a loss of sequences"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn no_error_has_no_gradient() {
        let o = candle_core::Var::new(&[[[0f32], [3.0]], [[0.0], [4.0]]], &Device::Cpu).unwrap();
        let z = o.zeros_like().unwrap();
        let gradients = sequence_loss(Loss::L2, &o, &z).unwrap().backward().unwrap();
        let found = gradients.get(&o).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (found, expected) in found.iter().zip([0.0, 0.3, 0.0, 0.4]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn losses_by_hand() {
        // Two steps, two trials, one output: errors 3, 0 then 4, 1.
        let o = Tensor::new(&[[[3f32], [0.0]], [[4.0], [1.0]]], &Device::Cpu).unwrap();
        let z = o.zeros_like().unwrap();
        let value = |kind| sequence_loss(kind, &o, &z).unwrap().to_scalar::<f32>().unwrap();
        assert!((value(Loss::L2) - (5.0 + 1.0) / 2.0).abs() < 1e-6);
        assert!((value(Loss::L1) - (7.0 + 1.0) / 2.0).abs() < 1e-6);
        assert!((value(Loss::RootSumSquared) - 26f32.sqrt()).abs() < 1e-6);
        assert!((value(Loss::MeanSquared) - 6.5).abs() < 1e-6);
    }

    #[test]
    fn the_published_loss_of_digits_has_its_floor() {
        // One certain, correct prediction among ten: softmax of a one-hot vector gives -ln(e / (e + 9)) = 1.4612.
        let mut outputs = [[0f32; 10]];
        outputs[0][3] = 1000.0;
        let o = Tensor::new(&outputs, &Device::Cpu).unwrap();
        let labels = Tensor::new(&[3u32], &Device::Cpu).unwrap();
        let value = |kind| class_loss(kind, &o, &labels).unwrap().to_scalar::<f32>().unwrap();
        assert!((value(Loss::CrossEntropyOfSoftmax) - 1.461_150_2).abs() < 1e-5);
        assert!(value(Loss::CrossEntropy).abs() < 1e-6);
    }
}
