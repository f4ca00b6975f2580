//! What reports read from artifacts.

use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_report::from_artifact::{populations, provenance, training_curve};
use mdl_report::{Population, Report, ReportError};
use serde_json::json;

/// A rate artifact of three excitatory, two inhibitory and one somatostatin unit, with a history of two rows.
fn artifact() -> Artifact {
    let config = json!({ "name": "go-nogo", "training": { "stop": { "loss_below": 7.0, "performance_above": 0.95 } } });
    let mut artifact = Artifact::new(Kind::Rate, config, Provenance::new("train-rate", None, 7));
    let sign = [1f32, -1.0, 1.0, -1.0, 1.0, -1.0];
    let mut mask = vec![1u8; 36];
    for from in [1, 3, 5] {
        mask[3 * 6 + from] = 0;
    }
    artifact.insert("sign", &[6], sign.to_vec());
    artifact.insert("mask", &[6, 6], mask);
    artifact.insert("history.update", &[2], vec![100i64, 200]);
    for name in ["training_loss", "loss", "performance"] {
        artifact.insert(&format!("history.{name}"), &[2], vec![0.4, 0.9]);
    }
    artifact
}

#[test]
fn populations_follow_sign_and_mask() {
    use Population::{Excitatory, Inhibitory, Somatostatin, Unsigned};
    let mut artifact = artifact();
    let expected = [Excitatory, Inhibitory, Excitatory, Somatostatin, Excitatory, Inhibitory];
    assert_eq!(populations(&artifact, 6).unwrap(), expected);
    assert!(matches!(populations(&artifact, 5), Err(ReportError::Artifact(_))));
    artifact.tensors.remove("mask");
    assert_eq!(populations(&artifact, 6).unwrap()[3], Inhibitory);
    artifact.tensors.remove("sign");
    assert_eq!(populations(&artifact, 2).unwrap(), [Unsigned, Unsigned]);
}

#[test]
fn the_training_curve_has_the_stopping_rule() {
    let mut artifact = artifact();
    let figure = training_curve(&artifact, "Training", "Performance").unwrap().unwrap();
    assert!(figure.svg().contains("criterion: loss 7, performance 0.95"));
    artifact.tensors.remove("history.loss");
    let error = training_curve(&artifact, "Training", "Performance").unwrap_err().to_string();
    assert!(error.contains("history.loss"), "{error}");
    artifact.tensors.remove("history.update");
    assert!(training_curve(&artifact, "Training", "Performance").unwrap().is_none());
}

#[test]
fn provenance_goes_back_to_the_first_stage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rate.safetensors");
    artifact().write(&path, false).unwrap();
    let rate = Artifact::read(&path, Kind::Rate).unwrap();
    let lif = Artifact::new(Kind::Lif, rate.config.clone(), Provenance::new("lambda-search", None, 8).from(&rate));
    let found = provenance(&lif);
    let programs: Vec<_> = found.stages.iter().map(|stage| (stage.program.as_str(), stage.seed)).collect();
    assert_eq!(programs, [("lambda-search 0.1.0", 8), ("train-rate 0.1.0", 7)]);
    assert_eq!(found.stages[0].inputs[0].0, "rate.safetensors");
    assert_eq!(found.stages[0].inputs[0].1.len(), 64);
    assert!(Report::new("").provenance(found).html().contains("&quot;name&quot;: &quot;go-nogo&quot;"));
}
