//! Products with a sparse matrix whose present entries lie anywhere, and the gradient of the present entries.
//!
//! The targets are cut into slices of 16, the sources into groups of 32. Where a slice and a group meet, the present
//! entries of each target are pushed together:
//!
//! ```text
//! step k, lane l:   out[16 s + l] += weight[k][l] · rates[32 g + source[k][l]]
//! ```
//!
//! with as many steps as the fullest of the 16 targets has entries; the other lanes are filled up with weight 0. The 32
//! rates of a group fill two AVX-512 registers, from which one permutation picks the 16 that a step needs: many times
//! faster than fetching them from memory one by one.

use super::product::{GROUP, LANES, Product, dots, windows};
use crate::real::Real;
use mdl_data::simd::dispatch;

/// Steps whose sources share a register, a byte each.
const PACK: usize = 4;

/// Which entries of an N × N matrix are present: bit c of word g of a row stands for column 32 g + c.
pub(super) struct Presence {
    n: usize,
    words: Vec<u32>,
}

impl Presence {
    /// The entries of `matrix` `[N, N]` that are not zero.
    pub(super) fn of_rows<R: Real>(n: usize, matrix: &[R]) -> Self {
        let mut words = vec![0u32; n * n.div_ceil(GROUP)];
        dispatch(
            #[inline(always)]
            || {
                for (row, words) in matrix.chunks_exact(n).zip(words.chunks_exact_mut(n.div_ceil(GROUP))) {
                    for (columns, word) in row.chunks(GROUP).zip(words) {
                        let mut bits = [0u32; GROUP];
                        for (c, (value, bit)) in columns.iter().zip(&mut bits).enumerate() {
                            *bit = u32::from(*value != R::zero()) << c;
                        }
                        *word = bits.iter().fold(0, |word, bit| word | bit);
                    }
                }
            },
        );
        Self { n, words }
    }

    /// The same of the transposed matrix.
    pub(super) fn of_columns<R: Real>(n: usize, matrix: &[R]) -> Self {
        let groups = n.div_ceil(GROUP);
        let mut words = vec![0u32; n * groups];
        let mut bits = vec![0u32; n];
        for (g, rows) in matrix.chunks(n * GROUP).enumerate() {
            dispatch(
                #[inline(always)]
                || {
                    bits.fill(0);
                    for (c, row) in rows.chunks_exact(n).enumerate() {
                        for (bits, value) in bits.iter_mut().zip(row) {
                            *bits |= u32::from(*value != R::zero()) << c;
                        }
                    }
                },
            );
            for (row, bits) in bits.iter().enumerate() {
                words[row * groups + g] = *bits;
            }
        }
        Self { n, words }
    }

    /// Number of present entries.
    fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Share of the entries that are present.
    pub(super) fn share(&self) -> f64 {
        self.count() as f64 / (self.n * self.n) as f64
    }

    fn groups(&self) -> usize {
        self.n.div_ceil(GROUP)
    }

    /// The entries of row `row` in group `group`; none beyond the last row.
    fn word(&self, row: usize, group: usize) -> u32 {
        if row < self.n { self.words[row * self.groups() + group] } else { 0 }
    }

    /// The present columns of a row, ascending.
    fn columns(&self, row: usize) -> impl Iterator<Item = usize> {
        (0..self.groups()).flat_map(move |group| bits(self.word(row, group)).map(move |c| group * GROUP + c))
    }
}

/// Positions of the bits that are set, ascending.
fn bits(mut word: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let position = word.trailing_zeros() as usize;
        let some = word != 0;
        word &= word.wrapping_sub(1);
        some.then_some(position)
    })
}

/// A sparse matrix in slices and groups, group by group.
pub(super) struct Sliced<R> {
    slices: usize,
    /// Number of steps where a group and a slice meet.
    steps: Vec<u32>,
    weights: Vec<[R; LANES]>,
    /// Source of each weight within its group, `PACK` steps to an element.
    sources: Vec<[[u8; PACK]; LANES]>,
}

impl<R: Real> Sliced<R> {
    /// The map with the weight `weight(target, source)` where `presence` (a row a target) has an entry.
    pub(super) fn new(presence: &Presence, weight: impl Fn(usize, usize) -> R) -> Self {
        let slices = presence.n.div_ceil(LANES);
        let mut sliced = Self { slices, steps: Vec::new(), weights: Vec::new(), sources: Vec::new() };
        sliced.weights.reserve(presence.count() / LANES * 3);
        for group in 0..presence.groups() {
            for slice in 0..slices {
                let words = std::array::from_fn(|l| presence.word(slice * LANES + l, group));
                sliced.push(slice, group, words, &weight);
            }
        }
        sliced
    }

    /// Adds the entries `words` of the targets of a slice from the sources of a group.
    fn push(&mut self, slice: usize, group: usize, words: [u32; LANES], weight: impl Fn(usize, usize) -> R) {
        let steps = words.map(u32::count_ones).into_iter().max().unwrap_or(0) as usize;
        let (first, first_pack) = (self.weights.len(), self.sources.len());
        self.steps.push(steps as u32);
        self.weights.resize(first + steps, [R::zero(); LANES]);
        self.sources.resize(first_pack + steps.div_ceil(PACK), [[0; PACK]; LANES]);
        let (weights, packs) = (&mut self.weights[first..], &mut self.sources[first_pack..]);
        for (l, mut word) in words.into_iter().enumerate() {
            let target = slice * LANES + l;
            for (k, weights) in weights.iter_mut().enumerate() {
                if word == 0 {
                    break;
                }
                let source = word.trailing_zeros() as usize;
                word &= word - 1;
                weights[l] = weight(target, group * GROUP + source);
                packs[k / PACK][l][k % PACK] = source as u8;
            }
        }
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
                        sums[l] += weights[l] * rates[usize::from(packs[k / PACK][l][k % PACK]) % GROUP];
                    }
                }
                *out = sums;
            }
        }
    }
}

