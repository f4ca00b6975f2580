//! Launches of the kernels of LIF networks (`lif.cu`).

use super::draws::TrialDraws;
use mdl_device::{Arguments, SHARED_BYTES, WARP};
use std::ops::RangeInclusive;

/// A trial for a machine.
#[derive(Clone, Debug)]
pub struct TrialOnGpu {
    /// Input `[samples, K]`
    pub input: Vec<f64>,
    /// Its random numbers.
    pub draws: TrialDraws,
    /// Steps of the windows in which the extremes of its outputs are found.
    pub windows: Vec<RangeInclusive<usize>>,
    /// Last step whose spikes are counted in firing rates.
    pub counted_to: usize,
}

/// Argument of the kernels, field by field like `struct Lif` in `lif.cu`, where the fields are documented.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Lif {
    pub steps: i32,
    pub units: i32,
    pub outputs: i32,
    pub modes: i32,
    pub samples: i32,
    pub steps_per_sample: i32,
    pub synapse_double: i32,
    pub neuron: i32,
    pub refractory_steps: i32,
    pub windows: i32,
    pub out_every: i32,
    pub seed: [u32; 2],
    pub purpose: u32,
    pub dt: f32,
    pub leak: f32,
    pub decay_rise: f32,
    pub bias: f32,
    pub v_peak: f32,
    pub v_reset: f32,
    pub noise_sd: f32,
    pub pulse_mv: f32,
    pub constants: [f32; 2],
    pub trial: u64,
    pub factor: u64,
    pub draw: u64,
    pub window: u64,
    pub counted_to: u64,
    pub drive: u64,
    pub potential: u64,
    pub pulses: u64,
    pub pulsed: u64,
    pub decay: u64,
    pub own: u64,
    pub gain: u64,
    pub weights: u64,
    pub score: u64,
    pub mode_out: u64,
    pub w_out: u64,
    pub extremes: u64,
    pub out: u64,
    pub counts: u64,
}

impl Arguments for Lif {}

// SAFETY: plain numbers, laid out as in C.
#[cfg(feature = "cuda")]
unsafe impl candle_core::cuda::cudarc::driver::DeviceRepr for Lif {}

/// Distribution of a network over threads and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Units per thread: 1 or 4; part of the kernels' names.
    pub items: usize,
    /// Threads per block.
    pub threads: usize,
    /// Bytes of shared memory.
    pub shared: usize,
}

impl Plan {
    /// The plan of a network of N `units`, P `modes` and O `outputs`, which are looked at in some `windows`; `None` for a
    /// network beyond the kernels: more than 4096 units or modes, or more outputs than threads or than shared memory holds.
    pub(super) fn new(units: usize, modes: usize, outputs: usize, windows: usize) -> Option<Self> {
        if units > 4096 || modes > 4096 {
            return None;
        }
        let items = if units <= 1024 { 1 } else { 4 };
        let threads = units.div_ceil(items).next_multiple_of(WARP);
        let warps = threads / WARP;
        let shared = 4 * (2 * items * warps + 2 * outputs * warps + modes + 4 * outputs * windows);
        (outputs <= threads && shared <= SHARED_BYTES).then_some(Self { items, threads, shared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_grow_with_the_network() {
        assert_eq!(Plan::new(200, 0, 1, 2), Some(Plan { items: 1, threads: 224, shared: 4 * (14 + 14 + 8) }));
        assert_eq!(Plan::new(4096, 4096, 2, 1).map(|plan| (plan.items, plan.threads)), Some((4, 1024)));
        assert_eq!(Plan::new(4097, 0, 1, 1), None);
        assert_eq!(Plan::new(20, 0, 33, 1), None);
    }
}
