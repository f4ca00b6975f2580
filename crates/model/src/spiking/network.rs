//! Spiking mode networks in candle: parameters as variables, read from an artifact or written to one.

use super::config::{InitialReadout, SpikingConfig};
use super::currents::currents;
use super::input::{Input, States};
use super::mean_rate::mean_rates_hz;
use super::population::Population;
use super::run::{run, states, synapses};
use crate::modes::{ModeParameters, ModeSizes};
use crate::readout::{Readout, max_over_time};
use candle_core::{Device, Result, Tensor, Var};
use mdl_artifact::{Artifact, ArtifactError};

/// Names of the parameters, in the order of [`ModeParameters::named`].
const NAMES: [&str; 5] = ["w_in", "mode_in", "score", "mode_out", "w_out"];

/// A spiking network. Trained are its parameters and the constants named by the model of its neurons.
pub struct SpikingNetwork {
    config: SpikingConfig,
    population: Population,
    variables: [Var; 5],
    /// In the order of [`SpikingNeuron::trained`](super::SpikingNeuron::trained), `[N]` each.
    of_neurons: Vec<Var>,
    frozen: Vec<String>,
}

impl SpikingNetwork {
    /// Creates a network with its initial parameters.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn initial(config: &SpikingConfig, inputs: usize, outputs: usize, seed: u64) -> Result<Self> {
        let sizes = ModeSizes { neurons: config.neurons, modes: config.modes, inputs, outputs };
        let mut parameters = ModeParameters::initial(&sizes, seed)?;
        if config.initial_readout == InitialReadout::FanIn {
            parameters.w_out = (parameters.w_out * (outputs as f64 / config.neurons as f64).sqrt())?;
        }
        let [w_in, mode_in, score, mode_out, w_out] = parameters.named().map(|(_, tensor)| Var::from_tensor(tensor));
        let of_neurons = config.neuron.initial(config.neurons, seed).into_iter();
        let of_neurons = of_neurons.map(|values| Var::from_vec(values, config.neurons, &Device::Cpu));
        let variables = [w_in?, mode_in?, score?, mode_out?, w_out?];
        let population = Population::initial(&config.neuron, config.neurons, seed)?;
        Ok(Self::new(config, population, variables, of_neurons.collect::<Result<_>>()?))
    }

    fn new(config: &SpikingConfig, population: Population, variables: [Var; 5], of_neurons: Vec<Var>) -> Self {
        let trained = of_neurons.iter().map(|variable| variable.as_tensor().clone()).collect();
        let (config, population) = (config.clone(), population.with_trained(trained));
        Self { config, population, variables, of_neurons, frozen: Vec::new() }
    }

    /// The same network, in which the parameters of these names are constants.
    #[must_use]
    pub fn with_frozen(self, names: &[String]) -> Self {
        let mut frozen = Self { frozen: names.to_vec(), ..self };
        let of_neurons = frozen.config.neuron.trained().into_iter().zip(&frozen.of_neurons);
        let trained = of_neurons.map(|(name, variable)| frozen.in_graph(name, variable)).collect();
        frozen.population = frozen.population.with_trained(trained);
        frozen
    }

    fn is_trained(&self, name: &str) -> bool {
        !self.frozen.iter().any(|frozen| frozen == name)
    }

    /// A parameter as a tensor of the graph; a constant if it is frozen.
    fn in_graph(&self, name: &str, variable: &Var) -> Tensor {
        if self.is_trained(name) { variable.as_tensor().clone() } else { variable.as_detached_tensor() }
    }

    /// Reads a network from an artifact and checks every shape. Thresholds and decay time constants of its neurons are
    /// in the tensors `threshold` and `tau_decay_ms` `[N]`; without a tensor, the value in the config is used. Drawn time
    /// constants of the membranes are in `tau_membrane_ms` `[N]`.
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
        let variable = |name: &'static str, shape: &[usize]| {
            let values = artifact.values::<f32>(name, shape)?;
            Var::from_slice(values, shape, &Device::Cpu)
                .map_err(|e| artifact.tensor_error(name, e.to_string(), "a tensor that fits in memory".into()))
        };
        let parameter = |i: usize| variable(NAMES[i], shapes[i]);
        let variables = [parameter(0)?, parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?];
        let of_neurons = config.neuron.trained().into_iter().map(|name| variable(name, &[n]));
        let of_neurons = of_neurons.collect::<std::result::Result<_, ArtifactError>>()?;
        Ok(Self::new(config, Population::read(artifact, config)?, variables, of_neurons))
    }

    /// This network with the input weights, or the output weights, of `other`.
    #[must_use]
    pub fn with_ends_of(mut self, other: &Self, inputs: bool, outputs: bool) -> Self {
        for (i, is_new) in [(0, inputs), (4, outputs)] {
            if is_new {
                self.variables[i] = other.variables[i].clone();
            }
        }
        self
    }

    /// The same network on a device.
    ///
    /// # Errors
    /// Errors of candle: out of memory on the device.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let moved = |variable: &Var| Var::from_tensor(&variable.as_detached_tensor().to_device(device)?);
        let [w_in, mode_in, score, mode_out, w_out] = self.variables.each_ref().map(moved);
        let of_neurons = self.of_neurons.iter().map(moved).collect::<Result<_>>()?;
        let variables = [w_in?, mode_in?, score?, mode_out?, w_out?];
        let moved = Self::new(&self.config, self.population.clone(), variables, of_neurons);
        Ok(moved.with_frozen(&self.frozen))
    }

    /// Config of the network.
    pub fn config(&self) -> &SpikingConfig {
        &self.config
    }

    /// Its neurons.
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// Adds the parameters to an artifact, and the constants per neuron.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn write(&self, artifact: &mut Artifact) -> Result<()> {
        for (name, variable) in self.variables() {
            artifact.insert(name, variable.dims(), variable.flatten_all()?.to_vec1::<f32>()?);
        }
        for (name, values) in self.population.own() {
            artifact.insert(name, &[values.len()], values.to_vec());
        }
        for (name, tensor) in self.population.derived()? {
            artifact.insert(name, tensor.dims(), tensor.to_vec1::<f32>()?);
        }
        artifact.insert("importance", &[self.config.modes], self.parameters().importance()?);
        Ok(())
    }

    /// Parameters, by their names in an artifact.
    pub fn variables(&self) -> Vec<(&'static str, &Var)> {
        let of_neurons = self.config.neuron.trained().into_iter().zip(&self.of_neurons);
        NAMES.into_iter().zip(&self.variables).chain(of_neurons).collect()
    }

    /// Parameters that are not frozen.
    pub fn trained(&self) -> Vec<(&'static str, &Var)> {
        self.variables().into_iter().filter(|(name, _)| self.is_trained(name)).collect()
    }

    /// Device of the parameters.
    pub fn device(&self) -> &Device {
        self.variables[0].device()
    }

    /// Parameters as tensors of the graph, constants where they are frozen.
    pub fn parameters(&self) -> ModeParameters {
        let tensor = |i: usize| self.in_graph(NAMES[i], &self.variables[i]);
        let [w_in, mode_in, score, mode_out, w_out] = std::array::from_fn(tensor);
        ModeParameters { w_in, mode_in, score, mode_out, w_out }
    }

    /// Output of the network: `[T, B, O]` per step, `[B, O]` for the maximum over time.
    ///
    /// # Errors
    /// Errors of candle: an input of another shape.
    pub fn run(&self, input: &Input, readout: Readout) -> Result<Tensor> {
        run(&self.population, &self.parameters(), input, readout)
    }

    /// Output of the network as of [`SpikingNetwork::run`], and the mean rate of each unit in each trial (Hz), `[B, N]`,
    /// by [`mean_rates_hz`]. The synaptic traces of every step are kept for it.
    ///
    /// # Errors
    /// As for [`SpikingNetwork::run`].
    pub fn run_with_rates(&self, input: &Input, readout: Readout) -> Result<(Tensor, Tensor)> {
        let parameters = self.parameters();
        let synapses = synapses(&self.population, &parameters, input)?;
        let w_out = parameters.w_out.t()?;
        let outputs = match readout {
            Readout::PerStep => {
                let (steps, trials, neurons) = synapses.dims3()?;
                synapses.reshape((steps * trials, neurons))?.matmul(&w_out)?.reshape((steps, trials, ()))?
            }
            Readout::MaxOverTime => max_over_time(&synapses)?.matmul(&w_out)?,
        };
        Ok((outputs, mean_rates_hz(&self.population, &synapses)?))
    }

    /// The states of every step, for figures.
    ///
    /// # Errors
    /// As for [`SpikingNetwork::run`].
    pub fn states(&self, input: &Input) -> Result<States> {
        states(&self.population, &self.parameters(), input)
    }

    /// Synaptic currents I `[T, B, N]` of a run over signals `[T, B, K]` with synaptic traces `[T, B, N]`.
    ///
    /// # Errors
    /// As for [`currents`].
    pub fn currents(&self, signals: &Tensor, synapses: &Tensor) -> Result<Tensor> {
        currents(&self.population, &self.parameters(), signals, synapses)
    }
}

