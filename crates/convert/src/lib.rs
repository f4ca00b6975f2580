//! From rate to LIF: mapping, LIF simulation, the search for the scaling factor and its prediction.

pub mod behaviour;
mod conversion;
mod error;
pub mod evaluate;
pub mod lif;
pub mod mapping;
pub mod prediction;
pub mod search;
pub mod stored;
#[cfg(test)]
mod testing;

pub use conversion::Conversion;
pub use error::{Error, Result};
