//! The product with a sparse matrix on AVX-512, and in plain Rust.
//!
//! The targets are divided into slices of 16, the sources into groups of 32. For each pair of slice and group, the
//! present entries of each target are packed:
//!
//! ```text
//! step k, lane l:   out[16 s + l] += weight[k][l] · rates[32 g + source[k][l]]
//! ```
//!
//! with as many steps as the fullest of the 16 targets has entries; the other lanes are padded with weight 0. The 32
//! rates of a group fill two AVX-512 registers, from which one permutation selects the 16 needed by a step: many times
//! faster than loading them one by one.

use super::common::{GROUP, Product};
use super::pattern::Pattern;
use crate::dispatch::dispatch;
use crate::lanes::{LANES, Lanes};
use crate::real::Real;

/// Number of steps whose sources share a register, one byte each.
const PACK: usize = 4;

/// The sources of `PACK` steps, each within its group: the bytes of a lane side by side.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Pack([[u8; PACK]; LANES]);

/// A sparse matrix in slices and groups, group by group.
pub struct SlicedEllpack<R> {
    slices: usize,
    /// Number of steps for each pair of group and slice.
    steps: Vec<u32>,
    /// The weights of each step.
    weights: Vec<Lanes<R>>,
    /// The sources of the weights.
    sources: Vec<Pack>,
}

impl<R: Real> SlicedEllpack<R> {
    /// Map with the weight `weight(target, source)` where `pattern` (one row per target) has an entry.
    pub fn new(pattern: &Pattern, weight: impl Fn(usize, usize) -> R) -> Self {
        let slices = pattern.units().div_ceil(LANES);
        let words = |group: usize, slice: usize| -> [u32; LANES] {
            std::array::from_fn(|l| pattern.word(slice * LANES + l, group))
        };
        let fullest = |words: [u32; LANES]| words.into_iter().map(u32::count_ones).max().unwrap_or(0);
        let meetings = (0..pattern.groups()).flat_map(|group| (0..slices).map(move |slice| (group, slice)));
        let steps: Vec<u32> = meetings.clone().map(|(group, slice)| fullest(words(group, slice))).collect();
        let packs = |steps: &u32| (*steps as usize).div_ceil(PACK);
        let mut weights = vec![Lanes::zero(); steps.iter().sum::<u32>() as usize];
        let mut sources = vec![Pack([[0; PACK]; LANES]); steps.iter().map(packs).sum::<usize>()];
        let (mut free_weights, mut free_sources) = (&mut weights[..], &mut sources[..]);
        for ((group, slice), steps) in meetings.zip(&steps) {
            let (run, run_sources);
            (run, free_weights) = free_weights.split_at_mut(*steps as usize);
            (run_sources, free_sources) = free_sources.split_at_mut(packs(steps));
            for (lane, word) in words(group, slice).into_iter().enumerate() {
                let entry = |source: usize| weight(slice * LANES + lane, group * GROUP + source);
                fill_lane(lane, word, entry, run, run_sources);
            }
        }
        Self { slices, steps, weights, sources }
    }

    /// The product in plain Rust.
    #[inline(always)]
    fn accumulate_plain(&self, rates: &[R], out: &mut [R]) {
        let (rates, _) = rates.as_chunks::<GROUP>();
        let (out, _) = out.as_chunks_mut::<LANES>();
        let (mut weights, mut sources) = (&self.weights[..], &self.sources[..]);
        for (rates, steps) in rates.iter().zip(self.steps.chunks_exact(self.slices)) {
            for (out, steps) in out.iter_mut().zip(steps) {
                let (run, packs);
                (run, weights) = weights.split_at(*steps as usize);
                (packs, sources) = sources.split_at(run.len().div_ceil(PACK));
                let mut sums = *out;
                for (k, weights) in run.iter().enumerate() {
                    for l in 0..LANES {
                        let rate = rates[usize::from(packs[k / PACK].0[l][k % PACK]) % GROUP];
                        sums[l] = weights[l].mul_add(rate, sums[l]);
                    }
                }
                *out = sums;
            }
        }
    }
}

