//! Updates of Adam on a device (`adam.cu`); the formulas are in `adam.rs`.

use candle_core::Result;
use mdl_device::{Arguments, Backend, ELEMENTWISE, Grid, Kernel};

/// `struct Adam` in the sources of the kernels.
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

fn launch<M: Backend>(machine: &M, name: &str, arguments: &Adam) -> Result<()> {
    let grid = Grid { blocks: ELEMENTWISE, threads: 256, shared_bytes: 0 };
    // SAFETY: the callers guarantee addresses and count.
    unsafe { machine.launch(Kernel { source: "adam", name }, grid, arguments) }
}

/// x ← β x + (1 − β) s g, or the same with (s g)², for `count` numbers.
///
/// # Errors
/// Errors of the device.
///
/// # Safety
/// `x` and `g` must be addresses of this many numbers on the device.
pub(super) unsafe fn average<M: Backend>(
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
/// Errors of the device.
///
/// # Safety
/// `p`, `m` and `v` must be addresses of this many numbers on the device.
pub(super) unsafe fn descend<M: Backend>(
    machine: &M,
    count: usize,
    [p, m, v]: [u64; 3],
    factors: [f32; 3],
) -> Result<()> {
    launch(machine, "adam_descend", &Adam { count: count as u64, changed: p, first: m, second: v, factors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdl_emulator::Emulator;

    /// One update by hand: m = 0.1·6, v = 0.001·36 from zero moments and the gradient 3 times 2.
    #[test]
    fn adam_by_hand() {
        let Some(machine) = Emulator::new() else { return };
        let [m, v, g, p] = [0.0, 0.0, 3.0, 1.0].map(|x: f32| machine.upload(&[x; 300]).unwrap());
        let [am, av, ag, ap] = [&m, &v, &g, &p].map(|buffer| machine.address(buffer));
        // SAFETY: all buffers have 300 numbers.
        unsafe {
            average(&machine, 300, [am, ag], 0.9, 2.0, false).unwrap();
            average(&machine, 300, [av, ag], 0.999, 2.0, true).unwrap();
            descend(&machine, 300, [ap, am, av], [0.5, 10.0, 0.25]).unwrap();
        }
        let (mean, square) = (0.6f32, 0.036f32);
        let expected = 1.0 - 0.5 * mean / (10.0 * square.sqrt() + 0.25);
        for (found, expected) in [(&m, mean), (&v, square), (&p, expected)] {
            assert!(
                machine.download(found).unwrap().iter().all(|x| (x - expected).abs() < 1e-6),
                "expected {expected}"
            );
        }
    }
}
