//! Selectivity of units for the variables of the trials, with cross-validated tests.
//!
//! The mean rate of a unit over a trial is predicted from the standardised variables, and from their products in pairs, by least squares
//! fitted to four fifths of the trials and tested on the others, in turn. What a variable contributes is
//!
//! ```text
//! partial R² = 1 − (squared error with all variables)/(squared error without this one)
//! ```
//!
//! on trials that the fit did not see. Its p value is the share of 200 permutations of the variable over the trials with a partial
//! R² as large. A unit is selective for variables with p ≤ 0.01, mixed if there are two or more, and nonlinear mixed if the
//! products contribute (permutations of the rates' residuals).
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `selectivity.variable` | `[V]` | U32 | input channel; the number of channels for the choice |
//! | `selectivity.partial_r2`, `selectivity.p_value` | `[V, N]` | F64 | of each unit |
//! | `selectivity.products_r2`, `selectivity.products_p_value` | `[N]` | F64 | the same of the products |

use super::rates::of_trial;
use super::variables::{Regression, Variables, standardised};
use crate::error::Error;
use crate::found::Found;
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use mdl_kernels::random::{Purpose, Stream};
use rayon::prelude::*;
use serde_json::json;

/// Parts of a cross-validation.
const FOLDS: usize = 5;
/// Permutations of a test.
const PERMUTATIONS: usize = 200;
/// Largest p value of a selective unit.
const SIGNIFICANT: f64 = 0.01;
/// Stream of permutations among those of analyses.
const STREAM: u64 = 4 << 32;

/// Tests every unit.
///
/// # Errors
/// [`Error`], and an interruption.
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let variables = Variables::of(subject);
    let (trials, n, v) = (subject.trials().count, subject.units(), variables.names.len());
    if v == 0 || trials < 4 * (v + 2) {
        return Ok(Found::none("no variable differs between the trials, or there are too few trials"));
    }
    let rates: Vec<Vec<f64>> = (0..trials).map(|trial| of_trial(subject, trial)).collect();
    let of_unit = |unit: usize| standardised(&rates.iter().map(|row| row[unit]).collect::<Vec<f64>>());
    let units: Vec<Vec<f64>> = (0..n).map(of_unit).collect();
    let standard = variables.standard();
    let mut columns = standard.clone();
    columns.push(vec![1.0; trials]);
    let full = errors(&columns, &units);
    let (mut partial, mut p_values) = (Vec::new(), Vec::new());
    for k in 0..v {
        subject.check()?;
        let mut without = columns.clone();
        without.remove(k);
        let reduced = errors(&without, &units);
        let observed: Vec<f64> = full.iter().zip(&reduced).map(|(full, reduced)| gain(*full, *reduced)).collect();
        let above = exceed(&observed, trials, (k as u64, subject.seed()), |permutation| {
            let mut permuted = columns.clone();
            permuted[k] = permutation.iter().map(|trial| standard[k][*trial as usize]).collect();
            errors(&permuted, &units).iter().zip(&reduced).map(|(full, reduced)| gain(*full, *reduced)).collect()
        });
        partial.extend(observed);
        p_values.extend(above);
    }
    let mut with_products = columns.clone();
    for a in 0..v {
        for b in a + 1..v {
            let product: Vec<f64> = standard[a].iter().zip(&standard[b]).map(|(a, b)| a * b).collect();
            let product = standardised(&product);
            if product.iter().any(|x| *x != 0.0) {
                with_products.push(product);
            }
        }
    }
    let products = |units: &[Vec<f64>]| -> Vec<f64> {
        let (full, reduced) = (errors(&with_products, units), errors(&columns, units));
        full.iter().zip(&reduced).map(|(full, reduced)| gain(*full, *reduced)).collect()
    };
    let observed = products(&units);
    let rows: Vec<usize> = (0..trials).collect();
    let linear = Regression::new(&columns, &rows);
    let predicted: Vec<Vec<f64>> = units
        .iter()
        .map(|y| {
            let b = linear.coefficients(y, &rows);
            rows.iter().map(|row| columns.iter().zip(&b).map(|(column, b)| column[*row] * b).sum()).collect()
        })
        .collect();
    let products_p = exceed(&observed, trials, (v as u64, subject.seed()), |permutation| {
        let shuffled: Vec<Vec<f64>> = units
            .iter()
            .zip(&predicted)
            .map(|(y, predicted)| {
                let residual = |row: usize| y[permutation[row] as usize] - predicted[permutation[row] as usize];
                rows.iter().map(|row| predicted[*row] + residual(*row)).collect()
            })
            .collect();
        products(&shuffled)
    });
    let selective = |unit: usize| (0..v).filter(|k| p_values[k * n + unit] <= SIGNIFICANT).count();
    let counts: Vec<usize> = (0..n).map(selective).collect();
    let of_variable = |k: usize| p_values[k * n..][..n].iter().filter(|p| **p <= SIGNIFICANT).count();
    let summary = json!({
        "selective": variables.names.iter().enumerate().map(|(k, name)| (name.clone(), json!(of_variable(k)))).collect::<serde_json::Map<_, _>>(),
        "mixed": counts.iter().filter(|count| **count >= 2).count(),
        "nonlinear_mixed": products_p.iter().filter(|p| **p <= SIGNIFICANT).count(),
        "units": n,
    });
    let inputs = subject.task().inputs();
    let channel = |name: &String| inputs.iter().position(|input| input == name).unwrap_or(inputs.len()) as u32;
    artifact.insert("selectivity.variable", &[v], variables.names.iter().map(channel).collect());
    artifact.insert("selectivity.partial_r2", &[v, n], partial);
    artifact.insert("selectivity.p_value", &[v, n], p_values);
    artifact.insert("selectivity.products_r2", &[n], observed);
    artifact.insert("selectivity.products_p_value", &[n], products_p);
    Ok(Found::some(summary))
}

