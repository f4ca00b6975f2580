//! What enters a spiking network, and the states that come out.

use candle_core::Tensor;
use mdl_data::encode::Intensities;
use mdl_data::spikes::SpikeInput;
use std::sync::Arc;

/// Signals that enter inside the recurrence, a column a channel; more of them are multiplied with W_in beforehand.
pub(super) const FEW_SIGNALS: usize = 32;

/// What drives a network.
#[derive(Clone, Debug)]
pub enum Input {
    /// Signals x `[T, B, K]`.
    Signals(Tensor),
    /// Spikes on K channels; W_in is multiplied with the spikes alone.
    Spikes(Arc<SpikeInput>),
    /// Spikes on K channels that are drawn where the network runs.
    Intensities(Arc<Intensities>),
    /// The drive itself, `[T, B, N]`, in place of W_in x; W_in is not used.
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
}
