//! Products with a matrix given by its modes, W = A Cᵀ with A = Ξ_in diag(λ) and C = Ξ_out, which is never formed.

use super::common::{Product, add_scaled, padded};
use crate::dispatch::dispatch;
use crate::lanes::{LANES, Lanes};
use crate::real::Real;

/// Out = to (fromᵀ rates): both `[P, N]`, padded.
pub struct LowRank<R> {
    groups: usize,
    from: Vec<Lanes<R>>,
    to: Vec<Lanes<R>>,
}

impl<R: Real> LowRank<R> {
    /// Map W = A Cᵀ of weights `[2, N, P]`, A before C.
    pub fn forward(n: usize, weights: &[R]) -> Self {
        let (a, c) = weights.split_at(weights.len() / 2);
        Self { groups: padded(n) / LANES, from: columns(n, c), to: columns(n, a) }
    }

    /// Map Wᵀ = C Aᵀ.
    pub fn adjoint(n: usize, weights: &[R]) -> Self {
        let Self { groups, from, to } = Self::forward(n, weights);
        Self { groups, from: to, to: from }
    }

    fn modes(&self) -> usize {
        self.from.len() / self.groups
    }
}

/// out_p ← columns_pᵀ row.
#[inline(always)]
fn overlaps<R: Real>(columns: &[Lanes<R>], row: &[[R; LANES]], out: &mut [R]) {
    for (column, out) in columns.chunks_exact(row.len()).zip(out) {
        let mut sum = Lanes::zero();
        for (a, b) in column.iter().zip(row) {
            sum = a.mul_add(Lanes(*b), sum);
        }
        [*out] = Lanes::sums([sum]);
    }
}

/// out ← out + Σ_p columns_p scale_p.
#[inline(always)]
fn add_columns<R: Real>(out: &mut [R], columns: &[Lanes<R>], scale: &[R]) {
    for (column, scale) in Lanes::values(columns).chunks_exact(out.len()).zip(scale) {
        add_scaled(out, column, *scale);
    }
}

impl<R: Real> Product<R> for LowRank<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        let mut overlap = vec![R::zero(); self.modes()];
        dispatch(
            #[inline(always)]
            || {
                overlaps(&self.from, rates.as_chunks().0, &mut overlap);
                add_columns(out, &self.to, &overlap);
            },
        );
    }
}

/// gradient `[2, P, padded N]` of A and C: ∂A = Σ_s delta_s (Cᵀ rates_s)ᵀ, ∂C = Σ_s rates_s (Aᵀ delta_s)ᵀ,
/// for deltas and rates `[S, N]` in rows of `row` numbers.
pub fn accumulate_low_rank<R: Real>(
    n: usize,
    row: usize,
    weights: &[R],
    [delta, rates]: [&[R]; 2],
    gradient: &mut [R],
) {
    let map = LowRank::forward(n, weights);
    let width = padded(n);
    let mut wide = [(); 2].map(|()| vec![[R::zero(); LANES]; map.groups]);
    let mut overlap = vec![R::zero(); map.modes()];
    let (of_a, of_c) = gradient.split_at_mut(gradient.len() / 2);
    for (delta, rates) in delta.chunks_exact(row).zip(rates.chunks_exact(row)) {
        wide[0].as_flattened_mut()[..n].copy_from_slice(&delta[..n]);
        wide[1].as_flattened_mut()[..n].copy_from_slice(&rates[..n]);
        dispatch(
            #[inline(always)]
            || {
                for (columns, seen, gradient, spread) in [(&map.from, 1, &mut *of_a, 0), (&map.to, 0, &mut *of_c, 1)] {
                    overlaps(columns, &wide[seen], &mut overlap);
                    for (gradient, overlap) in gradient.chunks_exact_mut(width).zip(&overlap) {
                        add_scaled(gradient, wide[spread].as_flattened(), *overlap);
                    }
                }
            },
        );
    }
}

/// `[N, P]` as `[P, padded N]`.
fn columns<R: Real>(n: usize, matrix: &[R]) -> Vec<Lanes<R>> {
    let (modes, groups) = (matrix.len() / n, padded(n) / LANES);
    let mut columns = vec![Lanes::zero(); modes * groups];
    for (i, row) in matrix.chunks_exact(modes).enumerate() {
        for (p, value) in row.iter().enumerate() {
            columns[p * groups + i / LANES][i % LANES] = *value;
        }
    }
    columns
}

/// `[2, P, padded N]` as `[2, N, P]`.
pub fn rows<R: Real>(n: usize, columns: &[R]) -> Vec<R> {
    let width = padded(n);
    let modes = columns.len() / (2 * width);
    let at = |half: usize, i: usize, p: usize| columns[(half * modes + p) * width + i];
    (0..2).flat_map(|half| (0..n).flat_map(move |i| (0..modes).map(move |p| at(half, i, p)))).collect()
}
