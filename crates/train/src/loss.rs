//! Losses between outputs and targets of a batch, defined at [`Loss`].

use crate::config::Loss;
use candle_core::{D, Result, Tensor};

/// The loss of outputs and targets `[T, B, O]` as a scalar tensor, with the weight of each error, of the same shape; without
/// weights all are 1.
///
/// # Errors
/// Those of candle: shapes that differ; a loss of data sets.
pub fn sequence_loss(kind: Loss, outputs: &Tensor, targets: &Tensor, weights: Option<&Tensor>) -> Result<Tensor> {
    let weighted = |x: Tensor| weights.map_or(Ok(x.clone()), |weights| x * weights);
    let error = || outputs - targets;
    let squares = || weighted(error()?.sqr()?);
    match kind {
        Loss::L2 => root(&squares()?.sum(D::Minus1)?.sum(0)?)?.mean_all(),
        Loss::L1 => weighted(error()?.abs()?)?.sum(D::Minus1)?.sum(0)?.mean_all(),
        Loss::RootSumSquared => root(&squares()?.sum_all()?),
        Loss::MeanSquared => match weights {
            None => squares()?.mean_all(),
            Some(weights) => squares()?.sum_all()?.div(&weights.sum_all()?.maximum(LEAST)?),
        },
        Loss::CrossEntropy => {
            let classes = weighted(targets.clone())?;
            let surprise = (candle_nn::ops::log_softmax(outputs, D::Minus1)? * &classes)?.sum_all()?.neg()?;
            surprise.div(&classes.sum_all()?.maximum(LEAST)?)
        }
        Loss::CrossEntropyOfMean => {
            // [T, B, O] → steps that have a class [T, B, 1] → [B, O]
            let classes = weighted(targets.clone())?;
            let steps = classes.sum_keepdim(D::Minus1)?;
            let total = steps.sum(0)?.maximum(LEAST)?;
            let mean = outputs.broadcast_mul(&steps)?.sum(0)?.broadcast_div(&total)?;
            let class = classes.sum(0)?.broadcast_div(&total)?;
            (candle_nn::ops::log_softmax(&mean, D::Minus1)? * class)?.sum(D::Minus1)?.mean_all()?.neg()
        }
        Loss::CrossEntropyOfSoftmax => candle_core::bail!("{kind:?} is a loss of data sets"),
    }
}

/// A sum of weights below which nothing is weighed.
const LEAST: f64 = 1e-9;

/// √x of sums of squares. Where there is no error at all the gradient is 0: that of the bare root is not a number, and the
/// outputs of a silent network have no error in trials whose target is 0.
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
        let gradients = sequence_loss(Loss::L2, &o, &z, None).unwrap().backward().unwrap();
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
        let value = |kind| sequence_loss(kind, &o, &z, None).unwrap().to_scalar::<f32>().unwrap();
        assert!((value(Loss::L2) - (5.0 + 1.0) / 2.0).abs() < 1e-6);
        assert!((value(Loss::L1) - (7.0 + 1.0) / 2.0).abs() < 1e-6);
        assert!((value(Loss::RootSumSquared) - 26f32.sqrt()).abs() < 1e-6);
        assert!((value(Loss::MeanSquared) - 6.5).abs() < 1e-6);
    }

    #[test]
    fn weights_leave_errors_out_and_count_others_twice() {
        let o = Tensor::new(&[[[3f32], [0.0]], [[4.0], [1.0]]], &Device::Cpu).unwrap();
        let w = Tensor::new(&[[[1f32], [1.0]], [[0.0], [2.0]]], &Device::Cpu).unwrap();
        let z = o.zeros_like().unwrap();
        let value = |kind| sequence_loss(kind, &o, &z, Some(&w)).unwrap().to_scalar::<f32>().unwrap();
        assert!((value(Loss::L2) - (3.0 + 2f32.sqrt()) / 2.0).abs() < 1e-6);
        assert!((value(Loss::L1) - (3.0 + 2.0) / 2.0).abs() < 1e-6);
        assert!((value(Loss::RootSumSquared) - 11f32.sqrt()).abs() < 1e-6);
        assert!((value(Loss::MeanSquared) - 11.0 / 4.0).abs() < 1e-6);
    }

    #[test]
    fn cross_entropies_of_steps_and_of_their_mean_by_hand() {
        // One trial of three steps and two outputs; the last step has no class.
        let o = Tensor::new(&[[[1f32, 0.0]], [[2.0, 1.0]], [[0.0, 9.0]]], &Device::Cpu).unwrap();
        let z = Tensor::new(&[[[1f32, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]]], &Device::Cpu).unwrap();
        let value = |kind, w| sequence_loss(kind, &o, &z, w).unwrap().to_scalar::<f32>().unwrap();
        let right = (1.0 + (-1f32).exp()).ln();
        let wrong = (1.0 + 1f32.exp()).ln();
        assert!((value(Loss::CrossEntropy, None) - (right + wrong) / 2.0).abs() < 1e-6);
        assert!((value(Loss::CrossEntropyOfMean, None) - (right + wrong) / 2.0).abs() < 1e-6);
        let first = Tensor::new(&[[[1f32, 1.0]], [[0.0, 0.0]], [[1.0, 1.0]]], &Device::Cpu).unwrap();
        assert!((value(Loss::CrossEntropy, Some(&first)) - right).abs() < 1e-6);
        assert!((value(Loss::CrossEntropyOfMean, Some(&first)) - right).abs() < 1e-6);
        let nothing = z.zeros_like().unwrap();
        assert_eq!(
            sequence_loss(Loss::CrossEntropyOfMean, &o, &nothing, None).unwrap().to_scalar::<f32>().unwrap(),
            0.0
        );
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
