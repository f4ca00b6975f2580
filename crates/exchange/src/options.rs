//! Options of an import, defaults for missing ones, and the report on both.

use crate::{Error, Result};
use mdl_artifact::Kind;
use mdl_data::tasks::TaskConfig;
use mdl_experiment::Experiment;
use mdl_model::spiking::Synapse;
use serde_json::{Value, json};
use std::path::Path;

/// Options of an import, from the command line.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions<'a> {
    /// Name of the experiment.
    pub name: &'a str,
    /// Kind of the network; none: as given by the layout, a LIF network if there is a scaling factor.
    pub kind: Option<Kind>,
    /// Name of the task or data set, or file of a task; none: the first known one that has as many inputs.
    pub task: Option<&'a str>,
    /// Synapse of a spiking network; none: double exponential.
    pub synapse: Option<Synapse>,
    /// Arrays to leave out although they change the behaviour of the network; `*` at the end matches anything.
    pub ignore: &'a [String],
    /// Overrides of config fields.
    pub set: &'a [String],
    /// Seed of the experiment.
    pub seed: Option<u64>,
}

/// Names of the tasks and data sets.
pub fn task_names() -> Vec<String> {
    TaskConfig::known().iter().map(|task| task.name().to_owned()).collect()
}

/// The task section of a task or data set of this name, or of a task in this file.
pub(crate) fn task_section(name: &str) -> Value {
    if name.ends_with(".star") { json!({ "file": name }) } else { json!({ "kind": name }) }
}

impl ImportOptions<'_> {
    /// Name of the task of a network in `path` with this number of inputs.
    ///
    /// # Errors
    /// No task has that many inputs, and none was named.
    pub fn task(&self, channels: usize, path: &Path) -> Result<String> {
        let undecided = || {
            let message = format!("{channels} inputs belong to no task; name it with --task");
            Error::Undecided { path: path.into(), message }
        };
        let guess = || TaskConfig::known().into_iter().find(|task| task.channels_and_outputs().0 == channels);
        self.task.map(str::to_owned).or_else(|| Some(guess()?.name().to_owned())).ok_or_else(undecided)
    }

    /// Refuses overrides of the training, because the network of a file is already trained.
    ///
    /// # Errors
    /// [`Error::Undecided`].
    pub(crate) fn refuse_training(&self, path: &Path) -> Result<()> {
        match self.set.iter().find(|argument| argument.split(['=', '.']).next() == Some("training")) {
            None => Ok(()),
            Some(argument) => {
                let message = format!("`--set {argument}`: the network has been trained already; leave it out");
                Err(Error::Undecided { path: path.into(), message })
            }
        }
    }

    /// True if a config field is overridden.
    pub fn sets(&self, field: &str) -> bool {
        self.set.iter().any(|argument| {
            let key = argument.split('=').next().unwrap_or_default();
            key == field || field.strip_prefix(key).is_some_and(|inner| inner.starts_with('.'))
        })
    }
}

/// Report on how a network was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Layout identified by the names of the arrays.
    pub layout: &'static str,
    /// Choices made, for the record.
    pub read_as: Vec<String>,
    /// Choices that the user must know of, because the file does not determine them, with the way to choose otherwise.
    pub notes: Vec<String>,
}

impl Reading {
    /// Adds a choice to the record.
    pub fn record(&mut self, what: impl Into<String>) {
        self.read_as.push(what.into());
    }

    /// Adds a choice that could have been made otherwise, and the way to do so.
    pub fn choose(&mut self, what: impl Into<String>, otherwise: &str) {
        let what = what.into();
        self.notes.push(format!("read as {what}; {otherwise}"));
        self.read_as.push(what);
    }

    /// Adds a warning about the content of the file.
    pub fn warn(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.notes.push(what.clone());
        self.read_as.push(what);
    }
}

/// Refuses an experiment whose task has different numbers of inputs or outputs than the network in `path`.
///
/// # Errors
/// [`Error::Undecided`].
pub fn check_task(experiment: &Experiment, path: &Path, channels: usize, outputs: usize) -> Result<()> {
    let (inputs, answers) = experiment.task.channels_and_outputs();
    if (inputs, answers) == (channels, outputs) {
        return Ok(());
    }
    let message =
        format!("{channels} inputs and {outputs} outputs; the task has {inputs} and {answers} (--task names another)");
    Err(Error::Undecided { path: path.into(), message })
}
