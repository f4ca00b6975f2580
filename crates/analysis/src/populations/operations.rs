//! Synaptic operations and sparsity of each trial: what a neuromorphic chip spends energy on.
//!
//! A spike costs one operation per connection of its unit. The network is counted as connections between units, W without
//! its zeros, and a network with modes also in two steps: P operations from each spike to the modes, and N P from the modes to the
//! units in every step in which a unit spikes. A rate network sends its rates in every step.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `operations.spikes` | `[B]` | F64 | spikes of each trial; of rate networks units times steps |
//! | `operations.recurrent` | `[B]` | F64 | operations of the recurrent connections |
//! | `operations.by_modes` | `[B]` | F64 | the same by way of the modes; absent without modes |
//! | `operations.output` | `[B]` | F64 | operations of the readout |
//! | `operations.active` | `[B]` | F64 | share of the units that spike at all |
//! | `operations.sparseness` | `[B]` | F64 | of the units' rates r: 1 − ⟨r⟩²/⟨r²⟩ (Treves & Rolls 1991) |

use super::rates::of_trial;
use crate::error::Error;
use crate::found::Found;
use crate::modes::Modes;
use crate::settings::Settings;
use crate::subject::Subject;
use crate::weights::recurrent;
use mdl_artifact::Artifact;
use serde_json::json;

/// Counts operations.
///
/// # Errors
/// [`Error`].
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let (recording, n, trials) = (subject.recording(), subject.units(), subject.trials());
    let w = recurrent(subject.artifact(), n)?;
    let modes = Modes::of(subject.artifact())?.map(|modes| modes.count);
    let fan_out: Vec<f64> = (0..n).map(|j| (0..n).filter(|i| w[i * n + j] != 0.0).count() as f64).collect();
    let (mut spikes, mut operations, mut by_modes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut active, mut sparseness) = (Vec::new(), Vec::new());
    for trial in 0..trials.count {
        let steps = trials.length[trial] as f64;
        let (counts, busy) = match recording.spikes.get(trial) {
            Some(spikes) => {
                let inside = || spikes.iter().filter(|spike| spike.time_ms <= subject.duration_ms(trial));
                let mut counts = vec![0.0; n];
                inside().for_each(|spike| counts[spike.unit as usize] += 1.0);
                let mut times: Vec<f64> = inside().map(|spike| spike.time_ms).collect();
                times.sort_by(f64::total_cmp);
                times.dedup();
                (counts, times.len() as f64)
            }
            None => (vec![steps; n], steps),
        };
        let total: f64 = counts.iter().sum();
        spikes.push(total);
        operations.push(counts.iter().zip(&fan_out).map(|(count, fan_out)| count * fan_out).sum::<f64>());
        by_modes.extend(modes.map(|p| total * p as f64 + busy * (n * p) as f64));
        active.push(counts.iter().filter(|count| **count > 0.0).count() as f64 / n as f64);
        let rates = of_trial(subject, trial);
        let mean = rates.iter().sum::<f64>() / n as f64;
        let square = rates.iter().map(|r| r * r).sum::<f64>() / n as f64;
        sparseness.push(if square > 0.0 { 1.0 - mean * mean / square } else { 1.0 });
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let summary = json!({
        "spikes": mean(&spikes),
        "recurrent_operations": mean(&operations),
        "operations_by_modes": (!by_modes.is_empty()).then(|| mean(&by_modes)),
        "active_units": mean(&active),
        "sparseness": mean(&sparseness),
    });
    let shape = [trials.count];
    if !by_modes.is_empty() {
        artifact.insert("operations.by_modes", &shape, by_modes);
    }
    artifact.insert("operations.output", &shape, spikes.iter().map(|spikes| spikes * trials.outputs as f64).collect());
    artifact.insert("operations.spikes", &shape, spikes);
    artifact.insert("operations.recurrent", &shape, operations);
    artifact.insert("operations.active", &shape, active);
    artifact.insert("operations.sparseness", &shape, sparseness);
    Ok(Found::some(summary))
}
