//! Execution of kernels: on a GPU, or under emulation.

use candle_core::{CpuStorage, Result, Tensor, bail};
use std::fmt::Debug;

/// Requirement of the CUDA bindings on kernel arguments; none without them.
#[cfg(feature = "cuda")]
mod bound {
    use candle_core::cuda::cudarc::driver::{DeviceRepr, ValidAsZeroBits};

    pub trait Argument: DeviceRepr {}
    impl<T: DeviceRepr> Argument for T {}
    pub trait Element: DeviceRepr + ValidAsZeroBits {}
    impl<T: DeviceRepr + ValidAsZeroBits> Element for T {}
}

#[cfg(not(feature = "cuda"))]
mod bound {
    pub trait Argument {}
    impl<T> Argument for T {}
    pub trait Element {}
    impl<T> Element for T {}
}

/// Element type of buffers: numbers of 32 bits.
pub trait Element: bound::Element + Copy + Send + Sync + 'static {
    /// Bits of a number.
    fn to_bits(self) -> u32;
    /// Number with these bits.
    fn from_bits(bits: u32) -> Self;
}

impl Element for f32 {
    fn to_bits(self) -> u32 {
        Self::to_bits(self)
    }

    fn from_bits(bits: u32) -> Self {
        Self::from_bits(bits)
    }
}

impl Element for u32 {
    fn to_bits(self) -> u32 {
        self
    }

    fn from_bits(bits: u32) -> Self {
        bits
    }
}

/// The single argument of a kernel: a `repr(C)` structure that mirrors one in the sources of the kernels.
pub trait Arguments: bound::Argument {}

/// Name of a kernel, and its source file.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    /// Name of the source file, without extension.
    pub source: &'static str,
    /// Name of the kernel.
    pub name: &'a str,
}

/// Launch configuration of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Number of blocks.
    pub blocks: usize,
    /// Threads per block.
    pub threads: usize,
    /// Shared memory per block.
    pub shared_bytes: usize,
}

/// Values of a tensor on a device.
pub struct Placed<M: Backend> {
    /// Address of the values.
    pub address: u64,
    /// Owner that keeps them alive.
    pub held: Held<M>,
}

/// Owner of tensor values on a device.
pub enum Held<M: Backend> {
    /// The tensor itself.
    Tensor(Tensor),
    /// A copy.
    Buffer(M::Buffer<f32>),
}

/// Device that runs kernels. Launches run in order, each after all work requested before it.
pub trait Backend: Clone + Debug + Send + Sync + 'static {
    /// Memory of the device.
    type Buffer<W: Element>: Send + Sync;

    /// Creates a buffer with these values.
    ///
    /// # Errors
    /// An error of the device: out of memory.
    fn upload<W: Element>(&self, values: &[W]) -> Result<Self::Buffer<W>>;

    /// Creates a buffer of zeros.
    ///
    /// # Errors
    /// As for [`Backend::upload`].
    fn zeros<W: Element>(&self, count: usize) -> Result<Self::Buffer<W>>;

    /// Creates a buffer whose values must be written by a kernel before they are read.
    ///
    /// # Errors
    /// As for [`Backend::upload`].
    fn empty<W: Element>(&self, count: usize) -> Result<Self::Buffer<W>>;

    /// Values of a buffer, after all launches have finished.
    ///
    /// # Errors
    /// An error of the device: a launch that failed.
    fn download<W: Element>(&self, buffer: &Self::Buffer<W>) -> Result<Vec<W>>;

    /// Address of a buffer, for a kernel's arguments.
    fn address<W: Element>(&self, buffer: &Self::Buffer<W>) -> u64;

    /// Runs a kernel.
    ///
    /// # Errors
    /// An error of the device: an unknown kernel, or a grid that it cannot run.
    ///
    /// # Safety
    /// The addresses in `arguments` must be those of live buffers with the contents that the kernel reads and writes.
    unsafe fn launch<A: Arguments>(&self, kernel: Kernel, grid: Grid, arguments: &A) -> Result<()>;

    /// Values of a contiguous `f32` tensor, in memory accessible to kernels.
    ///
    /// # Errors
    /// A tensor that is not contiguous, has another type, or is on another device.
    fn place(&self, tensor: &Tensor) -> Result<Placed<Self>>;

    /// Converts a buffer to a tensor that is a constant for candle.
    ///
    /// # Errors
    /// A buffer that does not match the shape.
    fn tensor(&self, buffer: Self::Buffer<f32>, shape: &[usize]) -> Result<Tensor>;

    /// Converts a buffer to the output of an operator on the CPU.
    ///
    /// # Errors
    /// A device whose tensors are not on the CPU.
    fn cpu_storage(&self, _buffer: Self::Buffer<f32>) -> Result<CpuStorage> {
        bail!("an operator of the CPU on {self:?}")
    }

    /// Converts a buffer to the output of an operator on a GPU.
    ///
    /// # Errors
    /// A device whose tensors are not on a GPU.
    #[cfg(feature = "cuda")]
    fn cuda_storage(&self, _buffer: Self::Buffer<f32>) -> Result<candle_core::CudaStorage> {
        bail!("an operator of a GPU on {self:?}")
    }
}
