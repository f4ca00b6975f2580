//! A block of trials side by side: states are `[N, width]`, and one weight meets the rates of all trials at once.
//!
//! Sums run over the sources in ascending order, as everywhere: a trial has the same bits alone and in a block.

use super::presence::Presence;
use super::product::Product;
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::real::Real;
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

/// Calls a function with the number of trials side by side as its last generic parameter.
macro_rules! of_width {
    ($width:expr, $function:ident($($argument:expr),*)) => {
        match $width {
            1 => $function::<_, 1>($($argument),*),
            4 => $function::<_, 4>($($argument),*),
            8 => $function::<_, 8>($($argument),*),
            16 => $function::<_, 16>($($argument),*),
            32 => $function::<_, 32>($($argument),*),
            width => unreachable!("no block has {width} trials"),
        }
    };
}
pub(super) use of_width;

/// Targets whose sums grow in turn, so that no sum waits for its last term.
const PAIR: usize = 2;

/// A matrix as the list of its entries that are not zero, two targets at a time, for blocks of `width` trials.
pub(super) struct Listed<R> {
    width: usize,
    /// Two targets and the number of their entries. They have about as many entries each; the shorter list is filled up with
    /// weights 0. A target without a partner is its own, and has no weight but 0 in that role.
    pairs: Vec<([u32; PAIR], usize)>,
    entries: Vec<Entries<R>>,
}

/// One entry of each target of a pair.
struct Entries<R> {
    source: [u32; PAIR],
    weight: [R; PAIR],
}

impl<R: Real> Listed<R> {
    /// The map with the weight `weight(target, source)` where `presence` (a row a target) has an entry.
    pub(super) fn new(width: usize, presence: &Presence, weight: impl Fn(usize, usize) -> R) -> Self {
        let mut targets: Vec<_> = (0..presence.units()).map(|target| (presence.count_of(target), target)).collect();
        // By number of entries: partners match, and a processor guesses right how long the next lists are.
        targets.sort_unstable();
        let mut listed = Self { width, pairs: Vec::with_capacity(targets.len().div_ceil(PAIR)), entries: Vec::new() };
        for pair in targets.chunks(PAIR) {
            let (begin, count) = (listed.entries.len(), pair.iter().map(|(count, _)| *count).max().unwrap_or(0));
            listed.entries.extend((0..count).map(|_| Entries { source: [0; PAIR], weight: [R::zero(); PAIR] }));
            for (place, (_, target)) in pair.iter().enumerate() {
                let mut free = listed.entries[begin..].iter_mut();
                presence.each_entry(*target, |source| {
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
fn accumulate_block<R: Real, const WIDTH: usize>(listed: &Listed<R>, rates: &[R], out: &mut [R]) {
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

impl<R: Real> Product<R> for Listed<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        of_width!(self.width, accumulate_block(self, rates, out));
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
