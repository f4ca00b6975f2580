//! Targets of `make`.

use mdl_tests::{program, repository};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs make with the programs as built, and small networks.
fn make(artifacts: &Path, arguments: &[&str]) -> Output {
    let built = program("train-rate");
    let set = |name: &str, path: &Path| format!("{name}={}", path.display());
    Command::new("make")
        .current_dir(repository())
        // `make test` runs these tests: what it hands on to a make below it is not what a person's has.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .env_remove("MFLAGS")
        .args(["CARGO=true".into(), set("BIN", built.parent().unwrap()), set("ARTIFACTS", artifacts)])
        .args([
            "THREADS=1",
            "TRAIN_OPTIONS=--set network.neurons=20 --set training.max_updates=1 --set training.evaluation_trials=2",
            "SEARCH_OPTIONS=--set search.trials=2 --set search.factors=[20,40]",
            "EVAL_OPTIONS=--set evaluation.trials=2 --set evaluation.recorded_trials=1",
        ])
        .args(arguments)
        .output()
        .expect("make starts")
}

#[test]
fn a_missed_criterion_leaves_network_and_report() {
    let place = TempDir::new().unwrap();
    let artifacts = place.path().join("arte facts");
    let made = make(&artifacts, &["xor-published"]);
    let (out, err) = (String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
    assert!(made.status.success(), "{out}{err}");
    for file in ["rate.safetensors", "lif.safetensors", "eval.safetensors", "report.html", "metrics.jsonl"] {
        assert!(artifacts.join("xor-published/1").join(file).is_file(), "{file}: {out}{err}");
    }
    assert!(out.contains("criterion not met: train-rate\n"), "{out}");
    assert!(out.trim_end().ends_with("arte facts/xor-published/1/report.html"), "{out}");
    // Nothing is to be done again, and the end is the same.
    let again = make(&artifacts, &["xor-published"]);
    let out = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && !out.contains("train-rate\" --config"), "{out}");
    assert!(out.contains("criterion not met: train-rate\n"), "{out}");
}

#[test]
fn every_config_has_a_target_that_runs_its_stages() {
    let place = TempDir::new().unwrap();
    let list = make(place.path(), &["configs"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let configs = std::fs::read_dir(repository().join("configs")).unwrap();
    let files = configs.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    for config in files {
        let (name, text) = (config.file_stem().unwrap().to_str().unwrap(), std::fs::read_to_string(&config).unwrap());
        if name == "schema" {
            continue;
        }
        let line = list.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
        assert!(line.is_some_and(|line| line.split_whitespace().count() > 4), "{name} is described: {list}");
        let plan = make(place.path(), &["--dry-run", name]);
        let plan = String::from_utf8_lossy(&plan.stdout).replace('"', "");
        let spiking = text.contains(r#""kind": "spiking""#);
        let images = text.contains(r#""dataset":"#);
        assert_eq!(plan.contains("/train-spiking --config"), spiking, "{name}: {plan}");
        assert_eq!(plan.contains("/train-rate --config"), !spiking, "{name}: {plan}");
        assert_eq!(plan.contains("/lambda-search"), !spiking && !images, "{name}: {plan}");
        assert_eq!(plan.contains("/get-data"), images, "{name}: {plan}");
        assert_eq!(plan.contains("task.directory="), images, "{name}: {plan}");
    }
    let plan = make(place.path(), &["--dry-run", "calibrate", "TASK=xor", "SEED=3"]);
    let plan = String::from_utf8_lossy(&plan.stdout).replace('"', "");
    for stage in ["/train-rate --config", "/lambda-search ", "/calibrate ", "xor/3/calibrated-eval.safetensors"] {
        assert!(plan.contains(stage), "{stage}: {plan}");
    }
    let unknown = make(place.path(), &["pipeline", "TASK=go-nog"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no config configs/go-nog.json"));
}
