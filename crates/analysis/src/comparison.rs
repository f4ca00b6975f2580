//! Similarity of the states of two networks on the same trials.
//!
//! The states compared are the mean rates of each condition at common times, `[C·R, N]` of either network, centred.
//!
//! ```text
//! CKA          |XᵀY|² / (|XᵀX| |YᵀY|)                                      linear, Frobenius norms (Kornblith et al. 2019)
//! Procrustes   1 − (Σ singular values of XᵀY / (|X| |Y|))²                 residual after the best rotation and scale; 0: equal
//! dynamics     distance of the eigenvalues of the linear maps that advance each network's states by a step
//! ```
//!
//! CKA and Procrustes are computed from the P ≤ 10 principal components of each network that hold its variance. The maps of the
//! dynamics are least-squares fits in these components; their eigenvalues are paired so that the root mean square distance is
//! smallest among greedy pairings. All three are invariant to a rotation of the units.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `comparison.cka`, `comparison.procrustes`, `comparison.dynamics` | `[1]` | F64 | the three numbers |
//! | `comparison.variance` | `[2]` | F64 | share of each network's variance in the components |
//! | `comparison.eigenvalue` | `[2, D, 2]` | F64 | real and imaginary parts of the eigenvalues of both maps |
//! | `comparison.rates` | `[2, C]` | F64 | mean rate of each network in each condition |

use crate::error::Error;
use crate::found::Found;
use crate::linear::{Factors, dot, eigenvalues, symmetric_eigen};
use crate::moments::covariance_of;
use crate::populations::components::mean_rates;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use nalgebra::Complex;
use serde_json::json;

/// Most components of a network.
const COMPONENTS: usize = 10;

/// Compares two networks that were recorded on the same trials.
///
/// # Errors
/// [`Error`].
pub fn compare<E: From<Error>>(
    first: &dyn Subject<Error = E>,
    second: &dyn Subject<Error = E>,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let times = first.recording().times.min(second.recording().times);
    let [x, y] = [States::of(first, times)?, States::of(second, times)?];
    let cka = cka(&x.reduced, &y.reduced);
    let procrustes = procrustes(&x.reduced, &y.reduced)?;
    let (a, b) = (x.map_eigenvalues(times)?, y.map_eigenvalues(times)?);
    let dynamics = distance(&a, &b);
    let conditions = first.conditions().len();
    let d = a.len().min(b.len());
    let eigen = [&a, &b].into_iter().flat_map(|all| all.iter().take(d).flat_map(|m| [m.re, m.im])).collect();
    artifact.insert("comparison.cka", &[1], vec![cka]);
    artifact.insert("comparison.procrustes", &[1], vec![procrustes]);
    artifact.insert("comparison.dynamics", &[1], vec![dynamics]);
    artifact.insert("comparison.variance", &[2], vec![x.variance, y.variance]);
    artifact.insert("comparison.eigenvalue", &[2, d, 2], eigen);
    artifact.insert("comparison.rates", &[2, conditions], [x.rates, y.rates].concat());
    Ok(Found::some(json!({
        "cka": cka,
        "procrustes": procrustes,
        "dynamics": dynamics,
        "variance_in_components": [x.variance, y.variance],
    })))
}

/// States of a network in its components.
struct States {
    /// `[C·R][D]`, of mean 0
    reduced: Vec<Vec<f64>>,
    /// Share of the variance in the components.
    variance: f64,
    /// Mean rate in each condition.
    rates: Vec<f64>,
}

impl States {
    fn of<E: From<Error>>(subject: &dyn Subject<Error = E>, times: usize) -> Result<Self, Error> {
        let (all, own) = (mean_rates(subject), subject.recording().times);
        // The same moments of both networks, which may record at different intervals.
        let moment = |time: usize| if times > 1 { time * (own - 1) / (times - 1) } else { 0 };
        let conditions = all.len() / own.max(1);
        let rows = (0..conditions).flat_map(|c| (0..times).map(move |time| c * own + moment(time)));
        let states: Vec<&Vec<f64>> = rows.map(|row| &all[row]).collect();
        let n = subject.units();
        let mean_of =
            |rows: &[&Vec<f64>]| rows.iter().flat_map(|row| row.iter()).sum::<f64>() / (rows.len() * n) as f64;
        let rates = states.chunks(times.max(1)).map(mean_of).collect();
        let count = states.len().max(1) as f64;
        let mean: Vec<f64> = (0..n).map(|i| states.iter().map(|state| state[i]).sum::<f64>() / count).collect();
        let centred: Vec<Vec<f64>> =
            states.iter().map(|state| state.iter().zip(&mean).map(|(x, mean)| x - mean).collect()).collect();
        let covariance = covariance_of(centred.iter().cloned(), n).unwrap_or_else(|| vec![0.0; n * n]);
        let (values, vectors) = symmetric_eigen(n, &covariance)?;
        let total: f64 = values.iter().map(|value| value.max(0.0)).sum();
        let kept = values.iter().take(COMPONENTS).filter(|value| **value > 1e-9 * total).count();
        let reduced = centred
            .iter()
            .map(|state| vectors.chunks_exact(n).take(kept).map(|axis| dot(axis, state)).collect())
            .collect();
        let variance = if total > 0.0 { values[..kept].iter().sum::<f64>() / total } else { 0.0 };
        Ok(Self { reduced, variance, rates })
    }

