//! Sections of a config used by the conversion.

use crate::error::Result;
use crate::lif::config::LifConfig;
use crate::mapping::published_factors;
use crate::search::{SearchConfig, Select};
use mdl_data::field::{InvalidField, require};
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

    /// Scaling factors to try: those in the config, or the published ones; with `select` = `fixed` only the one that the
    /// network was trained for.
    ///
    /// # Errors
    /// The config of a spiking network, or no single factor to be fixed.
    pub fn grid(&self) -> Result<Vec<f64>> {
        let rate = self.rate()?;
        match (&self.search.factors, self.search.select) {
            (Some(factors), Select::Fixed) if factors.len() == 1 => Ok(factors.clone()),
            (None, Select::Fixed) if rate.scaling_factor().is_some() => Ok(rate.scaling_factor().into_iter().collect()),
            (factors, Select::Fixed) => {
                let found = factors.as_ref().map_or("no factor".into(), |factors| format!("{} factors", factors.len()));
                let expected =
                    "one factor, or a network trained for one (network.activation lif, or network.spike_noise)";
                require(false, "search.factors", format!("{found} with search.select = fixed"), expected)?;
                Ok(Vec::new())
            }
            (Some(factors), _) => Ok(factors.clone()),
            (None, _) => Ok(published_factors(rate.activation)),
        }
    }
}
