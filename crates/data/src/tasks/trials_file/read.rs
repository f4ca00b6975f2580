//! Reading a file of trials: its type, the arrays with a role, and the task of a file by `make-trials`.

use super::axes::Axes;
use super::config::TrialsConfig;
use super::error::TrialsError;
use crate::tasks::built_in::upgrade;
use crate::tasks::program::Program;
use crate::tasks::rule::Rule;
use crate::tasks::rule_rows::{COLUMNS, rule};
use crate::tasks::task::Task;
use crate::tasks::trials::Trials;
use mdl_artifact::arrays::{Contents, Entry, Limits, Variable, numpy, safetensors};
use mdl_artifact::memory::{readable, room};
use mdl_artifact::output::sha256;
use mdl_artifact::{Artifact, FileType, Kind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest file (bytes).
const MOST_BYTES: u64 = 8 << 30;
/// Other names of optional arrays. A file that has one but not the array itself is refused: it would be trained on without.
const OTHER_NAMES: [(&str, &[&str]); 5] = [
    ("target", &["targets"]),
    ("label", &["labels"]),
    ("weight", &["weights", "mask", "masks"]),
    ("length", &["lengths"]),
    ("condition", &["conditions"]),
];

/// A file of trials, as it was read.
pub(super) struct TrialFile {
    pub path: PathBuf,
    pub sha256: String,
    pub axes: Axes,
    /// Arrays by role.
    pub arrays: BTreeMap<&'static str, Array>,
    /// What the file of `make-trials` says besides.
    pub own: Option<Own>,
}

/// An array with its name in the file.
pub(super) struct Array {
    pub name: String,
    pub variable: Variable,
}

/// Task of a file by `make-trials`.
pub(super) struct Own {
    pub step_ms: Option<f64>,
    pub inputs: Option<Vec<String>>,
    pub outputs: Option<Vec<String>>,
    pub conditions: Option<Vec<String>>,
    /// Rules of each trial; empty without any.
    pub rules: Vec<Vec<Rule>>,
}

/// Bytes of a regular file.
pub(super) fn bytes(path: &Path, field: &str) -> Result<Vec<u8>, TrialsError> {
    let refused = |message: String| TrialsError::file(path, message);
    let expected = "expected a file of trials, .npz or .safetensors";
    let metadata = path.metadata().map_err(|error| {
        let seen_from = match std::env::current_dir() {
            Ok(directory) if path.is_relative() => format!(" (seen from {})", directory.display()),
            _ => String::new(),
        };
        refused(format!("{error}{seen_from}; --set task.{field}=PATH names its place"))
    })?;
    if metadata.is_dir() {
        return Err(refused(format!("found a directory, {expected}")));
    }
    if !metadata.is_file() {
        return Err(refused(format!("found no regular file, {expected}")));
    }
    if metadata.len() > MOST_BYTES {
        return Err(refused(format!("found {} bytes, expected at most {MOST_BYTES}", metadata.len())));
    }
    std::fs::read(path).map_err(|error| refused(error.to_string()))
}

impl TrialFile {
    /// Reads a file from its bytes.
    pub fn read(path: &Path, bytes: &[u8], config: &TrialsConfig) -> Result<Self, TrialsError> {
        let found = FileType::of(bytes);
        let roles = config.arrays.roles();
        let wanted = |name: &str| roles.iter().any(|(_, own)| *own == name);
        check_memory(path, found, bytes, wanted)?;
        let contents = match found {
            FileType::Npz => numpy::read_within(&Limits::TRIALS, bytes, wanted),
            FileType::Artifact | FileType::Safetensors => safetensors::read_within(&Limits::TRIALS, bytes, wanted),
            other => {
                let remedy = if other == FileType::Npy { "; save the arrays by numpy.savez" } else { "" };
                let message = format!("found {other}, expected a file of trials, .npz or .safetensors{remedy}");
                return Err(TrialsError::file(path, message));
            }
        };
        let contents = contents.map_err(|message| TrialsError::file(path, format!("a damaged file: {message}")))?;
        let own = (found == FileType::Artifact).then(|| Own::read(path, bytes)).transpose()?;
        let default = if own.is_some() { Axes::TIME_FIRST } else { Axes::TRIALS_FIRST };
        let axes = config.axes.as_deref().map_or(Ok(default), Axes::parse)?;
        let arrays = Self::arrays(path, contents, config)?;
        Ok(Self { path: path.into(), sha256: sha256(bytes), axes, arrays, own })
    }

    fn arrays(
        path: &Path,
        mut contents: Contents,
        config: &TrialsConfig,
    ) -> Result<BTreeMap<&'static str, Array>, TrialsError> {
        let all: Vec<&str> = contents.entries.iter().map(|entry| entry.name.as_str()).collect();
        let holds = || if all.is_empty() { "no arrays".into() } else { shown(&all) };
        let mut arrays = BTreeMap::new();
        for (role, name) in config.arrays.roles() {
            if let Some(variable) = contents.by_name.remove(name) {
                arrays.insert(role, Array { name: name.into(), variable });
            } else if role != name {
                let field = format!("arrays.{role}");
                return Err(TrialsError::field(
                    &field,
                    format!("{name:?}"),
                    format!("the name of an array in {}, which holds {}", path.display(), holds()),
                ));
            }
        }
        if !arrays.contains_key("input") {
            let remedy = "task.arrays.input names the array of the inputs";
            return Err(TrialsError::file(path, format!("no array `input`: the file holds {}; {remedy}", holds())));
        }
        for (role, others) in OTHER_NAMES {
            let other = others.iter().find(|other| !arrays.contains_key(role) && all.contains(other));
            let used = |name: &str| config.arrays.roles().iter().any(|(_, own)| *own == name);
            if let Some(other) = other.filter(|other| !used(other)) {
                let message = format!(
                    "array `{other}`: found no `{role}` beside it, expected one; set task.arrays.{role} to {other:?}, or rename or \
                     remove the array"
                );
                return Err(TrialsError::file(path, message));
            }
        }
        if !arrays.contains_key("target") && !arrays.contains_key("label") {
            let remedy = "task.arrays.target or task.arrays.label names one";
            return Err(TrialsError::file(
                path,
                format!("neither an array `target` nor `label`: the file holds {}; {remedy}", holds()),
            ));
        }
        Ok(arrays)
    }
}

