//! Rate networks, dense (Kim, Li & Sejnowski 2019) and with modes (Lin & Huang, arXiv 2310.14621): one recurrence over
//! a sequence of S steps.
//!
//! ```text
//! x_s = (1 − a) ⊙ x_{s−1} + a ⊙ (W_eff r_{s−1} + d_s) + noise_s,   r_s = φ(x_s)      s = 1 … S,  x_0 given
//! ```
//!
//! A dense network has random x_0, d_s = W_in u_{s−1} and a = Δt/τ; a mode network has x_0 = 0 and a = 1 − α_m.

mod activation;
pub mod config;
mod currents;
mod filter;
#[cfg(any(test, feature = "cuda"))]
mod gpu;
mod inputs;
#[cfg(any(test, feature = "cuda"))]
mod launch;
mod lif_activation;
pub mod network;
mod operator;
pub mod parameters;
mod readout;
mod recurrence;
mod reference;
mod rows;
mod run;
mod sequence;
pub mod siegert;
pub mod transfer;
mod unit_kind;
mod weights;

pub use activation::{Activation, Curve};
pub use filter::low_pass;
pub use lif_activation::LifActivation;
pub use sequence::{RateSequence, RateStates, Recurrence};
pub use unit_kind::UnitKind;
pub use weights::effective_weights;
