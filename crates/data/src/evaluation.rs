//! The evaluation section of a config.

use crate::field::{InvalidField, require, require_not_negative, require_positive};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The evaluation section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Fresh trials.
    pub trials: usize,
    /// Trials of which spikes are kept and drawn.
    pub recorded_trials: usize,
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
        require(self.trials > 0, "trials", self.trials, "at least 1")?;
        require_positive("record_every_ms", self.record_every_ms)?;
        require_positive("record_potentials_every_ms", self.record_potentials_every_ms)?;
        require_not_negative("recorded_trials", self.recorded_trials as f64)
    }
}
