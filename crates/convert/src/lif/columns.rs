//! Spike propagation for the fast kernel: J = W · spike, column by column.
//!
//! A step has a fraction of a spike on average and at most N / (refractory steps) of them over time, so adding the
//! columns of the spiking units is never worse than a matrix–vector product: a saturated network pays for a handful of
//! columns a step. Where most weights are absent (Dale's principle), columns hold what is left of them.

use super::draws::LANES;
use super::network::Recurrent;
use super::precision::Precision;

/// Dense columns are taken from this share of present weights on: a present weight costs about as much as a vector.
const DENSE_FROM: f64 = 0.125;

/// The recurrent weights by presynaptic unit.
#[derive(Debug)]
pub(super) enum Columns<R> {
    /// `[from][group of to]`
    Dense(Vec<[R; LANES]>),
    /// Weights of unit j to `to[k]`, k in `begin[j]..begin[j + 1]`.
    Sparse { begin: Vec<u32>, to: Vec<u32>, weight: Vec<R> },
    /// Ξ_in `[P][group]`, λ `[P]`, Ξ_out `[N][P]`
    Modes { mode_in: Vec<[R; LANES]>, score: Vec<R>, mode_out: Vec<R> },
}

/// One column of a row-major matrix `[rows, width]`, padded to whole groups.
fn column<R: Precision>(matrix: &[f64], width: usize, at: usize) -> impl Iterator<Item = [R; LANES]> {
    let rows = matrix.len() / width;
    (0..rows.div_ceil(LANES)).map(move |group| {
        std::array::from_fn(|l| {
            let row = group * LANES + l;
            R::from_f64(if row < rows { matrix[row * width + at] } else { 0.0 })
        })
    })
}

impl<R: Precision> Columns<R> {
    /// The weights of a network of `units` divided by `divisor`.
    pub fn new(recurrent: &Recurrent, units: usize, divisor: f64) -> Self {
        match recurrent {
            Recurrent::Dense(w) => {
                let w: Vec<f64> = w.iter().map(|w| w / divisor).collect();
                let present = w.iter().filter(|w| **w != 0.0).count();
                if present as f64 >= DENSE_FROM * w.len() as f64 {
                    Self::Dense((0..units).flat_map(|from| column(&w, units, from)).collect())
                } else {
                    Self::sparse(&w, units)
                }
            }
            Recurrent::Modes { mode_in, score, mode_out } => Self::Modes {
                mode_in: (0..score.len()).flat_map(|mode| column(mode_in, score.len(), mode)).collect(),
                score: score.iter().map(|s| R::from_f64(s / divisor)).collect(),
                mode_out: mode_out.iter().map(|m| R::from_f64(*m)).collect(),
            },
        }
    }

    fn sparse(w: &[f64], units: usize) -> Self {
        let (mut begin, mut to, mut weight) = (vec![0], Vec::new(), Vec::new());
        for from in 0..units {
            for row in 0..units {
                let value = w[row * units + from];
                if value != 0.0 {
                    to.push(row as u32);
                    weight.push(R::from_f64(value));
                }
            }
            begin.push(to.len() as u32);
        }
        Self::Sparse { begin, to, weight }
    }

    /// J `[groups]` for the units that spike, in ascending order.
    #[inline(always)]
    pub fn propagate(&self, spiking: &[u32], j: &mut [[R; LANES]]) {
        let j = j.as_flattened_mut();
        let width = j.len();
        j.fill(R::ZERO);
        match self {
            Self::Dense(columns) => {
                for from in spiking {
                    let column = &columns.as_flattened()[*from as usize * width..][..width];
                    for i in 0..width {
                        j[i] += column[i];
                    }
                }
            }
            Self::Sparse { begin, to, weight } => {
                for from in spiking.iter().map(|from| *from as usize) {
                    let range = begin[from] as usize..begin[from + 1] as usize;
                    for (row, w) in to[range.clone()].iter().zip(&weight[range]) {
                        j[*row as usize] += *w;
                    }
                }
            }
            Self::Modes { mode_in, score, mode_out } => {
                let p = score.len();
                for mode in 0..p {
                    let overlap = spiking.iter().fold(R::ZERO, |sum, from| sum + mode_out[*from as usize * p + mode]);
                    let (gain, column) = (score[mode] * overlap, &mode_in.as_flattened()[mode * width..][..width]);
                    for i in 0..width {
                        j[i] += column[i] * gain;
                    }
                }
            }
        }
    }
}
