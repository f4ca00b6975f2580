//! Updates of Adam on a machine (`kernels/adam.cu`); the formulas stand in `adam.rs` of `mdl_train`.

use crate::{Arguments, ELEMENTWISE, Grid, Kernel, Machine};
use candle_core::Result;

/// `struct Adam` of the kernels' source.
#[derive(Clone, Copy)]
#[repr(C)]
struct Adam {
    count: u64,
    changed: u64,
    first: u64,
    second: u64,
    factors: [f32; 3],
}

impl Arguments for Adam {}

// SAFETY: plain numbers, laid out as in C.
#[cfg(feature = "cuda")]
unsafe impl candle_core::cuda::cudarc::driver::DeviceRepr for Adam {}

fn launch<M: Machine>(machine: &M, name: &str, arguments: &Adam) -> Result<()> {
    let grid = Grid { blocks: ELEMENTWISE, threads: 256, shared_bytes: 0 };
    // SAFETY: the callers answer for addresses and count.
    unsafe { machine.launch(Kernel { source: "adam", name }, grid, arguments) }
}

/// x ← β x + (1 − β) s g, or the same with (s g)², for `count` numbers.
///
/// # Errors
/// Those of the machine.
///
/// # Safety
/// `x` and `g` are addresses of that many numbers on the machine.
pub unsafe fn average<M: Machine>(
    machine: &M,
    count: usize,
    [x, g]: [u64; 2],
    beta: f32,
    scale: f32,
    square: bool,
) -> Result<()> {
    let factors = [beta, scale, f32::from(u8::from(square))];
    launch(machine, "adam_moment", &Adam { count: count as u64, changed: x, first: g, second: 0, factors })
}

/// p ← p − η m / (c √v + ε), for `count` numbers; `factors` are η, c and ε.
///
/// # Errors
/// Those of the machine.
///
/// # Safety
/// `p`, `m` and `v` are addresses of that many numbers on the machine.
pub unsafe fn descend<M: Machine>(machine: &M, count: usize, [p, m, v]: [u64; 3], factors: [f32; 3]) -> Result<()> {
    launch(machine, "adam_descend", &Adam { count: count as u64, changed: p, first: m, second: v, factors })
}