/// Writes the present entries of a target into its lane of the steps of a slice and a group.
#[inline(always)]
fn fill_lane<R: Real>(
    lane: usize,
    mut word: u32,
    weight: impl Fn(usize) -> R,
    weights: &mut [Lanes<R>],
    sources: &mut [Pack],
) {
    if word == 0 {
        return;
    }
    // Without branches: after its last entry a target repeats it with weight 0.
    let mut source = 0;
    for (weights, sources) in weights.chunks_mut(PACK).zip(sources) {
        for (weights, packed) in weights.iter_mut().zip(&mut sources.0[lane]) {
            let more = word != 0;
            source = if more { word.trailing_zeros() as usize } else { source };
            word &= word.wrapping_sub(1);
            let found = weight(source);
            weights[lane] = if more { found } else { R::zero() };
            *packed = source as u8;
        }
    }
}

impl Product<f64> for SlicedEllpack<f64> {
    fn accumulate(&self, rates: &[f64], out: &mut [f64]) {
        dispatch(
            #[inline(always)]
            || self.accumulate_plain(rates, out),
        );
    }
}

impl Product<f32> for SlicedEllpack<f32> {
    fn accumulate(&self, rates: &[f32], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the CPU has AVX-512.
            return unsafe { accumulate_avx512(self, rates, out) };
        }
        dispatch(
            #[inline(always)]
            || self.accumulate_plain(rates, out),
        );
    }
}

/// The product with one permutation per step.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn accumulate_avx512(sliced: &SlicedEllpack<f32>, rates: &[f32], out: &mut [f32]) {
    use std::arch::x86_64::*;
    /// Bytes shared by `PACK` steps, and the sum so far, after another step.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn step(sum: __m512, low: __m512, high: __m512, sources: &mut __m512i, weights: &Lanes<f32>) -> __m512 {
        // The permutation reads the lowest five bits of each lane.
        let rates = _mm512_permutex2var_ps(low, *sources, high);
        *sources = _mm512_srli_epi32::<8>(*sources);
        // SAFETY: sixteen numbers.
        let weights = unsafe { _mm512_loadu_ps(weights.0.as_ptr()) };
        _mm512_fmadd_ps(weights, rates, sum)
    }
    let (rates, _) = rates.as_chunks::<GROUP>();
    let (out, _) = out.as_chunks_mut::<LANES>();
    let (mut weights, mut sources) = (&sliced.weights[..], &sliced.sources[..]);
    for (rates, steps) in rates.iter().zip(sliced.steps.chunks_exact(sliced.slices)) {
        // SAFETY: thirty-two numbers.
        let (low, high) = unsafe { (_mm512_loadu_ps(rates.as_ptr()), _mm512_loadu_ps(rates.as_ptr().add(LANES))) };
        for (out, steps) in out.iter_mut().zip(steps) {
            let run;
            (run, weights) = weights.split_at(*steps as usize);
            let packs;
            (packs, sources) = sources.split_at(run.len().div_ceil(PACK));
            // SAFETY: sixteen numbers.
            let mut sum = unsafe { _mm512_loadu_ps(out.as_ptr()) };
            let (fours, rest) = run.as_chunks::<PACK>();
            for (weights, pack) in fours.iter().zip(packs) {
                // SAFETY: sixty-four bytes.
                let mut sources = unsafe { _mm512_loadu_si512(pack.0.as_ptr().cast()) };
                for weights in weights {
                    sum = step(sum, low, high, &mut sources, weights);
                }
            }
            if let (Some(pack), false) = (packs.last(), rest.is_empty()) {
                // SAFETY: sixty-four bytes.
                let mut sources = unsafe { _mm512_loadu_si512(pack.0.as_ptr().cast()) };
                for weights in rest {
                    sum = step(sum, low, high, &mut sources, weights);
                }
            }
            // SAFETY: sixteen numbers.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sum) };
        }
    }
}
