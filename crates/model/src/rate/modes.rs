//! Products with a matrix given by its modes, W = A Cᵀ with A = Ξ_in diag(λ) and C = Ξ_out, never multiplied out.

use super::product::{LANES, Product, dot, lanes, padded};
use crate::real::Real;
use mdl_data::simd::dispatch;

/// Out = to (fromᵀ rates): both `[P, N]`, padded.
pub(super) struct Modes<R> {
    vectors: usize,
    from: Vec<[R; LANES]>,
    to: Vec<[R; LANES]>,
}

impl<R: Real> Modes<R> {
    /// The map W = A Cᵀ of weights `[2, N, P]`, A before C.
    pub(super) fn forward(n: usize, weights: &[R]) -> Self {
        let (a, c) = weights.split_at(weights.len() / 2);
        Self { vectors: padded(n) / LANES, from: columns(n, c), to: columns(n, a) }
    }

    /// The map Wᵀ = C Aᵀ.
    pub(super) fn adjoint(n: usize, weights: &[R]) -> Self {
        let Self { vectors, from, to } = Self::forward(n, weights);
        Self { vectors, from: to, to: from }
    }

    /// fromᵀ rates, mode by mode.
    #[inline(always)]
    fn overlaps(&self, rates: &[[R; LANES]]) -> impl Iterator<Item = R> {
        self.from.chunks_exact(self.vectors).map(
            #[inline(always)]
            |from| dot(from, rates),
        )
    }
}

impl<R: Real> Product<R> for Modes<R> {
    fn accumulate(&self, rates: &[R], out: &mut [R]) {
        let ((rates, _), (out, _)) = (rates.as_chunks::<LANES>(), out.as_chunks_mut::<LANES>());
        dispatch(
            #[inline(always)]
            || {
                for (overlap, to) in self.overlaps(rates).zip(self.to.chunks_exact(self.vectors)) {
                    add_scaled(out, to, overlap);
                }
            },
        );
    }
}

/// gradient `[2, P, padded N]` of A and C: ∂A = Σ_s delta_s (Cᵀ rates_s)ᵀ, ∂C = Σ_s rates_s (Aᵀ delta_s)ᵀ,
/// for deltas and rates `[S, N]`.
pub(super) fn accumulate_modes<R: Real>(n: usize, weights: &[R], delta: &[R], rates: &[R], gradient: &mut [[R; LANES]]) {
    let map = Modes::forward(n, weights);
    let (mut wide_delta, mut wide_rates) = (vec![[R::zero(); LANES]; map.vectors], vec![[R::zero(); LANES]; map.vectors]);
    let (of_a, of_c) = gradient.split_at_mut(gradient.len() / 2);
    dispatch(
        #[inline(always)]
        || {
            for (delta, rates) in delta.chunks_exact(n).zip(rates.chunks_exact(n)) {
                for k in 0..map.vectors {
                    (wide_delta[k], wide_rates[k]) = (lanes(delta, k), lanes(rates, k));
                }
                for (p, a) in map.to.chunks_exact(map.vectors).enumerate() {
                    let mode = p * map.vectors..(p + 1) * map.vectors;
                    let c = &map.from[mode.clone()];
                    add_scaled(&mut of_a[mode.clone()], &wide_delta, dot(c, &wide_rates));
                    add_scaled(&mut of_c[mode], &wide_rates, dot(a, &wide_delta));
                }
            }
        },
    );
}

/// `[N, P]` as `[P, padded N]`.
fn columns<R: Real>(n: usize, matrix: &[R]) -> Vec<[R; LANES]> {
    let (modes, vectors) = (matrix.len() / n, padded(n) / LANES);
    let mut columns = vec![[R::zero(); LANES]; modes * vectors];
    for (i, row) in matrix.chunks_exact(modes).enumerate() {
        for (p, value) in row.iter().enumerate() {
            columns[p * vectors + i / LANES][i % LANES] = *value;
        }
    }
    columns
}

/// `[2, P, padded N]` as `[2, N, P]`.
pub(super) fn rows<R: Real>(n: usize, columns: &[[R; LANES]]) -> Vec<R> {
    let vectors = padded(n) / LANES;
    let modes = columns.len() / (2 * vectors);
    let at = |half: usize, i: usize, p: usize| columns[(half * modes + p) * vectors + i / LANES][i % LANES];
    (0..2).flat_map(|half| (0..n).flat_map(move |i| (0..modes).map(move |p| at(half, i, p)))).collect()
}

#[inline(always)]
fn add_scaled<R: Real>(out: &mut [[R; LANES]], vector: &[[R; LANES]], scale: R) {
    for (out, vector) in out.iter_mut().zip(vector) {
        for l in 0..LANES {
            out[l] += vector[l] * scale;
        }
    }
}
