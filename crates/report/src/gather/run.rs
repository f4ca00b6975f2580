//! The run of one network: its newest artifact, its records, its row.

use super::error::GatherError;
use super::fields::{self, Fields};
use super::measures::{self, Cells};
use super::record::Records;
use crate::evaluation::is_sweep;
use mdl_artifact::output::sha256_file;
use mdl_artifact::{Artifact, Kind, Provenance};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Files of a run, as the Makefile and the workflow name them.
const EVALUATION: &str = "eval.safetensors";
const LIF: &str = "lif.safetensors";
const NETWORKS: [&str; 2] = ["rate.safetensors", "spiking.safetensors"];

/// True for a folder that has an artifact of a run.
pub(super) fn is_run(folder: &Path) -> bool {
    NETWORKS.iter().chain(&[LIF, EVALUATION]).any(|name| folder.join(name).is_file())
}

/// State of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The network was evaluated.
    Complete,
    /// A stage is missing, and no failure is recorded.
    Incomplete,
    /// A stage is missing because its program failed.
    Failed,
    /// A file cannot be read.
    Damaged,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Complete, Self::Incomplete, Self::Failed, Self::Damaged];

    /// Name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Damaged => "damaged",
        }
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    path: PathBuf,
    state: State,
    /// Fields of its config.
    pub(super) fields: Fields,
    /// Cells by column.
    pub(super) cells: Cells,
    /// SHA-256 of its newest artifact.
    sha256: Option<String>,
    /// SHA-256 of every artifact that this one was made from.
    ancestors: Vec<String>,
    /// Files that were read.
    files: Vec<PathBuf>,
    /// `search.performance_at_least`, of networks that were converted.
    performance_at_least: Option<f64>,
}

/// The newest artifact of a run, and why it is not a newer one.
#[derive(Default)]
struct Newest {
    artifact: Option<Artifact>,
    /// A file that cannot be read.
    damaged: Option<String>,
    /// A later stage that was not made from the files beside it.
    outdated: Option<String>,
}

impl Run {
    /// Reads a run from its directory or from an artifact.
    ///
    /// # Errors
    /// [`GatherError`] for a path without a run, and for an artifact that cannot be read. In a directory, such an
    /// artifact makes the run [`State::Damaged`].
    pub fn read(path: &Path) -> Result<Self, GatherError> {
        if !path.exists() {
            return Err(GatherError::Missing { path: path.into() });
        }
        let directory = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let records = Records::read(directory);
        let newest = if path.is_dir() { in_directory(path)? } else { Newest::of_file(path)? };
        if path.is_dir() && newest.is_empty() && records.as_ref().is_ok_and(Records::is_empty) {
            let expected = [NETWORKS[0], NETWORKS[1], LIF].join(", ") + " or " + EVALUATION;
            return Err(GatherError::NoRun { path: path.into(), expected });
        }
        Ok(Self::new(path, newest, records))
    }

    fn new(path: &Path, newest: Newest, records: Result<Records, String>) -> Self {
        let mut damaged = newest.damaged;
        let records = records.unwrap_or_else(|message| {
            damaged.get_or_insert(message);
            Records::default()
        });
        let (mut fields, mut cells) = (Fields::new(), Cells::new());
        if let Some(artifact) = &newest.artifact {
            fields = fields::of_artifact(artifact);
            cells.extend(origin(artifact));
            match measures::of_artifact(artifact, records.evaluation.as_ref()) {
                Ok(results) => cells.extend(results),
                Err(error) => _ = damaged.get_or_insert(error.to_string()),
            }
        } else if let Some(description) = &records.description {
            fields = description.fields.clone().into_iter().collect();
            cells.extend(description.name.iter().map(|name| ("name", json!(name))));
            cells.extend(description.seed.iter().map(|seed| ("seed", json!(seed))));
        }
        cells.extend(times(&records));
        let evaluated = newest.artifact.as_ref().is_some_and(|artifact| artifact.kind == Kind::Evaluation);
        let (state, problem) = state(evaluated, damaged, newest.outdated, &records);
        cells.insert("run", json!(path));
        cells.insert("state", json!(state.name()));
        cells.extend(problem.map(|problem| ("problem", json!(problem))));
        let (artifact, at_least) = (newest.artifact.as_ref(), "search.performance_at_least");
        Self {
            path: path.into(),
            state,
            performance_at_least: fields.get(at_least).and_then(Value::as_f64),
            fields,
            cells,
            sha256: artifact.map(|artifact| artifact.as_input().sha256),
            ancestors: artifact.map(|artifact| ancestors(&artifact.provenance)).unwrap_or_default(),
            files: artifact.map(|artifact| artifact.path().into()).into_iter().collect(),
        }
    }

