//! Configs and command lines that cannot run, and records that must not be wrong: each is refused by name.

use mdl_tests::{Run, arguments, config, program, run};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const USAGE: i32 = 2;

/// `name`, with the overrides, on `input`; the output is `output`.
fn with(program: &str, input: &[OsString], set: &[&str], output: &Path) -> Run {
    let set = set.iter().flat_map(|field| arguments!["--set", field]);
    let all: Vec<OsString> = input.iter().cloned().chain(set).chain(arguments!["--quiet", "-o", output]).collect();
    run(program, &all)
}

/// Expects a usage error on one line that names the faults, and no output.
fn refused(ran: &Run, culprits: &[&str]) {
    assert_eq!(ran.status, USAGE, "{}", ran.stderr);
    for culprit in culprits {
        assert!(ran.stderr.contains(culprit), "no {culprit:?} in {}", ran.stderr);
    }
    assert!(ran.result.is_none() && !ran.stderr.contains("panicked") && !ran.stderr.contains("backtrace"));
}

fn trained(dir: &TempDir, name: &str) -> PathBuf {
    let path = dir.path().join("network.safetensors");
    let program = if name.contains("spiking") { "train-spiking" } else { "train-rate" };
    let set = ["network.neurons=20", "training.max_updates=2", "training.evaluate_every=1", "training.stop=null"];
    let ran = with(program, &arguments!["--config", config(name)], &set, &path);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    path
}

fn lif(dir: &TempDir, rate: &Path) -> PathBuf {
    let path = dir.path().join("lif.safetensors");
    with("lambda-search", &arguments![rate], &["search.trials=1", "search.factors=[30]"], &path);
    assert!(path.exists());
    path
}

fn metadata(artifact: &Path) -> Value {
    let bytes = std::fs::read(artifact).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    header["__metadata__"].clone()
}

fn provenance(artifact: &Path) -> Value {
    serde_json::from_str(metadata(artifact)["provenance"].as_str().unwrap()).unwrap()
}

