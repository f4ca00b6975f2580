//! What reports read from artifacts.

mod common;

use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_report::evaluation::keep_network;
use mdl_report::from_artifact::{provenance, report};
use mdl_report::{Population, Report, ReportError, figures};
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
    assert_eq!(Population::of_units(&artifact, 6).unwrap(), expected);
    assert!(matches!(Population::of_units(&artifact, 5), Err(ReportError::Artifact(_))));
    let mut evaluation = Artifact::new(Kind::Evaluation, json!({}), Provenance::new("eval-lif", None, 7));
    keep_network(&artifact, 6, &mut evaluation).unwrap();
    assert_eq!(evaluation.values::<u8>("population", &[6]).unwrap(), [0, 1, 0, 2, 0, 1]);
    assert_eq!(Population::of_units(&evaluation, 6).unwrap(), expected);
    evaluation.insert("population", &[6], vec![0u8, 1, 2, 3, 4, 0]);
    let error = Population::of_units(&evaluation, 6).unwrap_err().to_string();
    assert!(error.contains("`population`: found 4, expected 0 to 3"), "{error}");
    artifact.tensors.remove("mask");
    assert_eq!(Population::of_units(&artifact, 6).unwrap()[3], Inhibitory);
    artifact.tensors.remove("sign");
    assert_eq!(Population::of_units(&artifact, 2).unwrap(), [Unsigned, Unsigned]);
}

#[test]
fn the_training_curve_has_the_stopping_rule() {
    let mut rate = common::rate();
    assert!(common::figure(&rate, "training").svg().contains("criterion: loss 7, performance 0.95"));
    rate.tensors.remove("history.loss");
    let error = figures::draw(&rate, &["training"]).failed.remove(0).1.to_string();
    assert!(error.contains("history.loss"), "{error}");
    rate.tensors.remove("history.update");
    let drawn = figures::draw(&rate, &["training"]);
    assert!(drawn.figures.is_empty() && drawn.failed.is_empty());
}

/// Evaluations of earlier versions lack tensors: the figures that need them say so, the others are drawn.
#[test]
fn figures_of_earlier_evaluations_name_what_is_missing() {
    let missing = |mut evaluation: Artifact, gone: &[&str]| -> (Vec<&'static str>, Vec<String>) {
        gone.iter().for_each(|name| _ = evaluation.tensors.remove(*name).unwrap());
        evaluation.tensors.retain(|name, _| !name.starts_with("history.") && !name.starts_with("search."));
        let drawn = figures::draw(&evaluation, &figures::names());
        let reasons = drawn.failed.iter().map(|(name, error)| format!("{name}: {error}")).collect();
        assert!(report(&evaluation, &drawn).is_ok());
        (drawn.figures.into_iter().map(|(name, _)| name).collect(), reasons)
    };
    let gone = ["target", "population", "scaling_factor", "predicted_scaling_factor", "rate_mean_rate"];
    let (drawn, reasons) = missing(common::lif_evaluation(), &gone);
    assert_eq!(drawn, [""; 0]);
    let expected = ["output", "raster", "rates", "membrane", "search", "training"];
    assert_eq!(reasons.iter().map(|reason| reason.split(':').next().unwrap()).collect::<Vec<_>>(), expected);
    assert!(reasons.iter().all(|reason| reason.ends_with("run eval-lif again")), "{reasons:?}");
    assert!(reasons[0].contains("no tensor `target`"), "{reasons:?}");
    let (drawn, reasons) = missing(common::image_evaluation(), &["example_image", "example", "population"]);
    assert_eq!(drawn, ["confusion"]);
    assert!(reasons[0].contains("`example`"), "{reasons:?}");
    let (drawn, reasons) = missing(common::spiking_evaluation(), &["importance", "population"]);
    assert_eq!((drawn, reasons.len()), (vec!["raster", "rates", "membrane"], 2));
}

/// The threshold of an adaptive neuron is a dashed curve, that of another one a dashed line.
#[test]
fn the_threshold_of_an_adaptive_neuron_moves() {
    let mut evaluation = common::spiking_evaluation();
    let dashed = |evaluation: &Artifact| -> Vec<usize> {
        let figure = common::figure(evaluation, "membrane");
        let paths = figure.svg().split("<path ").filter(|path| path.contains("stroke-dasharray"));
        paths.map(|path| path.matches(['L', ' ']).count()).collect()
    };
    let fixed = dashed(&evaluation);
    evaluation.config["network"]["neuron"] = serde_json::json!({ "model": { "kind": "adaptive" } });
    let drawn = figures::draw(&evaluation, &["membrane"]);
    let missing = drawn.failed[0].1.to_string();
    assert!(missing.contains("`moving_threshold`") && missing.ends_with("run eval-spiking again"), "{missing}");
    let moving = (0..2 * 500 * 2).map(|i| 1.0 + (f64::from(i) * 0.07).sin() as f32).collect();
    evaluation.insert("moving_threshold", &[2, 500, 2], moving);
    let moving = dashed(&evaluation);
    assert!(moving.iter().sum::<usize>() > fixed.iter().sum::<usize>() + 200, "{fixed:?} {moving:?}");
}

