//! Interface between the trainer and a network, for any dynamics.

use crate::guard::Condition;
use crate::readout::ExampleReadout;
use candle_core::{Device, Result, Tensor, Var};
use mdl_data::spikes::SpikeInput;
use mdl_model::rate::config::Start;
use mdl_model::rate::network::{NoiseKey, RateNetwork};
use mdl_model::readout::{Readout, max_over_time};
use mdl_model::spiking::Input;
use mdl_model::spiking::network::SpikingNetwork;

/// Weights of a parameter, as a cost sees them.
pub struct Weights {
    /// Entries, with the units along axis `units`.
    pub values: Tensor,
    /// 1 where an entry has an effect, else 0, of the same shape, a constant; none if all have one.
    pub present: Option<Tensor>,
    /// Axis of the units; none for one value per mode.
    pub units: Option<usize>,
}

/// A network that can be trained on a task.
pub trait Network {
    /// Trained parameters, by name.
    fn variables(&self) -> Vec<(&'static str, &Var)>;

    /// Device of the parameters.
    fn device(&self) -> Device;

    /// Outputs `[T, B, O]` at every step for inputs `[T, B, K]`; noise, if any, is a function of `key`.
    ///
    /// # Errors
    /// Errors of candle.
    fn outputs(&self, input: &Tensor, key: NoiseKey) -> Result<Tensor>;

    /// Outputs `[B, O]`: W_out applied to the largest rate of each unit over time.
    ///
    /// # Errors
    /// Errors of candle.
    fn peak_outputs(&self, input: &Input, key: NoiseKey) -> Result<Tensor>;

    /// Outputs as of [`Network::outputs`] or [`Network::peak_outputs`], by the readout, and rates `[S, B, N]` that
    /// gradients can be taken of: the activation at every step in rate networks, the mean over the trial in Hz, S = 1, in
    /// spiking networks.
    ///
    /// # Errors
    /// Errors of candle.
    fn outputs_and_rates(&self, input: &Input, readout: Readout, key: NoiseKey) -> Result<(Tensor, Tensor)>;

    /// Outputs `[T, B, O]` at every step for an input of any kind.
    ///
    /// # Errors
    /// Errors of candle.
    fn step_outputs(&self, input: &Input, key: NoiseKey) -> Result<Tensor> {
        Ok(self.outputs_and_rates(input, Readout::PerStep, key)?.0)
    }

    /// Outputs `[B, O]` of labelled examples.
    ///
    /// # Errors
    /// Errors of candle.
    fn example_outputs(&self, input: &Input, readout: ExampleReadout, key: NoiseKey) -> Result<Tensor> {
        if readout == ExampleReadout::Maximum {
            return self.peak_outputs(input, key);
        }
        let steps = self.step_outputs(input, key)?;
        Ok(readout.of_steps(&steps)?.unwrap_or(steps))
    }

    /// Outputs as of [`Network::example_outputs`], and rates as of [`Network::outputs_and_rates`].
    ///
    /// # Errors
    /// Errors of candle.
    fn example_outputs_and_rates(
        &self,
        input: &Input,
        readout: ExampleReadout,
        key: NoiseKey,
    ) -> Result<(Tensor, Tensor)> {
        if readout == ExampleReadout::Maximum {
            return self.outputs_and_rates(input, Readout::MaxOverTime, key);
        }
        let (steps, rates) = self.outputs_and_rates(input, Readout::PerStep, key)?;
        Ok((readout.of_steps(&steps)?.unwrap_or(steps), rates))
    }

    /// Weights of the parameter of this name in an artifact; none if the network has no such weights.
    ///
    /// # Errors
    /// Errors of candle.
    fn weights(&self, name: &str) -> Result<Option<Weights>>;

    /// Sign of each unit's outgoing weights, `[N]`; none without Dale's principle.
    fn signs(&self) -> Option<&[f32]>;

    /// Activity of the units for some inputs.
    ///
    /// # Errors
    /// Errors of candle.
    fn condition(&self, input: &Input, key: NoiseKey) -> Result<Condition>;

    /// Hints on what to change in a silent and in a saturated network.
    fn hints(&self) -> [&'static str; 2];

    /// Mean rate of each unit over steps and trials, `[N]`: the activation in rate networks, in Hz in spiking networks.
    ///
    /// # Errors
    /// Errors of candle.
    fn unit_rates(&self, input: &Input, key: NoiseKey) -> Result<Vec<f32>>;

    /// First step whose output depends on the input: earlier steps are not part of the loss.
    fn first_answer(&self) -> usize;
}

impl Network for RateNetwork {
    fn variables(&self) -> Vec<(&'static str, &Var)> {
        self.variables()
    }

    fn device(&self) -> Device {
        self.device().clone()
    }

    fn outputs(&self, input: &Tensor, key: NoiseKey) -> Result<Tensor> {
        self.run(input, key)
    }

    fn peak_outputs(&self, input: &Input, key: NoiseKey) -> Result<Tensor> {
        self.read(&max_over_time(&rates_and_read(self, input, key)?.1)?)
    }

    fn outputs_and_rates(&self, input: &Input, readout: Readout, key: NoiseKey) -> Result<(Tensor, Tensor)> {
        let (rates, read) = rates_and_read(self, input, key)?;
        let outputs = match readout {
            Readout::PerStep => {
                let (steps, batch, units) = read.dims3()?;
                self.read(&read.reshape((steps * batch, units))?)?.reshape((steps, batch, ()))?
            }
            Readout::MaxOverTime => self.read(&max_over_time(&read)?)?,
        };
        Ok((outputs, rates))
    }

    fn weights(&self, name: &str) -> Result<Option<Weights>> {
        let Some(values) = self.weight(name) else { return Ok(None) };
        let present = if name == "w_rec" { self.present(&values)? } else { None };
        Ok(Some(Weights { present, units: axis_of_units(name), values }))
    }

    fn signs(&self) -> Option<&[f32]> {
        self.signs()
    }

    fn condition(&self, input: &Input, key: NoiseKey) -> Result<Condition> {
        Condition::of_rates(&rates_and_read(self, input, key)?.0, self.config().activation.largest_rate())
    }

    fn hints(&self) -> [&'static str; 2] {
        [
            "lower training.learning_rate, raise network.input_sd, or use another network.activation",
            "lower training.learning_rate, network.input_sd, or the gain of network.recurrence",
        ]
    }

    fn unit_rates(&self, input: &Input, key: NoiseKey) -> Result<Vec<f32>> {
        rates_and_read(self, input, key)?.0.mean((0, 1))?.to_vec1()
    }

    /// The output of a random initial state does not depend on the input.
    fn first_answer(&self) -> usize {
        usize::from(matches!(self.config().start, Start::Drawn { .. }))
    }
}

/// Spiking networks have no noise.
impl Network for SpikingNetwork {
    fn variables(&self) -> Vec<(&'static str, &Var)> {
        self.trained()
    }

    fn device(&self) -> Device {
        self.device().clone()
    }

    fn outputs(&self, input: &Tensor, _key: NoiseKey) -> Result<Tensor> {
        self.run(&Input::Signals(input.clone()), Readout::PerStep)
    }

    fn peak_outputs(&self, input: &Input, _key: NoiseKey) -> Result<Tensor> {
        self.run(input, Readout::MaxOverTime)
    }

    fn step_outputs(&self, input: &Input, _key: NoiseKey) -> Result<Tensor> {
        self.run(input, Readout::PerStep)
    }

    fn outputs_and_rates(&self, input: &Input, readout: Readout, _key: NoiseKey) -> Result<(Tensor, Tensor)> {
        let (outputs, rates) = self.run_with_rates(input, readout)?;
        Ok((outputs, rates.unsqueeze(0)?))
    }

    fn weights(&self, name: &str) -> Result<Option<Weights>> {
        let parameters = self.parameters();
        let found = parameters.named().into_iter().find(|(own, _)| *own == name);
        Ok(found.map(|(_, values)| Weights { values: values.clone(), present: None, units: axis_of_units(name) }))
    }

    fn signs(&self) -> Option<&[f32]> {
        None
    }

    fn condition(&self, input: &Input, _key: NoiseKey) -> Result<Condition> {
        // Only the CPU keeps the states of every step.
        let network = self.to_device(&Device::Cpu)?;
        let input = match input {
            Input::Signals(signals) => Input::Signals(signals.to_device(&Device::Cpu)?),
            other => other.clone(),
        };
        Condition::of_spikes(&network.states(&input)?.spikes, self.config().neuron.refractory_steps)
    }

    fn hints(&self) -> [&'static str; 2] {
        [
            "lower network.neuron.threshold or training.learning_rate",
            "raise network.neuron.threshold or network.neuron.refractory_steps, or lower training.learning_rate",
        ]
    }

    fn unit_rates(&self, input: &Input, _key: NoiseKey) -> Result<Vec<f32>> {
        let spikes_per_step = self.states(input)?.spikes.mean((0, 1))?;
        (spikes_per_step * (1e3 / self.config().neuron.dt_ms))?.to_vec1()
    }

    fn first_answer(&self) -> usize {
        0
    }
}

/// Axis of a parameter along which its units are: those from which weights come, or whose input weights they are.
fn axis_of_units(name: &str) -> Option<usize> {
    match name {
        "w_rec" | "w_out" => Some(1),
        "w_in" | "mode_in" | "mode_out" => Some(0),
        _ => None,
    }
}

/// Rates of a rate network and what its readout sees, `[T, B, N]`.
fn rates_and_read(network: &RateNetwork, input: &Input, key: NoiseKey) -> Result<(Tensor, Tensor)> {
    match input {
        Input::Spikes(spikes) => network.rates_and_read(&dense(spikes, network.device())?, key),
        Input::Intensities(intensities) => network.rates_and_read(&dense(&intensities.draw(), network.device())?, key),
        Input::Signals(signals) => network.rates_and_read(signals, key),
        Input::Currents(_) => candle_core::bail!("a rate network takes signals or spikes, no currents"),
    }
}

/// Spikes `[T, B, K]`, 0 or 1.
fn dense(input: &SpikeInput, device: &Device) -> Result<Tensor> {
    Tensor::from_vec(input.to_dense(), (input.steps(), input.trials(), input.channels()), device)
}
