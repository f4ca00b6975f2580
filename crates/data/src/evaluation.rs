//! The evaluation section of a config.

use crate::field::{InvalidField, MOST_TRIALS, require, require_duration_ms, require_trials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The evaluation section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Fresh trials.
    pub trials: u32,
    /// Trials whose spikes are recorded and drawn.
    pub recorded_trials: u32,
    /// Units whose membrane potential is recorded and drawn.
    pub recorded_units: Vec<usize>,
    /// Interval between recorded outputs (ms), or every step if steps are longer. For LIF networks it is a multiple of
    /// `lif.dt_ms`. For others, the steps nearest to its multiples are recorded, with their times in `time_ms`.
    pub record_every_ms: f64,
    /// Interval between recorded membrane potentials of LIF networks (ms): a multiple of `lif.dt_ms`, or less for every
    /// step. Potentials of spiking networks are recorded at every step.
    pub record_potentials_every_ms: f64,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            trials: 100,
            recorded_trials: 4,
            recorded_units: vec![0, 1, 2],
            record_every_ms: 5.0,
            record_potentials_every_ms: 1.0,
        }
    }
}

impl EvaluationConfig {
    /// Refuses values with which nothing can run.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require_trials("trials", self.trials)?;
        require_duration_ms("record_every_ms", self.record_every_ms)?;
        require_duration_ms("record_potentials_every_ms", self.record_potentials_every_ms)?;
        let recorded = self.recorded_trials;
        require(recorded <= MOST_TRIALS, "recorded_trials", recorded, &format!("0 to {MOST_TRIALS}"))
    }

    /// Steps of a trial of `steps`, from 0, whose outputs are recorded: those nearest to multiples of the interval.
    pub fn kept_steps(&self, step_ms: f64, steps: usize) -> Vec<usize> {
        let every = (self.record_every_ms / step_ms).max(1.0);
        (0..steps).map(|k| (k as f64 * every).round() as usize).take_while(|step| *step < steps).collect()
    }

    /// Number of steps between two recorded outputs of a LIF network, in a trial of this many `steps`.
    ///
    /// # Errors
    /// [`InvalidField`] for an interval that is not a whole number of steps.
    pub fn steps_between_outputs(&self, step_ms: f64, steps: usize) -> Result<usize, InvalidField> {
        steps_between("record_every_ms", self.record_every_ms, step_ms, steps)
    }

    /// Number of steps between two recorded potentials of a LIF network, in a trial of this many `steps`.
    ///
    /// # Errors
    /// [`InvalidField`] for an interval that is not a whole number of steps.
    pub fn steps_between_potentials(&self, step_ms: f64, steps: usize) -> Result<usize, InvalidField> {
        steps_between("record_potentials_every_ms", self.record_potentials_every_ms, step_ms, steps)
    }
}

fn steps_between(field: &str, interval_ms: f64, step_ms: f64, steps: usize) -> Result<usize, InvalidField> {
    let ratio = interval_ms / step_ms;
    let multiple = |steps: f64| (steps * step_ms * 1e6).round() / 1e6;
    let (below, above) = (multiple(ratio.floor()), multiple(ratio.ceil()));
    let whole = ratio < 1.0 || (ratio - ratio.round()).abs() < 1e-6 * ratio;
    let expected = format!("a multiple of the step, {} ms, such as {below} or {above}", multiple(1.0));
    require(whole, field, interval_ms, &expected)?;
    Ok((ratio.round() as usize).clamp(1, steps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_whole_steps() {
        let every = |record_every_ms: f64, step_ms: f64| {
            EvaluationConfig { record_every_ms, ..EvaluationConfig::default() }.steps_between_outputs(step_ms, 200)
        };
        for (interval, step, expected) in
            [(5.0, 0.05, 100), (5.0, 0.1, 50), (5.0, 5.0, 1), (2.0, 5.0, 1), (5.0, 2.5, 2), (1e9, 5.0, 200)]
        {
            assert_eq!(every(interval, step).unwrap(), expected, "{interval} ms, step {step} ms");
        }
        let error = every(5.0, 2.0).unwrap_err().to_string();
        assert!(
            error.contains("record_every_ms: found 5, expected a multiple of the step, 2 ms, such as 4 or 6"),
            "{error}"
        );
        assert!(every(7.0, 5.0).is_err());
    }

    #[test]
    fn kept_steps_are_the_nearest_to_the_interval() {
        let kept = |record_every_ms: f64, step_ms: f64| {
            EvaluationConfig { record_every_ms, ..EvaluationConfig::default() }.kept_steps(step_ms, 11)
        };
        assert_eq!(kept(5.0, 2.0), [0, 3, 5, 8, 10], "0, 6, 10, 16, 20 ms: five on average, as asked for");
        assert_eq!(kept(5.0, 2.5), [0, 2, 4, 6, 8, 10]);
        assert_eq!(kept(5.0, 5.0), (0..11).collect::<Vec<_>>());
        assert_eq!(kept(1.0, 5.0), (0..11).collect::<Vec<_>>());
        assert_eq!(kept(1e9, 5.0), [0]);
    }
}
