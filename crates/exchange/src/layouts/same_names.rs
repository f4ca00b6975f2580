//! Arrays with the names of the tensors here, as written by `export-network`.

use super::layout::{Layout, has};
use crate::mapping::Mapping;
use crate::options::{ImportOptions, Reading};
use crate::{Result, Variables};

/// Arrays that `export-network` computes from the tensors or copies from a run.
const COMPUTED: [&str; 5] = ["kind", "provenance", "importance", "tau_ms", "predicted_scaling_factor"];

/// This layout.
pub struct SameNames;

impl Layout for SameNames {
    fn name(&self) -> &'static str {
        "names of the tensors"
    }

    fn matches(&self, names: &[String]) -> bool {
        let has = |name: &str| has(names, name);
        has("w_in") && has("w_out") && (has("w_rec") || has("mode_in"))
    }

    fn wanted(&self, name: &str) -> bool {
        Mapping::of_same_names([name]).wants(name)
    }

    fn is_record(&self, name: &str) -> bool {
        COMPUTED.contains(&name)
            || ["initial.", "history.", "search.", "calibration."].iter().any(|begin| name.starts_with(begin))
    }

    fn mapping(
        &self,
        variables: &mut Variables,
        _options: &ImportOptions,
        reading: &mut Reading,
    ) -> Result<Option<Mapping>> {
        let names: Vec<String> = variables.names().map(String::from).collect();
        Mapping::default().with_same_names(&names).complete(variables, reading).map(Some)
    }
}
