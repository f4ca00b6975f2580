//! Neurons of spiking networks, one file each.
//!
//! A neuron is its equations, its section of the config, a step, the adjoint of that step, and the same in candle operations. It
//! is listed here, in [`NeuronModel`] and the two matches below, and has kernels of its name for the GPU.

mod dynamics;
mod leaky;

pub use leaky::Leak;

pub(super) use dynamics::{Membrane, Model, Neuron, ReferenceStep};
pub(super) use leaky::Leaky;

use mdl_data::field::InvalidField;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Dynamics of the membrane potential and of the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NeuronModel {
    /// Leaky integrate-and-fire.
    Leaky(Leak),
}

impl Default for NeuronModel {
    fn default() -> Self {
        Self::Leaky(Leak {})
    }
}

impl NeuronModel {
    pub(super) fn section(&self) -> &dyn Model {
        match self {
            Self::Leaky(section) => section,
        }
    }

    /// Whether this is the model that configs need not name.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses values no neuron can have.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self, dt_ms: f64) -> Result<(), InvalidField> {
        self.section().validate(dt_ms)
    }

    /// Names and initial values of the tensors `[N]` that are trained with the network.
    pub fn trained(&self) -> Vec<(&'static str, f32)> {
        self.section().trained()
    }
}

/// Evaluates `$body` with `$neuron` being the [`Neuron`] type of `$model`: compiled once for each.
macro_rules! with_neuron {
    ($model:expr, $real:ty, $neuron:ident => $body:expr) => {
        match $model {
            NeuronModel::Leaky(_) => {
                type $neuron = $crate::spiking::neurons::Leaky<$real>;
                $body
            }
        }
    };
}
pub(super) use with_neuron;
