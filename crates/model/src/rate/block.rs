//! A block of trials side by side: states are `[N, 32]`, and one weight meets 32 rates at once.
//!
//! Sums run over the sources in ascending order, as everywhere: a trial has the same bits alone and in a block.

use super::product::Product;
use crate::real::Real;
use mdl_data::simd::dispatch;

/// Trials in a block: enough for two sums in flight at a time, few enough for the rates to fit the nearest cache.
pub(super) const BLOCK: usize = 32;

/// A matrix as the list of its entries that are not zero, target by target.
pub(super) struct Listed<R> {
    /// Number of entries of each target.
    counts: Vec<usize>,
    sources: Vec<u32>,
    weights: Vec<R>,
}

impl<R: Real> Listed<R> {
    /// The map with `matrix` `[N, N]`, a row a target.
    pub(super) fn new(n: usize, matrix: &[R]) -> Self {
        let mut listed = Self { counts: Vec::with_capacity(n), sources: Vec::new(), weights: Vec::new() };
        for row in matrix.chunks_exact(n) {
            let before = listed.sources.len();
            for (source, weight) in row.iter().enumerate().filter(|(_, weight)| **weight != R::zero()) {
                listed.sources.push(source as u32);
                listed.weights.push(*weight);
            }
            listed.counts.push(listed.sources.len() - before);
        }
        listed
    }
}

impl<R: Real> Product<R> for Listed<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        let (rates, out) = (rates.as_chunks::<BLOCK>().0, out.as_chunks_mut::<BLOCK>().0);
        dispatch(
            #[inline(always)]
            || {
                let (mut sources, mut weights) = (&self.sources[..], &self.weights[..]);
                for (out, count) in out.iter_mut().zip(&self.counts) {
                    let (mine, with);
                    (mine, sources) = sources.split_at(*count);
                    (with, weights) = weights.split_at(*count);
                    let mut sums = *out;
                    for (source, weight) in mine.iter().zip(with) {
                        let rates = &rates[*source as usize];
                        for trial in 0..BLOCK {
                            sums[trial] += *weight * rates[trial];
                        }
                    }
                    *out = sums;
                }
            },
        );
    }
}
