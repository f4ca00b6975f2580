//! The pipeline as its users run it: train, search, evaluate.

use mdl_tests::{arguments, config, run};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Runs one stage and returns its result.
fn stage(program: &str, arguments: &[std::ffi::OsString]) -> Value {
    let ran = run(program, arguments);
    assert_eq!(ran.status, 0, "{program}: {}", ran.stderr);
    ran.result.expect("a JSON object on stdout")
}

/// Trains Go-NoGo, searches with few trials, evaluates; returns the results and the files written.
fn pipeline(dir: &Path, threads: &str) -> (Vec<Value>, Vec<PathBuf>) {
    let path = |name: &str| dir.join(name);
    let [rate, lif, eval] = ["rate.safetensors", "lif.safetensors", "eval.safetensors"].map(path);
    let results = vec![
        stage("train-rate", &arguments!["--config", config("go-nogo"), "--threads", threads, "-o", &rate]),
        stage("lambda-search", &arguments![&rate, "--threads", threads, "--set", "search.trials=20", "-o", &lif]),
        stage(
            "eval-lif",
            &arguments![
                &lif,
                "--threads",
                threads,
                "--report",
                path("report.html"),
                "--set",
                "evaluation.trials=50",
                "-o",
                &eval
            ],
        ),
    ];
    (results, vec![rate, lif, eval, path("report.html")])
}

#[test]
fn go_nogo_from_config_to_report_on_any_number_of_threads() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (results, files) = pipeline(one.path(), "1");
    assert!(results[0]["performance"].as_f64().unwrap() > 0.95, "{}", results[0]);
    assert!(results[1]["performance"].as_f64().unwrap() >= 0.9, "{}", results[1]);
    assert!(results[2]["performance"].as_f64().unwrap() >= 0.9, "{}", results[2]);
    let interval = results[2]["performance_interval"].as_array().unwrap();
    assert!(interval[0].as_f64() < results[2]["performance"].as_f64(), "{}", results[2]);

    let (_, again) = pipeline(two.path(), "2");
    for (a, b) in files.iter().zip(&again) {
        let name = a.file_name().unwrap();
        assert!(std::fs::read(a).unwrap() == std::fs::read(b).unwrap(), "{name:?} differs between 1 and 2 threads");
    }
    let report = std::fs::read_to_string(&files[3]).unwrap();
    assert!(report.contains("<svg") && !report.contains("<script"), "figures inline, no script");
    assert!(std::fs::read_dir(one.path().join("figures")).unwrap().count() >= 8, "SVG and PNG figures");
}

#[test]
fn trials_can_be_written_once_and_used_again() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("trials.safetensors");
    let made = stage("make-trials", &arguments!["--config", config("mante"), "--trials", "7", "-o", &path]);
    assert_eq!(made["trials"], 7);
    assert!(std::fs::metadata(&path).unwrap().len() > 7 * 500 * 5 * 4);
}
