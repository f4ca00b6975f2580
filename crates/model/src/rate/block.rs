//! A block of trials side by side: states are `[N, width]`, and one weight meets the rates of all trials at once.
//!
//! Sums run over the sources in ascending order, as everywhere: a trial has the same bits alone and in a block.

use super::presence::Presence;
use super::product::Product;
use crate::real::Real;
use mdl_data::simd::dispatch;
use std::ops::Range;

/// Trials that a block can have: enough for a vector, few enough for the rates to fit the nearest cache.
const WIDTHS: [usize; 4] = [32, 16, 8, 4];

/// The trials `0..trials` in blocks as wide as leaves work for every thread; what is too few for a block is alone.
pub(super) fn blocks(trials: usize, threads: usize) -> Vec<Range<usize>> {
    let widest = trials / threads;
    let mut blocks = Vec::new();
    let mut from = 0;
    while from < trials {
        let width = WIDTHS.into_iter().find(|width| *width <= widest.min(trials - from)).unwrap_or(1);
        blocks.push(from..from + width);
        from += width;
    }
    blocks
}

/// A matrix as the list of its entries that are not zero, target by target, for blocks of `width` trials.
pub(super) struct Listed<R> {
    width: usize,
    /// Number of entries of each target.
    counts: Vec<usize>,
    sources: Vec<u32>,
    weights: Vec<R>,
}

impl<R: Real> Listed<R> {
    /// The map with the weight `weight(target, source)` where `presence` (a row a target) has an entry.
    pub(super) fn new(width: usize, presence: &Presence, weight: impl Fn(usize, usize) -> R) -> Self {
        let n = presence.units();
        let mut listed = Self { width, counts: Vec::with_capacity(n), sources: Vec::new(), weights: Vec::new() };
        for target in 0..n {
            let before = listed.sources.len();
            presence.each_entry(target, |source| {
                listed.sources.push(source as u32);
                listed.weights.push(weight(target, source));
            });
            listed.counts.push(listed.sources.len() - before);
        }
        listed
    }

    /// out ← out + W rates for `WIDTH` trials.
    fn accumulate_block<const WIDTH: usize>(&self, rates: &[R], out: &mut [R]) {
        let (rates, out) = (rates.as_chunks::<WIDTH>().0, out.as_chunks_mut::<WIDTH>().0);
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
                        for trial in 0..WIDTH {
                            sums[trial] += *weight * rates[trial];
                        }
                    }
                    *out = sums;
                }
            },
        );
    }
}

impl<R: Real> Product<R> for Listed<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        match self.width {
            4 => self.accumulate_block::<4>(rates, out),
            8 => self.accumulate_block::<8>(rates, out),
            16 => self.accumulate_block::<16>(rates, out),
            32 => self.accumulate_block::<32>(rates, out),
            width => unreachable!("no block has {width} trials"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_leave_work_for_every_thread() {
        let widths = |trials, threads| blocks(trials, threads).iter().map(Range::len).collect::<Vec<_>>();
        assert_eq!(widths(1, 1), [1]);
        assert_eq!(widths(8, 1), [8]);
        assert_eq!(widths(8, 2), [4, 4]);
        assert_eq!(widths(8, 4), [1; 8]);
        assert_eq!(widths(45, 1), [32, 8, 4, 1]);
        assert_eq!(blocks(45, 1).last(), Some(&(44..45)));
    }
}
