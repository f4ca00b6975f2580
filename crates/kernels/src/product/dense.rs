//! Products with a full matrix, and the gradient of all its entries.

use super::common::{Product, add_scaled, windows};
use crate::dispatch::dispatch;
use crate::lanes::{LANES, Lanes};
use crate::real::Real;
use crate::with_const;
use std::ops::Range;

/// Lane groups of targets whose sums are kept in registers.
const PANEL: usize = 4;

/// A matrix in panels of at most `PANEL` lane groups of targets, each stored source by source.
pub struct Dense<R> {
    sources: usize,
    /// First lane group and number of lane groups of each panel.
    panels: Vec<(usize, usize)>,
    values: Vec<Lanes<R>>,
}

impl<R: Real> Dense<R> {
    /// Map from `n` units to `n` units with the weight `weight(target, source)`.
    pub fn new(n: usize, weight: impl Fn(usize, usize) -> R) -> Self {
        let groups = n.div_ceil(LANES);
        let count = groups.div_ceil(PANEL);
        let bound = |p: usize| p * groups / count;
        let panels: Vec<_> = (0..count).map(|p| (bound(p), bound(p + 1) - bound(p))).collect();
        let mut values = vec![Lanes::zero(); n * groups];
        let mut free = Lanes::values_mut(&mut values);
        for (first, size) in &panels {
            for source in 0..n {
                let column;
                (column, free) = free.split_at_mut(size * LANES);
                for (target, value) in (first * LANES..n).zip(column) {
                    *value = weight(target, source);
                }
            }
        }
        Self { sources: n, panels, values }
    }
}

impl<R: Real> Product<R> for Dense<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        let rates = &rates[..self.sources];
        dispatch(
            #[inline(always)]
            || {
                let mut values = &self.values[..];
                for (first, size) in &self.panels {
                    let panel;
                    (panel, values) = values.split_at(size * rates.len());
                    let out = &mut out[first * LANES..(first + size) * LANES];
                    with_const!(*size, W in [1, 2, 3, 4] => accumulate_panel::<R, W>(panel, rates, out));
                }
            },
        );
    }
}

/// out ← out + panel · rates for `W` lane groups of targets.
#[inline(always)]
fn accumulate_panel<R: Real, const W: usize>(panel: &[Lanes<R>], rates: &[R], out: &mut [R]) {
    let (columns, out) = (panel.as_chunks::<W>().0, out.as_chunks_mut::<LANES>().0);
    let mut sums = [Lanes::zero(); W];
    for (sum, out) in sums.iter_mut().zip(&*out) {
        *sum = Lanes(*out);
    }
    for (column, rate) in columns.iter().zip(rates) {
        for w in 0..W {
            sums[w] = column[w].mul_add(Lanes::splat(*rate), sums[w]);
        }
    }
    for (sum, out) in sums.iter().zip(out) {
        *out = sum.0;
    }
}

/// Rows and columns of a block of the gradient whose sums are kept in registers.
const ROWS: usize = 8;
const COLUMNS: usize = 2 * LANES;

/// gradient `[N, N]` += Σ_s delta_s ratesₛᵀ, for deltas and rates `[S, N]` in rows of `row` numbers.
pub fn accumulate_outer<R: Real>(n: usize, row: usize, [delta, rates]: [&[R]; 2], gradient: &mut [R]) {
    for window in windows(delta.len() / row) {
        let left = pack::<R, ROWS>(n, row, delta, window.clone());
        let right = pack::<R, COLUMNS>(n, row, rates, window.clone());
        let steps = window.len();
        for (i, left) in left.chunks_exact(steps).enumerate() {
            for (j, right) in right.chunks_exact(steps).enumerate() {
                let block = outer_block(left, right);
                for (row, sums) in block.iter().enumerate().take(n - i * ROWS) {
                    let at = (i * ROWS + row) * n + j * COLUMNS;
                    for (g, sum) in gradient[at..].iter_mut().zip(sums).take(n - j * COLUMNS) {
                        *g += *sum;
                    }
                }
            }
        }
    }
}

/// Σ_s left_s rightₛᵀ of one block. Rows written one by one: the compiler keeps all of them in registers.
fn outer_block<R: Real>(left: &[[R; ROWS]], right: &[[R; COLUMNS]]) -> [[R; COLUMNS]; ROWS] {
    dispatch(
        #[inline(always)]
        || {
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = [[R::zero(); COLUMNS]; ROWS];
            for (left, right) in left.iter().zip(right) {
                add_scaled(&mut a, right, left[0]);
                add_scaled(&mut b, right, left[1]);
                add_scaled(&mut c, right, left[2]);
                add_scaled(&mut d, right, left[3]);
                add_scaled(&mut e, right, left[4]);
                add_scaled(&mut f, right, left[5]);
                add_scaled(&mut g, right, left[6]);
                add_scaled(&mut h, right, left[7]);
            }
            [a, b, c, d, e, f, g, h]
        },
    )
}

/// Rows `steps` as blocks of `W` units, each step by step; zero beyond the last unit.
fn pack<R: Real, const W: usize>(n: usize, row: usize, rows: &[R], steps: Range<usize>) -> Vec<[R; W]> {
    let mut packed = Vec::with_capacity(n.div_ceil(W) * steps.len());
    for from in (0..n).step_by(W) {
        let to = n.min(from + W);
        for step in steps.clone() {
            let mut block = [R::zero(); W];
            block[..to - from].copy_from_slice(&rows[step * row..][from..to]);
            packed.push(block);
        }
    }
    packed
}
