//! What the command line says about a network, and what is guessed where it says nothing.

use crate::{Error, Result};
use mdl_experiment::Experiment;
use mdl_model::spiking::Synapse;
use std::path::Path;

/// What the command line says about a network.
#[derive(Clone, Debug, Default)]
pub struct Wishes<'a> {
    /// Name of the experiment.
    pub name: &'a str,
    /// The task; none: 1 input is Go-NoGo, 2 are XOR, 4 Mante, 784 digits.
    pub task: Option<&'a str>,
    /// Synapse of a spiking network; none: double exponential.
    pub synapse: Option<Synapse>,
    /// Overrides of config fields.
    pub set: &'a [String],
    /// Seed of the experiment.
    pub seed: Option<u64>,
}

/// Names of the tasks.
pub const TASKS: [&str; 4] = ["go-nogo", "xor", "mante", "digits"];

impl Wishes<'_> {
    /// Name of the task of a network in `path` with that many inputs.
    ///
    /// # Errors
    /// No task has that many inputs, and none was named.
    pub fn task(&self, channels: usize, path: &Path) -> Result<&str> {
        let guess = match channels {
            1 => TASKS[0],
            2 => TASKS[1],
            4 => TASKS[2],
            784 => TASKS[3],
            _ => {
                let message = format!("{channels} inputs belong to no task; name it with --task");
                return self.task.ok_or(Error::Undecided { path: path.into(), message });
            }
        };
        Ok(self.task.unwrap_or(guess))
    }
}

/// Refuses an experiment whose task has other inputs or outputs than the network in `path`.
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
