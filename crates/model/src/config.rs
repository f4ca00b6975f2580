//! The network section of a config.

use crate::rate::config::{RateConfig, RecurrenceConfig};
use crate::spiking::config::SpikingConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The network section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NetworkConfig {
    /// A rate network.
    Rate(RateConfig),
    /// A spiking mode network, trained directly.
    Spiking(SpikingConfig),
}

impl NetworkConfig {
    /// Its kind, as spelt in configs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rate(_) => "rate",
            Self::Spiking(_) => "spiking",
        }
    }

    /// Names of the parameters, as in an artifact, and whether they are trained.
    pub fn parameters(&self) -> Vec<(&'static str, bool)> {
        match self {
            Self::Rate(rate) => rate.parameters(),
            Self::Spiking(spiking) => spiking.parameters(),
        }
    }

    /// Whether each unit is excitatory or inhibitory (Dale's principle).
    pub fn has_signs(&self) -> bool {
        match self {
            Self::Rate(rate) => matches!(&rate.recurrence, RecurrenceConfig::Dense(dense) if dense.dale),
            Self::Spiking(_) => false,
        }
    }

    /// Number of neurons N.
    pub fn neurons(&self) -> usize {
        match self {
            Self::Rate(rate) => rate.neurons,
            Self::Spiking(spiking) => spiking.neurons,
        }
    }
}
