//! Trainings that are stopped go on with `--resume` to the bytes of one that was never stopped.

use mdl_tests::{arguments, config, run, stop_and_resume};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A training of a second or two that evaluates often, ends with its best network, and is checkpointed as often as it may.
fn training(name: &str, set: &[&str], output: &Path, threads: &str) -> Vec<OsString> {
    let metrics = output.with_extension("jsonl");
    let mut all =
        arguments!["--config", config(name), "--threads", threads, "--metrics", metrics, "-o", output].to_vec();
    all.extend(arguments!["--checkpoint-every", "0", "--keep-checkpoints", "2"]);
    let fields =
        ["training.stop=null", "training.keep=best", "training.evaluate_every=7", "training.evaluation_trials=10"];
    all.extend(fields.iter().chain(set).flat_map(|field| arguments!["--set", field]));
    all
}

fn stopped_twenty_times(program: &str, name: &str, set: &[&str]) {
    let dir = TempDir::new().unwrap();
    let [whole, again, stopped] =
        ["whole", "again", "stopped"].map(|n| dir.path().join(n).with_extension("safetensors"));
    for (output, threads) in [(&whole, "1"), (&again, "2")] {
        let ran = run(program, &training(name, set, output, threads));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    }
    let metrics = |output: &Path| std::fs::read(output.with_extension("jsonl")).unwrap();
    let expected = std::fs::read(&whole).unwrap();
    assert!(expected == std::fs::read(&again).unwrap() && metrics(&whole) == metrics(&again), "1 and 2 threads");
    for (signal, threads) in [("-KILL", "1"), ("-TERM", "2"), ("-USR1", "1")] {
        let stops = if signal == "-USR1" { 3 } else { 20 };
        stop_and_resume(program, &training(name, set, &stopped, threads), &stopped, &expected, signal, stops);
        assert!(metrics(&whole) == metrics(&stopped), "the metrics after {signal}");
    }
    let mut left: Vec<PathBuf> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
    left.sort();
    let expected = [&again, &stopped, &whole].map(|output| output.with_extension("jsonl"));
    assert_eq!(
        left,
        [&expected[0], &again, &expected[1], &expected[2], &whole].map(PathBuf::as_path),
        "nothing else is left"
    );
}

#[test]
fn a_rate_network_that_is_stopped_twenty_times_ends_with_the_same_bytes() {
    stopped_twenty_times("train-rate", "go-nogo", &["network.neurons=50", "training.max_updates=1000"]);
}

#[test]
fn a_spiking_network_that_is_stopped_twenty_times_ends_with_the_same_bytes() {
    let set = ["network.neurons=50", "training.batch_size=10", "training.max_updates=500"];
    stopped_twenty_times("train-spiking", "mante-spiking", &set);
}

/// A checkpoint is in the way of a new run, is refused by another one, and gone on from by its own; a complete output is
/// told again.
#[test]
fn checkpoints_of_another_training_are_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("mit Leerzeichen und ü.safetensors");
    let partial = dir.path().join("mit Leerzeichen und ü.safetensors.partial");
    let run = |more: &[&str]| {
        let mut all = training("go-nogo", &["network.neurons=20", "training.max_updates=30"], &output, "1");
        all.extend(more.iter().map(OsString::from));
        run("train-rate", &all)
    };
    let whole = run(&[]);
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    let expected = std::fs::read(&output).unwrap();
    std::fs::remove_file(&output).unwrap();
    std::fs::remove_file(output.with_extension("jsonl")).unwrap();
    let diverged = run(&["--set", "training.learning_rate=1e30", "--set", "network.activation=relu"]);
    assert!(diverged.status == 1 && partial.exists(), "{}", diverged.stderr);

    let refused = run(&[]);
    assert!(refused.status == 2 && refused.stderr.contains("--resume"), "{}", refused.stderr);
    let refused = run(&["--resume"]);
    assert!(refused.status == 2 && refused.stderr.contains("network.activation = \"relu\""), "{}", refused.stderr);
    let refused = run(&["--resume", "--set", "training.learning_rate=1e30"]);
    assert!(refused.stderr.contains("expected \"sigmoid\""), "{}", refused.stderr);
    std::fs::write(&partial, "not a checkpoint").unwrap();
    _ = std::fs::remove_file(partial.with_extension("partial.1"));
    assert_eq!(run(&["--resume"]).status, 3);
    let anew = run(&["--resume", "--force"]);
    assert!(anew.status == 0 && anew.stderr.contains("beginning anew"), "{}", anew.stderr);
    assert!(std::fs::read(&output).unwrap() == expected && !partial.exists());
    let again = run(&["--resume"]);
    assert_eq!((again.status, again.result), (0, whole.result), "{}", again.stderr);
}
