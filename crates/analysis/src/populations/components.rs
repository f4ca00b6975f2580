//! Principal components of the rates, and the participation ratio (Σλ)²/Σλ², the effective number of dimensions.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `components.variance` | `[V]` | F64 | share of the variance over trials and time on each component |
//! | `components.mean_variance` | `[V]` | F64 | the same of the means of conditions |
//! | `components.participation` | `[2]` | F64 | participation ratio of both |

use crate::error::Error;
use crate::found::Found;
use crate::linear::symmetric_eigen;
use crate::moments::{covariance, covariance_of};
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use serde_json::json;

/// Most components.
const MOST: usize = 50;

/// Finds the principal components.
///
/// # Errors
/// [`Error`].
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let n = subject.units();
    let (_, all) = covariance(subject.recording(), 1);
    let means = mean_rates(subject);
    let count = means.len().max(1) as f64;
    let centre: Vec<f64> = (0..n).map(|i| means.iter().map(|mean| mean[i]).sum::<f64>() / count).collect();
    let deviations = means.iter().map(|mean| mean.iter().zip(&centre).map(|(x, centre)| x - centre).collect());
    let of_means = covariance_of(deviations, n).unwrap_or_else(|| vec![0.0; n * n]);
    let mut participation = Vec::new();
    let mut summary = Vec::new();
    for (name, matrix) in [("variance", all), ("mean_variance", of_means)] {
        let values: Vec<f64> = symmetric_eigen(n, &matrix)?.0.into_iter().map(|value| value.max(0.0)).collect();
        let (sum, squares) = (values.iter().sum::<f64>(), values.iter().map(|x| x * x).sum::<f64>());
        participation.push(if squares > 0.0 { sum * sum / squares } else { 0.0 });
        let shares: Vec<f64> = values.iter().take(MOST).map(|x| if sum > 0.0 { x / sum } else { 0.0 }).collect();
        let three: f64 = shares.iter().take(3).sum();
        summary.push(json!({ "participation_ratio": participation.last(), "first_three": three }));
        artifact.insert(&format!("components.{name}"), &[shares.len()], shares);
    }
    artifact.insert("components.participation", &[2], participation);
    Ok(Found::some(json!({ "all": summary[0], "means": summary[1] })))
}

/// Mean rates of each condition at each recorded step, `[C·R][N]`.
pub fn mean_rates<E>(subject: &dyn Subject<Error = E>) -> Vec<Vec<f64>> {
    let recording = subject.recording();
    let mut means = Vec::new();
    for (_, own) in subject.conditions() {
        for time in 0..recording.times {
            let mut mean = vec![0.0; recording.units];
            for trial in &own {
                let rates = recording.rates(*trial, time.min(subject.last(*trial)));
                mean.iter_mut().zip(rates).for_each(|(mean, r)| *mean += f64::from(*r) / own.len() as f64);
            }
            means.push(mean);
        }
    }
    means
}