/// A number type with its fastest sliced product.
pub(super) trait SlicedReal: Real {
    /// out ← out + W rates.
    fn accumulate(sliced: &Sliced<Self>, rates: &[Self], out: &mut [Self]) {
        sliced.accumulate_plain(rates, out);
    }

    /// Share of present entries below which the sliced product is faster than the dense one on this processor.
    fn sparse_below() -> f64 {
        0.1
    }
}

impl SlicedReal for f64 {}

impl SlicedReal for f32 {
    #[cfg(target_arch = "x86_64")]
    fn accumulate(sliced: &Sliced<f32>, rates: &[f32], out: &mut [f32]) {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512.
            unsafe { accumulate_avx512(sliced, rates, out) }
        } else {
            sliced.accumulate_plain(rates, out);
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn sparse_below() -> f64 {
        if std::arch::is_x86_feature_detected!("avx512f") { 0.5 } else { 0.1 }
    }
}

impl<R: SlicedReal> Product<R> for Sliced<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        R::accumulate(self, rates, out);
    }
}

/// The product with one permutation a step.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn accumulate_avx512(sliced: &Sliced<f32>, rates: &[f32], out: &mut [f32]) {
    use std::arch::x86_64::*;
    /// The bytes `PACK` steps share, and the sum so far, after another step.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn step(sum: __m512, low: __m512, high: __m512, sources: &mut __m512i, weights: &[f32; LANES]) -> __m512 {
        // The permutation reads the lowest five bits of each lane.
        let rates = _mm512_permutex2var_ps(low, *sources, high);
        *sources = _mm512_srli_epi32::<8>(*sources);
        // SAFETY: sixteen numbers.
        let weights = unsafe { _mm512_loadu_ps(weights.as_ptr()) };
        _mm512_add_ps(sum, _mm512_mul_ps(weights, rates))
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
                let mut sources = unsafe { _mm512_loadu_si512(pack.as_ptr().cast()) };
                for weights in weights {
                    sum = step(sum, low, high, &mut sources, weights);
                }
            }
            if let (Some(pack), false) = (packs.last(), rest.is_empty()) {
                // SAFETY: sixty-four bytes.
                let mut sources = unsafe { _mm512_loadu_si512(pack.as_ptr().cast()) };
                for weights in rest {
                    sum = step(sum, low, high, &mut sources, weights);
                }
            }
            // SAFETY: sixteen numbers.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sum) };
        }
    }
}

/// gradient `[N, N]` += Σ_s delta_s ratesₛᵀ at the present entries, for deltas and rates `[S, N]`.
pub(super) fn accumulate_present<R: Real>(presence: &Presence, delta: &[R], rates: &[R], gradient: &mut [R]) {
    let n = presence.n;
    for window in windows(delta.len() / n) {
        let vectors = window.len().div_ceil(LANES);
        let span = window.start * n..window.end * n;
        let delta = transpose(n, vectors, &delta[span.clone()]);
        let rates = transpose(n, vectors, &rates[span]);
        let mut partial = Vec::with_capacity(n);
        dispatch(
            #[inline(always)]
            || {
                for (i, delta) in delta.chunks_exact(vectors).enumerate() {
                    let rates = presence.columns(i).map(|j| (delta, &rates[j * vectors..(j + 1) * vectors]));
                    let mut columns = presence.columns(i);
                    dots(rates, &mut partial, |_, sum| {
                        gradient[i * n + columns.next().unwrap_or(0)] += sum;
                    });
                }
            },
        );
    }
}

/// Rows `[S, N]` as columns `[N, S]`, padded with zeros to `vectors` vectors.
fn transpose<R: Real>(n: usize, vectors: usize, rows: &[R]) -> Vec<[R; LANES]> {
    let mut columns = vec![[R::zero(); LANES]; n * vectors];
    let length = vectors * LANES;
    for (tile, rows) in rows.chunks(n * TILE).enumerate() {
        transpose_tile(n, length, rows, &mut columns.as_flattened_mut()[tile * TILE..]);
    }
    columns
}

/// Steps and units that are turned over together.
const TILE: usize = 4;

/// At most `TILE` rows as the beginnings of columns `length` apart.
fn transpose_tile<R: Real>(n: usize, length: usize, rows: &[R], columns: &mut [R]) {
    let mut from = 0;
    if rows.len() == TILE * n {
        let [a, b, c, d] = std::array::from_fn(|l| rows[l * n..(l + 1) * n].as_chunks::<TILE>().0);
        for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
            for k in 0..TILE {
                columns[(from + k) * length..][..TILE].copy_from_slice(&[a[k], b[k], c[k], d[k]]);
            }
            from += TILE;
        }
    }
    for (l, row) in rows.chunks_exact(n).enumerate() {
        for i in from..n {
            columns[i * length + l] = row[i];
        }
    }
}
