//! The recurrent product of one step, W r, and code shared by its implementations.
//!
//! States of one trial are padded with zeros to a multiple of [`GROUP`] units, so that no kernel has a remainder. All
//! products with a full matrix add the terms of a sum in ascending order of the source unit, one after the other, by fused
//! multiply-add: dense or sparse, vectorised or not, the result has the same bits.

use crate::real::Real;

/// Units are padded to a multiple of this.
pub const GROUP: usize = 32;

/// Number of steps whose rates and deltas are collected before a weight gradient is computed from them: both fit the
/// cache.
pub const WINDOW: usize = 256;

/// A linear map from the rates of all units to the inputs of all units.
pub trait Product<R>: Send + Sync {
    /// out ← out + W rates, both of padded length (or `[N, trials]` for a block of trials).
    fn accumulate(&self, rates: &[R], out: &mut [R]);
}

/// `n` units, padded.
pub fn padded(n: usize) -> usize {
    n.next_multiple_of(GROUP)
}

/// Steps `0..steps` as windows.
pub fn windows(steps: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..steps).step_by(WINDOW).map(move |from| from..steps.min(from + WINDOW))
}

/// out ← out + vector · scale, with one rounding.
#[inline(always)]
pub fn add_scaled<R: Real>(out: &mut [R], vector: &[R], scale: R) {
    for (out, value) in out.iter_mut().zip(vector) {
        *out = value.mul_add(scale, *out);
    }
}
