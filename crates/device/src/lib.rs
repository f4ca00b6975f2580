//! Processor or GPU: the choice of a device, and what CUDA kernels run on.
//!
//! A kernel is in the folder of the network it computes, what kernels share is in `kernels/`. A block owns its trials for the whole sequence; the loop over time is inside the kernel.
//! With the feature `cuda` they are compiled to PTX. Without it `mdl-emulator` compiles them for the host, which is how they
//! are tested where there is no GPU. What launches them sees a [`Backend`], which is either.

mod backend;
mod choice;
#[cfg(feature = "cuda")]
mod gpu;
mod output;
pub mod random;

pub use backend::{Arguments, Backend, Element, Grid, Held, Kernel, Placed};
pub use choice::{DeviceChoice, DeviceError, kind, name};
#[cfg(feature = "cuda")]
pub use gpu::Gpu;
pub use output::Output;

/// Shared memory that every GPU grants a block without being asked.
pub const SHARED_BYTES: usize = 48 * 1024;
/// Threads that run in step.
pub const WARP: usize = 32;
/// Blocks of the kernels that go through arrays element by element: some for each processor of today's GPUs.
pub const ELEMENTWISE: usize = 528;
