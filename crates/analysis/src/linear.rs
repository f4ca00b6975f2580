//! Dense linear algebra in double precision, with the same bits on every CPU.
//!
//! Matrices are row-major slices. Triangular factors are computed here, because nearly all the time of a search for fixed
//! points is spent on them; eigenvalues come from nalgebra, with a bounded number of iterations.

use crate::error::Error;
use mdl_kernels::dispatch::dispatch;
use nalgebra::linalg::{Schur, SymmetricEigen};
use nalgebra::{Complex, DMatrix};

/// Iterations for the eigenvalues of a matrix.
const ITERATIONS: usize = 100_000;
/// A pivot this much smaller than the largest entry means that a matrix is singular.
const SINGULAR: f64 = 1e-14;

/// Triangular factors of a matrix with exchanged rows, P A = L U.
#[derive(Clone, Debug)]
pub struct Factors {
    n: usize,
    /// L below the diagonal, on which it is 1, and U.
    values: Vec<f64>,
    /// Row of A that is row i of P A.
    order: Vec<usize>,
}

impl Factors {
    /// Factors of a matrix `[n, n]`; none of a singular one.
    pub fn new(n: usize, mut values: Vec<f64>) -> Option<Self> {
        let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let mut order: Vec<usize> = (0..n).collect();
        for k in 0..n {
            let size = |row: usize| values[row * n + k].abs();
            let pivot = (k..n).fold(k, |best, row| if size(row) > size(best) { row } else { best });
            if size(pivot).is_nan() || size(pivot) <= SINGULAR * largest {
                return None;
            }
            if pivot != k {
                order.swap(pivot, k);
                let (above, below) = values.split_at_mut(pivot * n);
                above[k * n..][..n].swap_with_slice(&mut below[..n]);
            }
            eliminate(n, k, &mut values);
        }
        Some(Self { n, values, order })
    }

    /// x with A x = b.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let (n, a) = (self.n, &self.values);
        let mut x: Vec<f64> = self.order.iter().map(|row| b[*row]).collect();
        for i in 0..n {
            x[i] -= dot(&a[i * n..][..i], &x[..i]);
        }
        for i in (0..n).rev() {
            x[i] = (x[i] - dot(&a[i * n + i + 1..][..n - i - 1], &x[i + 1..])) / a[i * n + i];
        }
        x
    }

    /// x with Aᵀ x = b.
    pub fn solve_transposed(&self, b: &[f64]) -> Vec<f64> {
        let (n, a) = (self.n, &self.values);
        let mut y = b.to_vec();
        for i in 0..n {
            y[i] /= a[i * n + i];
            let value = y[i];
            add_scaled(&mut y[i + 1..], -value, &a[i * n + i + 1..][..n - i - 1]);
        }
        for i in (0..n).rev() {
            let value = y[i];
            add_scaled(&mut y[..i], -value, &a[i * n..][..i]);
        }
        let mut x = vec![0.0; n];
        self.order.iter().zip(y).for_each(|(row, value)| x[*row] = value);
        x
    }
}

/// Subtracts multiples of row `k` from the rows below it, so that they are zero in column `k`; the multiples are kept there.
fn eliminate(n: usize, k: usize, values: &mut [f64]) {
    let (above, below) = values.split_at_mut((k + 1) * n);
    let row = &above[k * n..];
    dispatch(
        #[inline(always)]
        || {
            for other in below.chunks_exact_mut(n) {
                let multiple = other[k] / row[k];
                other[k] = multiple;
                for (value, pivot) in other[k + 1..].iter_mut().zip(&row[k + 1..]) {
                    *value -= multiple * pivot;
                }
            }
        },
    );
}

