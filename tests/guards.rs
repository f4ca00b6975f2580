//! Failing training runs report what failed, where, and what to change.

use mdl_tests::{Run, arguments, config, run};
use std::path::Path;
use tempfile::TempDir;

fn train(program: &str, name: &str, set: &[&str], output: &Path) -> Run {
    let mut all = arguments!["--config", config(name), "--checkpoint-every", "0", "-o", output].to_vec();
    let fields = ["training.stop=null", "training.evaluate_every=5", "training.evaluation_trials=10"];
    all.extend(fields.iter().chain(set).flat_map(|field| arguments!["--set", field]));
    run(program, &all)
}

#[test]
fn silent_networks_are_named_with_what_to_change() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("network.safetensors");
    let spiking = ["training.max_updates=5", "training.batch_size=10"];
    let rate = ["training.max_updates=5", "training.learning_rate=1e-9", "network.neurons=20"];
    for (program, name, base, set, expected) in [
        (
            "train-spiking",
            "mante-spiking",
            spiking.as_slice(),
            "network.neuron.threshold=1000",
            ["the network is silent after update 5: of 100 units 100 are silent", "network.neuron.threshold"],
        ),
        ("train-rate", "go-nogo", &rate, "network.activation=relu", ["the network is silent", "network.input_sd"]),
    ] {
        let mut fields = base.to_vec();
        fields.push(set);
        if name == "go-nogo" {
            fields.extend(["network.noise_sd=0", "network.input_sd=0", r#"network.start={"kind":"zero"}"#]);
        }
        let ran = train(program, name, &fields, &output);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(expected.iter().all(|text| ran.stderr.contains(text)), "{set}: {}", ran.stderr);
        std::fs::remove_file(&output).unwrap();
    }
    let healthy = train("train-spiking", "mante-spiking", &spiking, &output);
    assert_eq!((healthy.status, healthy.stderr.as_str()), (0, ""));
}

/// A learning rate for which the parameters overflow: the step and the tensor are named, and the last good state is
/// kept and can be read.
#[test]
fn a_training_that_diverges_keeps_its_last_good_state() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("rate.safetensors");
    let set =
        ["network.activation=relu", "training.learning_rate=1e30", "training.max_updates=50", "network.neurons=20"];
    let ran = train("train-rate", "go-nogo", &set, &output);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let expected = ["training diverged", "updates", "training.learning_rate"];
    assert!(expected.iter().all(|text| ran.stderr.contains(text)), "{}", ran.stderr);
    assert!(!output.exists());
    let partial = dir.path().join("rate.safetensors.partial");
    assert!(ran.stderr.contains("rate.safetensors.partial holds the state after"), "{}", ran.stderr);
    let listed = run("inspect", &arguments![&partial, "--json"]);
    assert_eq!(listed.result.expect("a JSON object")["kind"], "checkpoint", "{}", listed.stderr);
}
