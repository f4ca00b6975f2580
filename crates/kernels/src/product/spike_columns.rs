//! The product with spikes: J = W · spike, column by column.
//!
//! A step of a simulation has a fraction of a spike on average and at most N / (refractory steps) of them over time, so adding the
//! columns of the spiking units is never worse than a matrix–vector product: a saturated network pays for a handful of
//! columns per step. Where most weights are absent (Dale's principle), columns hold what is left of them, unless the whole
//! matrix is small.
//!
//! Every sum runs over the spiking units, or the modes, in ascending order: its bits don't depend on how it is computed.

use super::spike_connections::{Connections, MOST_UNITS};
use crate::lanes::{LANES, Lanes};
use crate::real::Real;
use crate::with_const;

/// Dense columns are taken from this share of present weights on: a present weight costs about as much as a vector.
const DENSE_FROM: f64 = 0.125;

/// The same for matrices up to [`SMALL_BYTES`].
const SMALL_DENSE_FROM: f64 = 0.04;

/// What a processor's second-level cache holds beside everything else.
const SMALL_BYTES: usize = 256 << 10;

/// Columns, or modes, that are added in one go.
const TOGETHER: usize = 8;

/// Recurrent weights by presynaptic unit.
#[derive(Debug)]
pub struct SpikeColumns<R>(Form<R>);

#[derive(Debug)]
enum Form<R> {
    /// `[from][group of to]`
    Dense(Vec<Lanes<R>>),
    /// What is present of them.
    Sparse(Connections<R>),
    /// Weights in mode form.
    LowRank(LowRank<R>),
}

/// W = Ξ_in diag(λ) Ξ_outᵀ; blocks of modes are filled up with zeros.
#[derive(Debug)]
struct LowRank<R> {
    modes: usize,
    /// Ξ_in `[P][group]`
    mode_in: Vec<Lanes<R>>,
    /// λ `[blocks]`
    score: Vec<[R; TOGETHER]>,
    /// Ξ_out `[N][blocks]`
    mode_out: Vec<[R; TOGETHER]>,
}

/// One column of a row-major matrix `[rows, width]` divided by `divisor`, padded to whole groups.
fn column<R: Real>(matrix: &[f64], width: usize, at: usize, divisor: f64) -> impl Iterator<Item = Lanes<R>> {
    let rows = matrix.len() / width;
    (0..rows.div_ceil(LANES)).map(move |group| {
        Lanes(std::array::from_fn(|l| {
            let row = group * LANES + l;
            R::constant(if row < rows { matrix[row * width + at] / divisor } else { 0.0 })
        }))
    })
}

/// Values in blocks, the last one filled up with zeros.
fn blocks<R: Real>(values: &[f64]) -> impl Iterator<Item = [R; TOGETHER]> {
    values.chunks(TOGETHER).map(|c| std::array::from_fn(|k| R::constant(c.get(k).copied().unwrap_or(0.0))))
}

impl<R: Real> SpikeColumns<R> {
    /// The weights `[to][from]` of `units` units divided by `divisor`.
    pub fn of_matrix(w: &[f64], units: usize, divisor: f64) -> Self {
        let present = w.iter().filter(|w| **w != 0.0).count() as f64 / w.len() as f64;
        let small = size_of::<R>() * w.len() <= SMALL_BYTES;
        Self(if present >= if small { SMALL_DENSE_FROM } else { DENSE_FROM } || units > MOST_UNITS {
            Form::Dense((0..units).flat_map(|from| column(w, units, from, divisor)).collect())
        } else {
            Form::Sparse(Connections::new(w, units, divisor))
        })
    }

    /// The weights Ξ_in diag(λ) Ξ_outᵀ divided by `divisor`, from Ξ_in `[N, P]`, λ `[P]`, Ξ_out `[N, P]`.
    pub fn of_modes(mode_in: &[f64], score: &[f64], mode_out: &[f64], divisor: f64) -> Self {
        let (modes, scaled) = (score.len(), score.iter().map(|s| s / divisor).collect::<Vec<_>>());
        Self(Form::LowRank(LowRank {
            modes,
            mode_in: (0..modes).flat_map(|mode| column(mode_in, modes, mode, 1.0)).collect(),
            score: blocks(&scaled).collect(),
            mode_out: mode_out.chunks_exact(modes.max(1)).flat_map(blocks).collect(),
        }))
    }