#[test]
fn success_is_claimed_only_where_it_was_judged() {
    let dir = TempDir::new().unwrap();
    let train = |set: &[&str], output: &str| {
        let small = ["network.neurons=20", "training.max_updates=2"];
        let output = dir.path().join(output);
        with("train-rate", &arguments!["--config", config("go-nogo")], &[&small, set].concat(), &output)
    };
    let free = train(&["training.stop=null"], "free.safetensors");
    assert!(free.status == 0 && free.result.unwrap().get("success").is_none());
    let missed = train(&[], "missed.safetensors");
    assert!(missed.status == 4 && missed.result.unwrap()["success"] == json!(false));
    let met =
        train(&["training.evaluate_every=1", r#"training.stop={"loss_below":100,"performance_above":0.0}"#], "met");
    assert!(met.status == 0 && met.result.unwrap()["success"] == json!(true), "{}", met.stderr);
}

#[test]
fn stages_change_what_they_may_and_note_it() {
    let dir = TempDir::new().unwrap();
    let rate = trained(&dir, "go-nogo");
    let lif = lif(&dir, &rate);
    let output = dir.path().join("out.safetensors");
    for set in ["network.neurons=80", "network.noise_sd=100", "training.learning_rate=7", "name=other"] {
        for (program, input) in [("lambda-search", &rate), ("eval-lif", &lif), ("export-network", &lif)] {
            refused(&with(program, &arguments![input], &[set], &output), &[set, "cannot be changed here", "task"]);
        }
        let (key, _) = set.split_once('=').unwrap();
        let swept = arguments![&rate, "--parameter", key, "--values", "1,2"];
        refused(&with("sweep-lif", &swept, &[], &output), &["--parameter", key, "cannot be changed here"]);
    }
    let sweep = |options: &[&str]| {
        let all: Vec<OsString> = options.iter().map(OsString::from).collect();
        let swept = [&arguments![&rate, "--parameter", "lif.refractory_ms"][..], &all].concat();
        with("sweep-lif", &swept, &[], &output)
    };
    refused(&sweep(&["--values", "1,2", "--by", "lif.refractory_ms=7,8"]), &["set the same field"]);
    refused(&sweep(&["--values", "1,1"]), &["1 is given twice"]);
    let judged = arguments![&rate, "--parameter", "evaluation.recorded_trials", "--values", "1,2"];
    refused(&with("sweep-lif", &judged, &[], &output), &["do not change the network"]);
    let twice = arguments!["--config", config("go-nogo"), "--trials", "5"];
    refused(&with("make-trials", &twice, &["evaluation.trials=9"], &output), &["leave out one of them"]);
    refused(&sweep(&["--values", "1,2", "--by", "lif.tau_rise_ms=2,2"]), &["2 is given twice"]);
    refused(&with("eval-lif", &arguments![&lif], &["search.trials=7"], &output), &["`search` cannot be changed"]);
    refused(&with("lambda-search", &arguments![&rate], &["task.step_ms=10"], &output), &["task.step_ms", "training"]);
    let changed = ["task.parameters.trial_ms=1050", "lif.refractory_ms=3", "evaluation.trials=2"];
    assert_eq!(with("eval-lif", &arguments![&lif], &changed, &output).status, 0);
    let differs = provenance(&output)["differs"]["lif.safetensors"].clone();
    assert_eq!(differs, json!({"task.parameters.trial_ms": 1000, "lif.refractory_ms": 2.0}));
    let same = dir.path().join("same.safetensors");
    assert_eq!(with("eval-lif", &arguments![&lif], &["evaluation.trials=2"], &same).status, 0);
    assert!(provenance(&same).get("differs").is_none());
}

#[test]
fn trials_of_another_task_are_refused_or_accepted_aloud() {
    let dir = TempDir::new().unwrap();
    let lif = lif(&dir, &trained(&dir, "go-nogo"));
    let output = dir.path().join("out.safetensors");
    let trials = |name: &str, set: &[&str]| {
        let path = dir.path().join(name);
        let from = if name.starts_with("mante") { "mante" } else { "go-nogo" };
        let made = with("make-trials", &arguments!["--config", config(from), "--trials", "2"], set, &path);
        assert_eq!(made.status, 0, "{}", made.stderr);
        path
    };
    let judge = |trials: &Path, extra: &[&str]| {
        let mut input = arguments![&lif, "--trials", trials, "--force"].to_vec();
        input.extend(extra.iter().map(OsString::from));
        with("eval-lif", &input, &[], &output)
    };
    let own =
        trials("own.safetensors", &["task.parameters.go_threshold=0.9", "task.parameters.lif_response_from_ms=600"]);
    assert_eq!(judge(&own, &[]).status, 0, "how answers are judged changes no trial");
    let late = trials("late.safetensors", &["task.parameters.stimulus_ms=[750,800]"]);
    let slow = trials("slow.safetensors", &["task.step_ms=10", "task.parameters.trial_ms=2000"]);
    refused(
        &judge(&late, &[]),
        &["late.safetensors", "task.parameters.stimulus_ms: found [750,800], expected [250,375]"],
    );
    refused(&judge(&slow, &[]), &["task.step_ms: found 10.0, expected 5.0", "--accept-other-trials"]);
    let accepted = judge(&slow, &["--accept-other-trials"]);
    assert_eq!(accepted.status, 0, "{}", accepted.stderr);
    assert_eq!(
        accepted.result.unwrap()["other_trials"],
        json!({"task.step_ms": 10.0, "task.parameters.trial_ms": 2000})
    );
    assert_eq!(
        provenance(&output)["differs"]["slow.safetensors"],
        json!({"task.step_ms": 10.0, "task.parameters.trial_ms": 2000})
    );
    let long = trials("long.safetensors", &["task.parameters.trial_ms=1500"]);
    refused(
        &judge(&long, &["--accept-other-trials"]),
        &["task.parameters.trial_ms: found 1500, expected 1000", "--set task.parameters.trial_ms=1500"],
    );
    assert_eq!(judge(&long, &["--set", "task.parameters.trial_ms=1500"]).status, 0);
    let mante = trials("mante.safetensors", &[]);
    refused(&judge(&mante, &["--accept-other-trials"]), &["task.file", "mante", "go-nogo"]);
}

#[test]
fn numbers_of_the_command_line_are_checked() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("out.safetensors");
    let train = |extra: &[&str]| {
        let extra = extra.iter().map(OsString::from);
        let input: Vec<OsString> = arguments!["--config", config("go-nogo")].into_iter().chain(extra).collect();
        with("train-rate", &input, &["training.max_updates=1"], &output)
    };
    for (extra, culprits) in [
        (["--seed", "-1"], ["'-1'", "a whole number from 0 to 18446744073709551615"]),
        (["--seed", "18446744073709551616"], ["--seed", "a whole number from 0"]),
        (["--threads", "-1"], ["--threads", "from 1 to 1024"]),
        (["--threads", "1000000"], ["--threads", "from 1 to 1024"]),
        (["--threads", "10000000000000000000"], ["--threads", "from 1 to 1024"]),
        (["--checkpoint-every", "18446744073709551615"], ["--checkpoint-every", "31536000"]),
        (["--keep-checkpoints", "-1"], ["--keep-checkpoints", "expected 1 to"]),
    ] {
        refused(&train(&extra), &culprits);
    }
    for trials in ["0", "-5", "4294967296", "18446744073709551615"] {
        let made = with("make-trials", &arguments!["--config", config("xor"), "--trials", trials], &[], &output);
        refused(&made, &["--trials", trials]);
    }
    assert!(!output.exists());
    let stimulation = r#"lif.stimulation={"population":"inhibitory","from_ms":25,"to_ms":75}"#;
    let rate = trained(&dir, "go-nogo");
    let swept = arguments![&rate, "--parameter", "lif.stimulation.amplitude_mv", "--values", "-0.5,0,0.5"];
    let set = [stimulation, "search.trials=1", "search.factors=[30]", "evaluation.trials=1"];
    let ran = with("sweep-lif", &swept, &set, &output);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(ran.result.unwrap()["curves"][0]["points"][0]["value"], json!(-0.5));
}

/// Sizes beyond any memory: refused at once, with the estimate and the field, before memory is allocated.
#[cfg(unix)]
#[test]
fn what_does_not_fit_into_memory_is_refused() {
    let dir = TempDir::new().unwrap();
    let rate = trained(&dir, "go-nogo");
    let lif = lif(&dir, &rate);
    let spiking = TempDir::new().unwrap();
    let spiking = trained(&spiking, "mante-spiking");
    let of = |name: &str| arguments!["--config", config(name)].to_vec();
    let [rate, lif, spiking] = [rate, lif, spiking].map(|path| arguments![path].to_vec());
    let output = dir.path().join("out.safetensors");
    for (program, input, set, field) in [
        ("train-rate", of("go-nogo"), "network.neurons=100000", "network.neurons"),
        ("train-rate", of("go-nogo"), "training.batch_size=10000000", "training.batch_size"),
        ("train-rate", of("go-nogo"), "training.batch_size=18446744073709551615", "training.batch_size"),
        ("train-rate", of("mante"), "training.evaluation_trials=1000000000", "training.evaluation_trials"),
        ("train-spiking", of("mante-spiking"), "training.batch_size=10000000", "training.batch_size"),
        ("make-trials", of("mante"), "evaluation.trials=1000000000", "evaluation.trials"),
        ("lambda-search", rate, "search.trials=1000000000", "search.trials"),
        ("eval-lif", lif, "evaluation.trials=1000000000", "evaluation"),
        ("eval-spiking", spiking, "evaluation.trials=1000000000", "evaluation"),
    ] {
        refused(&with(program, &input, &[set], &output), &[field]);
    }
    let limited = |kilobytes: u32, extra: &[&str]| -> Run {
        let script = format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\"");
        let common = arguments!["--config", config("go-nogo"), "-o", &output, "--threads", "1", "--quiet"];
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(program("train-rate")).args(common).args(extra);
        command.output().unwrap().into()
    };
    let sets = ["--set", "training.max_updates=1", "--set", "training.stop=null"];
    let few = limited(600_000, &[&sets[..], &["--set", "network.neurons=4000"]].concat());
    refused(&few, &["ulimit -v", "training.evaluation_trials", "MB"]);
    assert_eq!(limited(600_000, &sets).status, 0, "a small network fits");
    let none = limited(70_000, &sets);
    assert!(none.status > 0 && none.stderr.lines().count() == 1, "{}: {}", none.status, none.stderr);
}

