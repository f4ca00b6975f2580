//! What kernels run on: a GPU, or its emulation.

use candle_core::{CpuStorage, Result, Tensor, bail};
use std::fmt::Debug;

/// What the CUDA bindings ask of an argument; without them, nothing.
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

/// What buffers hold: numbers of 32 bits.
pub trait Element: bound::Element + Copy + Send + Sync + 'static {
    /// The bits of a number.
    fn to_bits(self) -> u32;
    /// The number of some bits.
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

/// The one argument of a kernel: a `repr(C)` structure, the twin of one in the kernels' sources.
pub trait Arguments: bound::Argument {}

/// A kernel's name, and the source file that it stands in.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    /// Name of the source file, without its ending.
    pub source: &'static str,
    /// Name of the kernel.
    pub name: &'a str,
}

/// How many threads run a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Blocks.
    pub blocks: usize,
    /// Threads of a block.
    pub threads: usize,
    /// Shared memory of a block.
    pub shared_bytes: usize,
}

/// The values of a tensor on a machine.
pub struct Placed<M: Backend> {
    /// Where they lie.
    pub address: u64,
    /// Keeps them there.
    pub held: Held<M>,
}

/// What owns placed values.
pub enum Held<M: Backend> {
    /// The tensor itself.
    Tensor(Tensor),
    /// A copy.
    Buffer(M::Buffer<f32>),
}

/// What kernels run on. Launches run one after the other, each after all that was asked for before it.
pub trait Backend: Clone + Debug + Send + Sync + 'static {
    /// Memory of the machine.
    type Buffer<W: Element>: Send + Sync;

    /// A buffer with these values.
    ///
    /// # Errors
    /// Those of the machine: no memory.
    fn upload<W: Element>(&self, values: &[W]) -> Result<Self::Buffer<W>>;

    /// A buffer of zeros.
    ///
    /// # Errors
    /// As [`Backend::upload`].
    fn zeros<W: Element>(&self, count: usize) -> Result<Self::Buffer<W>>;

    /// A buffer whose values a kernel has to write before any are read.
    ///
    /// # Errors
    /// As [`Backend::upload`].
    fn empty<W: Element>(&self, count: usize) -> Result<Self::Buffer<W>>;

    /// The values of a buffer, after all launches have run.
    ///
    /// # Errors
    /// Those of the machine: a launch that failed.
    fn download<W: Element>(&self, buffer: &Self::Buffer<W>) -> Result<Vec<W>>;

    /// Where a buffer lies, for a kernel's arguments.
    fn address<W: Element>(&self, buffer: &Self::Buffer<W>) -> u64;

    /// Runs a kernel.
    ///
    /// # Errors
    /// Those of the machine: no such kernel, a grid that it cannot run.
    ///
    /// # Safety
    /// The addresses in `arguments` are those of buffers that live, and that hold what the kernel reads and writes.
    unsafe fn launch<A: Arguments>(&self, kernel: Kernel, grid: Grid, arguments: &A) -> Result<()>;

    /// The values of a contiguous `f32` tensor, placed where kernels reach them.
    ///
    /// # Errors
    /// A tensor that is not contiguous, of another type, or held elsewhere.
    fn place(&self, tensor: &Tensor) -> Result<Placed<Self>>;

    /// A buffer as a tensor that is a constant to candle.
    ///
    /// # Errors
    /// A buffer that does not fit the shape.
    fn tensor(&self, buffer: Self::Buffer<f32>, shape: &[usize]) -> Result<Tensor>;

    /// A buffer as what an operator on the CPU gives out.
    ///
    /// # Errors
    /// A machine whose tensors are not on the CPU.
    fn cpu_storage(&self, _buffer: Self::Buffer<f32>) -> Result<CpuStorage> {
        bail!("an operator of the CPU on {self:?}")
    }

    /// A buffer as what an operator on a GPU gives out.
    ///
    /// # Errors
    /// A machine whose tensors are not on a GPU.
    #[cfg(feature = "cuda")]
    fn cuda_storage(&self, _buffer: Self::Buffer<f32>) -> Result<candle_core::CudaStorage> {
        bail!("an operator of a GPU on {self:?}")
    }
}
