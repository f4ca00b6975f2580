//! A full disk, simulated by a limit on file size just below the size of every file that a run writes. Each time the
//! file is named, in an error if it is the result and in a warning if it is a figure, a report, a metrics file or a
//! checkpoint. No file is damaged, and the run continues when there is space.

#![cfg(unix)]

use mdl_tests::{Run, SMALL_SPIKING, arguments, config, files, program, run};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Size of a block of `ulimit -f` (bytes).
const BLOCK: u64 = 512;

fn run_limited(name: &str, arguments: &[OsString], blocks: u64) -> Run {
    let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("sh").args(["-c", &script]).arg(program(name)).args(arguments).output().expect("sh").into()
}

/// Runs a stage with each limit, and then with space and the option `again`; `arguments` takes the directory of the
/// outputs, and the result is named `output`.
fn filled(name: &str, again: &str, output: &str, arguments: &dyn Fn(&Path) -> Vec<OsString>) {
    let whole = TempDir::new().unwrap();
    let ran = run(name, &arguments(whole.path()));
    assert!([0, 4].contains(&ran.status), "{}", ran.stderr);
    let relative = |dir: &TempDir| -> BTreeMap<PathBuf, Vec<u8>> {
        files(dir.path()).into_iter().map(|(p, b)| (p.strip_prefix(dir.path()).unwrap().into(), b)).collect()
    };
    let expected = relative(&whole);
    let mut limits: Vec<u64> =
        expected.values().map(|bytes| (bytes.len() as u64 - 1) / BLOCK).chain([0, 1, 2]).collect();
    limits.sort_unstable();
    limits.dedup();
    for blocks in limits {
        let dir = TempDir::new().unwrap();
        let ran = run_limited(name, &arguments(dir.path()), blocks);
        let result = relative(&dir).contains_key(Path::new(output));
        assert_eq!(ran.status != 1, result, "{name}, {blocks} blocks: {}", ran.stderr);
        assert!(!result || [0, 4].contains(&ran.status), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("File too large") && ran.stderr.contains(dir.path().to_str().unwrap()),
            "{}",
            ran.stderr
        );
        for (path, bytes) in relative(&dir) {
            let name = path.display().to_string();
            let unfinished = name.ends_with(".jsonl") || name.contains(".partial");
            assert!(
                unfinished || expected.get(&path) == Some(&bytes),
                "{blocks} blocks: {name} is damaged or left over"
            );
        }
        let mut with_space = arguments(dir.path());
        with_space.push(again.into());
        let ran = run(name, &with_space);
        assert!([0, 4].contains(&ran.status), "{name} after {blocks} blocks: {}", ran.stderr);
        assert!(relative(&dir) == expected, "{name} after {blocks} blocks: {:?}", relative(&dir).keys());
    }
}

#[test]
fn a_disk_that_fills_damages_no_training() {
    for checkpoint_every in ["0", "1000"] {
        filled("train-rate", "--resume", "rate.safetensors", &|dir| {
            let [output, metrics] = ["rate.safetensors", "metrics.jsonl"].map(|name| dir.join(name));
            let mut all = arguments!["--config", config("go-nogo"), "--metrics", metrics, "-o", output].to_vec();
            all.extend(arguments!["--checkpoint-every", checkpoint_every, "--threads", "1"]);
            let set =
                ["network.neurons=20", "training.max_updates=40", "training.evaluate_every=2", "training.stop=null"];
            all.extend(set.iter().flat_map(|field| arguments!["--set", field]));
            all
        });
    }
}

fn train_spiking(output: &Path) -> Vec<OsString> {
    let mut all = arguments!["--config", config("mante-spiking"), "-o", output].to_vec();
    all.extend(SMALL_SPIKING.iter().flat_map(|field| arguments!["--set", field]));
    all
}

#[test]
fn a_disk_that_fills_damages_no_spiking_network() {
    filled("train-spiking", "--resume", "spiking.safetensors", &|dir| {
        let mut all = train_spiking(&dir.join("spiking.safetensors"));
        all.extend(arguments!["--checkpoint-every", "0", "--metrics", dir.join("metrics.jsonl")]);
        all
    });
    let dir = TempDir::new().unwrap();
    let network = dir.path().join("spiking.safetensors");
    assert_eq!(run("train-spiking", &train_spiking(&network)).status, 0);
    filled("eval-spiking", "--force", "eval.safetensors", &|dir| {
        let [output, report] = ["eval.safetensors", "report.html"].map(|name| dir.join(name));
        arguments![&network, "--report", report, "-o", output].to_vec()
    });
}

/// A Go-NoGo network, trained for a moment.
fn rate(dir: &Path) -> PathBuf {
    let rate = dir.join("rate.safetensors");
    let train = arguments!["--config", config("go-nogo"), "--set", "training.max_updates=20", "--quiet", "-o", &rate];
    assert!([0, 4].contains(&run("train-rate", &train).status));
    rate
}

#[test]
fn a_disk_that_fills_damages_no_search() {
    let dir = TempDir::new().unwrap();
    let rate = rate(dir.path());
    filled("lambda-search", "--resume", "lif.safetensors", &|dir| {
        arguments![&rate, "--set", "search.trials=10", "--threads", "2", "-o", dir.join("lif.safetensors")].to_vec()
    });
}

#[test]
fn a_disk_that_fills_damages_no_evaluation_and_no_exchange() {
    let dir = TempDir::new().unwrap();
    let (rate, lif) = (rate(dir.path()), dir.path().join("lif.safetensors"));
    let set = ["search.trials=1", "search.factors=[20]"];
    let search = arguments![&rate, "--set", set[0], "--set", set[1], "-o", &lif];
    assert!([0, 4].contains(&run("lambda-search", &search).status));
    filled("eval-lif", "--force", "eval.safetensors", &|dir| {
        let [output, report] = ["eval.safetensors", "report.html"].map(|name| dir.join(name));
        arguments![&lif, "--set", "evaluation.trials=2", "--report", report, "-o", output].to_vec()
    });
    filled("calibrate", "--force", "calibrated.safetensors", &|dir| {
        let set = ["calibration.trials=4", "calibration.held_out_trials=2", "calibration.iterations=0"];
        let set = set.iter().flat_map(|field| arguments!["--set", field]);
        arguments![&lif, "-o", dir.join("calibrated.safetensors")].into_iter().chain(set).collect()
    });
    for ending in ["mat", "nir", "npz"] {
        let exported = dir.path().join("lif").with_extension(ending);
        let name = exported.file_name().unwrap();
        filled("export-network", "--force", name.to_str().unwrap(), &|dir| {
            arguments![&lif, "-o", dir.join(name)].to_vec()
        });
        if ending != "nir" {
            assert_eq!(run("export-network", &arguments![&lif, "-o", &exported]).status, 0);
            filled("import-network", "--force", "lif.safetensors", &|dir| {
                arguments![&exported, "-o", dir.join("lif.safetensors")].to_vec()
            });
        }
    }
    filled("make-trials", "--force", "trials.safetensors", &|dir| {
        arguments!["--config", config("mante"), "--trials", "2", "-o", dir.join("trials.safetensors")].to_vec()
    });
}
