//! Invalid inputs: each is refused with its exit status and a message that names the fault, and nothing is left behind.

use mdl_tests::{arguments, config, program, run, wait_for};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Exit statuses.
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const DAMAGED: i32 = 3;
const NOT_MET: i32 = 4;

fn files(dir: &TempDir) -> Vec<PathBuf> {
    std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect()
}

fn sorted(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.sort();
    files
}

/// Trains for ten updates: enough for an artifact, not for the criterion.
fn barely_trained(dir: &TempDir, extra: &[&str]) -> PathBuf {
    let path = dir.path().join("rate.safetensors");
    let mut arguments = vec!["--set", "training.max_updates=10", "--set", "network.neurons=20", "--quiet"];
    arguments.extend(extra);
    let common = arguments!["--config", config("go-nogo"), "-o", &path];
    let all: Vec<_> = common.into_iter().chain(arguments.into_iter().map(Into::into)).collect();
    let ran = run("train-rate", &all);
    assert_eq!(ran.status, NOT_MET, "{}", ran.stderr);
    path
}

/// Expects a program to refuse, name the fault, and leave nothing behind.
fn refused(program: &str, arguments: &[std::ffi::OsString], status: i32, culprits: &[&str]) {
    let ran = run(program, arguments);
    assert_eq!(ran.status, status, "{program} {arguments:?}: {}", ran.stderr);
    for culprit in culprits {
        assert!(ran.stderr.contains(culprit), "{program} {arguments:?}: no {culprit:?} in {}", ran.stderr);
    }
    assert!(ran.result.is_none() && !ran.stderr.contains("panicked"), "{}", ran.stderr);
}

#[test]
fn devices_that_are_not_there() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("out.safetensors");
    for (program, name) in [("train-rate", "go-nogo"), ("train-spiking", "mante-spiking")] {
        let with = |device: &str| arguments!["--config", config(name), "--device", device, "-o", &output];
        refused(program, &with("gpu"), USAGE, &["--device", "expected cpu, cuda, cuda:N or auto"]);
        // A number that no machine has, whether or not this build knows CUDA.
        refused(program, &with("cuda:4096"), USAGE, &["--device cuda:4096"]);
    }
    assert!(files(&dir).is_empty(), "{:?}", files(&dir));
    let rate = barely_trained(&dir, &[]);
    let lif = dir.path().join("lif.safetensors");
    let searched = run("lambda-search", &arguments![&rate, "--set", "search.trials=1", "--quiet", "-o", &lif]);
    assert!(lif.exists(), "{}", searched.stderr);
    let left = sorted(files(&dir));
    for (program, input, extra) in [
        ("lambda-search", &rate, [].as_slice()),
        ("sweep-lif", &rate, &["--parameter", "lif.refractory_ms", "--values", "1,2"]),
        ("eval-lif", &lif, &[]),
    ] {
        let mut arguments = arguments![input, "--device", "cuda:4096", "-o", &output].to_vec();
        arguments.extend(extra.iter().map(Into::into));
        refused(program, &arguments, USAGE, &["--device cuda:4096"]);
    }
    assert_eq!(sorted(files(&dir)), left);
}

#[test]
fn configs_that_cannot_run() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("out.safetensors");
    for (set, culprits) in [
        ("training.learning_rte=1", ["unknown field `learning_rte`"].as_slice()),
        ("network.neurons=many", &["network"]),
        ("network.neurons=0", &["network.neurons", "found 0"]),
        (
            r#"network.time_constants={"kind":"trained","min_ms":90,"max_ms":20}"#,
            &["time_constants.max_ms", "found 20"],
        ),
        ("=1", &["--set =1"]),
    ] {
        refused("train-rate", &arguments!["--config", config("go-nogo"), "-o", &output, "--set", set], USAGE, culprits);
    }
    let broken = dir.path().join("broken config.json");
    std::fs::write(&broken, "{\"name\": ").unwrap();
    refused("train-rate", &arguments!["--config", &broken, "-o", &output], USAGE, &["broken config.json", "line 1"]);
    let missing = dir.path().join("missing.json");
    refused("train-rate", &arguments!["--config", &missing, "-o", &output], USAGE, &["missing.json", "No such file"]);
    refused("train-rate", &arguments!["--config", config("go-nogo")], USAGE, &["-o FILE"]);
    refused(
        "train-rate",
        &arguments!["--config", config("go-nogo"), "-o", &output, "--threads", "0"],
        USAGE,
        &["--threads"],
    );
    assert_eq!(files(&dir), [broken], "nothing else was written");
}

