//! Product with a sparse matrix for a block of trials: states are `[N, width]`, and each weight multiplies the rates of
//! all trials.
//!
//! Sums run over the sources in ascending order, as in the other products: a trial has the same bits alone and in a
//! block.

use super::common::Product;
use super::pattern::Pattern;
use crate::dispatch::dispatch;
use crate::of_width;
use crate::real::Real;

/// Number of targets whose sums are computed in turn, so that no sum waits for its last term.
const PAIR: usize = 2;

/// A matrix as the list of its non-zero entries, two targets at a time, for blocks of `width` trials.
pub struct RowPairs<R> {
    width: usize,
    /// Two targets and the number of their entries. The two have about as many entries; the shorter list is padded with
    /// weights 0. A target without a partner is paired with itself, with weights 0 in that role.
    pairs: Vec<([u32; PAIR], usize)>,
    entries: Vec<Entries<R>>,
}

/// One entry of each target of a pair.
struct Entries<R> {
    source: [u32; PAIR],
    weight: [R; PAIR],
}

impl<R: Real> RowPairs<R> {
    /// Map with the weight `weight(target, source)` where `pattern` (one row per target) has an entry.
    pub fn new(width: usize, pattern: &Pattern, weight: impl Fn(usize, usize) -> R) -> Self {
        let mut targets: Vec<_> = (0..pattern.units()).map(|target| (pattern.count_of(target), target)).collect();
        // Sorted by number of entries, so that partners match and the CPU predicts the length of the next lists.
        targets.sort_unstable();
        let mut listed = Self { width, pairs: Vec::with_capacity(targets.len().div_ceil(PAIR)), entries: Vec::new() };
        for pair in targets.chunks(PAIR) {
            let (begin, count) = (listed.entries.len(), pair.iter().map(|(count, _)| *count).max().unwrap_or(0));
            listed.entries.extend((0..count).map(|_| Entries { source: [0; PAIR], weight: [R::zero(); PAIR] }));
            for (place, (_, target)) in pair.iter().enumerate() {
                let mut free = listed.entries[begin..].iter_mut();
                pattern.each_entry(*target, |source| {
                    if let Some(entries) = free.next() {
                        (entries.source[place], entries.weight[place]) = (source as u32, weight(*target, source));
                    }
                });
            }
            let (first, last) = (pair[0].1 as u32, pair[pair.len() - 1].1 as u32);
            listed.pairs.push(([first, last], count));
        }
        listed
    }
}

/// out ← out + W rates for `WIDTH` trials.
fn accumulate_block<R: Real, const WIDTH: usize>(listed: &RowPairs<R>, rates: &[R], out: &mut [R]) {
    let (rates, out) = (rates.as_chunks::<WIDTH>().0, out.as_chunks_mut::<WIDTH>().0);
    dispatch(
        #[inline(always)]
        || {
            let mut entries = &listed.entries[..];
            for ([first, second], count) in &listed.pairs {
                let mine;
                (mine, entries) = entries.split_at(*count);
                let (mut sums, mut others) = (out[*first as usize], out[*second as usize]);
                for Entries { source, weight } in mine {
                    let (a, b) = (&rates[source[0] as usize], &rates[source[1] as usize]);
                    for trial in 0..WIDTH {
                        sums[trial] += weight[0] * a[trial];
                        others[trial] += weight[1] * b[trial];
                    }
                }
                // The first last: it is the one that counts where both are the same.
                out[*second as usize] = others;
                out[*first as usize] = sums;
            }
        },
    );
}

impl<R: Real> Product<R> for RowPairs<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        of_width!(self.width, WIDTH => accumulate_block::<R, WIDTH>(self, rates, out));
    }
}
