//! Random numbers generated on a device (`kernels/random.cu`): the streams of `mdl_kernels::random`, with the same
//! bits.

use crate::{Arguments, Backend, ELEMENTWISE, Grid, Kernel};
use candle_core::Result;

/// A stream: the arguments of `mdl_kernels::random::Stream::new`, the purpose as its number.
#[derive(Clone, Copy, Debug)]
pub struct StreamKey {
    /// Seed.
    pub seed: u64,
    /// Purpose.
    pub purpose: u32,
    /// Index.
    pub index: u64,
}

/// `struct Normal` in the sources of the kernels.
#[derive(Clone, Copy)]
#[repr(C)]
struct Normal {
    seed: [u32; 2],
    index: [u32; 2],
    purpose: u32,
    sd: f32,
    count: u64,
    out: u64,
}

/// `struct Bernoulli` in the sources of the kernels.
#[derive(Clone, Copy)]
#[repr(C)]
struct Bernoulli {
    seed: [u32; 2],
    purpose: u32,
    steps: i32,
    entries: i32,
    keys: u64,
    probability: u64,
    drawn: u64,
    raster: u64,
}

impl Arguments for Normal {}
impl Arguments for Bernoulli {}

// SAFETY: plain numbers, laid out as in C.
#[cfg(feature = "cuda")]
unsafe impl candle_core::cuda::cudarc::driver::DeviceRepr for Normal {}
// SAFETY: as above.
#[cfg(feature = "cuda")]
unsafe impl candle_core::cuda::cudarc::driver::DeviceRepr for Bernoulli {}

fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

/// `count` normal numbers with mean 0 and standard deviation `sd`: those of `mdl_kernels::random::fill_normal` from
/// block 0 onwards.
///
/// # Errors
/// An error of the device.
pub fn normal<M: Backend>(machine: &M, key: StreamKey, sd: f32, count: usize) -> Result<M::Buffer<f32>> {
    let out = machine.empty(count)?;
    let arguments = Normal {
        seed: halves(key.seed),
        index: halves(key.index),
        purpose: key.purpose,
        sd,
        count: count as u64,
        out: machine.address(&out),
    };
    let kernel = Kernel { source: "random", name: "random_normal" };
    // SAFETY: `out` has `count` numbers.
    unsafe { machine.launch(kernel, Grid { blocks: ELEMENTWISE, threads: 256, shared_bytes: 0 }, &arguments)? };
    Ok(out)
}

/// Channels that may spike, trial by trial: the input from which `mdl_data::encode` draws spikes.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    /// Key of the channel's trial, low word first.
    pub keys: Vec<[u32; 2]>,
    /// Probability of a spike per step in units of 2⁻¹⁶, above 0.
    pub probability: Vec<u32>,
    /// Number of channels of the trial with a probability below 1 that come before this one.
    pub drawn: Vec<u32>,
}

/// Spikes of channels over `steps` steps: for each channel ⌈steps/64⌉ pairs of words, with bit t % 32 of word t / 32
/// for the spike of step t.
///
/// # Errors
/// An error of the device.
pub fn bernoulli<M: Backend>(
    machine: &M,
    (seed, purpose): (u64, u32),
    channels: &Channels,
    steps: usize,
) -> Result<M::Buffer<u32>> {
    let entries = channels.probability.len();
    let raster = machine.empty(entries * steps.div_ceil(64) * 2)?;
    let keys = machine.upload(channels.keys.as_flattened())?;
    let (probability, drawn) = (machine.upload(&channels.probability)?, machine.upload(&channels.drawn)?);
    let arguments = Bernoulli {
        seed: halves(seed),
        purpose,
        steps: steps as i32,
        entries: entries as i32,
        keys: machine.address(&keys),
        probability: machine.address(&probability),
        drawn: machine.address(&drawn),
        raster: machine.address(&raster),
    };
    let kernel = Kernel { source: "random", name: "random_bernoulli" };
    // SAFETY: every buffer has one entry per channel, the raster its words.
    unsafe { machine.launch(kernel, Grid { blocks: ELEMENTWISE, threads: 256, shared_bytes: 0 }, &arguments)? };
    Ok(raster)
}