#[cfg(test)]
mod tests {
    use super::super::neuron::SpikingNeuron;
    use super::super::neurons::{Adaptation, NeuronModel};
    use super::super::time_constants::{Bounds, TimeConstants};
    use super::*;
    use mdl_artifact::{Kind, Provenance};

    /// A rise that a spike lowers would let a neuron spike for ever. Here every update lowers both constants by 5.
    #[test]
    fn trained_constants_of_adaptive_neurons_stay_positive() {
        let model = NeuronModel::Adaptive(Adaptation { trained: true, strength: 0.5, ..Adaptation::default() });
        let neuron = SpikingNeuron { model, ..SpikingNeuron::default() };
        let config = SpikingConfig { neurons: 8, modes: 1, neuron, initial_readout: Default::default() };
        let network = SpikingNetwork::initial(&config, 1, 1, 2).unwrap();
        for update in 0..3 {
            let mut artifact = Artifact::new(Kind::Spiking, serde_json::Value::Null, Provenance::new("test", None, 1));
            network.write(&mut artifact).unwrap();
            for name in ["tau_adaptation_ms", "adaptation_strength"] {
                let values = artifact.values::<f32>(name, &[8]).unwrap();
                assert!(values.iter().all(|value| *value > 0.0), "{update}: {name} {values:?}");
            }
            for variable in &network.of_neurons {
                variable.set(&(variable.as_tensor() - 5.0).unwrap()).unwrap();
            }
        }
    }

