//! The recurrent product of one step, W r, and what the ways to compute it share.
//!
//! States of one trial are padded with zeros to a multiple of [`GROUP`] units, so that no kernel has a remainder. Every
//! way to multiply by a full matrix adds the terms of a sum in ascending order of the source unit, one after the other:
//! dense or sparse, vectorised or not, the result has the same bits.

use crate::real::Real;

/// Units side by side in a kernel.
pub(super) const LANES: usize = 16;

/// Units are padded to a multiple of this.
pub(super) const GROUP: usize = 32;

/// Steps whose rates and deltas are brought together before a weight gradient is taken from them: both fit the cache.
pub(super) const WINDOW: usize = 256;

/// A linear map from the rates of all units to the input of all units.
pub(super) trait Product<R>: Sync {
    /// out ← out + W rates, both of padded length.
    fn accumulate(&self, rates: &[R], out: &mut [R]);
}

/// `n` units, padded.
pub(super) fn padded(n: usize) -> usize {
    n.next_multiple_of(GROUP)
}

/// The steps `0..steps` in windows.
pub(super) fn windows(steps: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..steps).step_by(WINDOW).map(move |from| from..steps.min(from + WINDOW))
}

/// Lanes `LANES k ..` of a row, zero beyond its end.
#[inline(always)]
pub(super) fn lanes<R: Real>(row: &[R], k: usize) -> [R; LANES] {
    let from = k * LANES;
    match row.get(from..from + LANES) {
        Some(full) => std::array::from_fn(
            #[inline(always)]
            |l| full[l],
        ),
        None => {
            let mut partial = [R::zero(); LANES];
            for (to, value) in partial.iter_mut().zip(&row[from.min(row.len())..]) {
                *to = *value;
            }
            partial
        }
    }
}

/// Σ a b over all lanes.
#[inline(always)]
pub(super) fn dot<R: Real>(a: &[[R; LANES]], b: &[[R; LANES]]) -> R {
    let mut sums = [R::zero(); LANES];
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            sums[l] += a[l] * b[l];
        }
    }
    // Halves upon halves.
    let mut half = LANES / 2;
    while half > 0 {
        for l in 0..half {
            sums[l] += sums[l + half];
        }
        half /= 2;
    }
    sums[0]
}
