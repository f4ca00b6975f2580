//! GPUs through candle.

use crate::{Arguments, Backend, Element, Grid, Held, Kernel, Placed};
use candle_core::cuda::CudaDevice;
use candle_core::cuda::cudarc::driver::sys::{CUmemPool_attribute, cuDriverGetVersion};
use candle_core::cuda::cudarc::driver::{CudaSlice, DevicePtr, DriverError, LaunchConfig, PushKernelArg, result};
use candle_core::op::BackpropOp;
use candle_core::{CudaStorage, Device, Layout, Result, Storage, Tensor, bail};

/// Kernels as PTX, by the names of their sources.
mod ptx {
    include!(concat!(env!("OUT_DIR"), "/ptx.rs"));
}

/// A GPU.
#[derive(Clone, Debug)]
pub struct Gpu(CudaDevice);

/// Newest CUDA version supported by the driver: 13 and 0 for CUDA 13.0.
pub(crate) fn driver_version() -> std::result::Result<(i32, i32), DriverError> {
    let mut version = 0;
    // SAFETY: the number lives until the call returns; no driver needs to be initialised for it.
    unsafe { cuDriverGetVersion(&raw mut version) }.result()?;
    Ok((version / 1000, version % 1000 / 10))
}

/// Keeps freed memory of a GPU for the next allocation, if the GPU has a memory pool.
///
/// By default, every synchronisation returns the free memory of the pool, and the next training step maps it again.
pub(crate) fn keep_freed(number: usize) -> std::result::Result<(), DriverError> {
    let mut all = u64::MAX;
    // SAFETY: the attribute is a number of 64 bits, which lives until the call returns; the pool is the device's own.
    unsafe {
        let pool = result::device::get_default_mem_pool(result::device::get(number as i32)?)?;
        let threshold = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        result::mem_pool::set_attribute(pool, threshold, (&raw mut all).cast())
    }
}

impl Gpu {
    /// Wraps a device, if it is a GPU.
    pub fn new(device: &Device) -> Option<Self> {
        match device {
            Device::Cuda(device) => Some(Self(device.clone())),
            _ => None,
        }
    }

    /// GPU on which a tensor is stored, if any.
    pub fn of(tensor: &Tensor) -> Option<Self> {
        Self::new(tensor.device())
    }

    /// GPU on which the values of a tensor are stored, and their address.
    ///
    /// # Errors
    /// A tensor that is not contiguous, or not of type `f32`.
    pub fn locate(storage: &CudaStorage, layout: &Layout) -> Result<(Self, u64)> {
        let Some((start, _)) = layout.contiguous_offsets() else {
            bail!("a GPU's kernel needs a contiguous tensor, found strides {:?}", layout.stride())
        };
        let gpu = Self(storage.device.clone());
        let address = gpu.address(storage.as_cuda_slice::<f32>()?) + (start * size_of::<f32>()) as u64;
        Ok((gpu, address))
    }
}

impl Backend for Gpu {
    type Buffer<W: Element> = CudaSlice<W>;

    fn upload<W: Element>(&self, values: &[W]) -> Result<CudaSlice<W>> {
        if values.is_empty() { self.zeros(0) } else { self.0.clone_htod(values) }
    }

    fn zeros<W: Element>(&self, count: usize) -> Result<CudaSlice<W>> {
        self.0.alloc_zeros(count.max(1))
    }

    fn empty<W: Element>(&self, count: usize) -> Result<CudaSlice<W>> {
        // SAFETY: every bit pattern in the memory is a number.
        unsafe { self.0.alloc(count.max(1)) }
    }

    fn download<W: Element>(&self, buffer: &CudaSlice<W>) -> Result<Vec<W>> {
        self.0.clone_dtoh(buffer)
    }

    fn address<W: Element>(&self, buffer: &CudaSlice<W>) -> u64 {
        // All work of a device is on its single stream, in order, so no waiting is needed.
        buffer.device_ptr(&self.0.cuda_stream()).0
    }

    unsafe fn launch<A: Arguments>(&self, kernel: Kernel, grid: Grid, arguments: &A) -> Result<()> {
        let ptx = match kernel.source {
            "adam" => ptx::ADAM,
            "lif" => ptx::LIF,
            "random" => ptx::RANDOM,
            "rate" => ptx::RATE,
            "readout" => ptx::READOUT,
            "spiking" => ptx::SPIKING,
            other => bail!("no kernels {other}"),
        };
        let function = self.0.get_or_load_custom_func(kernel.name, kernel.source, ptx)?;
        let config = LaunchConfig {
            grid_dim: (grid.blocks as u32, 1, 1),
            block_dim: (grid.threads as u32, 1, 1),
            shared_mem_bytes: grid.shared_bytes as u32,
        };
        let mut builder = function.builder();
        builder.arg(arguments);
        // SAFETY: the caller guarantees the addresses in the arguments.
        unsafe { builder.launch(config) }.map_err(candle_core::Error::wrap)?;
        Ok(())
    }
    fn place(&self, tensor: &Tensor) -> Result<Placed<Self>> {
        let (storage, layout) = tensor.storage_and_layout();
        let Storage::Cuda(values) = &*storage else { bail!("a GPU's kernel needs a tensor on the GPU") };
        let address = Self::locate(values, layout)?.1;
        Ok(Placed { address, held: Held::Tensor(tensor.clone()) })
    }

    fn tensor(&self, buffer: CudaSlice<f32>, shape: &[usize]) -> Result<Tensor> {
        let storage = Storage::Cuda(self.cuda_storage(buffer)?);
        Ok(Tensor::from_storage(storage, shape, BackpropOp::none(), false))
    }

    fn cuda_storage(&self, buffer: CudaSlice<f32>) -> Result<CudaStorage> {
        Ok(CudaStorage::wrap_cuda_slice(buffer, self.0.clone()))
    }
}
