//! Product with a sparse matrix on AVX2: eight targets at a time, with a window of eight sources that slides over their
//! entries.
//!
//! ```text
//! step k, lane l:   out[8 s + l] += weight[k][l] · rates[window[k] + source[k][l]]        0 ≤ source[k][l] < 8
//! ```
//!
//! Every lane takes the entries of its target in ascending order. The window of a step starts at the earliest remaining
//! entry; lanes whose next entry is beyond the window wait with weight 0. One permutation selects the eight rates.
//!
//! Four steps of a slice form a run. All slices process their first run, then their second, and so on: a single loop
//! without branches that depend on the matrix, in which no sum waits for its last term.

use super::common::{Product, padded};
use super::pattern::Pattern;
use std::arch::x86_64::*;
use std::ops::Range;

/// Number of targets per slice, and of sources per window.
const EIGHT: usize = 8;

/// Steps per run.
const FOUR: usize = 4;

/// Bits of a source within its window.
const BITS: usize = 3;

/// Maximum number of units: window positions have 16 bits.
pub const MOST_UNITS: usize = 1 << 16;

/// True if this CPU has the instructions of the product.
pub fn runs_here() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// Steps of one slice.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Run {
    weights: [[f32; EIGHT]; FOUR],
    /// Source of each weight within its window, `BITS` bits per step, the first step in the lowest bits.
    sources: [u16; EIGHT],
    /// First source of each step.
    windows: [u16; FOUR],
    /// First target.
    target: u32,
}

/// A sparse matrix as runs of steps.
pub struct WindowedEllpack {
    padded: usize,
    runs: Vec<Run>,
}

impl WindowedEllpack {
    /// Map with the weight `weight(target, source)` where `pattern` (one row per target) has an entry.
    ///
    /// # Panics
    /// On a CPU without AVX2 and FMA, and for more than [`MOST_UNITS`] units.
    pub fn new(pattern: &Pattern, weight: impl Fn(usize, usize) -> f32) -> Self {
        assert!(runs_here(), "the sparse_avx2 product needs AVX2 and FMA");
        let n = pattern.units();
        assert!(n <= MOST_UNITS, "the sparse_avx2 product takes at most {MOST_UNITS} units");
        let (mut runs, mut slices, mut entries) = (Vec::new(), Vec::new(), Entries::default());
        for slice in (0..n).step_by(EIGHT) {
            entries.fill(pattern, slice, &weight);
            let begin = runs.len();
            // SAFETY: the CPU has AVX2.
            unsafe { push_slice(&mut runs, &entries, slice as u32, (padded(n) - EIGHT) as i32) };
            slices.push(begin..runs.len());
        }
        let longest = slices.iter().map(Range::len).max().unwrap_or(0);
        let in_turn = (0..longest).flat_map(|k| slices.iter().filter_map(move |slice| slice.clone().nth(k)));
        Self { padded: padded(n), runs: in_turn.map(|at| runs[at]).collect() }
    }

    #[target_feature(enable = "avx2,fma")]
    fn accumulate_avx2(&self, rates: &[f32], out: &mut [f32]) {
        for run in &self.runs {
            // SAFETY: no window and no slice extends beyond the padded units.
            unsafe {
                debug_assert!(run.windows.iter().all(|window| usize::from(*window) + EIGHT <= rates.len()));
                let out = out.as_mut_ptr().add(run.target as usize);
                let mut sum = _mm256_loadu_ps(out);
                let mut sources = _mm256_cvtepu16_epi32(_mm_loadu_si128(run.sources.as_ptr().cast()));
                for (weights, window) in run.weights.iter().zip(run.windows) {
                    // The permutation reads the lowest three bits of each lane.
                    let rates = _mm256_loadu_ps(rates.as_ptr().add(usize::from(window)));
                    let rates = _mm256_permutevar8x32_ps(rates, sources);
                    sources = _mm256_srli_epi32::<{ BITS as i32 }>(sources);
                    sum = _mm256_fmadd_ps(_mm256_load_ps(weights.as_ptr()), rates, sum);
                }
                _mm256_storeu_ps(out, sum);
            }
        }
    }
}

