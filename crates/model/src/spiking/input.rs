//! Inputs of a spiking network, and its states.

use candle_core::Tensor;
use mdl_data::encode::Intensities;
use mdl_data::spikes::SpikeInput;
use std::sync::Arc;

/// Maximum number of signals that enter inside the recurrence, one column per channel; more are multiplied with W_in
/// beforehand.
pub(super) const FEW_SIGNALS: usize = 32;

/// Input of a network.
#[derive(Clone, Debug)]
pub enum Input {
    /// Signals x `[T, B, K]`.
    Signals(Tensor),
    /// Spikes on K channels; W_in is only multiplied with the spikes.
    Spikes(Arc<SpikeInput>),
    /// Spikes on K channels that are drawn on the device of the network.
    Intensities(Arc<Intensities>),
    /// Drive `[T, B, N]` in place of W_in x; W_in is not used.
    Currents(Tensor),
}

/// The states of every step, each `[T, B, N]`.
#[derive(Clone, Debug)]
pub struct States {
    /// s, 0 or 1.
    pub spikes: Tensor,
    /// U.
    pub potential: Tensor,
    /// V: what U would be without reset and refractory period.
    pub membrane: Tensor,
    /// r.
    pub synapses: Tensor,
    /// The potential above which a neuron spikes, where it changes from step to step: that of adaptive neurons.
    pub threshold: Option<Tensor>,
}
