//! What the trainer asks of a network, whatever its dynamics.

use candle_core::{Result, Tensor, Var};
use mdl_model::rate::config::Start;
use mdl_model::rate::network::{NoiseKey, RateNetwork};

/// A network that can be trained on a task.
pub trait Network {
    /// The trained parameters, by name.
    fn variables(&self) -> Vec<(&'static str, &Var)>;

    /// Outputs `[T, B, O]` at every step for inputs `[T, B, K]`; noise, if any, is a function of `key`.
    ///
    /// # Errors
    /// Those of candle.
    fn outputs(&self, input: &Tensor, key: NoiseKey) -> Result<Tensor>;

    /// First step whose output answers the input: earlier ones take no part in the loss.
    fn first_answer(&self) -> usize;
}

impl Network for RateNetwork {
    fn variables(&self) -> Vec<(&'static str, &Var)> {
        self.variables()
    }

    fn outputs(&self, input: &Tensor, key: NoiseKey) -> Result<Tensor> {
        Ok(self.run(input, key)?.outputs)
    }

    /// The output of a drawn initial state answers nothing.
    fn first_answer(&self) -> usize {
        usize::from(matches!(self.config().start, Start::Drawn { .. }))
    }
}
