//! Searches and sweeps that are stopped go on with `--resume` to the bytes of one that was never stopped.

use mdl_tests::{arguments, config, program, run};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A small network, trained hardly at all: what it answers does not matter here.
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

/// Starts a program again and again with `--resume`, each time sending it a signal a little later, until it ends by
/// itself; returns how often it was stopped.
fn run_to_the_end(name: &str, arguments: &[OsString], signal: &str) -> u32 {
    let mut stopped = 0;
    loop {
        let mut child = Command::new(program(name))
            .args(arguments)
            .arg("--resume")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        // Any moment will do; later ones as the run is stopped more often, so that it gets to its end.
        std::thread::sleep(Duration::from_millis(u64::from(stopped * 37 % 400 + 20 + stopped * 30)));
        Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status().expect("kill");
        let status = child.wait().expect("the program ends");
        match status.code() {
            Some(0 | 4) => return stopped,
            Some(75) | None => stopped += 1,
            other => panic!("{name} ended with {other:?}"),
        }
    }
}

#[test]
fn a_search_that_is_stopped_again_and_again_ends_with_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    let rate = rate(dir.path(), "1");
    let to = |output: &str| {
        let output = dir.path().join(output);
        arguments![&rate, "--threads", "1", "--set", "search.trials=200", "--race", "--refine", "-o", output].to_vec()
    };
    let whole = run("lambda-search", &to("whole.safetensors"));
    assert!([0, 4].contains(&whole.status), "{}", whole.stderr);
    let expected = std::fs::read(dir.path().join("whole.safetensors")).unwrap();
    for (signal, output) in [("-TERM", "terminated.safetensors"), ("-KILL", "killed.safetensors")] {
        let stopped = run_to_the_end("lambda-search", &to(output), signal);
        assert!(stopped > 0, "the signal came too late to stop it");
        assert!(expected == std::fs::read(dir.path().join(output)).unwrap(), "{output} after {stopped} stops");
        assert!(!dir.path().join(output).with_extension("safetensors.partial").exists());
    }
}

#[test]
fn a_sweep_that_is_stopped_again_and_again_ends_with_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    let rates = [rate(dir.path(), "1"), rate(dir.path(), "2")];
    let to = |output: &str| {
        let output = dir.path().join(output);
        let mut all = arguments![&rates[0], &rates[1], "--threads", "2", "--parameter", "lif.refractory_ms"].to_vec();
        all.extend(arguments!["--values", "1,2", "--set", "search.trials=40", "-o", output]);
        all
    };
    assert_eq!(run("sweep-lif", &to("whole.safetensors")).status, 0);
    let stopped = run_to_the_end("sweep-lif", &to("stopped.safetensors"), "-TERM");
    assert!(stopped > 0, "the signal came too late to stop it");
    let [whole, again] = ["whole", "stopped"].map(|name| dir.path().join(name).with_extension("safetensors"));
    assert!(std::fs::read(whole).unwrap() == std::fs::read(again).unwrap());
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
        let name = rate.file_name().unwrap();
        let alone = dir.path().join("alone").join(name);
        run("lambda-search", &arguments![rate, "--set", "search.trials=10", "-o", &alone]);
        assert!(std::fs::read(&alone).unwrap() == std::fs::read(found.join(name)).unwrap(), "{name:?}");
        assert!(line.contains(name.to_str().unwrap()), "{line}");
    }
    let again = Command::new(program("lambda-search")).args(&together).arg("--resume").output().unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), lines, "complete outputs are told again");
}