/// Refuses arrays that do not fit in memory, by their shapes alone: a small file can unpack to many gigabytes. Damaged files
/// are left to the reading itself.
fn check_memory(path: &Path, found: FileType, bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<(), TrialsError> {
    /// Bytes per number: unpacked, in double, and in single precision, each once at the peak.
    const NUMBER: f64 = 20.0;
    let listed = match found {
        FileType::Npz => numpy::read_within(&Limits::TRIALS, bytes, |_| false),
        FileType::Artifact | FileType::Safetensors => safetensors::read_within(&Limits::TRIALS, bytes, |_| false),
        _ => return Ok(()),
    };
    let (Ok(listed), Some(room)) = (listed, room()) else { return Ok(()) };
    // Larger arrays are refused by the reading.
    let size = |entry: &Entry| Limits::TRIALS.elements(&entry.shape, 8).unwrap_or(0) as f64 * NUMBER;
    let needed: f64 = listed.entries.iter().filter(|entry| wanted(&entry.name)).map(size).sum();
    if needed <= room.bytes {
        return Ok(());
    }
    let (needed, free) = (readable(needed), readable(room.bytes));
    let message =
        format!("its arrays need about {needed} of memory, and {free} are free ({}); use fewer trials", room.limit);
    Err(TrialsError::file(path, message))
}

/// Names in a message.
fn shown(names: &[&str]) -> String {
    const SHOWN: usize = 20;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ") + more
}

impl Own {
    fn read(path: &Path, bytes: &[u8]) -> Result<Self, TrialsError> {
        // The error of an artifact names the file itself.
        let artifact =
            Artifact::from_bytes(bytes, path).map_err(|error| TrialsError::file(path, error.without_path()))?;
        if artifact.kind != Kind::Trials {
            let found = artifact.kind.with_article();
            let message = format!("found {found} artifact, expected trials, by make-trials or another program");
            return Err(TrialsError::file(path, message));
        }
        let damaged = |error: mdl_artifact::ArtifactError| TrialsError::file(path, error.without_path());
        let mut rules = Vec::new();
        if artifact.has("rule") {
            let [steps, count, _] = artifact.shape("input").map_err(damaged)?;
            let [_, _, outputs] = artifact.shape("target").map_err(damaged)?;
            let [rows, _] = artifact.shape("rule").map_err(damaged)?;
            let bounds = Trials { steps, count, outputs, ..Trials::default() };
            rules = vec![Vec::new(); count];
            for row in artifact.values::<f64>("rule", &[rows, COLUMNS]).map_err(damaged)?.chunks_exact(COLUMNS) {
                let (trial, own) = rule(row, &bounds).ok_or_else(|| {
                    TrialsError::array(path, "rule", format!("row {row:?}"), "a rule of one of the trials")
                })?;
                rules[trial].push(own);
            }
        }
        let mut own = Self { step_ms: None, inputs: None, outputs: None, conditions: None, rules };
        own.name(artifact.config.get("task").cloned().unwrap_or_default());
        Ok(own)
    }

    /// Names and step of the task that the trials were drawn from, if it can be read.
    fn name(&mut self, mut task: Value) {
        if upgrade(&mut task).is_err() {
            return;
        }
        if let Ok(program) = serde_json::from_value::<Program>(task.clone()) {
            self.step_ms = Some(program.step_ms());
            self.inputs = Some(program.inputs().to_vec());
            self.outputs = Some(program.output_names().to_vec());
            self.conditions = Some(program.conditions().to_vec());
        } else if let Ok(TrialsConfig { step_ms, contents: Some(contents), .. }) = serde_json::from_value(task) {
            self.step_ms = Some(step_ms);
            self.inputs = Some(contents.inputs);
            self.outputs = Some(contents.outputs);
            self.conditions = Some(contents.conditions);
        }
    }
}