/// A damaged artifact is an error that names the tensor.
#[test]
fn impossible_numbers_are_refused_by_name() {
    let refused =
        |evaluation: &Artifact, figure: &str| figures::draw(evaluation, &[figure]).failed.remove(0).1.to_string();
    let mut evaluation = common::lif_evaluation();
    evaluation.insert("condition", &[80], vec![2u32; 80]);
    assert!(refused(&evaluation, "output").contains("`condition`: found 2, expected conditions below 2"));
    let mut evaluation = common::lif_evaluation();
    let spikes = evaluation.shape::<1>("spike_step").unwrap();
    evaluation.insert("spike_trial", &spikes, vec![7u32; spikes[0]]);
    assert!(refused(&evaluation, "raster").contains("`spike_trial`: found 7, expected trials below 2"));
    evaluation.insert("spike_trial", &spikes, vec![0u32; spikes[0]]);
    evaluation.insert("recorded_unit", &[3], vec![0u32, 1, 200]);
    assert!(refused(&evaluation, "membrane").contains("found 200, expected units below 200"));
    let mut images = common::image_evaluation();
    images.insert("example", &[18], vec![18u32; 18]);
    assert!(refused(&images, "digits").contains("`example`: found 18, expected images below 18"));
}

#[test]
fn a_report_has_the_key_results_and_every_figure_once() {
    for (name, artifact) in common::artifacts() {
        let drawn = figures::draw(&artifact, &figures::names());
        let html = report(&artifact, &drawn).unwrap().html();
        assert_eq!(html.matches("<figure").count(), drawn.figures.len(), "{name}");
        assert!(html.contains(if name == "trials" { "20" } else { "N = " }), "{name}");
    }
    let lif = common::lif_evaluation();
    let html = report(&lif, &figures::draw(&lif, &[])).unwrap().html();
    for part in
        ["gallery: LIF network", "0.94 (0.86–0.97), 80 trials", "160 excitatory", "Scaling factor", "NoGo", "40"]
    {
        assert!(html.contains(part), "{part}");
    }
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

/// A condition's mean ends with its last trial, and trials count until they end.
#[test]
fn means_do_not_count_what_is_after_the_end_of_trials() {
    let mut evaluation = common::lif_evaluation();
    // Every NoGo trial ends early, half of the Go trials too.
    let end = |trial: usize| if trial % 4 == 2 { 1000.0 } else { 500.0 };
    let mut output = evaluation.values::<f32>("output", &[80, 200, 1]).unwrap().to_vec();
    for trial in 0..80 {
        for step in 0..200 {
            if step as f64 * 5.0 > end(trial) {
                output[trial * 200 + step] = 1000.0;
            }
        }
    }
    evaluation.insert("output", &[80, 200, 1], output.clone());
    evaluation.insert("length_ms", &[80], (0..80).map(end).collect::<Vec<f64>>());
    let html = report(&evaluation, &figures::draw(&evaluation, &["output"])).unwrap().html();
    let data = html.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let means = |condition: usize| data["means"][condition]["output"][0].as_array().unwrap().clone();
    let lengths = [means(0).len(), means(1).len()];
    assert!(lengths.contains(&200) && lengths.contains(&101), "{lengths:?}");
    assert!([0, 1].iter().all(|condition| means(*condition).iter().all(|mean| mean.as_f64().unwrap() < 10.0)));
}

#[test]
fn a_report_has_the_score_under_strict_rules_and_the_inputs() {
    let mut evaluation = common::lif_evaluation();
    let html = |evaluation: &Artifact| report(evaluation, &figures::draw(evaluation, &[])).unwrap().html();
    assert!(html(&evaluation).contains("Performance under strict rules"));
    let drawn = |evaluation: &Artifact| {
        let [output, raster] = ["output", "raster"].map(|name| common::figure(evaluation, name));
        assert_eq!(output.svg().contains(">Mean input<"), raster.svg().contains(">Input<"));
        output.svg().contains(">Mean input<")
    };
    assert!(drawn(&evaluation));
    // Evaluations of earlier versions.
    for name in ["input", "mean_input", "correct_strict"] {
        evaluation.tensors.remove(name);
    }
    assert!(!drawn(&evaluation) && !html(&evaluation).contains("strict rules"));
    evaluation.insert("input", &[2, 3, 1], vec![0f32; 6]);
    let error = figures::draw(&evaluation, &["raster"]).failed.remove(0).1.to_string();
    assert!(error.contains("`input`: found F32 [2, 3, 1]"), "{error}");
}
