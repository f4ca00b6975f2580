//! Networks in memory, taken in as `import-network` does.
#![allow(dead_code)]

use mdl_artifact::{Artifact, Provenance};
use mdl_exchange::mapping::Mapping;
use mdl_exchange::network::Unused;
use mdl_exchange::{ForeignFile, ImportOptions, Network, Reading};
use std::path::Path;

/// An imported network.
pub struct Imported {
    pub artifact: Artifact,
    pub unused: Unused,
    pub reading: Reading,
}

impl Imported {
    /// The names of the arrays that were not used.
    pub fn unused(&self) -> Vec<&str> {
        self.unused.all().into_iter().map(String::as_str).collect()
    }
}

/// Options that only name the experiment.
pub fn options<'a>() -> ImportOptions<'a> {
    ImportOptions { name: "a", ..ImportOptions::default() }
}

/// The network in these bytes.
pub fn import(bytes: &[u8], mapping: Option<Mapping>, options: ImportOptions) -> Result<Imported, String> {
    let read = || {
        let file = ForeignFile::open(bytes, Path::new("a"))?;
        let mut network = Network::read(&file, mapping, options)?;
        let experiment = network.experiment()?;
        let (artifact, unused) = network.artifact(&experiment, Provenance::new("test", None, 1))?;
        Ok(Imported { artifact, unused, reading: network.reading })
    };
    read().map_err(|error: mdl_exchange::Error| error.to_string())
}

/// The mapping of this JSON.
pub fn mapping(json: serde_json::Value) -> Result<Mapping, String> {
    serde_json::from_value(json).map_err(|error| error.to_string())
}
