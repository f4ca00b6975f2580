//! The stages as functions of Python. Configs and results are JSON texts, which Python's own code turns into dicts.

use crate::allocator;
use crate::artifact::Artifact;
use crate::errors;
use crate::inputs::ArrayArgument;
use crate::job::{self, Manner};
use mdl_artifact::{Artifact as Content, Kind};
use mdl_cli::stages::{self, Checkpoint, Config, Overrides, Record, Settings, StartFrom, Trialset};
use mdl_exchange::ImportOptions;
use pyo3::prelude::*;
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Changes to a config: overrides `key=value`, and the seed.
type Changes = (Vec<String>, Option<u64>);

/// A config: the name of its file, or its content as JSON.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct ConfigArgument {
    path: Option<PathBuf>,
    json: Option<String>,
}

impl ConfigArgument {
    /// Calls `run` with the config; none if there is neither file nor content.
    fn with<T>(&self, run: impl FnOnce(Option<Config>) -> anyhow::Result<T>) -> anyhow::Result<T> {
        match (&self.path, &self.json) {
            (Some(path), _) => run(Some(Config::File(path))),
            (None, Some(json)) => run(Some(Config::Json(&serde_json::from_str::<Value>(json)?))),
            (None, None) => run(None),
        }
    }

    fn with_some<T>(&self, run: impl FnOnce(Config) -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.with(|config| run(config.unwrap_or(Config::Json(&Value::Null))))
    }
}

fn overrides((set, seed): &Changes) -> Overrides<'_> {
    Overrides { set, seed: *seed }
}

fn content(artifact: &Option<Py<Artifact>>) -> Option<Arc<Content>> {
    artifact.as_ref().map(|artifact| artifact.get().content.clone())
}

/// The artifact and the result of a stage.
fn finished((artifact, result): (Content, Value)) -> anyhow::Result<(Artifact, String)> {
    Ok((Artifact::in_memory(artifact)?, result.to_string()))
}

/// Trains a network. `start` is a network to start from, and whether to draw new input and output weights; `checkpoint`
/// the file of the network, whether to resume, and the seconds between two saves.
#[pyfunction]
pub fn train(
    py: Python,
    config: ConfigArgument,
    start: (Option<Py<Artifact>>, bool, bool),
    changes: Changes,
    checkpoint: Option<(PathBuf, bool, f64)>,
    rows: Option<Bound<PyAny>>,
    manner: Manner,
) -> PyResult<(Artifact, String)> {
    let network = content(&start.0);
    let checkpoint = checkpoint.map(|(output, resume, seconds)| {
        let every = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Checkpoint { output, resume, every }
    });
    job::run(py, &manner, rows.as_ref(), move |watch, evaluated| {
        let from = StartFrom { network: network.as_deref(), new_inputs: start.1, new_outputs: start.2 };
        let kept = checkpoint.as_ref();
        finished(config.with(|config| stages::train(config, &from, overrides(&changes), kept, evaluated, watch))?)
    })
}

/// Searches for the scaling factor of a network.
#[pyfunction]
pub fn find_scaling_factor(
    py: Python,
    network: &Artifact,
    changes: Changes,
    manner: Manner,
) -> PyResult<(Artifact, String)> {
    let network = network.content.clone();
    job::run(py, &manner, None, move |watch, _| {
        finished(stages::find_scaling_factor(&network, overrides(&changes), watch)?)
    })
}

/// Calibrates a LIF network.
#[pyfunction]
pub fn calibrate(py: Python, network: &Artifact, changes: Changes, manner: Manner) -> PyResult<(Artifact, String)> {
    let network = network.content.clone();
    job::run(py, &manner, None, move |watch, _| finished(stages::calibrate(&network, overrides(&changes), watch)?))
}

/// Evaluates a network.
#[pyfunction]
pub fn evaluate(
    py: Python,
    network: &Artifact,
    trials: Option<Py<Artifact>>,
    accept_other: bool,
    changes: Changes,
    manner: Manner,
) -> PyResult<(Artifact, String)> {
    let (network, trials) = (network.content.clone(), content(&trials));
    job::run(py, &manner, None, move |watch, _| {
        finished(stages::evaluate(&network, trials.as_deref(), accept_other, overrides(&changes), watch)?)
    })
}

/// What to analyse: names, times and inputs for fixed points, starts.
type Analyses = (Vec<String>, Vec<f64>, Vec<Vec<f64>>, usize);

/// Analyses a network, or compares it with another.
#[pyfunction]
pub fn analyze(
    py: Python,
    network: &Artifact,
    other: Option<Py<Artifact>>,
    trials: Option<Py<Artifact>>,
    accept_other: bool,
    what: Analyses,
    changes: Changes,
    manner: Manner,
) -> PyResult<(Artifact, String)> {
    let (network, other, trials) = (network.content.clone(), content(&other), content(&trials));
    let (only, at_ms, inputs, starts) = what;
    let what = stages::Analyses { only, settings: Settings { at_ms, inputs, starts } };
    job::run(py, &manner, None, move |watch, _| {
        let networks = (&*network, other.as_deref());
        finished(stages::analyse(networks, trials.as_deref(), accept_other, &what, overrides(&changes), watch)?)
    })
}