#[test]
fn a_config_of_nothing_or_of_another_format_is_recognised() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("out.safetensors");
    let file = dir.path().join("c.json");
    for (text, culprit) in [
        ("\u{feff}{}", "byte order mark"),
        ("{\"name\": \"a\", // a comment\n}", "a comment; JSON has none"),
        ("{'name': 'a'}", "double quotes"),
        ("{\"name\": \"a\",}", "a comma with nothing behind it"),
        ("", "found an empty file"),
        ("[1, 2]", "no object, expected"),
    ] {
        std::fs::write(&file, text).unwrap();
        refused(&with("train-rate", &arguments!["--config", &file], &[], &output), &["c.json", culprit]);
    }
    let rate = trained(&dir, "go-nogo");
    let again = with("train-rate", &arguments!["--config", &rate], &[], &output);
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert!(
        std::fs::read(&rate).unwrap() == std::fs::read(&output).unwrap(),
        "the config of an artifact makes it again"
    );
}

#[test]
fn a_config_value_is_not_taken_for_a_divergence() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("out.safetensors");
    for (program, name, set, field) in [
        ("train-rate", "go-nogo", "task.step_ms=1e-300", "task.step_ms"),
        ("train-rate", "go-nogo", "network.input_sd=1e300", "network.input_sd"),
        ("train-rate", "go-nogo", "training.adam.beta2=0.99999999999", "training.adam.beta2"),
        ("train-spiking", "mnist", "task.validation_examples=0", "task.validation_examples"),
        ("train-spiking", "mante-spiking", r#"network.neuron.surrogate={"fast-sigmoid":{"slope":1e300}}"#, "slope"),
        ("train-spiking", "mante-spiking", "network.neuron.tau_rise_ms=1", "network.neuron.tau_rise_ms"),
    ] {
        let ran = with(program, &arguments!["--config", config(name)], &[set], &output);
        refused(&ran, &[field]);
        assert!(!ran.stderr.contains("learning_rate"), "{}", ran.stderr);
    }
}
