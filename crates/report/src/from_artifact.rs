//! What reports read from artifacts: the course of the training, the units' populations, the provenance.

use crate::figures::{TrainingCurve, training::Course};
use crate::html::{Provenance, Stage};
use crate::{Figure, Population, ReportError};
use mdl_artifact::Artifact;
use serde_json::Value;

/// The course of the training that an artifact keeps (`history.*`), with the stopping rule of its config;
/// `performance_label` is `Performance` or `Accuracy`. None if it keeps no training.
///
/// # Errors
/// [`ReportError::Artifact`]: a tensor of the history is missing or has another length.
pub fn training_curve(
    artifact: &Artifact,
    title: &str,
    performance_label: &str,
) -> Result<Option<Figure>, ReportError> {
    if !artifact.has("history.update") {
        return Ok(None);
    }
    let [rows] = artifact.shape("history.update")?;
    if rows == 0 {
        return Ok(None);
    }
    let updates = artifact.values::<i64>("history.update", &[rows])?;
    let column = |name: &str| -> Result<Vec<(f64, f64)>, ReportError> {
        let values = artifact.values::<f64>(&format!("history.{name}"), &[rows])?;
        Ok(updates.iter().zip(values).map(|(&update, &value)| (update as f64, value)).collect())
    };
    let (training, fresh, performance) = (column("training_loss")?, column("loss")?, column("performance")?);
    let criterion = |name: &str| artifact.config.pointer(&format!("/training/stop/{name}")).and_then(|v| v.as_f64());
    let curve = TrainingCurve {
        title,
        losses: &[Course { label: "training", points: &training }, Course { label: "evaluation", points: &fresh }],
        loss_criterion: criterion("loss_below"),
        performance_label,
        performances: &[Course { label: "evaluation", points: &performance }],
        performance_criterion: criterion("performance_above"),
    };
    curve.draw().map(Some)
}

/// The population of each of `units` units, from the tensors `sign` and `mask` of a network: a somatostatin unit is an
/// inhibitory one that `mask` lets receive nothing from inhibitory units. Without `sign`, units have no sign.
///
/// # Errors
/// [`ReportError::Artifact`]: a tensor has another type or shape.
pub fn populations(artifact: &Artifact, units: usize) -> Result<Vec<Population>, ReportError> {
    if !artifact.has("sign") {
        return Ok(vec![Population::Unsigned; units]);
    }
    let sign = artifact.values::<f32>("sign", &[units])?;
    let mask = if artifact.has("mask") { Some(artifact.values::<u8>("mask", &[units, units])?) } else { None };
    let inhibitory = |unit: usize| sign[unit] < 0.0;
    let secluded =
        |mask: &[u8], to: usize| (0..units).filter(|&from| inhibitory(from)).all(|from| mask[to * units + from] == 0);
    let population = |unit: usize| match mask {
        _ if !inhibitory(unit) => Population::Excitatory,
        Some(mask) if secluded(mask, unit) => Population::Somatostatin,
        _ => Population::Inhibitory,
    };
    Ok((0..units).map(population).collect())
}

/// A trained network in a line: `rate, N = 200 (160 excitatory, 40 inhibitory), sigmoid, task go-nogo`.
pub fn network(artifact: &Artifact) -> String {
    let (network, task) = (&artifact.config["network"], &artifact.config["task"]);
    let text = |value: &Value| value.as_str().map(String::from);
    let units = network["neurons"].as_u64().unwrap_or(0) as usize;
    let groups = Population::groups(&populations(artifact, units).unwrap_or_default());
    let signed = groups.iter().filter(|(population, _)| *population != Population::Unsigned);
    let counts: Vec<String> = signed.map(|(population, own)| format!("{} {}", own.len(), population.label())).collect();
    let counts = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
    let modes = [&network["modes"], &network["recurrence"]["modes"]].into_iter().find_map(Value::as_u64);
    let parts = [
        text(&network["kind"]),
        Some(format!("N = {units}{counts}")),
        modes.map(|modes| format!("P = {modes} modes")),
        text(&network["activation"]),
        text(&task["kind"]).map(|kind| format!("task {}", text(&task["dataset"]).unwrap_or(kind))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Where an artifact comes from: the stage that wrote it, those before it, and its config.
pub fn provenance(artifact: &Artifact) -> Provenance {
    let revision =
        |from: &mdl_artifact::Provenance| from.revision.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
    let stage = |from: &mdl_artifact::Provenance| Stage {
        program: format!("{} {}{}", from.program, from.version, revision(from)),
        seed: from.seed,
        inputs: from.inputs.iter().map(|input| (input.file.clone(), input.sha256.clone())).collect(),
    };
    let before = std::iter::successors(Some(&artifact.provenance), |from| from.parent.as_deref());
    Provenance { stages: before.map(stage).collect(), config: format!("{:#}", artifact.config) }
}
