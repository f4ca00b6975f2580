//! Mode variables of an evaluation or recording.

use crate::ReportError;
use crate::check::Check;
use crate::outputs::Outputs;
use mdl_artifact::{Artifact, Kind};
use mdl_data::tasks::Task;

const CHECK: Check = Check("mode space");
/// Maximum number of modes that are shown.
const MOST_MODES: usize = 12;

/// Mode variables of an evaluation.
pub(crate) struct ModeSpace<'a> {
    /// Number of modes P.
    pub modes: usize,
    /// The most important modes, by falling importance.
    pub order: Vec<usize>,
    /// Times of the means.
    pub time_ms: Vec<f64>,
    /// Means over the trials of each condition, `[C, times, P]`
    pub means: Vec<f32>,
    /// Of recorded trials, with their shape `[S, times of outputs, P]`.
    pub trials: Option<(&'a [f32], [usize; 3])>,
    /// The same of the rate network that a LIF network was made from.
    pub rate_network: Option<(&'a [f32], [usize; 3])>,
    /// True for means over the recorded trials alone.
    pub of_recorded: bool,
    /// Conditions of the trials that the means are over.
    pub conditions: Vec<usize>,
}

/// Values and their shape.
type Shaped<'a> = (&'a [f32], [usize; 3]);

impl<'a> ModeSpace<'a> {
    /// Mode variables in an evaluation; none without modes.
    ///
    /// # Errors
    /// [`ReportError`]: a mismatched tensor.
    pub fn of(
        artifact: &'a Artifact,
        task: &dyn Task,
        step_ms: f64,
        outputs: Option<&Outputs>,
    ) -> Result<Option<Self>, ReportError> {
        let read = |name: &str| -> Result<Option<Shaped<'a>>, ReportError> {
            match artifact.has(name) {
                true => {
                    Ok(Some((artifact.values::<f32>(name, &artifact.shape::<3>(name)?)?, artifact.shape::<3>(name)?)))
                }
                false => Ok(None),
            }
        };
        let is_recording = artifact.kind == Kind::Activity;
        let trials = read(if is_recording { "mode_activity" } else { "mode_trial" })?;
        let rate_network = read("rate_mode_trial")?;
        let of_recorded = is_recording || !artifact.has("mode_activity");
        let conditions = task.conditions().len();
        let (time_ms, means, modes) = if !of_recorded {
            let [_, steps, modes] = artifact.shape::<3>("mode_activity")?;
            let means = artifact.values::<f32>("mode_activity", &[conditions, steps, modes])?;
            ((0..steps).map(|step| step as f64 * step_ms).collect(), means.to_vec(), modes)
        } else if let (Some((values, [recorded, times, modes])), Some(outputs)) = (trials, outputs) {
            CHECK.length("times of the modes", outputs.time_ms, times)?;
            let recorded = recorded.min(outputs.conditions.len());
            let steps: Vec<usize> = (0..recorded).map(|trial| outputs.steps(trial)).collect();
            let of = (&outputs.conditions[..recorded], &steps[..]);
            (outputs.time_ms.to_vec(), mean_of_trials(values, of, [conditions, times, modes]), modes)
        } else {
            return Ok(None);
        };
        if modes < 2 || time_ms.is_empty() {
            return Ok(None);
        }
        let mut order: Vec<usize> = (0..modes).collect();
        if artifact.has("importance") {
            let importance = artifact.values::<f64>("importance", &[modes])?;
            order.sort_by(|a, b| importance[*b].total_cmp(&importance[*a]));
        }
        order.truncate(MOST_MODES);
        if let Some((_, [_, _, other])) = rate_network {
            CHECK.value("modes of the rate network", other == modes, other, &modes.to_string())?;
        }
        let conditions = match (of_recorded, trials, outputs) {
            (true, Some((_, [recorded, ..])), Some(outputs)) => {
                outputs.conditions.iter().copied().take(recorded).collect()
            }
            (_, _, Some(outputs)) => outputs.conditions.clone(),
            _ => (0..conditions).collect(),
        };
        Ok(Some(Self { conditions, modes, order, time_ms, means, trials, rate_network, of_recorded }))
    }
}

/// Mean `[C, times, P]` of trials `[S, times, P]`, of these conditions and lengths in times, over those of each condition
/// that have not ended; the last mean again after the end of all, and 0 without a trial.
fn mean_of_trials(values: &[f32], (of, steps): (&[usize], &[usize]), shape: [usize; 3]) -> Vec<f32> {
    let [conditions, times, modes] = shape;
    let mut means = Vec::with_capacity(conditions * times * modes);
    for condition in 0..conditions {
        let first = means.len();
        for time in 0..times {
            let going = |trial: &usize| of[*trial] == condition && time < steps[*trial];
            let trials: Vec<usize> = (0..of.len()).filter(going).collect();
            if trials.is_empty() && means.len() > first {
                means.extend_from_within(means.len() - modes..);
                continue;
            }
            let value = |trial: &usize, mode: usize| f64::from(values[(trial * times + time) * modes + mode]);
            let sum = |mode: usize| trials.iter().map(|trial| value(trial, mode)).sum::<f64>();
            means.extend((0..modes).map(|mode| (sum(mode) / trials.len().max(1) as f64) as f32));
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_the_trials_of_a_condition() {
        let trials = [1.0, 2.0, 3.0, 4.0, 9.0, 7.0];
        let mean = mean_of_trials(&trials, (&[1, 1, 0], &[2, 1, 1]), [3, 2, 1]);
        assert_eq!(
            mean,
            [9.0, 9.0, 2.0, 2.0, 0.0, 0.0],
            "the second trial of condition 1 has ended, and that of condition 0"
        );
    }
}
