//! From rate to LIF: mapping, LIF simulation, the search for the scaling factor, and the programs lambda-search and eval-lif.

mod error;
pub mod lif;

pub use error::{Error, Result};
