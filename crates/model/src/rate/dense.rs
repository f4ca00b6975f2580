//! Products with a full matrix, and the gradient of all its entries.

use super::product::{LANES, Product, windows};
use crate::real::Real;
use mdl_data::simd::dispatch;

/// Vectors of targets whose sums are kept in registers.
const PANEL: usize = 4;

/// A matrix in panels of at most `PANEL` vectors of targets, each stored source by source.
pub(super) struct Dense<R> {
    sources: usize,
    /// First vector and number of vectors of each panel.
    panels: Vec<(usize, usize)>,
    values: Vec<R>,
}

impl<R: Real> Dense<R> {
    /// The map from `n` units to `n` units with the weight `weight(target, source)`.
    pub(super) fn new(n: usize, weight: impl Fn(usize, usize) -> R) -> Self {
        let vectors = n.div_ceil(LANES);
        let count = vectors.div_ceil(PANEL);
        let bound = |p: usize| p * vectors / count;
        let panels: Vec<_> = (0..count).map(|p| (bound(p), bound(p + 1) - bound(p))).collect();
        let mut values = Vec::with_capacity(n * vectors * LANES);
        for (first, size) in &panels {
            for source in 0..n {
                let targets = first * LANES..(first + size) * LANES;
                values.extend(targets.map(|target| if target < n { weight(target, source) } else { R::zero() }));
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
                    (panel, values) = values.split_at(size * LANES * rates.len());
                    let out = &mut out[first * LANES..(first + size) * LANES];
                    match size {
                        1 => accumulate_panel::<R, 1>(panel, rates, out),
                        2 => accumulate_panel::<R, 2>(panel, rates, out),
                        3 => accumulate_panel::<R, 3>(panel, rates, out),
                        _ => accumulate_panel::<R, PANEL>(panel, rates, out),
                    }
                }
            },
        );
    }
}

/// out ← out + panel · rates for `V` vectors of targets.
#[inline(always)]
fn accumulate_panel<R: Real, const V: usize>(panel: &[R], rates: &[R], out: &mut [R]) {
    let mut sums = [[R::zero(); LANES]; V];
    sums.as_flattened_mut().copy_from_slice(out);
    let (vectors, _) = panel.as_chunks::<LANES>();
    let (columns, _) = vectors.as_chunks::<V>();
    for (column, rate) in columns.iter().zip(rates) {
        for v in 0..V {
            for l in 0..LANES {
                sums[v][l] += column[v][l] * *rate;
            }
        }
    }
    out.copy_from_slice(sums.as_flattened());
}

/// Rows and columns of a block of the gradient whose sums are kept in registers.
const ROWS: usize = 8;
const COLUMNS: usize = 2 * LANES;

/// gradient `[N, N]` += Σ_s delta_s ratesₛᵀ, for deltas and rates `[S, N]`.
pub(super) fn accumulate_outer<R: Real>(n: usize, delta: &[R], rates: &[R], gradient: &mut [R]) {
    for window in windows(delta.len() / n) {
        let span = window.start * n..window.end * n;
        let left = pack::<R, ROWS>(n, &delta[span.clone()]);
        let right = pack::<R, COLUMNS>(n, &rates[span]);
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

/// Σ_s left_s rightₛᵀ of one block.
fn outer_block<R: Real>(left: &[[R; ROWS]], right: &[[R; COLUMNS]]) -> [[R; COLUMNS]; ROWS] {
    dispatch(
        #[inline(always)]
        || {
            let mut sums = [[R::zero(); COLUMNS]; ROWS];
            for (left, right) in left.iter().zip(right) {
                for i in 0..ROWS {
                    for j in 0..COLUMNS {
                        sums[i][j] += left[i] * right[j];
                    }
                }
            }
            sums
        },
    )
}

/// `[S, N]` as blocks of `W` units, each step by step; zero beyond the last unit.
fn pack<R: Real, const W: usize>(n: usize, rows: &[R]) -> Vec<[R; W]> {
    let mut packed = Vec::with_capacity(n.div_ceil(W) * (rows.len() / n));
    for from in (0..n).step_by(W) {
        let to = n.min(from + W);
        for row in rows.chunks_exact(n) {
            let mut block = [R::zero(); W];
            block[..to - from].copy_from_slice(&row[from..to]);
            packed.push(block);
        }
    }
    packed
}
