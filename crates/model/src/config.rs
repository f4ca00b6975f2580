//! The network section of a config.

use crate::rate::config::RateConfig;
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
