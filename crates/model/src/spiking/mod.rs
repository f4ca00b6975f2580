//! Spiking mode networks, trained directly with surrogate gradients.
//!
//! ```text
//! I_t = α_s I_{t−1} + W_in x_t + W_rec r_{t−1}         W_rec = Ξ_in diag(λ) Ξ_outᵀ, never formed
//! V_t = α_m U_{t−1} + (1−α_m) I_t                      the leaky neuron; others are in `neurons`
//! U_t = g_t (1 − s_{t−1}) V_t                          g_t = 0 for the refractory steps after a spike, else 1
//! single-exponential synapse:  r_t = α_d r_{t−1} + κ s_{t−1}
//! double-exponential synapse:  h_t = α_r h_{t−1} + s_{t−1},   r_t = α_d r_{t−1} + κ h_t
//! s_t = H(U_t − θ)                                     backward: ∂s/∂U = σ'(U − θ), the surrogate
//! ```
//!
//! α_x = exp(−dt/τ_x); all variables are zero before the first step. The reset factor 1 − s_{t−1} is differentiated;
//! g_t is a constant. The threshold θ and the decay time constant τ_d, and with it α_d and κ, may differ between
//! neurons, as may the membrane time constant, drawn or trained: see [`Population`]. Source: Lin & Huang, *Spiking mode-based neural networks* (arXiv 2310.14621).
//!
//! [`run`] and [`synapses`] are one operator per sequence, forward and backward; [`mod@reference`] is the same network
//! in plain candle operations. The cost is O(N (P + K + O)) per step and trial. Memory is that of the output, P numbers
//! per step and trial, and a checkpoint of the membranes every 16 to 64 steps: N = 100 neurons, B = 100 trials and T =
//! 50,000 steps take 0.3 GB.

mod backward;
pub mod config;
mod constants;
mod currents;
mod forward;
#[cfg(any(test, feature = "cuda"))]
mod gpu;
mod input;
#[cfg(any(test, feature = "cuda"))]
mod launch;
mod mean_rate;
pub mod network;
mod neuron;
mod neurons;
mod operator;
mod population;
pub mod reference;
mod run;
mod sparse;
mod surrogate;
mod time_constants;

pub use currents::currents;
pub use input::{Input, States};
pub use mean_rate::mean_rates_hz;
pub use neuron::{PublishedGain, SpikingNeuron, Synapse, SynapticGain};
pub use neurons::{Adaptation, Leak, NeuronModel};
pub use population::Population;
pub use run::{run, states, synapses};
pub use surrogate::{MultiGaussian, Surrogate};
pub use time_constants::{Bounds, Same, TimeConstants};
