//! Trained networks: their parameters, and their dynamics as one operator per sequence.
//!
//! [`rate`] and [`spiking`] start with their equations. Parameters are plain tensors; a run is a function of parameters
//! and input, and differentiable with respect to both.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use mdl_model::modes::{ModeParameters, ModeSizes};
//! use mdl_model::readout::Readout;
//! use mdl_model::spiking::{self, Input, SpikingNeuron};
//!
//! let sizes = ModeSizes { neurons: 50, modes: 3, inputs: 2, outputs: 1 };
//! let parameters = ModeParameters::initial(&sizes, 1)?;
//! let input = Tensor::ones((100, 4, 2), DType::F32, &Device::Cpu)?; // [T, B, K]
//! let neuron = SpikingNeuron::default().into();
//! let y = spiking::run(&neuron, &parameters, &Input::Signals(input), Readout::PerStep)?;
//! assert_eq!(y.dims(), [100, 4, 1]); // [T, B, O]
//! # Ok::<(), candle_core::Error>(())
//! ```

mod config;
pub mod modes;
pub mod rate;
pub mod readout;
pub mod spiking;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod testing;

pub use config::NetworkConfig;
