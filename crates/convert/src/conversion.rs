//! Sections of a config used by the conversion.

use crate::error::Result;
use crate::lif::config::LifConfig;
use crate::mapping::published_factors;
use crate::search::SearchConfig;
use mdl_data::field::InvalidField;
use mdl_data::tasks::TaskConfig;
use mdl_model::NetworkConfig;
use mdl_model::rate::config::RateConfig;

/// A rate network's task and config, and the settings of its conversion to a LIF network.
#[derive(Clone, Copy, Debug)]
pub struct Conversion<'a> {
    /// Task that the network was trained on.
    pub task: &'a TaskConfig,
    /// The network.
    pub network: &'a NetworkConfig,
    /// Constants of the LIF network.
    pub lif: &'a LifConfig,
    /// The search for the scaling factor.
    pub search: &'a SearchConfig,
    /// Seed of every random number.
    pub seed: u64,
}

impl<'a> Conversion<'a> {
    /// Config of the rate network.
    ///
    /// # Errors
    /// The config of a spiking network.
    pub fn rate(&self) -> Result<&'a RateConfig> {
        match self.network {
            NetworkConfig::Rate(rate) => Ok(rate),
            NetworkConfig::Spiking(_) => {
                let (field, found) = ("network.kind".into(), "spiking".into());
                Err(InvalidField { field, found, expected: "rate".into() }.into())
            }
        }
    }

    /// Scaling factors in the config, or the published ones.
    ///
    /// # Errors
    /// The config of a spiking network.
    pub fn grid(&self) -> Result<Vec<f64>> {
        match &self.search.factors {
            Some(factors) => Ok(factors.clone()),
            None => Ok(published_factors(self.rate()?.activation)),
        }
    }
}