    /// The path it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Artifacts whose results are in its row.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Performance that its search demanded of a converted network; none for networks that were not converted.
    pub fn performance_at_least(&self) -> Option<f64> {
        self.performance_at_least
    }

    /// Refuses a network that is there twice, as a copy or as another stage.
    ///
    /// # Errors
    /// [`GatherError::Twice`], [`GatherError::EarlierStage`].
    pub(super) fn check_different(runs: &[Self]) -> Result<(), GatherError> {
        let mut seen = std::collections::BTreeMap::new();
        for run in runs {
            if let Some(sha256) = &run.sha256
                && let Some(first) = seen.insert(sha256, run)
            {
                return Err(GatherError::Twice { first: first.path.clone(), second: run.path.clone() });
            }
        }
        for later in runs.iter().filter(|run| run.path.is_file()) {
            // A directory has its earlier stages itself, or shares them with other evaluations of the same network.
            let earlier = later.ancestors.iter().find_map(|sha256| seen.get(sha256)).filter(|run| run.path.is_file());
            if let Some(earlier) = earlier {
                return Err(GatherError::EarlierStage { earlier: earlier.path.clone(), later: later.path.clone() });
            }
        }
        Ok(())
    }
}

impl Newest {
    fn is_empty(&self) -> bool {
        self.artifact.is_none() && self.damaged.is_none()
    }

    /// An artifact that was named itself.
    fn of_file(path: &Path) -> Result<Self, GatherError> {
        let artifact = Artifact::read_any(path)?;
        let stage = matches!(artifact.kind, Kind::Rate | Kind::Spiking | Kind::Lif | Kind::Evaluation);
        let found = match (stage, is_sweep(&artifact)) {
            (true, false) => return Ok(Self { artifact: Some(artifact), ..Self::default() }),
            (_, true) => "the evaluation of a parameter sweep".into(),
            _ => artifact.kind.with_article(),
        };
        let expected = "a network, a LIF network or the evaluation of one";
        Err(GatherError::NoStage { path: path.into(), found, expected })
    }
}

/// The newest artifact in a directory that was made from the others in it.
fn in_directory(directory: &Path) -> Result<Newest, GatherError> {
    let present = |name: &&str| directory.join(name).exists();
    let networks: Vec<&str> = NETWORKS.into_iter().filter(|name| present(name)).collect();
    if let [first, second] = networks[..] {
        return Err(GatherError::TwoNetworks { path: directory.into(), files: [first, second] });
    }
    // From the first stage to the last.
    let stages: Vec<&str> = networks.into_iter().chain([LIF, EVALUATION].into_iter().filter(present)).collect();
    let mut newest = Newest::default();
    for (index, name) in stages.iter().enumerate() {
        let path = directory.join(name);
        let artifact = match Artifact::read_one_of(&path, kinds(name)) {
            Ok(artifact) => artifact,
            Err(error) => {
                newest.damaged.get_or_insert(error.to_string());
                continue;
            }
        };
        if is_sweep(&artifact) {
            newest.damaged.get_or_insert(format!("{}: the evaluation of a parameter sweep", path.display()));
            continue;
        }
        match outdated(&artifact, directory, &stages[..index])
            .map_err(|source| GatherError::Unreadable { path, source })?
        {
            Some(reason) => _ = newest.outdated.get_or_insert(reason),
            // What was made from an outdated artifact is outdated itself.
            None if newest.outdated.is_none() => newest.artifact = Some(artifact),
            None => {}
        }
    }
    if newest.artifact.is_none() {
        newest.artifact = checkpoint(directory);
    }
    Ok(newest)
}

/// Kinds of artifact under this name.
fn kinds(name: &str) -> &'static [Kind] {
    match name {
        EVALUATION => &[Kind::Evaluation],
        LIF => &[Kind::Lif],
        "rate.safetensors" => &[Kind::Rate],
        _ => &[Kind::Spiking],
    }
}

