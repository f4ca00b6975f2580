//! What is trained: parameters, dynamics as whole-sequence operators, the config and the artifact format.

pub mod artifact;
pub mod experiment;
pub mod lif;
pub mod modes;
pub mod partial;
pub mod rate;
pub mod readout;
pub mod real;
pub mod spiking;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod testing;
pub mod trials;
