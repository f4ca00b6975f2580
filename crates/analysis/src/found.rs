//! What an analysis returns.

use serde_json::{Value, json};

/// Summary of an analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Summary, or the reason that there is none.
    pub summary: Value,
    /// False for a network to which the analysis does not apply.
    pub applies: bool,
}

impl Found {
    /// A summary.
    pub fn some(summary: Value) -> Self {
        Self { summary, applies: true }
    }

    /// The reason that an analysis does not apply to a network.
    pub fn none(reason: &str) -> Self {
        Self { summary: json!({ "left_out": reason }), applies: false }
    }
}
