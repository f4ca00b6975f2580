//! The product with a sparse matrix on AVX2: eight targets at a time, a window of eight sources sliding over their entries.
//!
//! ```text
//! step k, lane l:   out[8 s + l] += weight[k][l] · rates[window[k] + source[k][l]]        0 ≤ source[k][l] < 8
//! ```
//!
//! Every lane takes the entries of its target in ascending order. A step's window begins at the earliest entry that is
//! left; lanes whose next entry lies behind the window wait with weight 0. One permutation picks the eight rates.

use super::presence::Presence;
use super::product::{Product, padded};
use std::arch::x86_64::*;

/// Targets side by side, and sources in a window.
const EIGHT: usize = 8;

/// Eight weights in one vector.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Eight([f32; EIGHT]);

/// A sparse matrix as steps, slice of targets by slice of targets.
pub(super) struct Sliding {
    /// Number of steps of each slice.
    steps: Vec<u32>,
    weights: Vec<Eight>,
    /// First source of each step.
    windows: Vec<u32>,
    /// Source of each weight within its window.
    sources: Vec<[u8; EIGHT]>,
}

impl Sliding {
    /// The map with the weight `weight(target, source)` where `presence` (a row a target) has an entry.
    ///
    /// # Panics
    /// On a processor without AVX2.
    pub(super) fn new(presence: &Presence, weight: impl Fn(usize, usize) -> f32) -> Self {
        assert!(std::arch::is_x86_feature_detected!("avx2"), "the sliding product needs AVX2");
        let n = presence.units();
        let mut sliding = Self { steps: Vec::new(), weights: Vec::new(), windows: Vec::new(), sources: Vec::new() };
        let mut entries = Entries::default();
        for slice in (0..n).step_by(EIGHT) {
            entries.fill(presence, slice, &weight);
            let before = sliding.weights.len();
            // SAFETY: the processor has AVX2.
            unsafe { sliding.push_slice(&entries, (padded(n) - EIGHT) as i32) };
            sliding.steps.push((sliding.weights.len() - before) as u32);
        }
        sliding
    }

    /// Adds the steps of a slice; no window begins behind `last`.
    #[target_feature(enable = "avx2")]
    fn push_slice(&mut self, entries: &Entries, last: i32) {
        let (sources, weights) = (entries.sources.as_ptr(), entries.weights.as_ptr());
        // The place of each lane's next entry. It is never moved behind the end of the lane: END is in no window.
        // SAFETY: eight numbers.
        let mut at = unsafe { _mm256_loadu_si256(entries.begins.as_ptr().cast()) };
        loop {
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
            // A lane that waits reads a rate that another one reads.
            let distance = _mm256_blendv_epi8(_mm256_set1_epi32(earliest - window), distance, taken);
            at = _mm256_sub_epi32(at, taken);
            let mut eight = Eight([0.0; EIGHT]);
            let mut distances = [0u32; EIGHT];
            // SAFETY: eight numbers each.
            unsafe {
                _mm256_store_ps(eight.0.as_mut_ptr(), weight);
                _mm256_storeu_si256(distances.as_mut_ptr().cast(), distance);
            }
            self.weights.push(eight);
            self.windows.push(window as u32);
            self.sources.push(distances.map(|distance| distance as u8));
        }
    }

    #[target_feature(enable = "avx2")]
    fn accumulate_avx2(&self, rates: &[f32], out: &mut [f32]) {
        let (mut weights, mut windows, mut sources) = (&self.weights[..], &self.windows[..], &self.sources[..]);
        for (out, steps) in out.as_chunks_mut::<EIGHT>().0.iter_mut().zip(&self.steps) {
            let (run, run_windows, run_sources);
            (run, weights) = weights.split_at(*steps as usize);
            (run_windows, windows) = windows.split_at(*steps as usize);
            (run_sources, sources) = sources.split_at(*steps as usize);
            // SAFETY: eight numbers.
            let mut sum = unsafe { _mm256_loadu_ps(out.as_ptr()) };
            for ((weights, window), sources) in run.iter().zip(run_windows).zip(run_sources) {
                // SAFETY: no window ends behind the padded rates; weights and sources are eight.
                let (rates, weights, sources) = unsafe {
                    debug_assert!(*window as usize + EIGHT <= rates.len());
                    (
                        _mm256_loadu_ps(rates.as_ptr().add(*window as usize)),
                        _mm256_load_ps(weights.0.as_ptr()),
                        _mm_loadl_epi64(sources.as_ptr().cast()),
                    )
                };
                let rates = _mm256_permutevar8x32_ps(rates, _mm256_cvtepu8_epi32(sources));
                sum = _mm256_add_ps(sum, _mm256_mul_ps(weights, rates));
            }
            // SAFETY: eight numbers.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sum) };
        }
    }
}

/// The source behind the last entry of a target.
const END: i32 = i32::MAX;

/// The entries of eight targets, one target after the other, each closed by `END`.
#[derive(Default)]
struct Entries {
    begins: [i32; EIGHT],
    sources: Vec<i32>,
    weights: Vec<f32>,
}

impl Entries {
    /// The entries of the targets from `slice` on.
    fn fill(&mut self, presence: &Presence, slice: usize, weight: &impl Fn(usize, usize) -> f32) {
        self.sources.clear();
        self.weights.clear();
        for (target, begin) in (slice..).zip(&mut self.begins) {
            *begin = self.sources.len() as i32;
            presence.each_entry(target, |source| {
                self.sources.push(source as i32);
                self.weights.push(weight(target, source));
            });
            self.sources.push(END);
            self.weights.push(0.0);
        }
    }
}

/// The least of eight numbers.
#[target_feature(enable = "avx2")]
fn least(numbers: __m256i) -> i32 {
    let four = _mm_min_epi32(_mm256_castsi256_si128(numbers), _mm256_extracti128_si256::<1>(numbers));
    let two = _mm_min_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_min_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
}

impl Product<f32> for Sliding {
    fn accumulate(&self, rates: &[f32], out: &mut [f32]) {
        assert!(rates.len() >= self.steps.len().next_multiple_of(4) * EIGHT, "rates are padded");
        // SAFETY: `new` has seen AVX2.
        unsafe { self.accumulate_avx2(rates, out) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dense::Dense;
    use super::*;
    use mdl_data::random::{Purpose, fill_normal};

    /// The sums of the dense product, to the bit, for any number of units and any share of entries.
    #[test]
    fn sums_are_those_of_the_dense_product() {
        if !std::arch::is_x86_feature_detected!("avx2") {
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
            Sliding::new(&Presence::of_rows(n, &matrix), weight).accumulate(rates, out);
            assert_eq!(
                out.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                expected.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                "{n} units"
            );
        }
    }
}
