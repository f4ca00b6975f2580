//! From rate to LIF networks: mapping, LIF simulation, search for the scaling factor and its prediction.
//!
//! ```
//! use mdl_convert::lif::config::LifConfig;
//! use mdl_convert::lif::{Recording, Simulator, Timing, TrialDraws};
//! use mdl_convert::mapping::lif_network;
//! use mdl_model::rate::parameters::RateParameters;
//!
//! let rate = serde_json::from_str(r#"{ "neurons": 20, "recurrence": { "kind": "dense" } }"#)?;
//! let parameters = RateParameters::draw(&rate, 1, 1, 1);
//! let network = lif_network(&rate, &parameters, &parameters.recurrent)?;
//! let lif = LifConfig::default();
//! let timing = Timing::new(&lif, 20, 5.0)?; // 20 samples of 5 ms
//! let (input, factors) = ([10.0; 20], [25.0, 50.0]);
//! let draws = TrialDraws { seed: 1, trial: 0 };
//! let runs = Simulator::new(&network, &lif, timing)?.run(&input, &factors, &draws, &Recording::default())?;
//! assert!(runs.len() == 2 && runs[0].spike_count.iter().sum::<u32>() > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod calibration;
mod conversion;
mod error;
pub mod evaluate;
pub mod fidelity;
pub mod lif;
pub mod lif_artifact;
pub mod lif_task;
pub mod mapping;
pub mod prediction;
pub mod search;
#[cfg(test)]
mod testing;

pub use conversion::Conversion;
pub use error::{Error, Result};