/// What to record: quantities, units, trials, steps between two records.
type What = (Vec<String>, Option<Vec<usize>>, Option<Vec<usize>>, usize);

/// Runs a network on inputs, on trials, or on fresh trials.
#[pyfunction]
pub fn run(
    py: Python,
    network: &Artifact,
    inputs: Option<ArrayArgument>,
    trials: Option<Py<Artifact>>,
    accept_other: bool,
    what: What,
    changes: Changes,
    manner: Manner,
) -> PyResult<(Artifact, String)> {
    let (network, trials) = (network.content.clone(), content(&trials));
    let (quantities, units, only, every) = what;
    let record = Record { quantities, units, trials: only, every };
    job::run(py, &manner, None, move |watch, _| {
        let set = match (&inputs, &trials) {
            (Some(inputs), _) => Trialset::Inputs(inputs),
            (None, Some(trials)) => Trialset::Given(trials, accept_other),
            (None, None) => Trialset::Fresh,
        };
        let (artifact, result) = stages::run_network(&network, &set, &record, overrides(&changes), watch)?;
        Ok((Artifact::from(artifact), result.to_string()))
    })
}

/// Draws trials of the task of a config.
#[pyfunction]
pub fn draw_trials(py: Python, config: ConfigArgument, changes: Changes, manner: Manner) -> PyResult<Artifact> {
    job::run(py, &manner, None, move |_, _| {
        let trials = config.with_some(|config| stages::draw_trials(config, overrides(&changes)))?;
        Artifact::in_memory(trials)
    })
}

/// The network of a config before its training.
#[pyfunction]
pub fn draw_network(py: Python, config: ConfigArgument, changes: Changes) -> PyResult<Artifact> {
    job::quick(py, move || {
        let network = config.with_some(|config| stages::draw_network(config, overrides(&changes)))?;
        Artifact::in_memory(network)
    })
}

/// The resolved config, as JSON.
#[pyfunction]
pub fn resolve(py: Python, config: ConfigArgument, changes: Changes) -> PyResult<String> {
    let resolved = move || config.with_some(|config| stages::resolve(config, overrides(&changes)));
    job::quick(py, resolved).map(|config| config.to_string())
}

/// Imports a network of another tool.
#[pyfunction]
#[pyo3(signature = (path, name, kind, task, synapse, ignore, mapping, changes, manner))]
pub fn import_network(
    py: Python,
    path: PathBuf,
    name: String,
    kind: Option<String>,
    task: Option<String>,
    synapse: Option<String>,
    ignore: Vec<String>,
    mapping: Option<PathBuf>,
    changes: Changes,
    manner: Manner,
) -> PyResult<Artifact> {
    let of_name = |kind: &String| {
        let known = [Kind::Rate, Kind::Spiking, Kind::Lif].into_iter().find(|known| known.to_string() == *kind);
        known.ok_or_else(|| errors::argument(py, "kind", kind, "rate, spiking or lif"))
    };
    let kind = kind.as_ref().map(of_name).transpose()?;
    let synapse = match &synapse {
        None => None,
        Some(synapse) => Some(
            serde_json::from_value(Value::from(&synapse[..]))
                .map_err(|_| errors::argument(py, "synapse", synapse, "single or double"))?,
        ),
    };
    job::run(py, &manner, None, move |_, _| {
        let options = ImportOptions {
            name: &name,
            kind,
            task: task.as_deref(),
            synapse,
            ignore: &ignore,
            set: &changes.0,
            seed: changes.1,
        };
        Artifact::in_memory(stages::import(&path, options, mapping.as_deref())?)
    })
}

/// Exports an artifact to a file in the format of its extension.
#[pyfunction]
pub fn export_network(
    py: Python,
    artifact: &Artifact,
    path: PathBuf,
    layout: Option<String>,
    force: bool,
    changes: Changes,
    manner: Manner,
) -> PyResult<()> {
    let content = artifact.content.clone();
    job::run(py, &manner, None, move |_, _| {
        stages::export(&content, &path, layout.as_deref(), overrides(&changes), force)
    })
}

mod files {
    include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
}

/// Names and texts of the configs and tasks that come with the package.
#[pyfunction]
pub fn shipped() -> Vec<(&'static str, &'static str)> {
    files::FILES.to_vec()
}

/// Names of the programs.
#[pyfunction]
pub fn program_names() -> Vec<&'static str> {
    mdl_cli::program_names().collect()
}

/// Runs a program; returns its exit status. `arguments` starts with its name.
#[pyfunction]
pub fn program(py: Python, arguments: Vec<OsString>, share: PathBuf) -> u8 {
    allocator::exit_on_refusal();
    py.detach(|| mdl_cli::run_as(arguments, share))
}
