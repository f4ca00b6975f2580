//! Launches of the kernels of rate networks (`rate.cu`).

use mdl_device::{Arguments, SHARED_BYTES, WARP};

/// Argument of the kernels, field by field like `struct Rate` in `rate.cu`, where the fields are documented.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Rate {
    pub steps: i32,
    pub trials: i32,
    pub neurons: i32,
    pub modes: i32,
    pub activation: i32,
    pub cached: i32,
    pub blocks: i32,
    pub direct: i32,
    pub lowest: f32,
    pub per_input: f32,
    pub initial: u64,
    pub drive: u64,
    pub noise: u64,
    pub spike_noise: u64,
    pub table: u64,
    pub weights: u64,
    pub leak: u64,
    pub x: u64,
    pub r: u64,
    pub overlap: u64,
    pub arriving: u64,
    pub delta: u64,
    pub of_drive: u64,
    pub leak_parts: u64,
    pub of_leak: u64,
}

impl Arguments for Rate {}

// SAFETY: plain numbers, laid out as in C.
#[cfg(feature = "cuda")]
unsafe impl candle_core::cuda::cudarc::driver::DeviceRepr for Rate {}

/// Distribution of a network over threads and memory. It depends only on the shapes, like the order of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Neurons per thread: 1 or 4; part of the kernels' names.
    pub items: usize,
    /// Threads per block.
    pub threads: usize,
    /// Number of blocks of either pass.
    pub blocks: usize,
    /// True if A and C are copied to shared memory.
    pub cached: bool,
    /// Bytes of shared memory.
    pub shared: usize,
}

impl Plan {
    /// Plan of a network of N `neurons` and P `modes`, or 0 modes with one weight per pair.
    ///
    /// `None` for a network too large for the kernels: more than 4096 neurons or 4096 modes.
    pub(super) fn new(trials: usize, neurons: usize, modes: usize) -> Option<Self> {
        const LARGEST: usize = 4096;
        if neurons > LARGEST || modes > LARGEST {
            return None;
        }
        let items = if neurons <= 1024 { 1 } else { 4 };
        let threads = neurons.div_ceil(items).next_multiple_of(WARP);
        // Trials per block: several if all of them use the same weight.
        let together = if modes == 0 && items == 1 { 4 } else { 1 };
        let floats = neurons * together + modes.max(threads / WARP);
        let weights = 2 * modes * neurons;
        let cached = modes > 0 && 4 * (floats + weights) <= SHARED_BYTES;
        let shared = 4 * (floats + if cached { weights } else { 0 });
        Some(Self { items, threads, blocks: trials.div_ceil(together), cached, shared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_grow_with_the_network() {
        let small = Plan::new(10, 200, 0).unwrap();
        assert_eq!((small.items, small.threads, small.blocks, small.cached), (1, 224, 3, false));
        let modes = Plan::new(10, 200, 5).unwrap();
        assert_eq!((modes.blocks, modes.cached), (10, true));
        for modes in [0, 128, 4096] {
            let large = Plan::new(7, 4096, modes).unwrap();
            assert_eq!((large.items, large.threads, large.blocks, large.cached), (4, 1024, 7, false));
            assert!(large.shared <= SHARED_BYTES, "{large:?}");
        }
        assert_eq!(Plan::new(1, 4097, 0), None);
    }
}
