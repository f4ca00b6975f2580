//! Output weights from the activity of the LIF network, by ridge regression.
//!
//! ```text
//! Σ (y − V r/λ)² + ρ Σ_i s_i² (v_i − w_i)²   least over V,   s_i² = Σ (r_i/λ)²
//! (G + ρ diag G) V = C + ρ diag G W          G = Σ r rᵀ/λ²,  C = Σ y rᵀ/λ
//! ```
//!
//! y is the reference, λ the scaling factor of the network, W its output weights. The larger ρ, the closer V stays to W;
//! a unit that never fires keeps its weight. ρ is chosen on trials that G and C do not contain.

use rayon::prelude::*;

/// Sums over trials and times, from which output weights follow.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    units: usize,
    outputs: usize,
    /// G `[N, N]`, of which only the part below and on the diagonal is filled.
    gram: Vec<f64>,
    /// C `[O, N]`
    cross: Vec<f64>,
    /// Σ y² `[O]`
    square: Vec<f64>,
    /// Values of the reference that count.
    count: f64,
}

/// A time at which the outputs count.
pub(super) struct Row<'a> {
    /// r `[N]`
    pub r: &'a [f64],
    /// y `[O]`
    pub y: &'a [f32],
}

impl Moments {
    pub fn new(units: usize, outputs: usize) -> Self {
        let zeros = |count: usize| vec![0.0; count];
        Self {
            units,
            outputs,
            gram: zeros(units * units),
            cross: zeros(outputs * units),
            square: zeros(outputs),
            count: 0.0,
        }
    }

    /// Adds rows, with r divided by the scaling factor. The sums do not depend on the number of threads.
    pub fn add(&mut self, rows: &[Row], scaling_factor: f64) {
        let n = self.units;
        let scale = 1.0 / (scaling_factor * scaling_factor);
        self.gram.par_chunks_exact_mut(n).enumerate().for_each(|(i, gram)| {
            mdl_kernels::dispatch::dispatch(
                #[inline(always)]
                || {
                    for row in rows {
                        let weight = row.r[i] * scale;
                        // A unit that has not fired yet adds nothing.
                        if weight != 0.0 {
                            gram[..=i].iter_mut().zip(&row.r[..=i]).for_each(|(sum, r)| *sum += weight * r);
                        }
                    }
                },
            );
        });
        for row in rows {
            for (o, y) in row.y.iter().enumerate() {
                let y = f64::from(*y);
                let weight = y / scaling_factor;
                self.cross[o * n..][..n].iter_mut().zip(row.r).for_each(|(sum, r)| *sum += weight * r);
                self.square[o] += y * y;
            }
            self.count += self.outputs as f64;
        }
    }

    /// Mean squared error of output weights `[O, N]`.
    pub fn error(&self, weights: &[f64]) -> f64 {
        let n = self.units;
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let of_output = |o: usize| {
            let w = w_of(weights, o, n);
            // wᵀ G w, each pair of units twice.
            let of_unit = |(i, row): (usize, &[f64])| w[i] * (2.0 * dot(&row[..i], w) + row[i] * w[i]);
            let product: f64 = self.gram.chunks_exact(n).enumerate().map(of_unit).sum();
            self.square[o] - 2.0 * dot(w_of(&self.cross, o, n), w) + product
        };
        (0..self.outputs).map(of_output).sum::<f64>() / self.count
    }

    /// Output weights with a penalty ρ on changes from `weights`; none if they are not determined.
    pub fn solve(&self, weights: &[f64], ridge: f64) -> Option<Vec<f64>> {
        let n = self.units;
        let largest = (0..n).map(|i| self.gram[i * n + i]).fold(0.0, f64::max);
        if largest == 0.0 {
            return None;
        }
        // A unit that does not fire has no penalty of its own; this keeps its weight.
        let penalty: Vec<f64> = (0..n).map(|i| ridge * self.gram[i * n + i].max(1e-9 * largest)).collect();
        let mut matrix = self.gram.clone();
        (0..n).for_each(|i| matrix[i * n + i] += penalty[i]);
        factorise(&mut matrix, n)?;
        let mut solved = Vec::with_capacity(weights.len());
        for o in 0..self.outputs {
            let (cross, w) = (w_of(&self.cross, o, n), w_of(weights, o, n));
            let mut right: Vec<f64> = (0..n).map(|i| cross[i] + penalty[i] * w[i]).collect();
            substitute(&matrix, n, &mut right);
            solved.extend(right);
        }
        Some(solved)
    }
}

fn w_of(weights: &[f64], output: usize, n: usize) -> &[f64] {
    &weights[output * n..][..n]
}

/// The lower factor L of a positive definite matrix, L Lᵀ, in place; none if it is not positive definite.
fn factorise(matrix: &mut [f64], n: usize) -> Option<()> {
    for i in 0..n {
        let (above, rest) = matrix.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..i {
            let other = &above[j * n..][..=j];
            let sum: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - sum) / other[j];
        }
        let sum: f64 = row[..i].iter().map(|a| a * a).sum();
        let square = row[i] - sum;
        if square.is_nan() || square <= 0.0 {
            return None;
        }
        row[i] = square.sqrt();
    }
    Some(())
}

/// Solves L Lᵀ x = b in place.
fn substitute(lower: &[f64], n: usize, x: &mut [f64]) {
    for i in 0..n {
        let sum: f64 = lower[i * n..][..i].iter().zip(&*x).map(|(l, x)| l * x).sum();
        x[i] = (x[i] - sum) / lower[i * n + i];
    }
    for i in (0..n).rev() {
        let value = x[i] / lower[i * n + i];
        x[i] = value;
        x[..i].iter_mut().zip(&lower[i * n..][..i]).for_each(|(x, l)| *x -= l * value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two units and one that does not fire: G = [[2.5, 1.25], [1.25, 5.25]], C = [3.5, 0]; solved by Cramer's rule.
    #[test]
    fn weights_are_those_of_the_normal_equations() {
        let rows = [[1.0, 2.0, 0.0], [3.0, 1.0, 0.0], [0.0, 4.0, 0.0]];
        let y = [[1f32], [2.0], [-1.0]];
        let rows: Vec<Row> = rows.iter().zip(&y).map(|(r, y)| Row { r, y }).collect();
        let mut moments = Moments::new(3, 1);
        moments.add(&rows, 2.0);
        let before = [0.5, 0.25, 7.0];
        for (ridge, expected) in
            [(1e-9, [18.375 / 11.5625, -4.375 / 11.5625]), (1.0, [48.234_375 / 50.9375, 0.625 / 50.9375])]
        {
            let found = moments.solve(&before, ridge).unwrap();
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{ridge}: {found:?}");
            assert!((found[2] - 7.0).abs() < 1e-9, "a silent unit keeps its weight: {found:?}");
        }
        // Σ (y − V r/2)² of the weights before: (1 − 0.5)², (2 − 0.875)², (−1 − 0.5)² over 3.
        let error = [0.5f64, 1.125, -1.5].iter().map(|e| e * e).sum::<f64>() / 3.0;
        assert!((moments.error(&before) - error).abs() < 1e-12);
        assert!(Moments::new(3, 1).solve(&before, 1.0).is_none(), "a silent network determines nothing");
    }
}
