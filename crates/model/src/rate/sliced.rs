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

use super::aligned::Aligned;
use super::product::{GROUP, LANES, Product, sum, windows};
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
        let mut flags = vec![0u8; n.next_multiple_of(GROUP)];
        dispatch(
            #[inline(always)]
            || {
                for (row, words) in matrix.chunks_exact(n).zip(words.chunks_exact_mut(n.div_ceil(GROUP))) {
                    for (flag, value) in flags.iter_mut().zip(row) {
                        *flag = u8::from(*value != R::zero());
                    }
                    for (flags, word) in flags.as_chunks::<GROUP>().0.iter().zip(words) {
                        *word = u32::from_le_bytes(std::array::from_fn(
                            #[inline(always)]
                            |k| eight_bits(&flags[8 * k..8 * k + 8]),
                        ));
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
}

/// Eight flags, 0 or 1 each, as the bits of a byte.
#[inline(always)]
fn eight_bits(flags: &[u8]) -> u8 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(flags);
    // Flag k, at bit 8 k, comes to bit 56 + k; no two products meet.
    (u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// A sparse matrix in slices and groups, group by group.
pub(super) struct Sliced<R> {
    slices: usize,
    /// Number of steps where a group and a slice meet.
    steps: Vec<u32>,
    /// `LANES` weights a step.
    weights: Aligned<R>,
    /// Source of each weight within its group, a vector of `PACK` bytes a lane for `PACK` steps.
    sources: Aligned<u8>,
}

impl<R: Real> Sliced<R> {
    /// The map with the weight `weight(target, source)` where `presence` (a row a target) has an entry.
    pub(super) fn new(presence: &Presence, weight: impl Fn(usize, usize) -> R) -> Self {
        let slices = presence.n.div_ceil(LANES);
        let words = |group: usize, slice: usize| -> [u32; LANES] {
            std::array::from_fn(|l| presence.word(slice * LANES + l, group))
        };
        let fullest = |words: [u32; LANES]| words.into_iter().map(u32::count_ones).max().unwrap_or(0);
        let meetings = (0..presence.groups()).flat_map(|group| (0..slices).map(move |slice| (group, slice)));
        let steps: Vec<u32> = meetings.clone().map(|(group, slice)| fullest(words(group, slice))).collect();
        let packs = |steps: &u32| (*steps as usize).div_ceil(PACK);
        let mut weights = Aligned::full(R::zero(), steps.iter().sum::<u32>() as usize * LANES);
        let mut sources = Aligned::full(0, steps.iter().map(packs).sum::<usize>() * PACK * LANES);
        let (mut free_weights, mut free_sources) = (&mut weights[..], &mut sources[..]);
        for ((group, slice), steps) in meetings.zip(&steps) {
            let (run, run_sources);
            (run, free_weights) = free_weights.split_at_mut(*steps as usize * LANES);
            (run_sources, free_sources) = free_sources.split_at_mut(packs(steps) * PACK * LANES);
            for (lane, word) in words(group, slice).into_iter().enumerate() {
                let entry = |source: usize| weight(slice * LANES + lane, group * GROUP + source);
                let packs = run_sources.as_chunks_mut::<PACK>().0.as_chunks_mut().0;
                fill_lane(lane, word, entry, run.as_chunks_mut().0, packs);
            }
        }
        Self { slices, steps, weights, sources }
    }

    fn steps_weights(&self) -> &[[R; LANES]] {
        self.weights.as_chunks().0
    }

    fn packs(&self) -> &[[[u8; PACK]; LANES]] {
        self.sources.as_chunks::<PACK>().0.as_chunks().0
    }

    /// The product in plain Rust.
    #[inline(always)]
    fn accumulate_plain(&self, rates: &[R], out: &mut [R]) {
        let (rates, _) = rates.as_chunks::<GROUP>();
        let (out, _) = out.as_chunks_mut::<LANES>();
        let (mut weights, mut sources) = (self.steps_weights(), self.packs());
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

/// Enters the present entries of a target, its lane of the steps where a slice and a group meet.
#[inline(always)]
fn fill_lane<R: Real>(
    lane: usize,
    mut word: u32,
    weight: impl Fn(usize) -> R,
    weights: &mut [[R; LANES]],
    sources: &mut [[[u8; PACK]; LANES]],
) {
    if word == 0 {
        return;
    }
    // Without branches on the way: behind its last entry a target repeats it with weight 0.
    let mut source = 0;
    for (weights, sources) in weights.chunks_mut(PACK).zip(sources) {
        for (weights, packed) in weights.iter_mut().zip(&mut sources[lane]) {
            let more = word != 0;
            source = if more { word.trailing_zeros() as usize } else { source };
            word &= word.wrapping_sub(1);
            let found = weight(source);
            weights[lane] = if more { found } else { R::zero() };
            *packed = source as u8;
        }
    }
}

/// A number type with its fastest sliced product.
pub(super) trait SlicedReal: Real {
    /// out ← out + W rates.
    fn accumulate(sliced: &Sliced<Self>, rates: &[Self], out: &mut [Self]) {
        sliced.accumulate_plain(rates, out);
    }

    /// Rows as columns.
    #[inline(always)]
    fn turn(rows: [[Self; TILE]; TILE]) -> [[Self; TILE]; TILE] {
        std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]))
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
    #[inline(always)]
    fn turn(rows: [[f32; TILE]; TILE]) -> [[f32; TILE]; TILE] {
        use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
        let mut columns = [[0.0; TILE]; TILE];
        // SAFETY: every x86-64 processor has SSE, and each row and column is four numbers.
        unsafe {
            let [mut a, mut b, mut c, mut d] = rows.map(|row| _mm_loadu_ps(row.as_ptr()));
            _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
            for (column, values) in columns.iter_mut().zip([a, b, c, d]) {
                _mm_storeu_ps(column.as_mut_ptr(), values);
            }
        }
        columns
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
    let (mut weights, mut sources) = (sliced.steps_weights(), sliced.packs());
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
pub(super) fn accumulate_present<R: SlicedReal>(presence: &Presence, delta: &[R], rates: &[R], gradient: &mut [R]) {
    let n = presence.n;
    for window in windows(delta.len() / n) {
        let vectors = window.len().div_ceil(LANES);
        let span = window.start * n..window.end * n;
        let delta = transpose(n, vectors, &delta[span.clone()]);
        let rates = transpose(n, vectors, &rates[span]);
        let (delta, rates) = (delta.as_chunks().0, rates.as_chunks().0);
        dispatch(
            #[inline(always)]
            || {
                // Group by group: the rates of a group stay in the nearest cache while all targets pass.
                for (group, rates) in rates.chunks(GROUP * vectors).enumerate() {
                    for (i, delta) in delta.chunks_exact(vectors).enumerate() {
                        let gradient = &mut gradient[i * n + group * GROUP..];
                        let mut word = presence.word(i, group);
                        while word != 0 {
                            // Two sources at a time share what they read of the target.
                            let first = word.trailing_zeros() as usize;
                            word &= word - 1;
                            let second = if word == 0 { first } else { word.trailing_zeros() as usize };
                            let more = word != 0;
                            word &= word.wrapping_sub(1);
                            let column = |c: usize| &rates[c * vectors..(c + 1) * vectors];
                            let sums = two_dots(delta, [column(first), column(second)]);
                            gradient[first] += sums[0];
                            if more {
                                gradient[second] += sums[1];
                            }
                        }
                    }
                }
            },
        );
    }
}

/// aᵀ b₀ and aᵀ b₁.
#[inline(always)]
fn two_dots<R: Real>(a: &[[R; LANES]], b: [&[[R; LANES]]; 2]) -> [R; 2] {
    let [mut first, mut second] = [[R::zero(); LANES]; 2];
    for ((a, b), c) in a.iter().zip(b[0]).zip(b[1]) {
        for l in 0..LANES {
            first[l] += a[l] * b[l];
        }
        for l in 0..LANES {
            second[l] += a[l] * c[l];
        }
    }
    [sum(first), sum(second)]
}

/// Rows `[S, N]` as columns `[N, S]`, padded with zeros to `vectors` vectors.
fn transpose<R: SlicedReal>(n: usize, vectors: usize, rows: &[R]) -> Aligned<R> {
    let length = vectors * LANES;
    let mut columns = Aligned::full(R::zero(), n * length);
    for (tile, rows) in rows.chunks(n * TILE).enumerate() {
        transpose_tile(n, length, rows, &mut columns[tile * TILE..]);
    }
    columns
}

/// Rows and columns that are turned over together.
pub(super) const TILE: usize = 4;

/// At most `TILE` rows as the beginnings of columns `length` apart.
pub(super) fn transpose_tile<R: SlicedReal>(n: usize, length: usize, rows: &[R], columns: &mut [R]) {
    let mut from = 0;
    if rows.len() == TILE * n {
        let [a, b, c, d] = std::array::from_fn(|l| rows[l * n..(l + 1) * n].as_chunks::<TILE>().0);
        for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
            for (k, column) in R::turn([*a, *b, *c, *d]).iter().enumerate() {
                columns[(from + k) * length..][..TILE].copy_from_slice(column);
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
