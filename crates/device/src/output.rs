//! The output of an operator whose kernels have run before candle asks for it.

use crate::Backend;
use candle_core::{CpuStorage, Result, Shape, bail};
use std::sync::Mutex;

/// An output on a machine, until candle takes it: the forward pass of an operator that was launched beforehand.
pub struct Output<M: Backend> {
    machine: M,
    buffer: Mutex<Option<M::Buffer<f32>>>,
    shape: Shape,
}

impl<M: Backend> Output<M> {
    /// The output `buffer` of this shape.
    pub fn new(machine: &M, buffer: M::Buffer<f32>, shape: impl Into<Shape>) -> Self {
        Self { machine: machine.clone(), buffer: Mutex::new(Some(buffer)), shape: shape.into() }
    }

    /// What it is on.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    fn take(&self) -> Result<(M::Buffer<f32>, Shape)> {
        let buffer = self.buffer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let Some(buffer) = buffer else { bail!("an operator was run twice") };
        Ok((buffer, self.shape.clone()))
    }

    /// The output of a custom operator's forward pass on the CPU.
    ///
    /// # Errors
    /// A second call; a machine whose tensors are not on the CPU.
    pub fn on_cpu(&self) -> Result<(CpuStorage, Shape)> {
        let (buffer, shape) = self.take()?;
        Ok((self.machine.cpu_storage(buffer)?, shape))
    }

    /// The output of a custom operator's forward pass on a GPU.
    ///
    /// # Errors
    /// A second call; a machine whose tensors are not on a GPU.
    #[cfg(feature = "cuda")]
    pub fn on_gpu(&self) -> Result<(candle_core::CudaStorage, Shape)> {
        let (buffer, shape) = self.take()?;
        Ok((self.machine.cuda_storage(buffer)?, shape))
    }
}
