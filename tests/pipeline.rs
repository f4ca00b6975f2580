//! The pipeline as its users run it: train, search, evaluate.

use mdl_data::events::synthetic::Synthetic;
use mdl_tests::{arguments, config, run, write_classes};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Runs one stage and returns its result.
fn stage(program: &str, arguments: &[OsString]) -> Value {
    let ran = run(program, arguments);
    assert_eq!(ran.status, 0, "{program}: {}", ran.stderr);
    ran.result.expect("a JSON object on stdout")
}

/// Numbers of a tensor in single precision.
fn values(file: &Path, name: &str) -> Vec<f32> {
    let bytes = std::fs::read(file).unwrap();
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..start]).unwrap();
    let place = |i: usize| start + header[name]["data_offsets"][i].as_u64().unwrap() as usize;
    bytes[place(0)..place(1)].chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect()
}

/// Trains Go-NoGo, searches with few trials, evaluates; returns the results and the files written.
fn pipeline(dir: &Path, threads: &str) -> (Vec<Value>, Vec<PathBuf>) {
    let path = |name: &str| dir.join(name);
    let [rate, lif, eval, calibrated, eval_calibrated] =
        ["rate", "lif", "eval", "calibrated", "eval-calibrated"].map(|name| path(&format!("{name}.safetensors")));
    let few = ["calibration.trials=40", "calibration.held_out_trials=40", "calibration.iterations=1"];
    let few = few.iter().flat_map(|field| arguments!["--set", field]);
    let calibrate = arguments![&lif, "--threads", threads, "-o", &calibrated].into_iter().chain(few);
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
                "--set",
                "evaluation.record_potentials_every_ms=0.05",
                "-o",
                &eval
            ],
        ),
        stage("calibrate", &calibrate.collect::<Vec<_>>()),
        stage(
            "eval-lif",
            &arguments![&calibrated, "--threads", threads, "--set", "evaluation.trials=50", "-o", &eval_calibrated],
        ),
    ];
    (results, vec![rate, lif, eval, path("report.html"), calibrated, eval_calibrated])
}

#[test]
fn go_nogo_from_config_to_report_on_any_number_of_threads() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (results, files) = pipeline(one.path(), "1");
    assert!(results[0]["performance"].as_f64().unwrap() > 0.95, "{}", results[0]);
    assert!(results[1]["performance"].as_f64().unwrap() >= 0.9, "{}", results[1]);
    let (predicted, plateau) = (results[1]["predicted_scaling_factor"].as_f64(), &results[1]["plateau"]);
    assert!(plateau[0].as_f64() <= predicted && predicted <= plateau[1].as_f64(), "{}", results[1]);
    assert!(results[2]["performance"].as_f64().unwrap() >= 0.9, "{}", results[2]);
    let interval = results[2]["performance_interval"].as_array().unwrap();
    assert!(interval[0].as_f64() < results[2]["performance"].as_f64(), "{}", results[2]);

    let number = |name: &str| results[2][name].as_f64().unwrap();
    assert!(number("strict_performance") <= number("performance"), "{}", results[2]);
    assert!((0.0..1.0).contains(&number("rate_network_error")) && number("output_error") > 0.0, "{}", results[2]);
    assert!(number("output_gain") > 0.5, "the output of Go trials rises in both networks: {}", results[2]);
    let go = &results[2]["unit_rates"]["Go"];
    assert!(go["correlation"].as_f64().unwrap() > 0.5 && go["hz_per_rate"].as_f64().unwrap() > 5.0, "{}", results[2]);
    // On the same trials, the rate network's output is that of eval-rate.
    let rate_eval = one.path().join("rate-eval.safetensors");
    let every = ["--set", "evaluation.trials=50", "--set", "evaluation.record_every_ms=5"];
    let all = [&arguments![&files[0], "-o", &rate_eval][..], &every.map(OsString::from)].concat();
    let judged = stage("eval-rate", &all);
    assert!(judged["performance"].as_f64().unwrap() > 0.95, "{judged}");
    let [of_lif, of_rate] = [(&files[2], "rate_output"), (&rate_eval, "output")].map(|(file, name)| values(file, name));
    // LIF times begin one step later: 5 ms is the task's second step.
    let (steps, times) = (of_rate.len() / 50, of_lif.len() / 50);
    assert_eq!((steps, times), (200, 200));
    for trial in 0..50 {
        assert_eq!(of_lif[trial * 200..][..199], of_rate[trial * 200 + 1..][..199], "trial {trial}");
    }

    // The first version is the network as converted; the chosen one is closer to the rate network, on other trials, too.
    let calibrated = &results[3];
    let error = |result: &Value| result["rate_network_error"].as_f64().unwrap();
    assert_eq!(calibrated["versions"].as_array().unwrap().len(), 4, "{calibrated}");
    assert_eq!(calibrated["versions"][0]["version"], "converted", "{calibrated}");
    assert!(error(calibrated) < 0.5 * error(&calibrated["versions"][0]), "{calibrated}");
    assert!(error(&results[4]) < 0.5 * error(&results[2]), "{} after {}", results[4], results[2]);

    let (_, again) = pipeline(two.path(), "2");
    for (a, b) in files.iter().zip(&again) {
        let name = a.file_name().unwrap();
        assert!(std::fs::read(a).unwrap() == std::fs::read(b).unwrap(), "{name:?} differs between 1 and 2 threads");
    }
    let report = std::fs::read_to_string(&files[3]).unwrap();
    assert!(report.contains("<svg") && !report.contains("<script src"), "figures and script are inline");
    assert!(std::fs::read_dir(one.path().join("figures")).unwrap().count() >= 8, "SVG and PNG figures");
}