#[test]
fn spiking_networks_and_digits_that_cannot_be_trained() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("out.safetensors");
    let data = TempDir::new().unwrap();
    let directory = format!("task.directory={}", data.path().display());
    let train = |name, set: &str, status, culprits: &[&str]| {
        let mut arguments = arguments!["--config", config(name), "-o", &output, "--set", set].to_vec();
        if name == "mnist" {
            arguments.extend(arguments!["--set", &directory]);
        }
        refused("train-spiking", &arguments, status, culprits);
    };
    for name in ["mnist", "mante-spiking"] {
        train(name, "network.modes=0", USAGE, &["network.modes", "found 0"]);
    }
    train("mnist", "task.steps=0", USAGE, &["task.steps", "found 0"]);
    train("mante-spiking", "task.parameters.trial_ms=0", USAGE, &["mante.star", "duration_ms: found 0 ms"]);
    let unverified = "task.verify=false";
    train("mnist", unverified, DAMAGED, &["train-images-idx3-ubyte", "no such file", "get-data --dataset mnist"]);
    let images = data.path().join("train-images-idx3-ubyte");
    std::fs::write(&images, "<!DOCTYPE html><html>404</html>").unwrap();
    train("mnist", unverified, DAMAGED, &["train-images-idx3-ubyte", "HTML page"]);
    std::fs::write(&images, b"\0\0\x08\x03\0\0\0\x09\0\0\0\x1c\0\0\0\x1ccut").unwrap();
    train("mnist", unverified, DAMAGED, &["train-images-idx3-ubyte"]);
    assert!(files(&dir).is_empty(), "nothing was written");
}

#[test]
fn artifacts_that_cannot_be_used() {
    let dir = TempDir::new().unwrap();
    let rate = barely_trained(&dir, &[]);
    let bytes = std::fs::read(&rate).unwrap();
    let bad = dir.path().join("bad.safetensors");
    let output = dir.path().join("lif.safetensors");
    let search = |culprits: &[&str]| refused("lambda-search", &arguments![&bad, "-o", &output], DAMAGED, culprits);

    std::fs::write(&bad, &bytes[..bytes.len() / 2]).unwrap();
    search(&["bad.safetensors", "damaged"]);
    std::fs::write(&bad, b"\x10\0\0\0\0\0\0\0{}              ").unwrap();
    search(&["bad.safetensors", "another program", "expected an artifact of mdl-rnn"]);
    std::fs::write(&bad, b"<html>not found</html>").unwrap();
    search(&["bad.safetensors"]);
    std::fs::write(&bad, with_nan(&bytes)).unwrap();
    search(&["bad.safetensors", "finite", "NaN"]);
    std::fs::remove_file(&bad).unwrap();
    search(&["bad.safetensors", "No such file"]);

    for program in ["eval-lif", "calibrate"] {
        let culprits = ["rate.safetensors", "found rate, expected lif"];
        refused(program, &arguments![&rate, "-o", &output], DAMAGED, &culprits);
    }
    assert_eq!(files(&dir), [rate], "nothing else was written");
}

/// A named pipe without a writer is refused at once, without waiting.
#[cfg(unix)]
#[test]
fn named_pipes_are_not_waited_for() {
    let dir = TempDir::new().unwrap();
    let [pipe, output] = ["pipe", "out.npz"].map(|name| dir.path().join(name));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for program in
        ["report", "lambda-search", "calibrate", "eval-lif", "eval-spiking", "export-network", "import-network"]
    {
        refused(program, &arguments![&pipe, "-o", &output], DAMAGED, &["pipe", "not a regular file"]);
    }
    refused("inspect", &arguments![&pipe], DAMAGED, &["pipe", "not a regular file"]);
    let sweep = arguments![&pipe, "--parameter", "lif.refractory_ms", "--values", "2", "-o", &output];
    refused("sweep-lif", &sweep, DAMAGED, &["pipe", "not a regular file"]);
}

/// The artifact with the last number of its data, a 32-bit float, replaced by NaN.
fn with_nan(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    bytes
}

#[test]
fn a_tanh_network_cannot_become_spikes() {
    let dir = TempDir::new().unwrap();
    let rate = barely_trained(&dir, &["--set", "network.activation=tanh"]);
    let output = dir.path().join("lif.safetensors");
    refused("lambda-search", &arguments![&rate, "-o", &output], USAGE, &["tanh", "negative"]);
    assert_eq!(files(&dir), [rate]);
}

