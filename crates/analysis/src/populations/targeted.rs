//! Targeted dimensionality reduction (Mante et al. 2013): axes along which the population carries each variable of the trials.
//!
//! ```text
//! (r_i(t, trial) − mean)/sd = Σ_v β_{v,i}(t) x_v(trial) + β_{0,i}(t)          least squares, x standardised
//! axis of v: β_v(t) where |β_v(t)| is largest, projected on the first principal components, made orthogonal to earlier axes
//! ```
//!
//! The axis of the choice comes first, then those of the input channels.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `targeted.variable` | `[V]` | U32 | input channel of each axis; the number of channels for the choice |
//! | `targeted.axis` | `[V, N]` | F64 | orthonormal axes |
//! | `targeted.peak_ms` | `[V]` | F64 | time at which each was taken |
//! | `targeted.mean` | `[C, R, V]` | F64 | standardised mean rates of each condition along the axes; 0 for one without trials |

use super::variables::{Regression, Variables};
use crate::error::Error;
use crate::found::Found;
use crate::linear::{dot, norm, orthonormal, symmetric_eigen};
use crate::moments::covariance;
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use serde_json::json;

/// Principal components on which coefficients are projected.
const COMPONENTS: usize = 12;

/// Finds the axes of the variables.
///
/// # Errors
/// [`Error`].
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let (recording, n) = (subject.recording(), subject.units());
    let variables = Variables::of(subject);
    if variables.names.is_empty() || recording.trials < variables.names.len() + 2 {
        return Ok(Found::none("no variable differs between the trials, or there are too few trials"));
    }
    let mut columns = variables.standard();
    columns.push(vec![1.0; recording.trials]);
    let (mean, covariance) = covariance(recording, 1);
    let sd: Vec<f64> = (0..n).map(|i| covariance[i * n + i].max(0.0).sqrt()).collect();
    let scaled = |r: f32, i: usize| if sd[i] > 1e-12 { (f64::from(r) - mean[i]) / sd[i] } else { 0.0 };
    let trials: Vec<usize> = (0..recording.trials).collect();
    let regression = Regression::new(&columns, &trials);
    let v = variables.names.len();
    let mut best = vec![(0.0, 0usize, vec![0.0; n]); v];
    for time in 0..recording.times {
        let rows: Vec<&[f32]> =
            trials.iter().map(|trial| recording.rates(*trial, time.min(subject.last(*trial)))).collect();
        let mut betas = vec![vec![0.0; n]; v];
        for i in 0..n {
            let y: Vec<f64> = rows.iter().map(|row| scaled(row[i], i)).collect();
            let found = regression.coefficients(&y, &trials);
            (0..v).for_each(|k| betas[k][i] = found[k]);
        }
        for (best, beta) in best.iter_mut().zip(betas) {
            let length = norm(&beta);
            if length > best.0 {
                *best = (length, time, beta);
            }
        }
    }
    // Correlations, as the rates are standardised.
    let correlation: Vec<f64> = (0..n * n)
        .map(|k| if sd[k / n] * sd[k % n] > 1e-24 { covariance[k] / (sd[k / n] * sd[k % n]) } else { 0.0 })
        .collect();
    let (_, components) = symmetric_eigen(n, &correlation)?;
    let denoised = |beta: &[f64]| {
        let mut kept = vec![0.0; n];
        for component in components.chunks_exact(n).take(COMPONENTS) {
            let along = dot(component, beta);
            kept.iter_mut().zip(component).for_each(|(kept, c)| *kept += along * c);
        }
        kept
    };
    // The choice, the last of the variables, first.
    let mut order: Vec<usize> = (0..v).collect();
    order.sort_by_key(|k| variables.names[*k] != "choice");
    let vectors: Vec<f64> = order.iter().flat_map(|k| denoised(&best[*k].2)).collect();
    let axes = orthonormal(n, &vectors);
    order.truncate(axes.len());
    let conditions = subject.task().conditions().len();
    let mut means = vec![0.0; conditions * recording.times * axes.len()];
    for (condition, own) in subject.conditions() {
        for time in 0..recording.times {
            let mut state = vec![0.0; n];
            for trial in &own {
                let row = recording.rates(*trial, time.min(subject.last(*trial)));
                (0..n).for_each(|i| state[i] += scaled(row[i], i) / own.len() as f64);
            }
            let place = (condition * recording.times + time) * axes.len();
            axes.iter().enumerate().for_each(|(k, axis)| means[place + k] = dot(axis, &state));
        }
    }
    let inputs = subject.task().inputs();
    let channel =
        |k: &usize| inputs.iter().position(|name| *name == variables.names[*k]).unwrap_or(inputs.len()) as u32;
    artifact.insert("targeted.variable", &[axes.len()], order.iter().map(channel).collect());
    artifact.insert("targeted.peak_ms", &[axes.len()], order.iter().map(|k| recording.time_ms[best[*k].1]).collect());
    artifact.insert("targeted.mean", &[conditions, recording.times, axes.len()], means);
    artifact.insert("targeted.axis", &[axes.len(), n], axes.concat());
    let summary = |k: &usize| json!({ "variable": variables.names[*k], "peak_ms": recording.time_ms[best[*k].1] });
    Ok(Found::some(json!(order.iter().map(summary).collect::<Vec<_>>())))
}
