//! CPU or GPU: the choice of a device, and the execution of CUDA kernels.
//!
//! A kernel is in the folder of its network; code shared by kernels is in `kernels/`. A block owns its trials for the
//! whole sequence, and the loop over time is inside the kernel. With the feature `cuda` the kernels are compiled to
//! PTX. Without it, `mdl-emulator` compiles them for the host, so that they can be tested without a GPU. Code that
//! launches kernels uses a [`Backend`], which is either of the two.

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

/// Shared memory that every GPU grants a block by default.
pub const SHARED_BYTES: usize = 48 * 1024;
/// Number of threads that run in lockstep.
pub const WARP: usize = 32;
/// Number of blocks of kernels that process arrays element by element: some per multiprocessor of current GPUs.
pub const ELEMENTWISE: usize = 528;
