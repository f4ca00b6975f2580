//! Launches of the kernels of spiking mode networks (`spiking.cu`).

use mdl_device::{Arguments, SHARED_BYTES, WARP};

/// Maximum number of blocks of a backward pass, fixed so that the order of sums depends only on the shapes.
const GROUPS: usize = 1024;
/// Maximum size of the gradients kept separately by the blocks (bytes).
const GRADIENT_BYTES: usize = 1 << 28;
/// Maximum number of columns of A and C together.
const COLUMNS: usize = 1024;

/// Part of the argument for the neurons, field by field like `struct Neurons` in `neurons.cuh`, where the fields are
/// documented.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Neurons {
    pub alpha: f32,
    pub one_minus_alpha: f32,
    pub hold: i32,
    pub count: i32,
    pub rows: u64,
    pub leaks: u64,
    pub further: u64,
}

/// Argument of the kernels, field by field like `struct Spiking` in `spiking.cu`, where the fields are documented.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Spiking {
    pub steps: i32,
    pub trials: i32,
    pub neurons: i32,
    pub modes: i32,
    pub inputs: i32,
    pub outputs: i32,
    pub channels: i32,
    pub source: i32,
    pub output: i32,
    pub surrogate: i32,
    pub cached: i32,
    pub groups: i32,
    pub segment: i32,
    pub rows: i32,
    pub alpha_current: f32,
    pub alpha_decay: f32,
    pub alpha_rise: f32,
    pub gain: f32,
    pub threshold: f32,
    pub shape: [f32; 5],
    pub first: u64,
    pub neuron: Neurons,
    pub weights: u64,
    pub own_threshold: u64,
    pub own_decay: u64,
    pub own_gain: u64,
    pub starts: u64,
    pub active: u64,
    pub raster: u64,
    pub out: u64,
    pub activity: u64,
    pub potential: u64,
    pub membrane: u64,
    pub synapses: u64,
    pub peak: u64,
    pub arriving: u64,
    pub of_first: u64,
    pub of_weights: u64,
    pub weights_parts: u64,
    pub columns_parts: u64,
    pub held: u64,
}

impl Arguments for Spiking {}

// SAFETY: plain numbers, laid out as in C.
#[cfg(feature = "cuda")]
unsafe impl candle_core::cuda::cudarc::driver::DeviceRepr for Spiking {}

/// Distribution of a network over threads and memory. It depends only on the shapes, like the order of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Neurons per thread: 1, 4 or 16; part of the kernels' names.
    pub items: usize,
    /// Threads per block.
    pub threads: usize,
    /// True if the weights are copied to shared memory.
    pub cached: bool,
    /// Blocks of the backward pass.
    pub groups: usize,
    /// Steps whose outer products are summed together.
    pub segment: usize,
    /// Bytes of shared memory, for the forward and the backward pass.
    pub shared: [usize; 2],
}

impl Plan {
    /// Plan of a network: N `neurons`, columns of A (`inputs`) and C (`outputs`), K `channels` of spikes (else 0).
    ///
    /// `None` for a network too large for the kernels: more than 1024 columns, or neurons and columns that do not fit
    /// in shared memory (some 8000 neurons).
    pub(super) fn new(trials: usize, neurons: usize, inputs: usize, outputs: usize, channels: usize) -> Option<Self> {
        let items = match neurons {
            0..=256 => 1,
            257..=4096 => 4,
            4097..=16384 => 16,
            _ => return None,
        };
        if inputs + outputs > COLUMNS {
            return None;
        }
        let threads = neurons.div_ceil(items).next_multiple_of(WARP);
        // With more warps than columns, several share a column (`struct Sums`).
        let parts = |columns: usize| columns.max(threads / WARP);
        let forward = neurons + 2 * inputs + parts(outputs);
        let backward = |segment: usize| neurons + 4 * outputs + segment * (inputs + outputs) + parts(inputs);
        let fits = |floats: usize| 4 * floats <= SHARED_BYTES;
        let segment = [32, 16, 8, 4].into_iter().find(|segment| fits(backward(*segment).max(forward)))?;
        let weights = (inputs + outputs) * neurons;
        let cached = fits(backward(segment).max(forward) + weights);
        let copy = if cached { weights } else { 0 };
        let apart = 4 * neurons * (inputs + outputs + channels + segment);
        Some(Self {
            items,
            threads,
            cached,
            groups: trials.min(GROUPS).min((GRADIENT_BYTES / apart).max(1)),
            segment,
            shared: [4 * (forward + copy), 4 * (backward(segment) + copy)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_grow_with_the_network() {
        let small = Plan::new(100, 100, 6, 4, 0).unwrap();
        assert_eq!((small.items, small.threads, small.segment, small.groups), (1, 128, 32, 100));
        assert!(small.cached && small.shared.iter().all(|bytes| *bytes <= SHARED_BYTES));
        let large = Plan::new(4096, 4096, 160, 130, 0).unwrap();
        assert_eq!((large.items, large.threads, large.cached), (4, 1024, false));
        assert!(large.shared.iter().all(|bytes| *bytes <= SHARED_BYTES), "{large:?}");
        assert!(large.groups * 4 * 4096 * (290 + large.segment) <= GRADIENT_BYTES);
        assert_eq!(Plan::new(1, 8192, 6, 4, 0).map(|plan| (plan.items, plan.threads)), Some((16, 512)));
        assert_eq!(Plan::new(1, 16384, 6, 4, 0), None);
        assert_eq!(Plan::new(1, 100, 1000, 1000, 0), None);
    }
}
