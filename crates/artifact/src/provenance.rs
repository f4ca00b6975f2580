//! Provenance of artifacts.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Input of the stage that wrote an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// File name, without its directory.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Provenance of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Program that wrote the artifact.
    pub program: String,
    /// Version of that program.
    pub version: String,
    /// Git revision of the build, with `-dirty` if the sources were changed; none if the build was not given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Kind of device used, such as `cuda`, unless it was the CPU, because other devices round differently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Seed of the run.
    pub seed: u64,
    /// All input files except the config, which is part of the artifact.
    pub inputs: Vec<Input>,
    /// For each input made with settings other than those of the artifact's config, the fields and their values then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub differs: BTreeMap<String, BTreeMap<String, Value>>,
    /// Parameters that were drawn anew, rather than taken over from the parent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drawn_anew: Vec<String>,
    /// Provenance of the parent artifact.
    pub parent: Option<Box<Provenance>>,
}

impl Provenance {
    /// Provenance of an artifact that `program`, built from `revision`, writes in a run with seed `seed`.
    pub fn new(program: &str, revision: Option<&str>, seed: u64) -> Self {
        let (version, revision) = (env!("CARGO_PKG_VERSION").into(), revision.map(Into::into));
        Self {
            program: program.into(),
            version,
            revision,
            device: None,
            seed,
            inputs: Vec::new(),
            differs: BTreeMap::new(),
            drawn_anew: Vec::new(),
            parent: None,
        }
    }
}

impl Provenance {
    /// Records the fields in which the last input was made with settings other than those of the artifact's config.
    pub fn note_differences(&mut self, fields: BTreeMap<String, Value>) {
        if let Some(input) = self.inputs.last().filter(|_| !fields.is_empty()) {
            self.differs.insert(input.file.clone(), fields);
        }
    }
}

/// The [`Provenance`] of outputs of this program: `provenance!("train-rate", seed)`.
///
/// The revision is the value of `MDL_RNN_REVISION` in the build, which `make` sets. This is a macro so that a new
/// revision rebuilds the programs but no library.
#[macro_export]
macro_rules! provenance {
    ($program:expr, $seed:expr) => {
        $crate::Provenance::new($program, option_env!("MDL_RNN_REVISION"), $seed)
    };
}
