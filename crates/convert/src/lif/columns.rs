//! Spike propagation for the fast kernel: J = W · spike, column by column.
//!
//! A step has a fraction of a spike on average and at most N / (refractory steps) of them over time, so adding the
//! columns of the spiking units is never worse than a matrix–vector product: a saturated network pays for a handful of
//! columns a step. Where most weights are absent (Dale's principle), columns hold what is left of them, unless the whole
//! matrix is small.
//!
//! Every sum runs over the spiking units, or the modes, in ascending order: its bits don't depend on how it is computed.

use super::draws::LANES;
use super::network::Recurrent;
use super::precision::Precision;
use super::sparse::{MOST_UNITS, Sparse};

/// Dense columns are taken from this share of present weights on: a present weight costs about as much as a vector.
const DENSE_FROM: f64 = 0.125;

/// The same for matrices up to [`SMALL_BYTES`].
const SMALL_DENSE_FROM: f64 = 0.04;

/// What a processor's second-level cache holds beside everything else.
const SMALL_BYTES: usize = 256 << 10;

/// Columns, or modes, that are added in one go.
const TOGETHER: usize = 8;

/// The recurrent weights by presynaptic unit.
#[derive(Debug)]
pub(super) enum Columns<R> {
    /// `[from][group of to]`
    Dense(Vec<[R; LANES]>),
    /// What is present of them.
    Sparse(Sparse<R>),
    /// Weights in mode form.
    Modes(Modes<R>),
}

/// W = Ξ_in diag(λ) Ξ_outᵀ; blocks of modes are filled up with zeros.
#[derive(Debug)]
pub(super) struct Modes<R> {
    modes: usize,
    /// Ξ_in `[P][group]`
    mode_in: Vec<[R; LANES]>,
    /// λ `[blocks]`
    score: Vec<[R; TOGETHER]>,
    /// Ξ_out `[N][blocks]`
    mode_out: Vec<[R; TOGETHER]>,
}

/// One column of a row-major matrix `[rows, width]` divided by `divisor`, padded to whole groups.
fn column<R: Precision>(matrix: &[f64], width: usize, at: usize, divisor: f64) -> impl Iterator<Item = [R; LANES]> {
    let rows = matrix.len() / width;
    (0..rows.div_ceil(LANES)).map(move |group| {
        std::array::from_fn(|l| {
            let row = group * LANES + l;
            R::constant(if row < rows { matrix[row * width + at] / divisor } else { 0.0 })
        })
    })
}

/// Values in blocks, the last one filled up with zeros.
fn blocks<R: Precision>(values: &[f64]) -> impl Iterator<Item = [R; TOGETHER]> {
    values.chunks(TOGETHER).map(|c| std::array::from_fn(|k| R::constant(c.get(k).copied().unwrap_or(0.0))))
}

impl<R: Precision> Columns<R> {
    /// The weights of a network of `units` divided by `divisor`.
    pub fn new(recurrent: &Recurrent, units: usize, divisor: f64) -> Self {
        match recurrent {
            Recurrent::Dense(w) => {
                let present = w.iter().filter(|w| **w != 0.0).count() as f64 / w.len() as f64;
                let small = w.len() * size_of::<R>() <= SMALL_BYTES;
                if present >= if small { SMALL_DENSE_FROM } else { DENSE_FROM } || units > MOST_UNITS {
                    Self::Dense((0..units).flat_map(|from| column(w, units, from, divisor)).collect())
                } else {
                    Self::Sparse(Sparse::new(w, units, divisor))
                }
            }
            Recurrent::Modes { mode_in, score, mode_out } => {
                let (modes, scaled) = (score.len(), score.iter().map(|s| s / divisor).collect::<Vec<_>>());
                Self::Modes(Modes {
                    modes,
                    mode_in: (0..modes).flat_map(|mode| column(mode_in, modes, mode, 1.0)).collect(),
                    score: blocks(&scaled).collect(),
                    mode_out: mode_out.chunks_exact(modes.max(1)).flat_map(blocks).collect(),
                })
            }
        }
    }

    /// J `[groups]` for the units that spike, in ascending order.
    #[inline(always)]
    pub fn propagate(&self, spiking: &[u32], j: &mut [[R; LANES]]) {
        if spiking.is_empty() {
            return j.fill([R::zero(); LANES]);
        }
        match self {
            Self::Dense(columns) => {
                for (at, units) in spiking.chunks(TOGETHER).enumerate() {
                    add::<R, false>(columns, units.len(), |k| (units[k] as usize, R::zero()), at == 0, j);
                }
            }
            Self::Sparse(sparse) => {
                j.fill([R::zero(); LANES]);
                sparse.add_to(spiking, j);
            }
            Self::Modes(modes) => modes.propagate(spiking, j),
        }
    }
}

