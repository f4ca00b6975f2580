//! The product with a matrix given by its modes, W = A Cᵀ, for a block of trials: states are `[N, width]`, and one entry of a
//! mode meets the rates of all trials at once.
//!
//! Sums over units and over modes run in ascending order.

use super::common::Product;
use crate::dispatch::dispatch;
use crate::of_width;
use crate::real::Real;

/// A low-rank matrix for blocks of `width` trials.
#[derive(Debug)]
pub struct LowRankBatch<R> {
    width: usize,
    modes: usize,
    /// A `[N, P]`
    to: Vec<R>,
    /// C `[N, P]`
    from: Vec<R>,
}

impl<R: Real> LowRankBatch<R> {
    /// The map W = A Cᵀ with `modes` modes, from A `to` and C `from` `[N, P]`.
    pub fn new(width: usize, modes: usize, to: Vec<R>, from: Vec<R>) -> Self {
        Self { width, modes, to, from }
    }
}

/// out ← out + A (Cᵀ rates) for `WIDTH` trials.
fn accumulate_block<R: Real, const WIDTH: usize>(w: &LowRankBatch<R>, rates: &[R], out: &mut [R]) {
    let mut overlaps = vec![[R::zero(); WIDTH]; w.modes];
    dispatch(
        #[inline(always)]
        || {
            for (rates, row) in rates.as_chunks().0.iter().zip(w.from.chunks_exact(w.modes)) {
                row.iter().zip(&mut overlaps).for_each(|(factor, overlap)| add(overlap, *factor, rates));
            }
            for (out, row) in out.as_chunks_mut().0.iter_mut().zip(w.to.chunks_exact(w.modes)) {
                row.iter().zip(&overlaps).for_each(|(factor, overlap)| add(out, *factor, overlap));
            }
        },
    );
}

/// sum ← sum + factor · x
#[inline(always)]
fn add<R: Real, const WIDTH: usize>(sum: &mut [R; WIDTH], factor: R, x: &[R; WIDTH]) {
    for trial in 0..WIDTH {
        sum[trial] += factor * x[trial];
    }
}

impl<R: Real> Product<R> for LowRankBatch<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        if self.modes > 0 {
            of_width!(self.width, WIDTH => accumulate_block::<R, WIDTH>(self, rates, out));
        }
    }
}
