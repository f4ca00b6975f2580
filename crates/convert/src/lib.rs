//! From rate to LIF: mapping, LIF simulation, the search for the scaling factor, and the programs lambda-search and eval-lif.

pub mod answers;
pub mod behaviour;
mod error;
pub mod evaluate;
pub mod figures;
pub mod lif;
pub mod mapping;
pub mod mean_field;
pub mod outputs;
pub mod partial;
pub mod prediction;
pub mod queue;
pub mod search;
pub mod statistics;
pub mod stored;
pub mod sweep;
#[cfg(test)]
mod testing;
pub mod transfer;

pub use error::{Error, Result, with_status};
