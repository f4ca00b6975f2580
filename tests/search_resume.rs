//! Interrupted searches and sweeps continue with `--resume` to the bytes of an uninterrupted run.

use mdl_tests::{arguments, config, program, run, stop_and_resume};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A small, barely trained network: its answers do not matter here.
fn rate(dir: &Path, seed: &str) -> PathBuf {
    let path = dir.join(format!("rate-{seed}.safetensors"));
    let ran = run(
        "train-rate",
        &arguments![
            "--config",
            config("go-nogo"),
            "--seed",
            seed,
            "--set",
            "network.neurons=40",
            "--set",
            "training.max_updates=20",
            "-o",
            &path
        ],
    );
    assert!([0, 4].contains(&ran.status), "{}", ran.stderr);
    path
}

#[test]
fn a_search_that_is_stopped_twenty_times_ends_with_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    let rate = rate(dir.path(), "1");
    let to = |output: &Path, threads: &str| {
        let all =
            arguments![&rate, "--threads", threads, "--set", "search.trials=200", "--race", "--refine", "-o", output];
        all.to_vec()
    };
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name).with_extension("safetensors"));
    let ran = run("lambda-search", &to(&whole, "1"));
    assert!([0, 4].contains(&ran.status), "{}", ran.stderr);
    let expected = std::fs::read(&whole).unwrap();
    for (signal, threads) in [("-TERM", "1"), ("-KILL", "2")] {
        stop_and_resume("lambda-search", &to(&stopped, threads), &stopped, &expected, signal, 20);
        assert!(!stopped.with_extension("safetensors.partial").exists());
    }
}

#[test]
fn a_sweep_that_is_stopped_again_and_again_ends_with_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    let rates = [rate(dir.path(), "1"), rate(dir.path(), "2")];
    let to = |output: &Path, threads: &str| {
        let mut all =
            arguments![&rates[0], &rates[1], "--threads", threads, "--parameter", "lif.refractory_ms"].to_vec();
        all.extend(arguments!["--values", "1,2", "--set", "search.trials=40", "-o", output]);
        all
    };
    let [whole, stopped] = ["whole", "stopped"].map(|name| dir.path().join(name).with_extension("safetensors"));
    assert_eq!(run("sweep-lif", &to(&whole, "1")).status, 0);
    let expected = std::fs::read(&whole).unwrap();
    stop_and_resume("sweep-lif", &to(&stopped, "2"), &stopped, &expected, "-TERM", 5);
    stop_and_resume("sweep-lif", &to(&stopped, "1"), &stopped, &expected, "-KILL", 5);
}

#[test]
fn partial_results_of_another_search_are_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let (one, two) = (rate(dir.path(), "1"), rate(dir.path(), "2"));
    let output = dir.path().join("lif.safetensors");
    let partial = dir.path().join("lif.safetensors.partial");
    let arguments = |rate: &Path, more: &[&str]| {
        let mut all = arguments![rate, "--threads", "1", "-o", &output].to_vec();
        all.extend(more.iter().map(OsString::from));
        all
    };
    let mut child = Command::new(program("lambda-search"))
        .args(arguments(&one, &["--set", "search.trials=100000"]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !partial.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it saved anything");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let refused = run("lambda-search", &arguments(&one, &[]));
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("--resume"), "{}", refused.stderr);
    let refused = run("lambda-search", &arguments(&two, &["--resume", "--set", "search.trials=100000"]));
    assert!(refused.status == 2 && refused.stderr.contains("input: found SHA-256"), "{}", refused.stderr);
    let refused = run("lambda-search", &arguments(&one, &["--resume", "--set", "search.trials=7"]));
    assert!(refused.status == 2 && refused.stderr.contains("search.trials = 100000"), "{}", refused.stderr);
    std::fs::write(&partial, b"not a checkpoint").unwrap();
    assert_eq!(run("lambda-search", &arguments(&one, &["--resume", "--set", "search.trials=7"])).status, 3);
    let anew = run("lambda-search", &arguments(&one, &["--force", "--set", "search.trials=7"]));
    assert!([0, 4].contains(&anew.status), "{}", anew.stderr);
    assert!(!partial.exists());
}

#[test]
fn several_networks_are_searched_in_one_call_as_each_alone() {
    let dir = TempDir::new().unwrap();
    let rates = [rate(dir.path(), "1"), rate(dir.path(), "2")];
    let found = dir.path().join("found");
    let together = arguments![&rates[0], &rates[1], "--set", "search.trials=10", "-o", &found];
    let output = Command::new(program("lambda-search")).args(&together).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    for (rate, line) in rates.iter().zip(lines.lines()) {
        let name = rate.file_name().unwrap().to_str().unwrap().replace("rate", "lif");
        let alone = dir.path().join("alone").join(&name);
        run("lambda-search", &arguments![rate, "--set", "search.trials=10", "-o", &alone]);
        assert!(std::fs::read(&alone).unwrap() == std::fs::read(found.join(&name)).unwrap(), "{name:?}");
        assert!(line.contains(&name), "{line}");
    }
    let again = Command::new(program("lambda-search")).args(&together).arg("--resume").output().unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), lines, "complete outputs are told again");
}