#[test]
fn trials_can_be_written_once_and_used_again() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("trials.safetensors");
    let make = |path: &Path, threads: &str| {
        let all = arguments!["--config", config("mante"), "--trials", "7", "--threads", threads, "-o", path];
        stage("make-trials", &all)
    };
    assert_eq!(make(&path, "1")["trials"], 7);
    let again = dir.path().join("again.safetensors");
    make(&again, "2");
    assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap(), "1 and 2 threads");
    assert!(std::fs::metadata(&path).unwrap().len() > 7 * 500 * 5 * 4);
}

/// Trains and evaluates a spiking network with 1 and with 2 threads; returns the results, the same bytes both times.
fn spiking(name: &str, set: &[String]) -> [Value; 2] {
    let runs = ["1", "2"].map(|threads| {
        let dir = TempDir::new().unwrap();
        let [network, eval] = ["spiking.safetensors", "eval.safetensors"].map(|name| dir.path().join(name));
        let mut train = arguments!["--config", config(name), "--threads", threads, "-o", &network].to_vec();
        train.extend(set.iter().flat_map(|field| arguments!["--set", field]));
        let report = dir.path().join("report.html");
        let judge = arguments![&network, "--threads", threads, "--report", &report, "-o", &eval];
        let results = [stage("train-spiking", &train), stage("eval-spiking", &judge)];
        (results, [&network, &eval, &report].map(|path| std::fs::read(path).unwrap()))
    });
    let [(one, files), (_, again)] = runs;
    assert!(files == again, "{name} differs between 1 and 2 threads");
    one
}

#[test]
fn a_spiking_network_learns_the_contextual_task_on_any_number_of_threads() {
    let set = ["training.max_updates=300", "training.batch_size=100", "training.evaluate_every=300"].map(String::from);
    let [trained, judged] = spiking("mante-spiking", &set);
    assert!(trained["performance"].as_f64().unwrap() > 0.8, "{trained}");
    assert!(judged["performance"].as_f64().unwrap() > 0.8, "{judged}");
    assert!(judged["output_error"].as_f64().unwrap() < 0.3, "{judged}");
    assert!(judged["rate_hz"].as_f64().unwrap() > 0.0, "{judged}");
}

