//! Records of stages: what the workflow notes about each program that it ran for a network.
//!
//! `PROGRAM.json` beside an artifact is the record of the program's last attempts:
//!
//! | key | content |
//! |---|---|
//! | `program` | name of the program |
//! | `status` | exit status of the last attempt; 128 + the number of the signal that ended it |
//! | `attempts` | number of attempts until the output was complete |
//! | `seconds`, `cpu_seconds` | wall time and user + system time of these attempts |
//! | `message` | last error message; null if there was none |
//! | `result` | the JSON object that the program printed; null if there was none |
//!
//! `run.json` describes the network before there is an artifact: `name`, `seed`, `fields` (the overrides of its config).

use super::error::GatherError;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::ErrorKind;
use std::path::Path;

/// Name of the file that describes a network.
pub const RUN: &str = "run.json";

/// Record of one program.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Record {
    /// Name of the program.
    pub program: String,
    /// Exit status of the last attempt.
    pub status: i32,
    /// Wall time of all attempts, in seconds.
    pub seconds: f64,
    /// User and system time of all attempts, in seconds.
    pub cpu_seconds: f64,
    /// Last error message.
    #[serde(default)]
    pub message: Option<String>,
    /// Result that the program printed.
    #[serde(default)]
    pub result: Value,
}

/// Exit statuses of a program whose output is complete, and of one that was interrupted.
const WRITTEN: [i32; 2] = [0, 4];
const INTERRUPTED: [i32; 2] = [75, 130];

impl Record {
    /// True if the program wrote its output.
    pub fn is_written(&self) -> bool {
        WRITTEN.contains(&self.status)
    }

    /// True if the program was interrupted by a warning signal; it continues when it is run again.
    pub fn is_interrupted(&self) -> bool {
        INTERRUPTED.contains(&self.status)
    }
}

/// Description of a network.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Description {
    /// Name of the network's config.
    #[serde(default)]
    pub name: Option<String>,
    /// Seed.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Overrides of the config, by dotted name.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

/// Records of a network, and its description.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// Record of the training.
    pub train: Option<Record>,
    /// Record of the search.
    pub search: Option<Record>,
    /// Record of the calibration.
    pub calibration: Option<Record>,
    /// Record of the evaluation.
    pub evaluation: Option<Record>,
    /// Description of the network.
    pub description: Option<Description>,
}

impl Records {
    /// Records in a directory.
    ///
    /// # Errors
    /// A message about the first file that cannot be read, or that is not a record.
    pub fn read(directory: &Path) -> Result<Self, String> {
        let first = |programs: &[&str]| -> Result<Option<Record>, String> {
            let records = programs.iter().map(|name| read(&directory.join(format!("{name}.json"))));
            Ok(records.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().next())
        };
        Ok(Self {
            train: first(&["train-rate", "train-spiking"])?,
            search: first(&["lambda-search"])?,
            calibration: first(&["calibrate"])?,
            evaluation: first(&["eval-lif", "eval-spiking", "eval-rate"])?,
            description: read(&directory.join(RUN))?,
        })
    }

    /// True if there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Records in the order of the stages.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Record> {
        [&self.train, &self.search, &self.calibration, &self.evaluation].into_iter().flatten()
    }
}

/// A file in JSON; none if there is no such file.
fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, String> {
    match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(GatherError::Unreadable { path: path.into(), source }.to_string()),
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| format!("{}: not a record of the workflow: {error}", path.display())),
    }
}
