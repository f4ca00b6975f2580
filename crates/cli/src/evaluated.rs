//! Experiment and trials with which a program evaluates a trained network.

use crate::status::{OrExit, Status, usage, with_status};
use mdl_artifact::{Artifact, Difference, Kind, Provenance};
use mdl_data::field::length;
use mdl_data::score::Score;
use mdl_data::tasks::{Task, TaskConfig, Trials};
use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment, Fields};
use mdl_kernels::random::Purpose;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Experiment of a network with the requested changes. A warning names fields of a config file that are not used and
/// that differ from those of the network.
///
/// # Errors
/// A change that is not possible (status 2).
pub fn experiment(network: &Artifact, changes: &Changes) -> anyhow::Result<DerivedExperiment> {
    let made_with: &[&str] = if network.kind == Kind::Lif { &["task", "lif"] } else { &["task"] };
    let origin = network.path().display().to_string();
    let derived = with_status(DerivedExperiment::new(network.config.clone(), changes, made_with, &origin))?;
    if let (Some(file), false) = (changes.file, derived.unused.is_empty()) {
        const NAMED: usize = 5;
        let named = derived.unused.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = derived.unused.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        tracing::warn!("{}: {named}{more} differ from the network in {origin} and are not used", file.display());
    }
    Ok(derived)
}

/// Trials in `file`, or fresh ones without a file. Returns the fields of the task with which the trials of the file
/// were made differently; `accept` must allow them, and they are recorded in the provenance. `origin` names the config.
///
/// # Errors
/// A file that is not a set of trials (status 3), or one of another task (status 2).
pub fn trials(
    file: Option<&Path>,
    accept: bool,
    experiment: &Experiment,
    origin: &str,
    provenance: &mut Provenance,
) -> anyhow::Result<(Trials, Fields)> {
    let given = file.map(|file| Artifact::read(file, Kind::Trials).or_exit(Status::DamagedInput)).transpose()?;
    trials_of(given.as_ref(), accept, experiment, origin, provenance)
}

/// As [`trials`], with the artifact in place of its file.
///
/// # Errors
/// As for [`trials`].
pub fn trials_of(
    given: Option<&Artifact>,
    accept: bool,
    experiment: &Experiment,
    origin: &str,
    provenance: &mut Provenance,
) -> anyhow::Result<(Trials, Fields)> {
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let Some(artifact) = given else {
        with_status(experiment.read_trials(origin))?;
        provenance.inputs.extend(experiment.inputs());
        let count = length(experiment.evaluation.trials);
        let trials = task.draw(experiment.seed, Purpose::EvaluationTrial, 0, count).or_exit(Status::Usage)?;
        return Ok((trials, Fields::new()));
    };
    let differs = mdl_data::tasks::artifact::differences(artifact, &experiment.task).or_exit(Status::DamagedInput)?;
    let [steps, _, channels] = artifact.shape("input").or_exit(Status::DamagedInput)?;
    let never = differs.contains_key("task.file") || (steps, channels) != (task.steps(), task.channels());
    if !differs.is_empty() && (never || !accept) {
        return Err(usage(refusal(artifact.path(), &differs, &experiment.task, never)));
    }
    provenance.inputs.push(artifact.as_input());
    provenance.note_differences(differs.clone());
    Ok((mdl_data::tasks::artifact::read(artifact, task).or_exit(Status::DamagedInput)?, differs))
}

/// Trials and performance of each condition that occurred, by its name.
pub fn conditions(task: &dyn Task, condition: &[usize], correct: &[bool]) -> Value {
    let score = |(index, name): (usize, &String)| {
        let own = condition.iter().zip(correct).filter(|(own, _)| **own == index);
        let (trials, correct) = own.fold((0, 0), |(n, sum), (_, correct)| (n + 1, sum + u32::from(*correct)));
        let score = Score { trials, correct };
        let of_score =
            json!({ "trials": trials, "performance": score.performance(), "performance_interval": score.interval() });
        (trials > 0).then(|| (name.clone(), of_score))
    };
    task.conditions().iter().enumerate().filter_map(score).collect::<Map<_, _>>().into()
}

fn refusal(file: &Path, differs: &Fields, task: &TaskConfig, never: bool) -> String {
    let task = json!({ "task": task });
    let here = |field: &str| task.pointer(&format!("/{}", field.replace('.', "/"))).cloned().unwrap_or_default();
    let each = |(field, made): (&String, &Value)| {
        let (found, expected) = Difference { field: field.clone(), first: made, second: &here(field) }.shown();
        format!("{field}: found {found}, expected {expected}")
    };
    let fields = differs.iter().map(each).collect::<Vec<_>>().join("; ");
    let remedy = match differs.keys().next() {
        _ if !never => "--accept-other-trials judges on them all the same".into(),
        // The step of a task is part of the network's dynamics.
        Some(field) if !matches!(&field[..], "task.file" | "task.step_ms") => {
            format!("--set {field}={} judges on trials of this length", differs[field])
        }
        _ => "make-trials draws trials of the network's task".into(),
    };
    format!("{}: trials of another task than the network's: {fields}; {remedy}", file.display())
}
