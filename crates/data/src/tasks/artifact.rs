//! Sets of trials as artifacts: `input` `[T, B, K]`, `target` `[T, B, O]`, `condition` `[B]`, `length` `[B]`, and, where there
//! are any, `weight` `[T, B, O]` and `rule` `[R, 10]`.

use super::TaskConfig;
use super::rule::Rule;
use super::rule_rows::{COLUMNS, row, rule};
use super::task::Task;
use super::trials::Trials;
use mdl_artifact::{Artifact, ArtifactError, differences as json_differences};
use mdl_kernels::random::Purpose;
use serde_json::Value;
use std::collections::BTreeMap;

/// Adds a set of trials to an artifact.
pub fn write(trials: &Trials, artifact: &mut Artifact) {
    let (t, b) = (trials.steps, trials.count);
    artifact.insert("input", &[t, b, trials.channels], trials.input.clone());
    artifact.insert("target", &[t, b, trials.outputs], trials.target.clone());
    artifact.insert("condition", &[b], trials.condition.iter().map(|c| *c as u32).collect());
    artifact.insert("length", &[b], trials.length.iter().map(|steps| *steps as u32).collect());
    if !trials.weight.is_empty() {
        artifact.insert("weight", &[t, b, trials.outputs], trials.weight.clone());
    }
    let of_trial = |(trial, rules): (usize, &Vec<Rule>)| rules.iter().map(move |rule| row(trial, rule)).collect();
    let rules: Vec<[f64; COLUMNS]> = trials.rules.iter().enumerate().flat_map::<Vec<_>, _>(of_trial).collect();
    artifact.insert("rule", &[rules.len(), COLUMNS], rules.concat());
}

/// Trials that two tasks are compared by.
const COMPARED: usize = 16;

/// The fields of the task in which trials were made otherwise than `task` would make them, with their values then; none
/// where the artifact does not say. Fields that change no trial, such as those that say how answers are judged, do not
/// matter.
///
/// # Errors
/// [`ArtifactError::Tensor`] if there is no input.
pub fn differences(artifact: &Artifact, task: &TaskConfig) -> Result<BTreeMap<String, Value>, ArtifactError> {
    let [steps, _, _] = artifact.shape("input")?;
    let Some(made) = artifact.config.get("task").filter(|made| made.is_object()) else { return Ok(BTreeMap::new()) };
    let Ok(made) = serde_json::from_value::<TaskConfig>(made.clone()) else { return Ok(BTreeMap::new()) };
    let mut named_alike = false;
    if let (Ok(one), Ok(other)) = (made.task(), task.task()) {
        let draw = |task: &dyn Task| task.draw(1, Purpose::WrittenTrial, 0, COMPARED).ok();
        let alike = match (draw(one), draw(other)) {
            (Some(one), Some(other)) => {
                (one.input, one.target, one.condition, one.length)
                    == (other.input, other.target, other.condition, other.length)
            }
            _ => false,
        } && one.step_ms() == other.step_ms();
        named_alike = (one.conditions(), one.inputs(), one.output_names())
            == (other.conditions(), other.inputs(), other.output_names());
        // Trials written by another program may have another length than the config that they took over.
        let extended = made.name() == task.name() && steps == other.steps() && one.steps() != other.steps();
        if alike && named_alike || extended {
            return Ok(BTreeMap::new());
        }
    }
    if made.name() != task.name() && !named_alike {
        return Ok(BTreeMap::from([("task.file".into(), made.name().into())]));
    }
    let [made, task] = [&made, task].map(|task| serde_json::to_value(task).expect("plain data is JSON"));
    // The place of a task is no difference.
    let found = json_differences(&made, &task).into_iter().filter(|difference| difference.field != "file");
    Ok(found.map(|difference| (format!("task.{}", difference.field), difference.first.clone())).collect())
}

/// Reads a set of trials that must fit a task. Without rules of their own, trials are judged by those of their condition.
///
/// # Errors
/// [`ArtifactError::Tensor`] naming the tensor that does not fit.
pub fn read(artifact: &Artifact, task: &dyn Task) -> Result<Trials, ArtifactError> {
    let [_, count, _] = artifact.shape("input")?;
    let (steps, channels, outputs) = (task.steps(), task.channels(), task.outputs());
    let condition = artifact.values::<u32>("condition", &[count])?;
    let kinds = task.conditions().len();
    if let Some(found) = condition.iter().find(|c| **c as usize >= kinds) {
        return Err(artifact.tensor_error("condition", found.to_string(), format!("0 to {}", kinds - 1)));
    }
    let mut trials = Trials::room(steps, channels, outputs, count);
    trials.input = artifact.values("input", &[steps, count, channels])?.to_vec();
    trials.target = artifact.values("target", &[steps, count, outputs])?.to_vec();
    trials.condition = condition.iter().map(|c| *c as usize).collect();
    if artifact.has("weight") {
        trials.weight = artifact.values("weight", &[steps, count, outputs])?.to_vec();
    }
    if artifact.has("length") {
        let length = artifact.values::<u32>("length", &[count])?;
        if let Some(found) = length.iter().find(|length| !(1..=steps).contains(&(**length as usize))) {
            return Err(artifact.tensor_error("length", found.to_string(), format!("1 to {steps}")));
        }
        trials.length = length.iter().map(|steps| *steps as usize).collect();
    }
    if artifact.has("rule") {
        let [rows, _] = artifact.shape("rule")?;
        for (index, row) in artifact.values::<f64>("rule", &[rows, COLUMNS])?.chunks_exact(COLUMNS).enumerate() {
            let (trial, rule) = rule(row, &trials).ok_or_else(|| {
                artifact.tensor_error("rule", format!("row {index}: {row:?}"), "a rule of one of the trials".into())
            })?;
            trials.rules[trial].push(rule);
        }
    } else {
        let examples = task.examples();
        for (rules, condition) in trials.rules.iter_mut().zip(&trials.condition) {
            if let Some(example) = examples.condition.iter().position(|own| own == condition) {
                rules.clone_from(&examples.rules[example]);
            }
        }
    }
    Ok(trials)
}
