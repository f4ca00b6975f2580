//! A disk that fills: a limit on the size of files stands in for it, and is set just below the size of every file that a
//! run writes. Each time there is a clear error and no damaged file, and the run goes on when there is space.

#![cfg(unix)]

use mdl_tests::{Run, arguments, config, program, run};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Bytes of a block of `ulimit -f`.
const BLOCK: u64 = 512;

/// Every file below a directory.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    found
}

fn run_limited(name: &str, arguments: &[OsString], blocks: u64) -> Run {
    let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("sh").args(["-c", &script]).arg(program(name)).args(arguments).output().expect("sh").into()
}

/// Runs a stage with each limit; `arguments` takes the directory of its outputs.
fn filled(name: &str, arguments: &dyn Fn(&Path) -> Vec<OsString>) {
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
        assert_eq!(ran.status, 1, "{name}, {blocks} blocks: {}", ran.stderr);
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
        let mut again = arguments(dir.path());
        again.push("--resume".into());
        let ran = run(name, &again);
        assert!([0, 4].contains(&ran.status), "{name} after {blocks} blocks: {}", ran.stderr);
        assert!(relative(&dir) == expected, "{name} after {blocks} blocks: {:?}", relative(&dir).keys());
    }
}

#[test]
fn a_disk_that_fills_damages_no_training() {
    for checkpoint_every in ["0", "1000"] {
        filled("train-rate", &|dir| {
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

#[test]
fn a_disk_that_fills_damages_no_search() {
    let rates = TempDir::new().unwrap();
    let rate = rates.path().join("rate.safetensors");
    let train = arguments!["--config", config("go-nogo"), "--set", "training.max_updates=20", "--quiet", "-o", &rate];
    assert!([0, 4].contains(&run("train-rate", &train).status));
    filled("lambda-search", &|dir| {
        arguments![&rate, "--set", "search.trials=10", "--threads", "2", "-o", dir.join("lif.safetensors")].to_vec()
    });
}
