//! What is trained: parameters and dynamics as whole-sequence operators.

mod config;
pub mod modes;
pub mod rate;
pub mod readout;
pub mod spiking;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod testing;

pub use config::NetworkConfig;