#[test]
fn a_spiking_network_learns_images_on_any_number_of_threads() {
    let data = TempDir::new().unwrap();
    write_classes(data.path(), "train", 120);
    write_classes(data.path(), "t10k", 50);
    let mut set = vec![format!("task.directory={}", data.path().display())];
    let numbers = ["task.verify=false", "task.validation_examples=20", "training.batch_size=50"];
    set.extend(numbers.map(String::from));
    set.extend(["training.max_updates=60", "training.evaluate_every=30"].map(String::from));
    let [_, judged] = spiking("mnist", &set);
    assert!(judged["accuracy"].as_f64().unwrap() > 0.9, "{judged}");
    let confusion: u64 = judged["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(confusion, 50);
}

/// The classes are bars at different heights: shown row by row they differ only in time, permuted also in shape.
#[test]
fn a_spiking_network_learns_images_that_are_shown_pixel_by_pixel() {
    let data = TempDir::new().unwrap();
    write_classes(data.path(), "train", 120);
    write_classes(data.path(), "t10k", 50);
    let set = [
        &format!("task.directory={}", data.path().display()),
        "task.verify=false",
        "task.permuted=true",
        "task.validation_examples=20",
        "network.neurons=100",
        "training.batch_size=50",
        "training.learning_rate=0.02",
        "training.max_updates=120",
        "training.evaluate_every=60",
    ];
    let [_, judged] = spiking("sequential-mnist", &set.map(String::from));
    assert!(judged["accuracy"].as_f64().unwrap() > 0.6, "{judged}");
    assert_eq!(judged["trials"], 50);
}

#[test]
fn a_spiking_network_learns_spoken_words() {
    let data = TempDir::new().unwrap();
    for (name, examples, seed) in [("shd_train.h5", 240, 1), ("shd_test.h5", 100, 2)] {
        Synthetic { examples, events: 1500, seed }.write(&data.path().join(name)).unwrap();
    }
    let set = [
        &format!("task.directory={}", data.path().display()),
        "task.verify=false",
        "task.validation_examples=40",
        "network.neurons=100",
        "training.batch_size=50",
        "training.learning_rate=0.02",
        "training.max_updates=60",
        "training.evaluate_every=30",
    ];
    let [_, judged] = spiking("shd", &set.map(String::from));
    assert!(judged["accuracy"].as_f64().unwrap() > 0.5, "{judged}");
    assert_eq!(judged["trials"], 100);
}

#[test]
fn training_on_images_reports_accuracy_whatever_the_network() {
    let dir = TempDir::new().unwrap();
    write_classes(dir.path(), "train", 60);
    let directory = format!("task.directory={}", dir.path().display());
    let set = [&directory, "task.verify=false", "task.validation_examples=10", "training.batch_size=10"];
    let set = [&set[..], &["network.neurons=20", "training.max_updates=2", "training.evaluate_every=2"]].concat();
    let sequential = dir.path().join("sequential-rate.json");
    let text = std::fs::read_to_string(config("mnist-rate")).unwrap();
    std::fs::write(&sequential, text.replace(r#""kind": "digits""#, r#""kind": "sequential-mnist""#)).unwrap();
    let [rate, spiking] = ["mnist-rate", "mnist"].map(config);
    for (program, config) in [("train-rate", &rate), ("train-spiking", &spiking), ("train-rate", &sequential)] {
        let output = dir.path().join("network.safetensors");
        let mut all = arguments!["--config", config, "--force", "-o", output].to_vec();
        all.extend(set.iter().flat_map(|field| arguments!["--set", field]));
        let trained = stage(program, &all);
        assert!(trained["accuracy"].is_number() && trained["performance"].is_null(), "{program}: {trained}");
    }
}

#[test]
fn a_sweep_over_several_networks_counts_networks_and_not_their_trials() {
    let dir = TempDir::new().unwrap();
    let train = |seed: &str| {
        let rate = dir.path().join(seed).with_extension("safetensors");
        let set = ["network.neurons=30", "training.max_updates=10", "training.evaluation_trials=4"];
        let mut all = arguments!["--config", config("go-nogo"), "--seed", seed, "-o", &rate].to_vec();
        all.extend(set.iter().flat_map(|field| arguments!["--set", field]));
        assert_eq!(run("train-rate", &all).status, 4, "ten updates are too few");
        rate
    };
    let (one, two) = (train("1"), train("2"));
    let sweep = |name: &str, rates: &[&PathBuf]| {
        let mut all: Vec<std::ffi::OsString> = rates.iter().map(Into::into).collect();
        all.extend(arguments!["--parameter", "lif.refractory_ms", "--values", "2", "--set", "search.trials=2"]);
        all.extend(arguments!["--set", "evaluation.trials=40", "-o", dir.path().join(name)]);
        run("sweep-lif", &all)
    };
    let point = |name: &str, rates: &[&PathBuf]| {
        let ran = sweep(name, rates);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran.result.unwrap()["curves"][0]["points"][0].clone()
    };
    let single = [point("one", &[&one]), point("two", &[&two])];
    for alone in &single {
        assert!(alone["performance_interval"].is_array() && alone["performance_sd"].is_null(), "{alone}");
    }
    let both = point("both", &[&one, &two]);
    let [a, b] = single.map(|alone| alone["performance"].as_f64().unwrap());
    assert_eq!(both["performances"], serde_json::json!([a, b]));
    assert!((both["performance"].as_f64().unwrap() - (a + b) / 2.0).abs() < 1e-12, "{both}");
    assert!((both["performance_sd"].as_f64().unwrap() - (a - b).abs() / 2f64.sqrt()).abs() < 1e-12, "{both}");
    assert!(both["performance_interval"].is_null() && both["successful_interval"].is_array(), "{both}");
    let copy = dir.path().join("copy.safetensors");
    std::fs::copy(&one, &copy).unwrap();
    let twice = sweep("twice", &[&one, &two, &copy]);
    assert_eq!(twice.status, 2);
    assert!(twice.stderr.contains("copy.safetensors") && twice.stderr.contains("1.safetensors"), "{}", twice.stderr);
    assert!(!dir.path().join("twice").exists());
}