/// aᵀ b, summed in eight parts.
#[inline(always)]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    const PARTS: usize = 8;
    let mut sums = [0.0; PARTS];
    let (chunks_a, chunks_b) = (a.chunks_exact(PARTS), b.chunks_exact(PARTS));
    let rest: f64 = chunks_a.remainder().iter().zip(chunks_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in chunks_a.zip(chunks_b) {
        for part in 0..PARTS {
            sums[part] += a[part] * b[part];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// a ← a + factor · b.
pub fn add_scaled(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

/// A x for A `[rows, columns]`.
pub fn times(a: &[f64], x: &[f64]) -> Vec<f64> {
    let mut result = vec![0.0; a.len().checked_div(x.len()).unwrap_or(0)];
    dispatch(
        #[inline(always)]
        || {
            for (result, row) in result.iter_mut().zip(a.chunks_exact(x.len().max(1))) {
                *result = dot(row, x);
            }
        },
    );
    result
}

/// Aᵀ x for A `[rows, columns]` and x `[rows]`.
pub fn times_transposed(a: &[f64], columns: usize, x: &[f64]) -> Vec<f64> {
    let mut result = vec![0.0; columns];
    for (row, factor) in a.chunks_exact(columns.max(1)).zip(x) {
        add_scaled(&mut result, *factor, row);
    }
    result
}

/// Euclidean length.
pub fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

/// Largest magnitude of an entry.
pub fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |largest: f64, value| if value.is_nan() { f64::NAN } else { largest.max(value.abs()) })
}

/// |m|
pub fn magnitude(m: Complex<f64>) -> f64 {
    m.norm_sqr().sqrt()
}

/// Eigenvalues of a matrix `[n, n]`, those of the largest magnitude first.
///
/// # Errors
/// [`Error::Eigenvalues`]: they were not found within the allowed iterations.
pub fn eigenvalues(n: usize, matrix: &[f64]) -> Result<Vec<Complex<f64>>, Error> {
    if n == 0 {
        return Ok(Vec::new());
    }
    // Rounding keeps many equal eigenvalues from being separated to the last digit.
    let iterations = 100 * n;
    let tolerances = [1.0, 16.0, 1e3, 1e5, 1e6].into_iter().map(|factor| factor * f64::EPSILON);
    let schur = |tolerance| Schur::try_new(DMatrix::from_row_slice(n, n, matrix), tolerance, iterations);
    let found = tolerances.into_iter().find_map(schur).ok_or(Error::Eigenvalues { size: n, iterations })?;
    let found = found.complex_eigenvalues();
    let mut found: Vec<Complex<f64>> = found.iter().copied().collect();
    found.sort_by(|a, b| b.norm_sqr().total_cmp(&a.norm_sqr()).then(b.re.total_cmp(&a.re)).then(b.im.total_cmp(&a.im)));
    Ok(found)
}

/// Eigenvalues of a symmetric matrix `[n, n]` in descending order, and its eigenvectors of length 1 as rows `[n, n]`, the
/// largest entry of each positive.
///
/// # Errors
/// [`Error::Eigenvalues`].
pub fn symmetric_eigen(n: usize, matrix: &[f64]) -> Result<(Vec<f64>, Vec<f64>), Error> {
    if n == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let eigen = SymmetricEigen::try_new(DMatrix::from_row_slice(n, n, matrix), f64::EPSILON, ITERATIONS);
    let eigen = eigen.ok_or(Error::Eigenvalues { size: n, iterations: ITERATIONS })?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let values = order.iter().map(|k| eigen.eigenvalues[*k]).collect();
    let vector = |k: &usize| {
        let vector: Vec<f64> = eigen.eigenvectors.column(*k).iter().copied().collect();
        let largest = vector.iter().fold(0.0, |best: f64, x| if x.abs() > best.abs() { *x } else { best });
        vector.into_iter().map(move |x| if largest < 0.0 { -x } else { x }).collect::<Vec<f64>>()
    };
    Ok((values, order.iter().flat_map(vector).collect()))
}

/// Orthonormal vectors that span the rows of `vectors` `[count, n]`, in order (Gram–Schmidt, twice); a row that the ones
/// before it span is left out.
pub fn orthonormal(n: usize, vectors: &[f64]) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for vector in vectors.chunks_exact(n.max(1)) {
        let (mut rest, length) = (vector.to_vec(), norm(vector));
        for _ in 0..2 {
            for known in &basis {
                let along = dot(known, &rest);
                add_scaled(&mut rest, -along, known);
            }
        }
        let left = norm(&rest);
        if left > 1e-9 * length {
            basis.push(rest.into_iter().map(|x| x / left).collect());
        }
    }
    basis
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(n: usize) -> Vec<f64> {
        (0..n * n).map(|k| ((k * k * 37 + 11 * k) % 101) as f64 / 50.0 - 1.0).collect()
    }

    #[test]
    fn factors_solve_a_system_and_its_transpose() {
        for n in [1, 2, 7, 30] {
            let a = example(n);
            let factors = Factors::new(n, a.clone()).unwrap();
            let b: Vec<f64> = (0..n).map(|i| 1.0 + i as f64).collect();
            let x = factors.solve(&b);
            assert!(times(&a, &x).iter().zip(&b).all(|(found, b)| (found - b).abs() < 1e-9), "{n}");
            let x = factors.solve_transposed(&b);
            assert!(times_transposed(&a, n, &x).iter().zip(&b).all(|(found, b)| (found - b).abs() < 1e-9), "{n}");
        }
        assert!(Factors::new(2, vec![1.0, 2.0, 2.0, 4.0]).is_none());
        assert!(Factors::new(1, vec![f64::NAN]).is_none());
    }

    #[test]
    fn eigenvalues_of_a_rotation_and_of_a_triangle() {
        let (cos, sin) = (0.3f64.cos(), 0.3f64.sin());
        let found = eigenvalues(3, &[cos, -sin, 5.0, sin, cos, 1.0, 0.0, 0.0, 2.0]).unwrap();
        assert!(magnitude(found[0] - Complex::new(2.0, 0.0)) < 1e-12, "{found:?}");
        assert!(magnitude(found[1] - Complex::new(cos, sin)) < 1e-12, "{found:?}");
        assert!(magnitude(found[2] - Complex::new(cos, -sin)) < 1e-12, "{found:?}");
    }

    #[test]
    fn vectors_of_a_symmetric_matrix_are_its_axes() {
        let (values, vectors) = symmetric_eigen(2, &[2.0, 1.0, 1.0, 2.0]).unwrap();
        assert!((values[0] - 3.0).abs() < 1e-12 && (values[1] - 1.0).abs() < 1e-12);
        assert!(vectors[..2].iter().all(|x| (x - 0.5f64.sqrt()).abs() < 1e-12), "{vectors:?}");
        let basis = orthonormal(3, &[2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 3.0, 0.0]);
        assert_eq!(basis, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    }
}