/// 1 − full/reduced; 0 for a unit without variance.
fn gain(full: f64, reduced: f64) -> f64 {
    if reduced > 0.0 { 1.0 - full / reduced } else { 0.0 }
}

/// Share of permutations (with the observation itself) in which each unit gains as much as observed.
fn exceed(
    observed: &[f64],
    trials: usize,
    (index, seed): (u64, u64),
    permuted: impl Fn(&[u32]) -> Vec<f64> + Sync,
) -> Vec<f64> {
    let above: Vec<Vec<bool>> = (0..PERMUTATIONS as u64)
        .into_par_iter()
        .map(|k| {
            let mut stream = Stream::new(seed, Purpose::Analysis, STREAM + index * PERMUTATIONS as u64 + k);
            permuted(&stream.permutation(trials))
                .iter()
                .zip(observed)
                .map(|(gain, observed)| gain >= observed)
                .collect()
        })
        .collect();
    let count = |unit: usize| above.iter().filter(|above| above[unit]).count();
    (0..observed.len()).map(|unit| (count(unit) + 1) as f64 / (PERMUTATIONS + 1) as f64).collect()
}

/// Squared error of each unit's prediction on trials that its fit did not see, `[N]`, for columns `[V][B]` and units `[N][B]`.
fn errors(columns: &[Vec<f64>], units: &[Vec<f64>]) -> Vec<f64> {
    let trials = columns.first().map_or(0, Vec::len);
    let mut errors = vec![0.0; units.len()];
    for fold in 0..FOLDS {
        let (tested, fitted): (Vec<usize>, Vec<usize>) = (0..trials).partition(|trial| trial % FOLDS == fold);
        let regression = Regression::new(columns, &fitted);
        for (error, y) in errors.iter_mut().zip(units) {
            let b = regression.coefficients(y, &fitted);
            for trial in &tested {
                let predicted: f64 = columns.iter().zip(&b).map(|(column, b)| column[*trial] * b).sum();
                *error += (y[*trial] - predicted).powi(2);
            }
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_a_unit_carries_reduces_its_error_and_another_does_not() {
        let mut stream = Stream::new(1, Purpose::Analysis, 0);
        let mut normal = |count: usize| (0..count).map(|_| f64::from(stream.normal())).collect::<Vec<f64>>();
        let (a, b, noise) = (standardised(&normal(100)), standardised(&normal(100)), normal(100));
        let unit = standardised(&a.iter().zip(&noise).map(|(a, noise)| a + 0.5 * noise).collect::<Vec<f64>>());
        let one = vec![1.0; 100];
        let both = errors(&[a.clone(), b.clone(), one.clone()], std::slice::from_ref(&unit))[0];
        let [without_a, without_b] =
            [[b, one.clone()], [a, one]].map(|columns| errors(&columns, std::slice::from_ref(&unit))[0]);
        assert!(gain(both, without_a) > 0.6 && gain(both, without_b).abs() < 0.1, "{both} {without_a} {without_b}");
    }
}
