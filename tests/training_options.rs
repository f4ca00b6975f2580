//! Start from another network, frozen parameters, regularisers and curricula, as their users run them.

use mdl_tests::{arguments, config, run, stop_and_resume};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Header and data of an artifact.
struct File {
    header: BTreeMap<String, Value>,
    data: Vec<u8>,
}

impl File {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let (length, rest) = bytes.split_at(8);
        let (header, data) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        Self { header: serde_json::from_slice(header).unwrap(), data: data.to_vec() }
    }

    fn bytes(&self, tensor: &str) -> &[u8] {
        let offsets = &self.header.get(tensor).unwrap_or_else(|| panic!("no {tensor}"))["data_offsets"];
        let [from, to] = [0, 1].map(|i| offsets[i].as_u64().unwrap() as usize);
        &self.data[from..to]
    }

    fn f64s(&self, tensor: &str) -> Vec<f64> {
        self.bytes(tensor).chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    fn f32s(&self, tensor: &str) -> Vec<f32> {
        self.bytes(tensor).chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    fn metadata(&self, key: &str) -> Value {
        serde_json::from_str(self.header["__metadata__"][key].as_str().unwrap()).unwrap()
    }
}

fn set(fields: &[&str]) -> Vec<OsString> {
    fields.iter().flat_map(|field| arguments!["--set", field]).collect()
}

/// Runs a training program, which must end with one of these statuses; returns its result.
fn train(program: &str, arguments: &[OsString], statuses: &[i32]) -> Value {
    let ran = run(program, arguments);
    assert!(statuses.contains(&ran.status), "{}: {}", ran.status, ran.stderr);
    ran.result.expect("a result")
}

/// A message of a run that must end with this status.
fn refused(program: &str, arguments: &[OsString], status: i32) -> String {
    let ran = run(program, arguments);
    assert_eq!(ran.status, status, "{}", ran.stderr);
    ran.stderr
}

const SMALL: [&str; 4] = [
    "network.neurons=40",
    "training.stop.not_before_update=0",
    "training.evaluate_every=20",
    "training.learning_rate=0.02",
];

/// Go-NoGo with a small network, trained to the criterion.
fn trained(dir: &Path) -> (PathBuf, Value) {
    let path = dir.join("rate.safetensors");
    let all = [arguments!["--config", config("go-nogo"), "-o", &path].to_vec(), set(&SMALL)].concat();
    (path, train("train-rate", &all, &[0]))
}

#[test]
fn a_trained_network_is_tuned_for_another_time_of_the_cue() {
    let dir = TempDir::new().unwrap();
    let (from, first) = trained(dir.path());
    let tuned = dir.path().join("tuned.safetensors");
    let later = ["task.parameters.stimulus_ms=[350,475]"];
    let arguments = [arguments!["--from", &from, "-o", &tuned].to_vec(), set(&later)].concat();
    let result = train("train-rate", &arguments, &[0]);
    let updates = |result: &Value| result["updates"].as_u64().unwrap();
    assert!(updates(&result) < updates(&first), "{result} after {first}");
    let [before, after] = [&from, &tuned].map(|path| File::read(path));
    for name in ["w_in", "w_rec", "sign", "theta", "w_out", "b_out"] {
        assert!(before.bytes(name) == after.bytes(&format!("initial.{name}")), "{name} is taken over");
    }
    assert!(before.bytes("w_rec") != after.bytes("w_rec"));
    let provenance = after.metadata("provenance");
    let input = &provenance["inputs"][0];
    assert_eq!((&input["file"], &provenance["parent"]["program"]), (&json!("rate.safetensors"), &json!("train-rate")));
    assert_eq!(provenance.get("drawn_anew"), None);

    // A task with other inputs, whose weights are new.
    let xor = dir.path().join("xor.safetensors");
    let short = ["training.max_updates=2", "training.stop=null", "training.evaluation_trials=4", SMALL[0]];
    let arguments = [arguments!["--config", config("xor"), "--from", &from, "-o", &xor].to_vec(), set(&short)].concat();
    let ran = run("train-rate", &arguments);
    assert!(
        ran.status == 0 && ran.stderr.contains("has 1 inputs, xor 2: new input weights are drawn"),
        "{}",
        ran.stderr
    );
    let other = File::read(&xor);
    assert!(
        before.bytes("w_rec") == other.bytes("initial.w_rec") && before.bytes("w_out") == other.bytes("initial.w_out")
    );
    assert_eq!(other.metadata("provenance")["drawn_anew"], json!(["w_in"]));

    let new = dir.path().join("new.safetensors");
    let arguments = [arguments!["--from", &from, "--new-outputs", "-o", &new].to_vec(), set(&short)].concat();
    train("train-rate", &arguments, &[0]);
    let other = File::read(&new);
    assert!(before.bytes("initial.w_out") == other.bytes("initial.w_out"), "drawn as before, with the same seed");
    assert_eq!(other.metadata("provenance")["drawn_anew"], json!(["w_out", "b_out"]));

    // What does not fit.
    let out = dir.path().join("out.safetensors");
    let message = refused("train-rate", &arguments!["--config", config("go-nogo"), "--from", &from, "-o", &out], 2);
    for part in ["network.neurons: found 200, expected 40, as in", "rate.safetensors", "--set network.neurons=40"] {
        assert!(message.contains(part), "{message}");
    }
    let message = refused("train-spiking", &arguments!["--from", &from, "-o", &out], 3);
    assert!(
        message.contains("rate.safetensors: found rate, expected spiking; train-rate trains rate networks"),
        "{message}"
    );
    let message = refused("train-rate", &arguments!["--from", &from, "--force", "-o", &from], 2);
    assert!(message.contains("the network (--from)"), "{message}");
    refused("train-rate", &arguments!["-o", &out], 2);
    refused("train-rate", &arguments!["--config", config("go-nogo"), "--new-inputs", "-o", &out], 2);
}

#[test]
fn frozen_parameters_keep_their_bits() {
    let dir = TempDir::new().unwrap();
    let short = ["network.neurons=30", "training.max_updates=20", "training.stop=null", "training.evaluation_trials=4"];
    let [rate, spiking] = ["rate", "spiking"].map(|name| dir.path().join(name).with_extension("safetensors"));
    let arguments = |name: &str, more: &[&str], output: &Path| {
        [arguments!["--config", config(name), "-o", output].to_vec(), set(&short), set(more)].concat()
    };
    train("train-rate", &arguments("go-nogo", &[r#"training.frozen=["w_rec","theta"]"#], &rate), &[0]);
    let file = File::read(&rate);
    for (name, same) in [("w_rec", true), ("theta", true), ("w_out", false), ("b_out", false)] {
        assert_eq!(file.bytes(name) == file.bytes(&format!("initial.{name}")), same, "{name}");
    }
    let batch = "training.batch_size=4";
    train("train-spiking", &arguments("mante-spiking", &[batch], &spiking), &[0]);
    let tuned = dir.path().join("tuned.safetensors");
    let frozen = set(&[r#"training.frozen=["mode_in","mode_out","score"]"#]);
    train("train-spiking", &[arguments!["--from", &spiking, "-o", &tuned].to_vec(), frozen].concat(), &[0]);
    let [before, after] = [&spiking, &tuned].map(|path| File::read(path));
    for (name, same) in [("mode_in", true), ("mode_out", true), ("score", true), ("w_in", false), ("w_out", false)] {
        assert_eq!(before.bytes(name) == after.bytes(name), same, "{name}");
    }
    for (frozen, expected) in [
        (r#"["w_rek"]"#, "training.frozen.0: found w_rek, expected one of w_in, w_out, w_rec, theta, b_out"),
        (
            r#"["w_rec","theta","w_out","b_out"]"#,
            "expected at least one parameter to train, of w_out, w_rec, theta, b_out",
        ),
    ] {
        let message = refused("train-rate", &arguments("go-nogo", &[&format!("training.frozen={frozen}")], &tuned), 2);
        assert!(message.contains(expected), "{message}");
    }
}

/// Rows of a metrics file.
fn metrics(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_target_moves_the_mean_rate_and_costs_are_reported() {
    let dir = TempDir::new().unwrap();
    let rows = dir.path().join("metrics.jsonl");
    let output = dir.path().join("rate.safetensors");
    let costs = |target: f64| {
        let short =
            ["network.neurons=40", "training.max_updates=200", "training.stop=null", "training.evaluate_every=40"];
        let regularisers = format!(
            r#"training.regularisers=[{{"kind":"rate-target","strength":200,"target":{target}}},
            {{"kind":"rate-l2","strength":0.1,"population":"inhibitory"}},
            {{"kind":"weight-l1","strength":1,"population":"excitatory"}},
            {{"kind":"weight-l2","strength":1,"parameters":["w_rec","w_out"]}}]"#
        );
        let fields = ["training.evaluation_trials=20", &regularisers];
        let first = arguments!["--config", config("go-nogo"), "--metrics", &rows, "--force", "-o", &output].to_vec();
        train("train-rate", &[first, set(&short), set(&fields)].concat(), &[0]);
        let found = metrics(&rows);
        let costs =
            |row: &Value| row["costs"].as_array().unwrap().iter().map(|c| c.as_f64().unwrap()).collect::<Vec<_>>();
        let file = File::read(&output);
        let written: Vec<f64> = found.iter().flat_map(costs).collect();
        assert_eq!(file.f64s("history.costs"), written);
        (costs(&found[0]), costs(&found[found.len() - 1]))
    };
    for target in [0.2, 0.7] {
        let (first, last) = costs(target);
        assert_eq!(first.len(), 4);
        // The mean rate starts near 0.5: the cost near 200 × 0.3² or 200 × 0.2².
        assert!(last[0] < 0.2 * first[0], "target {target}: {first:?} {last:?}");
    }
    let plain = run(
        "train-rate",
        &[
            arguments!["--config", config("mante-modes"), "--print-config"].to_vec(),
            set(&[r#"training.regularisers=[{"kind":"weight-l1","strength":1,"population":"inhibitory"}]"#]),
        ]
        .concat(),
    );
    assert_eq!(plain.status, 2);
    assert!(
        plain.stderr.contains("training.regularisers.0.population: found inhibitory, expected no population"),
        "{}",
        plain.stderr
    );
}

#[test]
fn costs_that_mean_something_else_are_refused() {
    let wrong = [
        (
            "go-nogo",
            r#"{"kind":"weight-l2","strength":1,"parameters":[]}"#,
            "expected one or more parameters; leave the field out",
        ),
        (
            "go-nogo",
            r#"{"kind":"rate-target","strength":1,"target":40}"#,
            "0.target: found 40, expected a number from 0 to 1",
        ),
        (
            "go-nogo",
            r#"{"kind":"silent-units","strength":1,"floor":5}"#,
            "0.floor: found 5, expected a number from 0 to 1",
        ),
        (
            "mante-spiking",
            r#"{"kind":"rate-target","strength":1,"target":-1}"#,
            "0.target: found -1, expected a number from 0 to 500",
        ),
    ];
    for (name, regulariser, message) in wrong {
        let program = if name == "go-nogo" { "train-rate" } else { "train-spiking" };
        let regularisers = format!("training.regularisers=[{regulariser}]");
        let arguments = [arguments!["--config", config(name), "--print-config"].to_vec(), set(&[&regularisers])];
        let plain = run(program, &arguments.concat());
        assert_eq!(plain.status, 2, "{regulariser}");
        assert!(plain.stderr.contains(message), "{regulariser}: {}", plain.stderr);
    }
}

#[test]
fn silent_units_vanish() {
    let dir = TempDir::new().unwrap();
    let fields = [
        "network.neurons=40",
        "network.neuron.threshold=4",
        "task.parameters.trial_ms=400",
        "task.parameters.stimulus_ms=[20,220]",
        "task.parameters.response_from_ms=260",
        "task.parameters.lif_response_from_ms=260",
        "training.batch_size=8",
        "training.evaluation_trials=16",
        "training.evaluate_every=50",
        "training.learning_rate=0.03",
        "evaluation.trials=50",
    ];
    let silent_share = |name: &str, more: &[&str]| {
        let [network, eval] = ["", "-eval"].map(|end| dir.path().join(format!("{name}{end}.safetensors")));
        let first = arguments!["--config", config("mante-spiking"), "-o", &network].to_vec();
        train("train-spiking", &[first, set(&fields), set(more)].concat(), &[0]);
        let result = train("eval-spiking", &arguments![&network, "-o", &eval], &[0]);
        result["silent_share"].as_f64().unwrap()
    };
    let floor = r#"training.regularisers=[{"kind":"silent-units","strength":0.01,"floor":5}]"#;
    let without = silent_share("without", &["training.max_updates=1"]);
    let with = silent_share("with", &["training.max_updates=200", floor]);
    assert!(without > 0.2 && with < 0.1 * without, "{without} {with}");
}

/// A cue of either sign is answered after a delay.
const DELAYED: &str = r#"
step_ms = 10
inputs = ["cue"]
outputs = ["answer"]
conditions = ["positive", "negative"]
parameters = {"delay_ms": 600}

def duration_ms(p):
    return 300 + p.delay_ms

def trial(t, p):
    sign = t.choose([-1, 1])
    t.pulse("cue", 20, 120, sign)
    t.pulse("answer", 120 + p.delay_ms, None, sign)
    if sign > 0:
        t.reach("answer", above = 0.5, from_ms = 120 + p.delay_ms)
        return "positive"
    t.reach("answer", below = -0.5, from_ms = 120 + p.delay_ms)
    return "negative"
"#;

/// The delayed task with stages of shorter delays.
fn curriculum(dir: &Path) -> PathBuf {
    std::fs::write(dir.join("delayed.star"), DELAYED).unwrap();
    let config = json!({
        "name": "delayed",
        "task": {"file": "delayed.star"},
        "network": {"kind": "rate", "neurons": 40, "recurrence": {"kind": "dense"}},
        "training": {
            "loss": "mean-squared", "batch_size": 8, "clip_norm": 1.0, "evaluate_every": 10, "evaluation_trials": 20,
            "max_updates": 1500, "stop": {"loss_below": 0.2, "performance_above": 0.9},
            "stages": [
                {"parameters": {"delay_ms": 50}, "max_updates": 1000},
                {"parameters": {"delay_ms": 250}, "stop": {"loss_below": 0.3, "performance_above": 0.85}},
            ],
        },
    });
    let path = dir.join("delayed.json");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

#[test]
fn a_curriculum_of_delays_reaches_its_criterion() {
    let dir = TempDir::new().unwrap();
    let config = curriculum(dir.path());
    let [output, rows] = ["rate.safetensors", "metrics.jsonl"].map(|name| dir.path().join(name));
    let all = arguments!["--config", &config, "--metrics", &rows, "-o", &output].to_vec();
    let result = train("train-rate", &all, &[0]);
    assert_eq!((&result["success"], &result["stage"]), (&json!(true), &json!(3)), "{result}");
    let stages: Vec<u64> = metrics(&rows).iter().map(|row| row["stage"].as_u64().unwrap()).collect();
    assert!(stages.is_sorted() && stages[0] == 1 && stages.contains(&2) && stages.ends_with(&[3]), "{stages:?}");
    assert_eq!(File::read(&output).metadata("config")["task"]["parameters"]["delay_ms"], json!(600));

    // A stage that misses its criterion ends the training.
    let missed =
        set(&[r#"training.stages=[{"parameters":{"delay_ms":50},"max_updates":15}]"#, "training.stop.loss_below=1e-6"]);
    let all = [arguments!["--config", &config, "--force", "-o", &output].to_vec(), missed].concat();
    let ran = run("train-rate", &all);
    let result = ran.result.unwrap();
    assert_eq!((ran.status, &result["updates"], &result["stage"]), (4, &json!(15), &json!(1)), "{}", ran.stderr);
    assert!(ran.stderr.contains("stage 1 of 2 did not meet its stopping rule within 15 updates"), "{}", ran.stderr);

    for (stage, part) in [
        (r#"{"parameters":{"delai_ms":50}}"#, "training.stages.0.parameters"),
        (
            r#"{"parameters":{"delay_ms":50},"max_updates":0}"#,
            "training.stages.0.max_updates: found 0, expected at least 1",
        ),
        (r#"{"delay_ms":50}"#, "training.stages.0"),
    ] {
        let stages = set(&[&format!("training.stages=[{stage}]")]);
        let all = [arguments!["--config", &config, "--force", "-o", &output].to_vec(), stages].concat();
        let message = refused("train-rate", &all, 2);
        assert!(message.contains(part), "{message}");
    }
}

/// Stopped in any stage, with every option, a training ends with the same bytes.
#[test]
fn a_curriculum_that_is_stopped_ends_with_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    let config = curriculum(dir.path());
    let [first, whole, again, stopped] =
        ["first", "whole", "again", "stopped"].map(|name| dir.path().join(name).with_extension("safetensors"));
    let short = set(&["training.stages=[]", "training.max_updates=5", "training.stop=null"]);
    train("train-rate", &[arguments!["--config", &config, "-o", &first].to_vec(), short].concat(), &[0]);
    let fields = [
        "training.stop=null",
        "training.keep=best",
        "training.max_updates=205",
        "training.updates_per_batch=3",
        "training.schedule={\"kind\":\"cosine\",\"final_fraction\":0.1}",
        r#"training.stages=[{"parameters":{"delay_ms":50},"max_updates":125},{"parameters":{"delay_ms":300},"max_updates":133}]"#,
        r#"training.frozen=["theta"]"#,
        r#"training.regularisers=[{"kind":"rate-target","strength":1,"target":0.4},{"kind":"weight-l1","strength":0.1}]"#,
    ];
    let all = |output: &Path, threads: &str| {
        let metrics = output.with_extension("jsonl");
        let io = arguments!["--config", &config, "--from", &first, "--metrics", metrics, "-o", output].to_vec();
        [io, arguments!["--threads", threads, "--checkpoint-every", "0"].to_vec(), set(&fields)].concat()
    };
    train("train-rate", &all(&whole, "1"), &[0]);
    train("train-rate", &all(&again, "2"), &[0]);
    let expected = std::fs::read(&whole).unwrap();
    assert!(expected == std::fs::read(&again).unwrap(), "1 and 2 threads");
    for (signal, stops) in [("-KILL", 6), ("-TERM", 6)] {
        stop_and_resume("train-rate", &all(&stopped, "1"), &stopped, &expected, signal, stops);
        let [a, b] = [&whole, &stopped].map(|output| std::fs::read(output.with_extension("jsonl")).unwrap());
        assert!(a == b, "the metrics after {signal}");
    }
    assert_eq!(File::read(&whole).f32s("theta"), File::read(&first).f32s("theta"));
}
