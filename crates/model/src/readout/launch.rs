//! The maximum over time on a device (`readout.cu`).

use candle_core::{Result, Tensor};
use mdl_device::{Arguments, Backend, ELEMENTWISE, Grid, Kernel};

/// `struct Maximum` in the sources of the kernels.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Maximum {
    width: u64,
    steps: u32,
    r: u64,
    out: u64,
    step: u64,
    arriving: u64,
    of_r: u64,
}

impl Arguments for Maximum {}

// SAFETY: plain numbers, laid out as in C.
#[cfg(feature = "cuda")]
unsafe impl candle_core::cuda::cudarc::driver::DeviceRepr for Maximum {}

const GRID: Grid = Grid { blocks: ELEMENTWISE, threads: 256, shared_bytes: 0 };

/// Maxima `[B, N]` of `r` `[T, B, N]` over at least one step, and the first step of each.
///
/// # Errors
/// Errors of the device.
pub(super) fn maximum<M: Backend>(machine: &M, r: &Tensor) -> Result<(M::Buffer<f32>, M::Buffer<u32>)> {
    let (steps, trials, neurons) = r.dims3()?;
    let width = trials * neurons;
    let (placed, out, step) = (machine.place(r)?, machine.empty(width)?, machine.empty(width)?);
    let arguments = Maximum {
        width: width as u64,
        steps: steps as u32,
        r: placed.address,
        out: machine.address(&out),
        step: machine.address(&step),
        ..Maximum::default()
    };
    // SAFETY: the buffers have the sizes stated in the kernel's structure.
    unsafe { machine.launch(Kernel { source: "readout", name: "readout_maximum" }, GRID, &arguments)? };
    Ok((out, step))
}

/// The gradient of `r` `[T, B, N]` from that of its maxima, `arriving` `[B, N]`.
///
/// # Errors
/// Errors of the device.
pub(super) fn scatter<M: Backend>(
    machine: &M,
    dims: &[usize],
    step: &M::Buffer<u32>,
    arriving: &Tensor,
) -> Result<Tensor> {
    let width = arriving.elem_count();
    let (placed, of_r) = (machine.place(arriving)?, machine.empty(dims.iter().product())?);
    let arguments = Maximum {
        width: width as u64,
        steps: dims[0] as u32,
        step: machine.address(step),
        arriving: placed.address,
        of_r: machine.address(&of_r),
        ..Maximum::default()
    };
    // SAFETY: as above.
    unsafe { machine.launch(Kernel { source: "readout", name: "readout_scatter" }, GRID, &arguments)? };
    machine.tensor(of_r, dims)
}