    /// J `[groups]` for the units that spike, in ascending order.
    #[inline(always)]
    pub fn propagate(&self, spiking: &[u32], j: &mut [Lanes<R>]) {
        if spiking.is_empty() {
            return j.fill(Lanes::zero());
        }
        match &self.0 {
            Form::Dense(columns) => {
                for (at, units) in spiking.chunks(TOGETHER).enumerate() {
                    add::<R, false>(columns, units.len(), |k| (units[k] as usize, R::zero()), at == 0, j);
                }
            }
            Form::Sparse(connections) => {
                j.fill(Lanes::zero());
                connections.add_to(spiking, j);
            }
            Form::LowRank(modes) => modes.propagate(spiking, j),
        }
    }
}

impl<R: Real> LowRank<R> {
    /// J = Ξ_in g,  g = λ ⊙ Ξ_outᵀ spike
    #[inline(always)]
    fn propagate(&self, spiking: &[u32], j: &mut [Lanes<R>]) {
        if self.modes == 0 {
            j.fill(Lanes::zero());
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
fn add<R: Real, const SCALED: bool>(
    columns: &[Lanes<R>],
    count: usize,
    term: impl Fn(usize) -> (usize, R),
    first: bool,
    j: &mut [Lanes<R>],
) {
    with_const!(count, COUNT in [1, 2, 3, 4, 5, 6, 7, 8] => add_some::<R, SCALED, COUNT>(columns, term, first, j));
}

#[inline(always)]
fn add_some<R: Real, const SCALED: bool, const COUNT: usize>(
    columns: &[Lanes<R>],
    term: impl Fn(usize) -> (usize, R),
    first: bool,
    j: &mut [Lanes<R>],
) {
    let width = j.len();
    let (mut parts, mut gain) = ([columns; COUNT], [R::zero(); COUNT]);
    for k in 0..COUNT {
        let (at, of_column) = term(k);
        (parts[k], gain[k]) = (&columns[at * width..][..width], of_column);
    }
    for g in 0..width {
        let (mut sum, mut column) = (if first { Lanes::zero() } else { j[g] }, [Lanes::zero(); COUNT]);
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

    fn check(columns: &SpikeColumns<f32>, w: impl Fn(usize, usize) -> f64) {
        // None, one block of columns, and more than two.
        for spiking in [vec![], vec![7, 39], (0..UNITS as u32).step_by(2).collect()] {
            let mut j = [Lanes::splat(9.0); 3];
            columns.propagate(&spiking, &mut j);
            for to in 0..UNITS {
                let expected: f64 = spiking.iter().map(|from| 2.0 * w(to, *from as usize)).sum();
                assert_eq!(f64::from(Lanes::values(&j)[to]), expected);
            }
        }
    }

    #[test]
    fn every_form_gives_the_product_with_the_spikes() {
        let dense = numbers(UNITS * UNITS);
        check(&SpikeColumns::of_matrix(&dense, UNITS, 0.5), |to, from| dense[to * UNITS + from]);
        let mut sparse = vec![0.0; UNITS * UNITS];
        sparse.iter_mut().step_by(41).for_each(|w| *w = 3.0);
        check(&SpikeColumns::of_matrix(&sparse, UNITS, 0.5), |to, from| sparse[to * UNITS + from]);
        for p in [0, 1, 5, 8, 19] {
            let (mode_in, score, mode_out) = (numbers(UNITS * p), numbers(p), numbers(UNITS * p));
            check(&SpikeColumns::of_modes(&mode_in, &score, &mode_out, 0.5), |to, from| {
                (0..p).map(|mode| mode_in[to * p + mode] * score[mode] * mode_out[from * p + mode]).sum()
            });
        }
    }

    /// The form is chosen for speed: the sums are the same to the bit.
    #[test]
    fn sparse_and_dense_sums_have_the_same_bits() {
        let mut w: Vec<f64> = (0..UNITS * UNITS).map(|i| 1.0 / (i as f64 - 70.3)).collect();
        w.iter_mut().enumerate().filter(|(i, _)| i % 3 > 0).for_each(|(_, w)| *w = 0.0);
        let dense = SpikeColumns::<f64>::of_matrix(&w, UNITS, 0.7);
        let sparse = SpikeColumns(Form::Sparse(Connections::new(&w, UNITS, 0.7)));
        assert!(matches!(dense.0, Form::Dense(_)));
        let spiking: Vec<u32> = (3..37).collect();
        let [mut a, mut b] = [[Lanes::zero(); 3]; 2];
        dense.propagate(&spiking, &mut a);
        sparse.propagate(&spiking, &mut b);
        let bits = |j: &[Lanes<f64>]| Lanes::values(j).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&a), bits(&b));
    }
}