    fn written(network: &SpikingNetwork) -> Artifact {
        let mut artifact = Artifact::new(Kind::Spiking, serde_json::Value::Null, Provenance::new("test", None, 1));
        network.write(&mut artifact).unwrap();
        artifact
    }

    #[test]
    fn time_constants_of_the_membrane_are_kept_in_artifacts() {
        let bounds = Bounds { min_ms: 5.0, max_ms: 60.0, spread: 1.0 };
        let network = |membrane_time_constants| {
            let neuron = SpikingNeuron { membrane_time_constants, ..SpikingNeuron::default() };
            let config = SpikingConfig { neurons: 20, modes: 2, neuron, initial_readout: Default::default() };
            SpikingNetwork::initial(&config, 1, 1, 2).unwrap()
        };
        let read = |artifact: &Artifact, config: &SpikingConfig| SpikingNetwork::read(artifact, config, 1, 1);
        let fixed = network(TimeConstants::default());
        let [drawn, trained] = [TimeConstants::Drawn(bounds), TimeConstants::Trained(bounds)].map(network);
        assert_eq!((trained.config().parameters().len(), drawn.config().parameters().len()), (6, 5));
        let tau_ms = |artifact: &Artifact| artifact.values::<f32>("tau_membrane_ms", &[20]).unwrap().to_vec();
        let [own, start] = [&drawn, &trained].map(|network| tau_ms(&written(network)));
        assert_eq!(own, start, "one draw for both");
        assert!(own.iter().all(|tau_ms| (5.0..60.0).contains(tau_ms)) && own[0] != own[1], "{own:?}");
        for network in [&fixed, &drawn, &trained] {
            let artifact = written(network);
            let again = read(&artifact, network.config()).unwrap();
            assert_eq!(written(&again).tensors, artifact.tensors);
            let moved = again.to_device(&Device::Cpu).unwrap();
            assert_eq!(written(&moved).tensors, artifact.tensors);
        }
        let named: Vec<&str> = trained.variables().into_iter().map(|(name, _)| name).collect();
        assert_eq!(named.last(), Some(&"theta_membrane"));
        let artifact = written(&fixed);
        assert!(!artifact.has("tau_membrane_ms") && !artifact.has("theta_membrane"));
        for (config, name) in [(drawn.config(), "tau_membrane_ms"), (trained.config(), "theta_membrane")] {
            let error = read(&artifact, config).err().unwrap().to_string();
            assert!(error.contains(name), "{error}");
        }
        let w_out = |network: &SpikingNetwork| written(network).values::<f32>("w_out", &[1, 20]).unwrap().to_vec();
        assert_eq!(w_out(&fixed), w_out(&drawn), "the weights are those of a network of equal neurons");
    }

    /// However far training moves θ, the time constants keep within their bounds.
    #[test]
    fn trained_time_constants_keep_within_their_bounds() {
        let bounds = Bounds { min_ms: 5.0, max_ms: 60.0, spread: 3.0 };
        let neuron = SpikingNeuron { membrane_time_constants: TimeConstants::Trained(bounds), ..Default::default() };
        let config = SpikingConfig { neurons: 8, modes: 1, neuron, initial_readout: Default::default() };
        let network = SpikingNetwork::initial(&config, 1, 1, 2).unwrap();
        for shift in [-1e3, 2e3, 1e30] {
            let theta = &network.of_neurons[0];
            theta.set(&(theta.as_tensor() + shift).unwrap()).unwrap();
            let artifact = written(&network);
            let tau_ms = artifact.values::<f32>("tau_membrane_ms", &[8]).unwrap();
            assert!(tau_ms.iter().all(|tau_ms| (5.0..=60.0).contains(tau_ms)), "{tau_ms:?}");
        }
    }

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