    /// Eigenvalues of the map that advances the states of all conditions by a step.
    fn map_eigenvalues(&self, times: usize) -> Result<Vec<Complex<f64>>, Error> {
        let d = self.reduced.first().map_or(0, Vec::len);
        let pairs = || self.reduced.chunks(times.max(1)).flat_map(|own| own.iter().zip(own.iter().skip(1)));
        let mut squares = vec![0.0; d * d];
        let mut products = vec![0.0; d * d];
        for (before, after) in pairs() {
            for i in 0..d {
                for j in 0..d {
                    squares[i * d + j] += before[i] * before[j];
                    products[i * d + j] += after[i] * before[j];
                }
            }
        }
        let ridge = 1e-9 * (0..d).map(|k| squares[k * d + k]).sum::<f64>() / d.max(1) as f64;
        (0..d).for_each(|k| squares[k * d + k] += ridge);
        let Some(factors) = Factors::new(d, squares) else { return Ok(Vec::new()) };
        // A = (Σ after beforeᵀ)(Σ before beforeᵀ)⁻¹, row by row.
        let map: Vec<f64> = products.chunks_exact(d.max(1)).flat_map(|row| factors.solve_transposed(row)).collect();
        eigenvalues(d, &map)
    }
}

/// XᵀY `[D, E]`.
fn product(x: &[Vec<f64>], y: &[Vec<f64>]) -> Vec<f64> {
    let (d, e) = (x.first().map_or(0, Vec::len), y.first().map_or(0, Vec::len));
    let mut sums = vec![0.0; d * e];
    for (x, y) in x.iter().zip(y) {
        for (row, x) in sums.chunks_exact_mut(e.max(1)).zip(x) {
            row.iter_mut().zip(y).for_each(|(sum, y)| *sum += x * y);
        }
    }
    sums
}

/// Linear centred kernel alignment of centred states; 0 of states that do not vary.
fn cka(x: &[Vec<f64>], y: &[Vec<f64>]) -> f64 {
    let square = |values: Vec<f64>| dot(&values, &values);
    let scale = (square(product(x, x)) * square(product(y, y))).sqrt();
    if scale > 0.0 { square(product(x, y)) / scale } else { 0.0 }
}

/// Squared residual of the best rotation and scale from one to the other, both of length 1; 1 of states that do not vary.
fn procrustes(x: &[Vec<f64>], y: &[Vec<f64>]) -> Result<f64, Error> {
    let length = |x: &[Vec<f64>]| x.iter().map(|row| dot(row, row)).sum::<f64>().sqrt();
    let (d, m) = (x.first().map_or(0, Vec::len), product(x, y));
    let e = m.len().checked_div(d).unwrap_or(0);
    // Singular values of M from the eigenvalues of M Mᵀ.
    let gram: Vec<f64> = (0..d * d).map(|k| dot(&m[k / d * e..][..e], &m[k % d * e..][..e])).collect();
    let singular: f64 = symmetric_eigen(d, &gram)?.0.iter().map(|value| value.max(0.0).sqrt()).sum();
    let scale = length(x) * length(y);
    Ok(if scale > 0.0 { (1.0 - (singular / scale).powi(2)).max(0.0) } else { 1.0 })
}

/// Root mean square distance of eigenvalues, each paired with the nearest that is left; one without partner counts with its own
/// magnitude.
fn distance(a: &[Complex<f64>], b: &[Complex<f64>]) -> f64 {
    let (longer, shorter) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut left = shorter.to_vec();
    let mut sum = 0.0;
    for value in longer {
        let nearest =
            (0..left.len()).min_by(|i, j| (left[*i] - value).norm_sqr().total_cmp(&(left[*j] - value).norm_sqr()));
        let partner = nearest.map_or(Complex::new(0.0, 0.0), |k| left.remove(k));
        sum += (partner - value).norm_sqr();
    }
    (sum / longer.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spiral(turn: f64, times: usize) -> Vec<Vec<f64>> {
        let at = |t: usize| (0.95f64.powi(t as i32), turn * t as f64);
        (0..times).map(at).map(|(r, angle)| vec![r * angle.cos(), r * angle.sin(), 0.3 * r]).collect()
    }

    fn rotated(states: &[Vec<f64>], scale: f64) -> Vec<Vec<f64>> {
        let (cos, sin) = (0.7f64.cos(), 0.7f64.sin());
        states
            .iter()
            .map(|x| vec![scale * (cos * x[0] - sin * x[2]), scale * x[1], scale * (sin * x[0] + cos * x[2])])
            .collect()
    }

    #[test]
    fn a_rotation_and_scale_change_nothing_and_another_turn_does() {
        let (one, other) = (spiral(0.3, 60), spiral(0.9, 60));
        let same = rotated(&one, 4.0);
        assert!((cka(&one, &same) - 1.0).abs() < 1e-12 && procrustes(&one, &same).unwrap() < 1e-12);
        assert!(cka(&one, &other) < 0.8 && procrustes(&one, &other).unwrap() > 0.2);
        let map =
            |reduced: Vec<Vec<f64>>| States { reduced, variance: 1.0, rates: Vec::new() }.map_eigenvalues(60).unwrap();
        let (a, b, c) = (map(one), map(same), map(other));
        // A spiral that shrinks by 0.95 and turns by 0.3 per step, and a decay by 0.95.
        assert!(
            a.iter().any(|m| (m - Complex::new(0.95 * 0.3f64.cos(), 0.95 * 0.3f64.sin())).norm_sqr() < 1e-6),
            "{a:?}"
        );
        assert!(distance(&a, &b) < 1e-3 && distance(&a, &c) > 0.3, "{} {}", distance(&a, &b), distance(&a, &c));
    }
}
