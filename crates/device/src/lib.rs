//! Processor or GPU: the choice of a device, the CUDA kernels, and the structures that they are launched with.
//!
//! The sources are in `kernels/`. A block owns its trials for the whole sequence; the loop over time is inside the kernel.
//! With the feature `cuda` they are compiled to PTX. Without it `mdl-emulator` compiles them for the host, which is how they
//! are tested where there is no GPU. What launches them sees a [`Machine`], which is either.

pub mod adam;
mod choice;
#[cfg(feature = "cuda")]
mod gpu;
pub mod lif;
mod machine;
pub mod random;
pub mod rate;
pub mod readout;
pub mod spiking;

pub use choice::{DeviceChoice, DeviceError, kind, name};
#[cfg(feature = "cuda")]
pub use gpu::Gpu;
pub use machine::{Arguments, Grid, Held, Kernel, Machine, Placed, Word};

/// Shared memory that every GPU grants a block without being asked.
const SHARED_BYTES: usize = 48 * 1024;
/// Threads that run in step.
const WARP: usize = 32;
/// Blocks of the kernels that go through arrays element by element: some for each processor of today's GPUs.
const ELEMENTWISE: usize = 528;
