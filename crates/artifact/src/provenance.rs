//! Where an artifact comes from.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// An input of the stage that wrote an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// File name, without its directory.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Where an artifact comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Program that wrote it.
    pub program: String,
    /// Version of that program.
    pub version: String,
    /// Git revision it was built from, with `-dirty` where the sources were changed; none where the build was not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Kind of device it was computed on, as `cuda`, where that was not the processor: other devices round otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Seed it ran with.
    pub seed: u64,
    /// Every file it read, but for the config, which the artifact holds.
    pub inputs: Vec<Input>,
    /// For each input that was made otherwise than the config of the artifact says, the fields and their values then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub differs: BTreeMap<String, BTreeMap<String, Value>>,
    /// Provenance of the artifact it was made from.
    pub parent: Option<Box<Provenance>>,
}

impl Provenance {
    /// Provenance of an artifact that `program`, built from `revision`, writes in a run under `seed`.
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
            parent: None,
        }
    }
}

impl Provenance {
    /// Notes the fields in which the last input was made otherwise than the config of the artifact says.
    pub fn note_differences(&mut self, fields: BTreeMap<String, Value>) {
        if let Some(input) = self.inputs.last().filter(|_| !fields.is_empty()) {
            self.differs.insert(input.file.clone(), fields);
        }
    }
}

/// The [`Provenance`] of what this program writes: `provenance!("train-rate", seed)`.
///
/// The revision is what the build was told in `MDL_RNN_REVISION`, as `make` does. A macro, so that another revision builds
/// the programs anew and no library.
#[macro_export]
macro_rules! provenance {
    ($program:expr, $seed:expr) => {
        $crate::Provenance::new($program, option_env!("MDL_RNN_REVISION"), $seed)
    };
}
