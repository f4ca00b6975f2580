//! Output of an operator whose kernels have run before candle requests it.

use crate::Backend;
use candle_core::{CpuStorage, Result, Shape, bail};
use std::sync::Mutex;

/// Output on a device, until candle takes it: the forward pass of an operator launched beforehand.
pub struct Output<M: Backend> {
    machine: M,
    buffer: Mutex<Option<M::Buffer<f32>>>,
    shape: Shape,
}

impl<M: Backend> Output<M> {
    /// Creates the output `buffer` with this shape.
    pub fn new(machine: &M, buffer: M::Buffer<f32>, shape: impl Into<Shape>) -> Self {
        Self { machine: machine.clone(), buffer: Mutex::new(Some(buffer)), shape: shape.into() }
    }

    /// Device of the output.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    fn take(&self) -> Result<(M::Buffer<f32>, Shape)> {
        let buffer = self.buffer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let Some(buffer) = buffer else { bail!("an operator was run twice") };
        Ok((buffer, self.shape.clone()))
    }

    /// Output of a custom operator's forward pass on the CPU.
    ///
    /// # Errors
    /// A second call; a device whose tensors are not on the CPU.
    pub fn on_cpu(&self) -> Result<(CpuStorage, Shape)> {
        let (buffer, shape) = self.take()?;
        Ok((self.machine.cpu_storage(buffer)?, shape))
    }

    /// Output of a custom operator's forward pass on a GPU.
    ///
    /// # Errors
    /// A second call; a device whose tensors are not on a GPU.
    #[cfg(feature = "cuda")]
    pub fn on_gpu(&self) -> Result<(candle_core::CudaStorage, Shape)> {
        let (buffer, shape) = self.take()?;
        Ok((self.machine.cuda_storage(buffer)?, shape))
    }
}
