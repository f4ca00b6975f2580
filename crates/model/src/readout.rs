//! Readout of a network: every step, or the maximum over time.
//!
//! ```text
//! per step       y_t = W_out r_t
//! max over time  y = W_out max_t r_t
//! ```

#[cfg(any(test, feature = "cuda"))]
mod gpu;
#[cfg(any(test, feature = "cuda"))]
mod launch;

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};
use mdl_kernels::real::{Real, contiguous};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::sync::Mutex;

/// Variable that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// y_t = W_out r_t, `[T, B, O]`: the cognitive tasks.
    #[default]
    PerStep,
    /// y = W_out max_t r_t, `[B, O]`: data sets.
    MaxOverTime,
}

/// Number of neighbouring values whose maxima are computed together.
const PIECE: usize = 1024;

/// Maximum over time of `r` `[T, B, N]`, as `[B, N]`. The gradient goes to the first step with the maximum.
///
/// # Errors
/// A tensor without steps, or not of three dimensions and type `f32` or `f64`.
pub fn max_over_time(r: &Tensor) -> Result<Tensor> {
    let r = r.contiguous()?;
    #[cfg(feature = "cuda")]
    if let Some(gpu) = mdl_device::Gpu::of(&r) {
        return gpu::max_over_time(&gpu, &r);
    }
    match r.dtype() {
        DType::F32 => r.apply_op1(MaxOverTime::<f32>::default()),
        DType::F64 => r.apply_op1(MaxOverTime::<f64>::default()),
        other => candle_core::bail!("max over time of {other:?}, expected f32 or f64"),
    }
}

/// The operator; it stores the step of each maximum.
#[derive(Default)]
struct MaxOverTime<R> {
    steps: Mutex<Vec<u32>>,
    real: PhantomData<R>,
}

impl<R: Real> CustomOp1 for MaxOverTime<R> {
    fn name(&self) -> &'static str {
        "max-over-time"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let values = contiguous::<R>(storage, layout, "r")?;
        let (steps, trials, neurons) = layout.shape().dims3()?;
        if steps == 0 {
            candle_core::bail!("the maximum over time of no steps")
        }
        let width = trials * neurons;
        let (mut highest, mut at) = (values[..width].to_vec(), vec![0u32; width]);
        highest.par_chunks_mut(PIECE).zip(at.par_chunks_mut(PIECE)).enumerate().for_each(|(piece, (highest, at))| {
            for t in 1..steps {
                let row = &values[t * width + piece * PIECE..][..highest.len()];
                for ((highest, at), value) in highest.iter_mut().zip(at.iter_mut()).zip(row) {
                    let higher = *value > *highest;
                    *highest = if higher { *value } else { *highest };
                    *at = if higher { t as u32 } else { *at };
                }
            }
        });
        *self.steps.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = at;
        Ok((R::to_cpu_storage_owned(highest), Shape::from((trials, neurons))))
    }

    fn bwd(&self, r: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.flatten_all()?.to_vec1::<R>()?;
        let mut values = vec![R::zero(); r.elem_count()];
        let steps = self.steps.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (i, (step, value)) in steps.iter().zip(&gradient).enumerate() {
            values[*step as usize * gradient.len() + i] = *value;
        }
        Tensor::from_vec(values, r.dims(), r.device()).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn the_first_maximal_step_takes_the_gradient() {
        // [T = 3, B = 1, N = 4]; neuron 2 reaches its maximum twice, neuron 3 always.
        let r = [0.0f32, 5.0, 1.0, 2.0, 1.0, 4.0, 3.0, 2.0, 2.0, 3.0, 3.0, 2.0];
        let r = Var::from_tensor(&Tensor::from_slice(&r, (3, 1, 4), &Device::Cpu).unwrap()).unwrap();
        let maximum = max_over_time(&r).unwrap();
        assert_eq!(maximum.to_vec2::<f32>().unwrap(), [[2.0, 5.0, 3.0, 2.0]]);
        let weights = Tensor::from_slice(&[10.0f32, 20.0, 30.0, 40.0], (1, 4), &Device::Cpu).unwrap();
        let gradients = (maximum * weights).unwrap().sum_all().unwrap().backward().unwrap();
        let gradient = gradients.get(&r).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(gradient, [0.0, 20.0, 0.0, 40.0, 0.0, 0.0, 30.0, 0.0, 10.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn many_pieces_agree_with_a_plain_maximum() {
        let r = Tensor::randn(0f32, 1.0, (7, 13, 211), &Device::Cpu).unwrap();
        let expected = r.max(0).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(max_over_time(&r).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap(), expected);
    }

    #[test]
    fn no_steps_are_refused() {
        assert!(max_over_time(&Tensor::zeros((0, 2, 3), DType::F32, &Device::Cpu).unwrap()).is_err());
    }
}
