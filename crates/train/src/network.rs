//! What the trainer asks of a network, whatever its dynamics.

use candle_core::{Device, Result, Tensor, Var};
use mdl_data::spikes::SpikeInput;
use mdl_model::rate::config::Start;
use mdl_model::rate::network::{NoiseKey, RateNetwork};
use mdl_model::readout::{Readout, max_over_time};
use mdl_model::spiking::Input;
use mdl_model::spiking::network::SpikingNetwork;
use std::sync::Arc;

/// A network that can be trained on a task.
pub trait Network {
    /// The trained parameters, by name.
    fn variables(&self) -> Vec<(&'static str, &Var)>;

    /// The device that holds the parameters.
    fn device(&self) -> Device;

    /// Outputs `[T, B, O]` at every step for inputs `[T, B, K]`; noise, if any, is a function of `key`.
    ///
    /// # Errors
    /// Those of candle.
    fn outputs(&self, input: &Tensor, key: NoiseKey) -> Result<Tensor>;

    /// Outputs `[B, O]`, W_out applied to the largest rate of each unit over time, for spikes on K channels.
    ///
    /// # Errors
    /// Those of candle.
    fn peak_outputs(&self, input: SpikeInput, key: NoiseKey) -> Result<Tensor>;

    /// First step whose output answers the input: earlier ones take no part in the loss.
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

    fn peak_outputs(&self, input: SpikeInput, key: NoiseKey) -> Result<Tensor> {
        let shape = (input.steps(), input.trials(), input.channels());
        let input = Tensor::from_vec(input.to_dense(), shape, self.device())?;
        self.read(&max_over_time(&self.rates(&input, key)?)?)
    }

    /// The output of a drawn initial state answers nothing.
    fn first_answer(&self) -> usize {
        usize::from(matches!(self.config().start, Start::Drawn { .. }))
    }
}

/// A spiking network has no noise of its own.
impl Network for SpikingNetwork {
    fn variables(&self) -> Vec<(&'static str, &Var)> {
        self.variables()
    }

    fn device(&self) -> Device {
        self.device().clone()
    }

    fn outputs(&self, input: &Tensor, _key: NoiseKey) -> Result<Tensor> {
        self.run(&Input::Signals(input.clone()), Readout::PerStep)
    }

    fn peak_outputs(&self, input: SpikeInput, _key: NoiseKey) -> Result<Tensor> {
        self.run(&Input::Spikes(Arc::new(input)), Readout::MaxOverTime)
    }

    fn first_answer(&self) -> usize {
        0
    }
}
