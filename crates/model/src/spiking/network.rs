//! A spiking mode network as candle sees it: its parameters as variables, read from an artifact or written to one.

use super::config::{InitialReadout, SpikingConfig};
use super::{Input, Population, States, run, states};
use crate::modes::{ModeParameters, ModeSizes};
use crate::readout::Readout;
use candle_core::{Device, Result, Tensor, Var};
use mdl_artifact::{Artifact, ArtifactError};

/// Names of the parameters, in the order of [`ModeParameters::named`].
const NAMES: [&str; 5] = ["w_in", "mode_in", "score", "mode_out", "w_out"];

/// A spiking network; every parameter is trained, the constants of its neurons are not.
pub struct SpikingNetwork {
    config: SpikingConfig,
    population: Population,
    variables: [Var; 5],
}

impl SpikingNetwork {
    /// A network with its initial parameters.
    ///
    /// # Errors
    /// Those of candle.
    pub fn initial(config: &SpikingConfig, inputs: usize, outputs: usize, seed: u64) -> Result<Self> {
        let sizes = ModeSizes { neurons: config.neurons, modes: config.modes, inputs, outputs };
        let mut parameters = ModeParameters::initial(&sizes, seed)?;
        if config.initial_readout == InitialReadout::FanIn {
            parameters.w_out = (parameters.w_out * (outputs as f64 / config.neurons as f64).sqrt())?;
        }
        let [w_in, mode_in, score, mode_out, w_out] = parameters.named().map(|(_, tensor)| Var::from_tensor(tensor));
        let (config, population) = (config.clone(), config.neuron.clone().into());
        Ok(Self { config, population, variables: [w_in?, mode_in?, score?, mode_out?, w_out?] })
    }

    /// Reads a network from an artifact, checking every shape. Its neurons have the thresholds and decay time constants of
    /// the tensors `threshold` and `tau_decay_ms` `[N]`; where there is no such tensor, that of the config.
    ///
    /// # Errors
    /// [`ArtifactError::Tensor`] naming the tensor.
    pub fn read(
        artifact: &Artifact,
        config: &SpikingConfig,
        inputs: usize,
        outputs: usize,
    ) -> std::result::Result<Self, ArtifactError> {
        let (n, p) = (config.neurons, config.modes);
        let shapes: [&[usize]; 5] = [&[n, inputs], &[n, p], &[p], &[n, p], &[outputs, n]];
        let variable = |i: usize| {
            let values = artifact.values::<f32>(NAMES[i], shapes[i])?;
            Var::from_slice(values, shapes[i], &Device::Cpu)
                .map_err(|e| artifact.tensor_error(NAMES[i], e.to_string(), "a tensor that fits in memory".into()))
        };
        let variables = [variable(0)?, variable(1)?, variable(2)?, variable(3)?, variable(4)?];
        Ok(Self { config: config.clone(), population: Population::read(artifact, config)?, variables })
    }

    /// The same network on a device.
    ///
    /// # Errors
    /// Those of candle: no memory on the device.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let [w_in, mode_in, score, mode_out, w_out] =
            self.variables.each_ref().map(|v| Var::from_tensor(&v.as_detached_tensor().to_device(device)?));
        let (config, population) = (self.config.clone(), self.population.clone());
        Ok(Self { config, population, variables: [w_in?, mode_in?, score?, mode_out?, w_out?] })
    }

    /// The config it was made with.
    pub fn config(&self) -> &SpikingConfig {
        &self.config
    }

    /// Its neurons.
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// Adds the parameters to an artifact, and the constants that each neuron has of its own.
    ///
    /// # Errors
    /// Those of candle.
    pub fn write(&self, artifact: &mut Artifact) -> Result<()> {
        for (name, variable) in self.variables() {
            artifact.insert(name, variable.dims(), variable.flatten_all()?.to_vec1::<f32>()?);
        }
        for (name, values) in self.population.own() {
            artifact.insert(name, &[values.len()], values.to_vec());
        }
        artifact.insert("importance", &[self.config.modes], self.parameters().importance()?);
        Ok(())
    }

    /// The parameters, by the names they have in an artifact.
    pub fn variables(&self) -> Vec<(&'static str, &Var)> {
        NAMES.into_iter().zip(&self.variables).collect()
    }

    /// The device that holds the parameters.
    pub fn device(&self) -> &Device {
        self.variables[0].device()
    }

    /// The parameters as tensors of the graph.
    pub fn parameters(&self) -> ModeParameters {
        let [w_in, mode_in, score, mode_out, w_out] = self.variables.each_ref().map(|v| v.as_tensor().clone());
        ModeParameters { w_in, mode_in, score, mode_out, w_out }
    }

    /// What the network answers: `[T, B, O]` per step, `[B, O]` for the maximum over time.
    ///
    /// # Errors
    /// Those of candle: an input of another shape.
    pub fn run(&self, input: &Input, readout: Readout) -> Result<Tensor> {
        run(&self.population, &self.parameters(), input, readout)
    }

    /// The states of every step, for figures.
    ///
    /// # Errors
    /// As [`SpikingNetwork::run`].
    pub fn states(&self, input: &Input) -> Result<States> {
        states(&self.population, &self.parameters(), input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_readout_is_spread_by_outputs_or_by_neurons() {
        let spread = |initial_readout| {
            let config = SpikingConfig { neurons: 6400, modes: 1, neuron: Default::default(), initial_readout };
            let w_out = SpikingNetwork::initial(&config, 1, 4, 2).unwrap().parameters().w_out;
            w_out.sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap().sqrt()
        };
        for (initial_readout, expected) in [(InitialReadout::FanOut, 0.5), (InitialReadout::FanIn, 0.0125)] {
            let found = spread(initial_readout);
            assert!((found / expected - 1.0).abs() < 0.02, "{initial_readout:?}: {found}");
        }
    }
}
