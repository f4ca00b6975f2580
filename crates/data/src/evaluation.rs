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
    /// Trials of which spikes are kept and drawn.
    pub recorded_trials: u32,
    /// Units whose membrane potential is kept and drawn.
    pub recorded_units: Vec<usize>,
    /// Interval between kept outputs (ms).
    pub record_every_ms: f64,
    /// Interval between kept membrane potentials (ms); a LIF network's `lif.dt_ms` keeps those of every step. Potentials of
    /// spiking networks are kept at every step.
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
    /// Refuses values that nothing can run with.
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
}
