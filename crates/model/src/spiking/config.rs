//! Config of a spiking mode network.

use super::neuron::SpikingNeuron;
use mdl_data::field::{InvalidField, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Standard deviation of the initial readout weights W_out `[O, N]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InitialReadout {
    /// 1/√O, as stated in arXiv 2310.14621.
    #[default]
    FanOut,
    /// 1/√N, in agreement with W_out in the authors' trained network of the contextual task (standard deviation 0.31, N
    /// = 100).
    FanIn,
}

/// A spiking mode network. The task determines the readout: every step or, for data sets, the maximum over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikingConfig {
    /// Number of neurons N.
    pub neurons: usize,
    /// Number of modes P; it may exceed N.
    pub modes: usize,
    /// Constants of the neuron.
    #[serde(default)]
    pub neuron: SpikingNeuron,
    /// Standard deviation of the initial readout weights.
    #[serde(default)]
    pub initial_readout: InitialReadout,
}

impl SpikingConfig {
    /// Names of the parameters, as in an artifact, and whether they are trained.
    pub fn parameters(&self) -> Vec<(&'static str, bool)> {
        ["w_in", "mode_in", "score", "mode_out", "w_out"]
            .into_iter()
            .chain(self.neuron.trained())
            .map(|name| (name, true))
            .collect()
    }

    /// Refuses values with which no network can be made; `step_ms` is that of the task.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the network's section.
    pub fn validate(&self, step_ms: f64) -> Result<(), InvalidField> {
        require((1..=100_000).contains(&self.neurons), "neurons", self.neurons, "1 to 100000 neurons")?;
        require((1..=10_000).contains(&self.modes), "modes", self.modes, "1 to 10000 modes")?;
        self.neuron.validate().map_err(|e| e.within("neuron"))?;
        let expected = format!("task.step_ms = {step_ms}");
        require(self.neuron.dt_ms == step_ms, "neuron.dt_ms", self.neuron.dt_ms, &expected)
    }
}
