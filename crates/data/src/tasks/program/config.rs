//! The task section of a config that names a file.

use crate::tasks::rule::RuleSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// The task section of a config that names a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramConfig {
    /// File of the task, in Starlark. In a config, its path is relative to the config.
    pub file: String,
    /// Parameters that differ from the file's own, by name; artifacts hold all of them.
    #[serde(default)]
    pub parameters: Map<String, Json>,
    /// Duration of a step (ms), if it differs from the file's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_ms: Option<f64>,
    /// Rules that answers are judged by.
    #[serde(default)]
    pub rules: RuleSet,
    /// Text of the file, as artifacts keep it. Configs leave it out: it is read from the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}
