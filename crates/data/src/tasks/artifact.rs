//! Sets of trials as artifacts: `input` `[T, B, K]`, `target` `[T, B, O]`, `condition` `[B]`.

use super::{Task, Trials};
use mdl_artifact::{Artifact, ArtifactError};

/// Adds a set of trials to an artifact.
pub fn write(trials: &Trials, artifact: &mut Artifact) {
    let (t, b) = (trials.steps, trials.count);
    artifact.insert("input", &[t, b, trials.channels], trials.input.clone());
    artifact.insert("target", &[t, b, trials.outputs], trials.target.clone());
    artifact.insert("condition", &[b], trials.condition.iter().map(|c| *c as u32).collect());
}

/// Reads a set of trials that must fit a task.
///
/// # Errors
/// [`ArtifactError::Tensor`] naming the tensor that does not.
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
