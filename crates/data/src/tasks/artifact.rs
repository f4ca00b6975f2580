//! Sets of trials as artifacts: `input` `[T, B, K]`, `target` `[T, B, O]`, `condition` `[B]`.

use super::TaskConfig;
use super::task::Task;
use super::trials::Trials;
use mdl_artifact::{Artifact, ArtifactError};
use serde_json::Value;
use std::collections::BTreeMap;

/// Adds a set of trials to an artifact.
pub fn write(trials: &Trials, artifact: &mut Artifact) {
    let (t, b) = (trials.steps, trials.count);
    artifact.insert("input", &[t, b, trials.channels], trials.input.clone());
    artifact.insert("target", &[t, b, trials.outputs], trials.target.clone());
    artifact.insert("condition", &[b], trials.condition.iter().map(|c| *c as u32).collect());
}

/// Fields of the task with which trials were made differently from `task`, with their values then; none if the artifact
/// does not say. The criteria for answers do not matter.
///
/// # Errors
/// [`ArtifactError::Tensor`] if there is no input.
pub fn differences(artifact: &Artifact, task: &TaskConfig) -> Result<BTreeMap<String, Value>, ArtifactError> {
    let [steps, _, _] = artifact.shape("input")?;
    let Some(made) = artifact.config.get("task").and_then(Value::as_object) else { return Ok(BTreeMap::new()) };
    let expected = serde_json::to_value(task).expect("plain data is JSON");
    if made.get("kind").is_some_and(|kind| *kind != expected["kind"]) {
        return Ok(BTreeMap::from([("task.kind".into(), made["kind"].clone())]));
    }
    let judging = task.task().map_or(&[][..], |task| task.judging_fields());
    let matters = |field: &str, value: &Value| match field {
        // Trials written by another program may have another length than in the config that it copied.
        "steps" => steps != task.steps() && value.as_u64() == Some(steps as u64),
        _ => !judging.contains(&field) && !same(value, &expected[field]),
    };
    let differing = made.iter().filter(|(field, value)| matters(field, value));
    Ok(differing.map(|(field, value)| (format!("task.{field}"), value.clone())).collect())
}

/// True if two values are equal, including 20.0 and 20.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// Reads a set of trials that must fit a task.
///
/// # Errors
/// [`ArtifactError::Tensor`] naming the mismatched tensor.
pub fn read(artifact: &Artifact, task: &dyn Task) -> Result<Trials, ArtifactError> {
    let [_, count, _] = artifact.shape("input")?;
    let (steps, channels, outputs) = (task.steps(), task.channels(), task.outputs());
    let condition = artifact.values::<u32>("condition", &[count])?;
    let kinds = task.conditions().len();
    if let Some(found) = condition.iter().find(|c| **c as usize >= kinds) {
        return Err(artifact.tensor_error("condition", found.to_string(), format!("0 to {}", kinds - 1)));
    }
    Ok(Trials {
        steps,
        count,
        channels,
        outputs,
        input: artifact.values("input", &[steps, count, channels])?.to_vec(),
        target: artifact.values("target", &[steps, count, outputs])?.to_vec(),
        condition: condition.iter().map(|c| *c as usize).collect(),
    })
}
