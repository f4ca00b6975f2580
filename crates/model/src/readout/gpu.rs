//! The maximum over time on a GPU, or under emulation.

use super::launch::{maximum, scatter};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use mdl_device::{Backend, Output};

/// Like [`super::max_over_time`], for a contiguous `r`.
pub(super) fn max_over_time<M: Backend>(machine: &M, r: &Tensor) -> Result<Tensor> {
    let (steps, trials, neurons) = r.dims3()?;
    if steps == 0 {
        bail!("the maximum over time of no steps")
    }
    let (out, step) = maximum(machine, r)?;
    r.apply_op1(Operator { output: Output::new(machine, out, (trials, neurons)), step })
}

/// Operator after its forward pass.
struct Operator<M: Backend> {
    output: Output<M>,
    step: M::Buffer<u32>,
}

impl<M: Backend> CustomOp1 for Operator<M> {
    fn name(&self) -> &'static str {
        "max-over-time"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.output.on_cpu()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, _: &candle_core::CudaStorage, _: &Layout) -> Result<(candle_core::CudaStorage, Shape)> {
        self.output.on_gpu()
    }

    fn bwd(&self, r: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        scatter(self.output.machine(), r.dims(), &self.step, &gradient.contiguous()?).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use mdl_emulator::Emulator;

    #[test]
    fn the_kernels_agree_with_the_cpu() {
        let Some(machine) = Emulator::new() else { return };
        // Values of few levels, so that maxima occur more than once.
        let levels: Vec<f32> = (0..7 * 3 * 211).map(|i: usize| (i * i % 11) as f32 - 5.0).collect();
        let r = Var::from_tensor(&Tensor::from_vec(levels, (7, 3, 211), &Device::Cpu).unwrap()).unwrap();
        let weights = Tensor::arange(0f32, 633.0, &Device::Cpu).unwrap().reshape((3, 211)).unwrap();
        let results = |maximum: Result<Tensor>| {
            let maximum = maximum.unwrap();
            let gradients = (&maximum * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            [&maximum, gradients.get(&r).unwrap()].map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap())
        };
        assert_eq!(results(max_over_time(&machine, &r)), results(super::super::max_over_time(&r)));
    }
}
