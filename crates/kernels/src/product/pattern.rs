//! Sparsity pattern of a matrix.

use super::common::GROUP;
use crate::dispatch::dispatch;
use crate::real::Real;

/// Sparsity pattern of an N × N matrix: bit c of word g of a row stands for column 32 g + c.
pub struct Pattern {
    n: usize,
    words: Vec<u32>,
}

impl Pattern {
    /// Entries of `matrix` `[N, N]` that are not zero.
    pub fn of_rows<R: Real>(n: usize, matrix: &[R]) -> Self {
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

    /// Pattern of the transposed matrix.
    pub fn of_columns<R: Real>(n: usize, matrix: &[R]) -> Self {
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
    #[inline]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Number of present entries of row `row`.
    #[inline]
    pub fn count_of(&self, row: usize) -> usize {
        (0..self.groups()).map(|group| self.word(row, group).count_ones() as usize).sum()
    }

    /// Fraction of entries that are present.
    #[inline]
    pub fn share(&self) -> f64 {
        self.count() as f64 / (self.n * self.n) as f64
    }

    /// Number of rows.
    #[inline]
    pub fn units(&self) -> usize {
        self.n
    }

    /// Calls `function` with the columns of the present entries of row `row`, ascending; there are none beyond the last
    /// row.
    #[inline(always)]
    pub fn each_entry(&self, row: usize, mut function: impl FnMut(usize)) {
        for group in 0..self.groups() {
            let mut word = self.word(row, group);
            while word != 0 {
                function(group * GROUP + word.trailing_zeros() as usize);
                word &= word - 1;
            }
        }
    }

    /// Number of groups of columns.
    #[inline]
    pub fn groups(&self) -> usize {
        self.n.div_ceil(GROUP)
    }

    /// Entries of row `row` in group `group`; none beyond the last row.
    #[inline]
    pub fn word(&self, row: usize, group: usize) -> u32 {
        if row < self.n { self.words[row * self.groups() + group] } else { 0 }
    }
}

/// Eight flags, 0 or 1 each, as the bits of a byte.
#[inline(always)]
fn eight_bits(flags: &[u8]) -> u8 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(flags);
    // Flag k, at bit 8 k, moves to bit 56 + k; no two products overlap.
    (u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}