/// Adds the runs of the slice starting at `target`; no window starts after `last`.
#[target_feature(enable = "avx2")]
fn push_slice(runs: &mut Vec<Run>, entries: &Entries, target: u32, last: i32) {
    let (sources, weights) = (entries.sources.as_ptr(), entries.weights.as_ptr());
    // Position of each lane's next entry. It never moves beyond the end of the lane, because END is in no window.
    // SAFETY: eight numbers.
    let mut at = unsafe { _mm256_loadu_si256(entries.begins.as_ptr().cast()) };
    for step in 0.. {
        // SAFETY: every lane is at one of the entries.
        let next = unsafe { _mm256_i32gather_epi32::<4>(sources, at) };
        let earliest = least(next);
        if earliest == END {
            return;
        }
        let window = earliest.min(last);
        let distance = _mm256_sub_epi32(next, _mm256_set1_epi32(window));
        let taken = _mm256_cmpgt_epi32(_mm256_set1_epi32(EIGHT as i32), distance);
        // SAFETY: as above.
        let weight = unsafe {
            let (none, mask) = (_mm256_setzero_ps(), _mm256_castsi256_ps(taken));
            _mm256_mask_i32gather_ps::<4>(none, weights, at, mask)
        };
        // A waiting lane reads a rate that another lane reads.
        let distance = _mm256_blendv_epi8(_mm256_set1_epi32(earliest - window), distance, taken);
        at = _mm256_sub_epi32(at, taken);
        let place = step % FOUR;
        if place == 0 {
            // Missing steps at the end read the first window with weight 0.
            let windows = [window as u16; FOUR];
            runs.push(Run { weights: [[0.0; EIGHT]; FOUR], sources: [0; EIGHT], windows, target });
        }
        let Some(run) = runs.last_mut() else { return };
        let mut distances = [0u32; EIGHT];
        // SAFETY: eight numbers each.
        unsafe {
            _mm256_store_ps(run.weights[place].as_mut_ptr(), weight);
            _mm256_storeu_si256(distances.as_mut_ptr().cast(), distance);
        }
        run.windows[place] = window as u16;
        for (source, distance) in run.sources.iter_mut().zip(distances) {
            *source |= (distance << (BITS * place)) as u16;
        }
    }
}

/// Source after the last entry of a target.
const END: i32 = i32::MAX;

/// Entries of eight targets, one target after the other, each terminated by `END`.
#[derive(Default)]
struct Entries {
    begins: [i32; EIGHT],
    sources: Vec<i32>,
    weights: Vec<f32>,
}

impl Entries {
    /// Entries of the targets from `slice` onwards.
    fn fill(&mut self, pattern: &Pattern, slice: usize, weight: &impl Fn(usize, usize) -> f32) {
        self.sources.clear();
        self.weights.clear();
        for (target, begin) in (slice..).zip(&mut self.begins) {
            *begin = self.sources.len() as i32;
            pattern.each_entry(target, |source| {
                self.sources.push(source as i32);
                self.weights.push(weight(target, source));
            });
            self.sources.push(END);
            self.weights.push(0.0);
        }
    }
}

/// Minimum of eight numbers.
#[target_feature(enable = "avx2")]
fn least(numbers: __m256i) -> i32 {
    let four = _mm_min_epi32(_mm256_castsi256_si128(numbers), _mm256_extracti128_si256::<1>(numbers));
    let two = _mm_min_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_min_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
}

impl Product<f32> for WindowedEllpack {
    fn accumulate(&self, rates: &[f32], out: &mut [f32]) {
        assert!(rates.len() >= self.padded && out.len() >= self.padded, "rates and results are padded");
        // SAFETY: `new` has checked for AVX2 and FMA.
        unsafe { self.accumulate_avx2(rates, out) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dense::Dense;
    use super::*;
    use crate::random::{Purpose, fill_normal};

    /// Equal to the dense product, bit for bit, for any number of units and any fraction of entries.
    #[test]
    fn sums_are_those_of_the_dense_product() {
        if !runs_here() {
            return;
        }
        for (n, threshold) in [(1, -9.0), (7, 0.0), (8, 0.5), (33, 1.5), (200, 0.9), (250, 1.6), (31, 9.0)] {
            let mut matrix = vec![0f32; n * n];
            let mut states = vec![0f32; 2 * padded(n)];
            fill_normal(1, Purpose::TrainingNoise, n as u64, 0, 1.0, &mut matrix);
            fill_normal(2, Purpose::TrainingNoise, n as u64, 0, 1.0, &mut states);
            matrix.iter_mut().for_each(|w| *w = if *w > threshold { *w } else { 0.0 });
            let (rates, out) = states.split_at_mut(padded(n));
            rates[n..].fill(0.0);
            out[n..].fill(0.0);
            let weight = |target: usize, source: usize| matrix[target * n + source];
            let mut expected = out.to_vec();
            Dense::new(n, weight).accumulate(rates, &mut expected);
            WindowedEllpack::new(&Pattern::of_rows(n, &matrix), weight).accumulate(rates, out);
            assert_eq!(
                out.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                expected.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                "{n} units"
            );
        }
    }
}