#[test]
fn networks_that_cannot_be_calibrated() {
    let dir = TempDir::new().unwrap();
    let rate = barely_trained(&dir, &[]);
    let [lif, output] = ["lif.safetensors", "out.safetensors"].map(|name| dir.path().join(name));
    let search = arguments![&rate, "--set", "search.trials=1", "--set", "search.factors=[20]", "--quiet", "-o", &lif];
    assert!([0, 4].contains(&run("lambda-search", &search).status));
    let left = sorted(files(&dir));
    for (set, culprits) in [
        ("lif.neuron=qif", ["lif.neuron: found quadratic", "calibration.units = false"].as_slice()),
        ("lif.noise_sd_mv_per_step=0", &["lif.noise_sd_mv_per_step: found 0", "transfer function"]),
        ("calibration.trials=0", &["calibration.trials: found 0"]),
        ("calibration.trails=1", &["calibration", "unknown field `trails`"]),
        ("calibration.ridge=[]", &["calibration.ridge: found 0"]),
        ("calibration.reference=rate", &["calibration.reference"]),
        ("search.trials=1", &["`search` cannot be changed here", "calibration"]),
    ] {
        refused("calibrate", &arguments![&lif, "-o", &output, "--set", set], USAGE, culprits);
    }
    assert_eq!(sorted(files(&dir)), left);
    // Without units, neither needs a transfer function.
    let set = ["lif.neuron=qif", "calibration.units=false", "calibration.trials=2", "calibration.held_out_trials=1"];
    let set = set.iter().flat_map(|field| arguments!["--set", field]);
    let all: Vec<_> = arguments![&lif, "-o", &output].into_iter().chain(set).collect();
    assert_eq!(run("calibrate", &all).status, 0);
}

#[test]
fn a_config_for_another_task_is_refused() {
    let dir = TempDir::new().unwrap();
    let rate = barely_trained(&dir, &[]);
    let output = dir.path().join("lif.safetensors");
    let search = |file: &std::path::Path| arguments![&rate, "--config", file, "-o", &output];
    refused("lambda-search", &search(&config("mante")), USAGE, &["task.file: found mante, with 4 input channels"]);
    refused("lambda-search", &search(&dir.path().join("absent.json")), USAGE, &["absent.json"]);
    assert_eq!(files(&dir), [rate]);
}

#[test]
fn an_output_that_exists_is_kept() {
    let dir = TempDir::new().unwrap();
    let rate = barely_trained(&dir, &[]);
    let before = std::fs::read(&rate).unwrap();
    refused("train-rate", &arguments!["--config", config("go-nogo"), "-o", &rate], USAGE, &["exists", "--force"]);
    refused("lambda-search", &arguments![&rate, "-o", &rate], USAGE, &["exists"]);
    assert_eq!(std::fs::read(&rate).unwrap(), before);
}

/// A limit on file size simulates a full disk: the write fails half-way.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let script = "trap '' XFSZ; ulimit -f 20; exec \"$0\" \"$@\"";
    let ran = Command::new("sh")
        .args(["-c", script])
        .arg(program("train-rate"))
        .args(arguments!["--config", config("go-nogo"), "-o", dir.path().join("rate.safetensors")])
        .args(["--set", "training.max_updates=2"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(FAILED), "{stderr}");
    assert!(stderr.contains("cannot write") && stderr.contains("rate.safetensors"), "{stderr}");
    assert!(files(&dir).is_empty(), "{:?}", files(&dir));
}

/// An endless training run with metrics written to `metrics`.
#[cfg(unix)]
fn endless_training(dir: &TempDir, metrics: &Path) -> std::process::Child {
    let mut command = Command::new(program("train-rate"));
    command.args(arguments!["--config", config("go-nogo"), "--metrics", metrics]);
    command.args(arguments!["-o", dir.path().join("rate.safetensors")]);
    for set in ["training.stop=null", "training.max_updates=100000000", "training.evaluate_every=1"] {
        command.args(["--set", set]);
    }
    command.stderr(std::process::Stdio::piped()).spawn().unwrap()
}

/// If two processes write the same file, the second reports it; the lock of a killed process blocks no other.
#[cfg(unix)]
#[test]
fn one_process_writes_an_output() {
    let dir = TempDir::new().unwrap();
    let metrics = dir.path().join("metrics of the first.jsonl");
    let mut first = endless_training(&dir, &metrics);
    wait_for("metrics", || std::fs::metadata(&metrics).is_ok_and(|m| m.len() > 0));
    let output = dir.path().join("rate.safetensors");
    let barely = ["--set", "training.max_updates=1"].map(std::ffi::OsString::from);
    let second: Vec<_> = arguments!["--config", config("go-nogo"), "-o", &output].into_iter().chain(barely).collect();
    refused("train-rate", &second, FAILED, &["rate.safetensors is being written by another process"]);
    first.kill().unwrap();
    first.wait().unwrap();
    let third: Vec<_> = second.into_iter().chain(arguments!["--metrics", &metrics, "--force"]).collect();
    assert_eq!(run("train-rate", &third).status, NOT_MET);
    assert_eq!(sorted(files(&dir)), [metrics, output], "the locks of the killed one are gone");
}
