//! The calibration section of a config.

use mdl_data::field::{InvalidField, LARGEST, require, require_between, require_trials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the outputs of a calibrated network are to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// The outputs of the rate network on the same trials.
    #[default]
    RateNetwork,
    /// The target of the task, where its error has a weight.
    Target,
}

/// Largest bias that a config allows (mV).
const MOST_BIAS_MV: f64 = 1000.0;
/// Maximum number of iterations, and of strengths of the penalty.
const MOST_ITERATIONS: u32 = 1000;
const MOST_STRENGTHS: usize = 100;

/// The calibration section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CalibrationConfig {
    /// Trials of the search on which units and readout are fitted.
    pub trials: u32,
    /// Trials after these, on which the strength of the penalty and the version of the network are chosen.
    pub held_out_trials: u32,
    /// What the outputs are to follow.
    pub reference: Reference,
    /// Fit a scaling factor and a bias to every unit.
    pub units: bool,
    /// Number of corrections of the units after runs of the LIF network.
    pub iterations: u32,
    /// Largest bias of a unit, in either direction (mV).
    pub most_bias_mv: f64,
    /// Fit the output weights to the activity of the LIF network.
    pub readout: bool,
    /// Strengths of the penalty on changes of the output weights to choose from, relative to the mean square of each
    /// unit's activity.
    pub ridge: Vec<f64>,
}

impl Default for CalibrationConfig {
    fn default() -> Self {
        Self {
            trials: 100,
            held_out_trials: 100,
            reference: Reference::RateNetwork,
            units: true,
            iterations: 2,
            most_bias_mv: 10.0,
            readout: true,
            ridge: vec![1e-4, 1e-3, 0.01, 0.1, 1.0],
        }
    }
}

impl CalibrationConfig {
    /// Lowers the numbers of trials to those that a task has, a third of which are held out.
    pub fn limit_trials(&mut self, available: u32) {
        if u64::from(self.trials) + u64::from(self.held_out_trials) > u64::from(available) {
            self.held_out_trials = self.held_out_trials.min((available / 3).max(1));
            self.trials = self.trials.min(available.saturating_sub(self.held_out_trials).max(1));
        }
    }

    /// Refuses values with which nothing can run.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require_trials("trials", self.trials)?;
        require_trials("held_out_trials", self.held_out_trials)?;
        let iterations = self.iterations;
        require(iterations <= MOST_ITERATIONS, "iterations", iterations, &format!("0 to {MOST_ITERATIONS}"))?;
        require_between("most_bias_mv", self.most_bias_mv, 0.0, MOST_BIAS_MV)?;
        require(self.units || self.readout, "readout", "false, with units = false", "something to fit")?;
        let (strengths, least) = (self.ridge.len(), 1e-12);
        let expected = format!("1 to {MOST_STRENGTHS} strengths");
        require((1..=MOST_STRENGTHS).contains(&strengths), "ridge", strengths, &expected)?;
        let wrong = self.ridge.iter().find(|strength| !(least..=LARGEST).contains(*strength));
        let expected = format!("numbers from {least:e} to {LARGEST:e}");
        wrong.map_or(Ok(()), |strength| require(false, "ridge", strength, &expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_impossible_values_are_named() {
        let default = CalibrationConfig::default;
        assert_eq!(default().validate(), Ok(()));
        let named = |config: CalibrationConfig| config.validate().unwrap_err().field;
        assert_eq!(named(CalibrationConfig { trials: 0, ..default() }), "trials");
        assert_eq!(named(CalibrationConfig { held_out_trials: 0, ..default() }), "held_out_trials");
        assert_eq!(named(CalibrationConfig { iterations: 1001, ..default() }), "iterations");
        assert_eq!(named(CalibrationConfig { most_bias_mv: f64::NAN, ..default() }), "most_bias_mv");
        assert_eq!(named(CalibrationConfig { units: false, readout: false, ..default() }), "readout");
        assert_eq!(named(CalibrationConfig { ridge: vec![], ..default() }), "ridge");
        assert_eq!(named(CalibrationConfig { ridge: vec![1.0, 0.0], ..default() }), "ridge");
    }

    #[test]
    fn a_task_with_few_trials_holds_out_a_third() {
        let limited = |available| {
            let mut config = CalibrationConfig::default();
            config.limit_trials(available);
            (config.trials, config.held_out_trials)
        };
        assert_eq!((limited(150), limited(90), limited(2)), ((100, 50), (60, 30), (1, 1)));
        assert_eq!(limited(120), (80, 40));
    }
}