/// Why an artifact does not belong to the earlier stages in its directory; none if it does.
fn outdated(artifact: &Artifact, directory: &Path, earlier: &[&str]) -> std::io::Result<Option<String>> {
    let Some(input) = artifact.provenance.inputs.first() else { return Ok(None) };
    let (path, Some(last)) = (artifact.path().display(), earlier.last()) else { return Ok(None) };
    if !earlier.contains(&input.file.as_str()) {
        // The stages have been renamed, or a LIF network was searched again: compare with any of them.
        let known = [NETWORKS[0], NETWORKS[1], LIF].contains(&input.file.as_str());
        let reason = format!("{path}: made from {}, which is not here", input.file);
        return Ok((!known && artifact.kind == Kind::Evaluation).then_some(reason));
    }
    if sha256_file(&directory.join(&input.file))? != input.sha256 {
        return Ok(Some(format!("{path}: made from another {} than the one here; run its program again", input.file)));
    }
    let skipped = input.file != *last;
    Ok(skipped.then(|| format!("{path}: of {}, although there is {last}; run eval-lif", input.file)))
}

/// State of a training that has not ended.
fn checkpoint(directory: &Path) -> Option<Artifact> {
    let partial = |name: &&str| Artifact::read(&directory.join(format!("{name}.partial")), Kind::Checkpoint).ok();
    NETWORKS.iter().find_map(partial)
}

/// Name, seed and origin of an artifact.
fn origin(artifact: &Artifact) -> Cells {
    let provenance = &artifact.provenance;
    let trained = std::iter::successors(Some(provenance), |from| from.parent.as_deref()).last().unwrap_or(provenance);
    let network = match artifact.kind {
        Kind::Evaluation if artifact.has("potential_time_ms") => Some("lif".into()),
        Kind::Lif => Some("lif".into()),
        _ => artifact.config["network"]["kind"].as_str().map(String::from),
    };
    let cells = [
        ("name", artifact.config["name"].clone()),
        ("seed", json!(trained.seed)),
        ("network", json!(network)),
        ("version", json!(provenance.version)),
        ("revision", json!(provenance.revision)),
        ("device", json!(provenance.device.as_deref().unwrap_or("cpu"))),
    ];
    cells.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// SHA-256 of every input of an artifact and of the artifacts that it was made from.
fn ancestors(provenance: &Provenance) -> Vec<String> {
    let generations = std::iter::successors(Some(provenance), |from| from.parent.as_deref());
    generations.flat_map(|from| from.inputs.iter().map(|input| input.sha256.clone())).collect()
}

/// Times of the stages that were recorded.
fn times(records: &Records) -> Cells {
    let stages = [
        ("train_seconds", &records.train),
        ("search_seconds", &records.search),
        ("calibration_seconds", &records.calibration),
        ("evaluation_seconds", &records.evaluation),
    ];
    let own = stages.into_iter().filter_map(|(column, record)| Some((column, json!(record.as_ref()?.seconds))));
    let mut cells: Cells = own.collect();
    if !cells.is_empty() {
        cells.insert("seconds", json!(records.all().map(|record| record.seconds).sum::<f64>()));
        cells.insert("cpu_seconds", json!(records.all().map(|record| record.cpu_seconds).sum::<f64>()));
    }
    cells
}

/// State of a run, and the reason if it is not complete.
fn state(
    evaluated: bool,
    damaged: Option<String>,
    outdated: Option<String>,
    records: &Records,
) -> (State, Option<String>) {
    let failed = records.all().rev().find(|record| !record.is_written() && !record.is_interrupted());
    let interrupted = records.all().rev().find(|record| record.is_interrupted());
    match (damaged, outdated, failed, interrupted) {
        (Some(damaged), ..) => (State::Damaged, Some(damaged)),
        (_, None, ..) if evaluated => (State::Complete, None),
        (_, _, Some(record), _) => {
            let reason = record.message.clone().unwrap_or_else(|| format!("status {}", record.status));
            (State::Failed, Some(format!("{}: {reason}", record.program)))
        }
        (_, Some(outdated), ..) => (State::Incomplete, Some(outdated)),
        (.., Some(record)) => (State::Incomplete, Some(format!("{}: interrupted", record.program))),
        _ => (State::Incomplete, None),
    }
}
