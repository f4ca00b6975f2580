//! Neurons of spiking networks, one per file.
//!
//! A neuron consists of its equations, its section of the config, a step, the adjoint of the step, and the same in
//! candle operations. It is listed here, in [`NeuronModel`] and the two matches below, and has kernels of its name for
//! the GPU.

mod adaptive;
mod decay;
mod dynamics;
mod leaky;

pub use adaptive::Adaptation;
pub use leaky::Leak;

pub(super) use adaptive::Adaptive;
pub(super) use decay::{PerNeuron, Shared};
pub(super) use dynamics::{Membrane, Model, Neuron, ReferenceStep};
pub(super) use leaky::Leaky;

use mdl_data::field::InvalidField;
use mdl_kernels::lanes::Lanes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Dynamics of the membrane potential and of the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NeuronModel {
    /// Leaky integrate-and-fire.
    Leaky(Leak),
    /// Leaky integrate-and-fire with a threshold that rises with every spike.
    Adaptive(Adaptation),
}

/// Evaluates `$body` with `$neuron` as the [`Neuron`] type of `$model`, compiled once per model: for membranes that share
/// their time constant if `$shared`, and for others.
macro_rules! with_neuron {
    ($model:expr, $shared:expr, $real:ty, $neuron:ident => $body:expr) => {
        match ($model, $shared) {
            (NeuronModel::Leaky(_), true) => {
                type $neuron = $crate::spiking::neurons::Leaky<$real, $crate::spiking::neurons::Shared<$real>>;
                $body
            }
            (NeuronModel::Leaky(_), false) => {
                type $neuron = $crate::spiking::neurons::Leaky<$real, $crate::spiking::neurons::PerNeuron<$real>>;
                $body
            }
            (NeuronModel::Adaptive(_), true) => {
                type $neuron = $crate::spiking::neurons::Adaptive<$real, $crate::spiking::neurons::Shared<$real>>;
                $body
            }
            (NeuronModel::Adaptive(_), false) => {
                type $neuron = $crate::spiking::neurons::Adaptive<$real, $crate::spiking::neurons::PerNeuron<$real>>;
                $body
            }
        }
    };
}
pub(super) use with_neuron;

impl Default for NeuronModel {
    fn default() -> Self {
        Self::Leaky(Leak {})
    }
}

impl NeuronModel {
    pub(super) fn section(&self) -> &dyn Model {
        match self {
            Self::Leaky(section) => section,
            Self::Adaptive(section) => section,
        }
    }

    /// Number of values kept per neuron and step for the backward pass.
    pub fn kept_values(&self) -> usize {
        with_neuron!(self, true, f32, N => size_of::<<N as Neuron<f32>>::Kept>() / size_of::<Lanes<f32>>())
    }

    /// True for the default model, which configs need not name.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the threshold of a neuron changes from step to step.
    pub fn moves_threshold(&self) -> bool {
        self.section().moves_threshold()
    }

    /// Refuses values no neuron can have.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self, dt_ms: f64) -> Result<(), InvalidField> {
        self.section().validate(dt_ms)
    }

    /// Names and initial values of the tensors `[N]` trained with the network.
    pub fn trained(&self) -> Vec<(&'static str, f32)> {
        self.section().trained()
    }
}