impl<R: Precision> Modes<R> {
    /// J = Ξ_in g,  g = λ ⊙ Ξ_outᵀ spike
    #[inline(always)]
    fn propagate(&self, spiking: &[u32], j: &mut [[R; LANES]]) {
        if self.modes == 0 {
            j.fill([R::zero(); LANES]);
        }
        for (block, score) in self.score.iter().enumerate() {
            let mut gain = [R::zero(); TOGETHER];
            for from in spiking {
                let mode_out = &self.mode_out[*from as usize * self.score.len() + block];
                for k in 0..TOGETHER {
                    gain[k] += mode_out[k];
                }
            }
            for k in 0..TOGETHER {
                gain[k] = score[k] * gain[k];
            }
            let first = block * TOGETHER;
            let count = TOGETHER.min(self.modes - first);
            add::<R, true>(&self.mode_in, count, |k| (first + k, gain[k]), first == 0, j);
        }
    }
}

/// J += Σ gain · column over `count` terms, in their order, from J = 0 on if they are the `first`: `term(k)` is a column and
/// its gain, which is 1 unless `SCALED`.
#[inline(always)]
fn add<R: Precision, const SCALED: bool>(
    columns: &[[R; LANES]],
    count: usize,
    term: impl Fn(usize) -> (usize, R),
    first: bool,
    j: &mut [[R; LANES]],
) {
    match count {
        1 => add_some::<R, SCALED, 1>(columns, term, first, j),
        2 => add_some::<R, SCALED, 2>(columns, term, first, j),
        3 => add_some::<R, SCALED, 3>(columns, term, first, j),
        4 => add_some::<R, SCALED, 4>(columns, term, first, j),
        5 => add_some::<R, SCALED, 5>(columns, term, first, j),
        6 => add_some::<R, SCALED, 6>(columns, term, first, j),
        7 => add_some::<R, SCALED, 7>(columns, term, first, j),
        _ => add_some::<R, SCALED, TOGETHER>(columns, term, first, j),
    }
}

#[inline(always)]
fn add_some<R: Precision, const SCALED: bool, const COUNT: usize>(
    columns: &[[R; LANES]],
    term: impl Fn(usize) -> (usize, R),
    first: bool,
    j: &mut [[R; LANES]],
) {
    let width = j.len();
    let (mut parts, mut gain) = ([columns; COUNT], [R::zero(); COUNT]);
    for k in 0..COUNT {
        let (at, of_column) = term(k);
        (parts[k], gain[k]) = (&columns[at * width..][..width], of_column);
    }
    for g in 0..width {
        let (mut sum, mut column) = (if first { [R::zero(); LANES] } else { j[g] }, [[R::zero(); LANES]; COUNT]);
        for k in 0..COUNT {
            column[k] = parts[k][g];
        }
        for l in 0..LANES {
            for k in 0..COUNT {
                sum[l] += if SCALED { column[k][l] * gain[k] } else { column[k][l] };
            }
        }
        j[g] = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: usize = 40;

    /// Small whole numbers, whose sums are exact.
    fn numbers(count: usize) -> Vec<f64> {
        (0..count).map(|i| (i * i % 11) as f64 - 5.0).collect()
    }

    fn check(recurrent: &Recurrent, w: impl Fn(usize, usize) -> f64) {
        let columns = Columns::<f32>::new(recurrent, UNITS, 0.5);
        // None, one block of columns, and more than two.
        for spiking in [vec![], vec![7, 39], (0..UNITS as u32).step_by(2).collect()] {
            let mut j = [[9.0; LANES]; 3];
            columns.propagate(&spiking, &mut j);
            for to in 0..UNITS {
                let expected: f64 = spiking.iter().map(|from| 2.0 * w(to, *from as usize)).sum();
                assert_eq!(f64::from(j.as_flattened()[to]), expected);
            }
        }
    }

    #[test]
    fn every_form_gives_the_product_with_the_spikes() {
        let dense = numbers(UNITS * UNITS);
        check(&Recurrent::Dense(dense.clone()), |to, from| dense[to * UNITS + from]);
        let mut sparse = vec![0.0; UNITS * UNITS];
        sparse.iter_mut().step_by(41).for_each(|w| *w = 3.0);
        check(&Recurrent::Dense(sparse.clone()), |to, from| sparse[to * UNITS + from]);
        for p in [0, 1, 5, 8, 19] {
            let (mode_in, score, mode_out) = (numbers(UNITS * p), numbers(p), numbers(UNITS * p));
            let modes = Recurrent::Modes { mode_in: mode_in.clone(), score: score.clone(), mode_out: mode_out.clone() };
            check(&modes, |to, from| {
                (0..p).map(|mode| mode_in[to * p + mode] * score[mode] * mode_out[from * p + mode]).sum()
            });
        }
    }
}
