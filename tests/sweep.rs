//! `workflow/`: plans of sweeps, and the stages of their networks. `make test-sweep` and `make test-slurm` run whole sweeps.

use mdl_tests::{config, have, program, repository, wait_for};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn script(name: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(repository().join("workflow").join(name));
    command
}

/// Plans a sweep written as JSON, which needs no package of Python.
fn plan(dir: &Path, content: &str) -> Output {
    std::fs::write(dir.join("sweep.json"), content).unwrap();
    script("sweep.py").arg("plan").arg(dir.join("sweep.json")).arg("--output").arg(dir).output().unwrap()
}

fn networks(dir: &Path, content: &Value) -> Vec<Value> {
    let planned = plan(dir, &content.to_string());
    assert!(planned.status.success(), "{}", String::from_utf8_lossy(&planned.stderr));
    let text = std::fs::read_to_string(dir.join("sweep/runs.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs the first network of a plan with the programs as built.
fn network(dir: &Path) -> Command {
    let mut command = script("network.py");
    command.arg("--programs").arg(program("train-rate").parent().unwrap()).arg(dir.join("sweep/runs.jsonl")).arg("1");
    command
}

fn record(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_plan_has_every_combination() {
    if !have("python3") {
        return;
    }
    let place = TempDir::new().unwrap();
    let sweep = json!({
        "configs": ["go-nogo", {"config": "xor", "name": "small-xor", "seeds": [7], "train": {"network.neurons": 30}},
            "go-nogo-spiking"],
        "seeds": {"from": 1, "to": 3},
        "train": {"network.neurons": [20, 40], "training.stop": null},
        "search": {"search.factors": [[20, 40]], "search.trials": [5, 6]},
        "evaluate": {"lif.refractory_ms": [1, 2]},
    });
    let planned = networks(place.path(), &sweep);
    let runs: Vec<&str> = planned.iter().map(|network| network["run"].as_str().unwrap()).collect();
    assert_eq!(runs.len(), 2 * 3 + 1 + 2 * 3);
    assert_eq!(&runs[..2], ["go-nogo/network.neurons=20/1", "go-nogo/network.neurons=20/2"]);
    assert_eq!(runs[6], "small-xor/7");
    assert_eq!(planned[6]["train"], json!(["name=small-xor", "network.neurons=30", "training.stop=null"]));
    assert_eq!(planned[0]["config"], json!(config("go-nogo").canonicalize().unwrap()));
    let evaluation = |of_search: &str, ms: u32| {
        let run = format!("go-nogo/network.neurons=20/1/{of_search}/lif.refractory_ms={ms}");
        json!({ "run": run, "evaluate": [format!("lif.refractory_ms={ms}")] })
    };
    let search = |trials: u32| {
        let of_search = format!("search.trials={trials}");
        let evaluations = [1, 2].map(|ms| evaluation(&of_search, ms));
        let search = ["search.factors=[20, 40]".to_owned(), of_search.clone()];
        json!({ "run": format!("go-nogo/network.neurons=20/1/{of_search}"), "search": search, "evaluations": evaluations })
    };
    assert_eq!(planned[0]["searches"], json!([search(5), search(6)]));
    let calibrated = json!({
        "configs": ["go-nogo"], "seeds": [1], "calibrate": [false, {}, {"calibration.iterations": [1, 2]}],
        "evaluate": {"evaluation.trials": 5},
    });
    let search = &networks(place.path(), &calibrated)[0]["searches"][0];
    let evaluations = |run: &str| json!([{ "run": run, "evaluate": ["evaluation.trials=5"] }]);
    let calibration = |name: &str, calibrate: Value| {
        let run = format!("go-nogo/1/{name}");
        json!({ "evaluations": evaluations(&run), "run": run, "calibrate": calibrate })
    };
    let number = |n: u32| {
        calibration(&format!("calibrated,calibration.iterations={n}"), json!([format!("calibration.iterations={n}")]))
    };
    assert_eq!(search["evaluations"], evaluations("go-nogo/1"));
    assert_eq!(search["calibrations"], json!([calibration("calibrated", json!([])), number(1), number(2)]));
    let always = json!({ "configs": ["go-nogo"], "seeds": [1], "calibrate": {} });
    assert_eq!(networks(place.path(), &always)[0]["searches"][0]["evaluations"], json!([]));
    networks(place.path(), &sweep);
    let kinds: Vec<&Value> = planned.iter().map(|network| &network["kind"]).collect();
    assert_eq!((kinds[0], kinds[12], &planned[12]["converted"]), (&json!("rate"), &json!("spiking"), &json!(false)));
    // The same plan is left as it is.
    let file = place.path().join("sweep/runs.jsonl");
    let written = file.metadata().unwrap().modified().unwrap();
    networks(place.path(), &sweep);
    assert_eq!(file.metadata().unwrap().modified().unwrap(), written);
}

#[test]
fn shipped_sweeps_name_configs_that_exist() {
    if !have("python3")
        || Command::new("python3").args(["-c", "import yaml"]).output().is_ok_and(|o| !o.status.success())
    {
        eprintln!("skipped: python3 has no PyYAML");
        return;
    }
    let place = TempDir::new().unwrap();
    for (name, networks) in [("example", 8), ("conversion", 900), ("calibration", 32), ("training-for-conversion", 480)]
    {
        let sweep = repository().join(format!("workflow/{name}.yaml"));
        let planned = script("sweep.py").arg("plan").arg(sweep).arg("--output").arg(place.path()).output().unwrap();
        let result: Value = serde_json::from_slice(&planned.stdout).unwrap();
        assert_eq!(result["networks"], networks, "{name}");
    }
}

#[test]
fn sweeps_that_cannot_be_run_are_refused_by_name() {
    if !have("python3") {
        return;
    }
    let place = TempDir::new().unwrap();
    let cases = [
        (r#"["go-nogo"]"#, "found list, expected a mapping with configs and seeds"),
        ("{", "sweep.json: not JSON: "),
        (r#"{"configs": ["go-nogo"], "configs": []}"#, "found configs twice, expected every key once"),
        (r#"{"seeds": [1]}"#, "configs: found None, expected a list of configs"),
        (r#"{"configs": ["go-nogo"]}"#, "go-nogo: seeds: found none, expected a list of whole numbers"),
        (r#"{"configs": ["go-nogo"], "seeds": [1, 1]}"#, "expected different seeds"),
        (r#"{"configs": ["go-nogo"], "seeds": [-1]}"#, "found [-1], expected a list of whole numbers"),
        (r#"{"configs": ["go-nogo"], "seeds": {"from": 3, "to": 1}}"#, "expected {from: FIRST, to: LAST}"),
        (r#"{"configs": ["go-nog"], "seeds": [1]}"#, "found go-nog, expected a config of "),
        (r#"{"configs": ["go-nogo", "go-nogo"], "seeds": [1]}"#, "two networks would be in go-nogo/1"),
        (r#"{"configs": ["go-nogo"], "seed": [1]}"#, "found the key seed, expected one of calibrate, configs, "),
        (r#"{"configs": [{"name": "a"}], "seeds": [1]}"#, "or a mapping with config"),
        (r#"{"configs": [{"config": "xor", "name": "../a"}], "seeds": [1]}"#, "found ../a, expected letters"),
        (
            r#"{"configs": ["go-nogo"], "seeds": [1], "train": ["network.neurons=1"]}"#,
            "expected fields with their values",
        ),
        (r#"{"configs": ["go-nogo"], "seeds": [1], "train": {"--force": 1}}"#, "found --force, expected a field"),
        (r#"{"configs": ["go-nogo"], "seeds": [1], "train": {"network.neurons": []}}"#, "found an empty list"),
        (
            r#"{"configs": ["go-nogo-spiking"], "seeds": [1], "search": {"search.trials": 1}}"#,
            "no network of this sweep is converted",
        ),
        (
            r#"{"configs": ["go-nogo"], "seeds": [1], "calibrate": true}"#,
            "found true, expected fields with their values",
        ),
        (r#"{"configs": ["go-nogo"], "seeds": [1], "calibrate": [{}, {}]}"#, "two networks would be in go-nogo/1"),
        (
            r#"{"configs": ["go-nogo-spiking"], "seeds": [1], "calibrate": {"a": 1}}"#,
            "no network of this sweep is converted",
        ),
        (r#"{"configs": ["go-nogo"], "seeds": [1], "threads": 0}"#, "threads: found 0, expected a whole number from 1"),
    ];
    for (content, message) in cases {
        let planned = plan(place.path(), content);
        let text = String::from_utf8_lossy(&planned.stderr).into_owned();
        assert_eq!(planned.status.code(), Some(2), "{content}: {text}");
        assert!(
            text.starts_with("error: ") && text.contains(message) && !text.contains("Traceback"),
            "{content}: {text}"
        );
    }
    let missing = script("sweep.py").args(["plan", "nowhere.json"]).output().unwrap();
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.json: No such file or directory"));
    assert!(!place.path().join("sweep").exists());
}

const SMALL: [(&str, &str); 4] = [
    ("network.neurons", "20"),
    ("training.max_updates", "2"),
    ("training.evaluation_trials", "2"),
    ("training.evaluate_every", "1"),
];

fn small(train: &[(&str, &str)]) -> Value {
    let fields = SMALL.iter().chain(train);
    let fields = fields.map(|(name, value)| ((*name).to_owned(), serde_json::from_str(value).unwrap()));
    json!({
        "configs": ["xor"], "seeds": [1],
        "train": Value::Object(fields.collect()),
        "search": {"search.trials": 2, "search.factors": [[20, 40]]},
        "evaluate": {"evaluation.trials": 2, "lif.refractory_ms": [1, 2]},
    })
}

#[test]
fn only_what_is_missing_or_changed_is_run() {
    if !have("python3") {
        return;
    }
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join("sweep/xor/1").join(name);
    let run = || {
        let ran = network(place.path()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    let files = ["rate.safetensors", "lif.safetensors", "lif.refractory_ms=2/eval.safetensors"];
    let state =
        || files.map(|name| (at(name).metadata().unwrap().modified().unwrap(), std::fs::read(at(name)).unwrap()));
    networks(place.path(), &small(&[]));
    run();
    let trained = record(at("train-rate.json"));
    // Status 4: this network cannot meet its criterion.
    assert_eq!((&trained["status"], &trained["attempts"], &trained["message"]), (&json!(4), &json!(1), &Value::Null));
    assert_eq!(trained["result"]["updates"], 2);
    assert!(trained["seconds"].as_f64().unwrap() > 0.0 && at("complete").exists() && at("metrics.jsonl").exists());
    assert!(["rate", "lif"].iter().all(|name| at(&format!("lif.refractory_ms=2/{name}.safetensors")).is_symlink()));
    let before = state();
    run();
    assert!(state() == before, "a complete network was run again");
    // One evaluation is missing, and the settings of the other change nothing else.
    std::fs::remove_file(at(files[2])).unwrap();
    run();
    let again = state();
    assert!(again[..2] == before[..2] && again[2].1 == before[2].1 && again[2].0 > before[2].0);
    // Another training makes the conversion and the evaluation anew.
    networks(place.path(), &small(&[("training.batch_size", "2")]));
    run();
    assert!(state().iter().zip(&before).all(|(new, old)| new.1 != old.1), "the sweep did not follow its file");
}

#[test]
fn a_calibrated_network_is_judged_beside_the_converted_one() {
    if !have("python3") {
        return;
    }
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join("sweep/xor/1").join(name);
    let mut sweep = small(&[]);
    let few = json!({"calibration.held_out_trials": 2, "calibration.iterations": 0, "calibration.trials": 4});
    sweep["calibrate"] = json!([false, few]);
    sweep["evaluate"] = json!({"evaluation.trials": 2});
    let place_of = "calibrated,calibration.held_out_trials=2,calibration.iterations=0,calibration.trials=4";
    let calibrated = |name: &str| at(place_of).join(name);
    networks(place.path(), &sweep);
    let run = || {
        let ran = network(place.path()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    run();
    assert!(calibrated("rate.safetensors").is_symlink() && !calibrated("lif.safetensors").is_symlink());
    let bytes = |path: PathBuf| std::fs::read(path).unwrap();
    for name in ["lif.safetensors", "eval.safetensors"] {
        assert!(bytes(at(name)) != bytes(calibrated(name)), "{name}");
    }
    assert_eq!(record(calibrated("calibrate.json"))["status"], 0);
    let before = calibrated("lif.safetensors").metadata().unwrap().modified().unwrap();
    run();
    assert_eq!(calibrated("lif.safetensors").metadata().unwrap().modified().unwrap(), before, "it was run again");
}

#[test]
fn a_stopped_network_continues_to_the_same_bytes() {
    if !have("python3") {
        return;
    }
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join("sweep/xor/1").join(name);
    networks(
        place.path(),
        &small(&[("training.max_updates", "400"), ("training.evaluate_every", "100"), ("training.stop", "null")]),
    );
    let mut running = network(place.path()).spawn().unwrap();
    // The program has its signal handlers before it opens its output.
    let lock = at(".rate.safetensors.lock");
    wait_for("the training", || lock.exists() || at("rate.safetensors").exists());
    std::thread::sleep(std::time::Duration::from_millis(200));
    Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap();
    let status = running.wait().unwrap().code();
    // A fast machine may have trained the network by then; it is stopped before or in the next stage, or complete.
    assert!([Some(75), Some(0)].contains(&status), "{status:?}");
    if status == Some(75) {
        assert!(!at("complete").exists());
    }
    assert!(network(place.path()).status().unwrap().success());
    let resumed = std::fs::read(at("lif.refractory_ms=2/eval.safetensors")).unwrap();
    std::fs::remove_dir_all(place.path().join("sweep/xor")).unwrap();
    assert!(network(place.path()).status().unwrap().success());
    assert!(std::fs::read(at("lif.refractory_ms=2/eval.safetensors")).unwrap() == resumed);
}

#[test]
fn a_failure_is_recorded_and_names_its_reason() {
    if !have("python3") {
        return;
    }
    let place = TempDir::new().unwrap();
    networks(place.path(), &small(&[("network.synapses", "3")]));
    let ran = network(place.path()).output().unwrap();
    let text = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{text}");
    assert!(text.contains("train-rate ended with status 2: ") && text.contains("network.synapses"), "{text}");
    let record = record(place.path().join("sweep/xor/1/train-rate.json"));
    assert!(record["status"] == 2 && record["message"].as_str().unwrap().contains("synapses"), "{record}");
    let mut table = script("sweep.py");
    table.arg("table").arg(place.path().join("sweep.json")).arg("--output").arg(place.path());
    let table = table.arg("--programs").arg(program("gather").parent().unwrap()).output().unwrap();
    assert!(table.status.success(), "{}", String::from_utf8_lossy(&table.stderr));
    let text = std::fs::read_to_string(place.path().join("sweep/table.csv")).unwrap();
    assert!(text.lines().nth(1).is_some_and(|row| row.contains(",failed,") && row.contains("synapses")), "{text}");
    let unknown = script("network.py").arg("nowhere.jsonl").arg("1").output().unwrap();
    assert!(unknown.status.code() == Some(2) && String::from_utf8_lossy(&unknown.stderr).contains("nowhere.jsonl"));
}
