//! From rate to LIF: mapping, LIF simulation, the search for the scaling factor, and the programs lambda-search and eval-lif.

pub mod behaviour;
mod error;
pub mod lif;
pub mod mapping;
pub mod search;
pub mod statistics;

pub use error::{Error, Result};
