//! Output of `inspect` for artifacts and their provenance.

use mdl_tests::{arguments, config, run};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn stage(program: &str, arguments: &[std::ffi::OsString]) {
    let ran = run(program, arguments);
    assert!([0, 4].contains(&ran.status), "{}", ran.stderr);
}

/// A barely trained rate network, and a LIF network made from it.
fn chain(dir: &Path, seed: &str) -> [PathBuf; 2] {
    let [rate, lif] = ["rate", "lif"].map(|name| dir.join(format!("{name}-{seed}.safetensors")));
    let set = arguments!["--set", "training.max_updates=10", "--set", "network.neurons=20", "--quiet"];
    let train = arguments!["--config", config("go-nogo"), "--seed", seed, "-o", &rate];
    stage("train-rate", &[&train[..], &set].concat());
    stage("lambda-search", &arguments![&rate, "--set", "search.trials=4", "--quiet", "-o", &lif]);
    [rate, lif]
}

#[test]
fn the_chain_of_an_artifact_is_told_and_verified() {
    let dir = TempDir::new().unwrap();
    let [rate, lif] = chain(dir.path(), "1");
    let told = run("inspect", &arguments![&lif, "--json", "--verify", dir.path()]);
    let json = told.result.expect("a JSON object");
    assert_eq!((told.status, json["kind"].as_str()), (0, Some("lif")), "{}", told.stderr);
    assert_eq!(json["provenance"]["program"], "lambda-search");
    assert_eq!(json["provenance"]["parent"]["program"], "train-rate");
    assert_eq!(json["verified"][0]["found"].as_str(), rate.to_str());
    let w_in = json["tensors"].as_array().unwrap().iter().find(|tensor| tensor["name"] == "w_in").unwrap();
    assert_eq!((&w_in["shape"], &w_in["not_finite"]), (&serde_json::json!([20, 1]), &serde_json::json!(0)));

    // The text of the task as lines, and not a second time in the config.
    let text = run("inspect", &arguments![&lif]).stdout;
    assert!(text.contains("\n    def trial(t, p):\n") && !text.contains("\"source\""), "{text}");

    // Renamed it is found by its content; changed it is not.
    let renamed = dir.path().join("renamed.safetensors");
    std::fs::rename(&rate, &renamed).unwrap();
    let told = run("inspect", &arguments![&lif, "--json", "--verify", dir.path()]);
    assert_eq!(told.result.unwrap()["verified"][0]["found"].as_str(), renamed.to_str());
    std::fs::remove_file(&renamed).unwrap();
    std::fs::write(&rate, "changed").unwrap();
    let told = run("inspect", &arguments![&lif, "--json", "--verify", dir.path()]);
    assert_eq!(told.status, 4);
    assert_eq!(told.result.unwrap()["verified"][0]["changed"][0].as_str(), rate.to_str());
}

#[test]
fn differences_are_told_field_by_field() {
    let dir = TempDir::new().unwrap();
    let [one, _] = chain(dir.path(), "1");
    let [two, _] = chain(dir.path(), "2");
    let same = run("inspect", &arguments!["--diff", &one, &one, "--json"]);
    assert_eq!((same.status, same.result.unwrap()["changes"].as_array().unwrap().len()), (0, 0));
    let told = run("inspect", &arguments!["--diff", &one, &two, "--json"]);
    let changes = told.result.unwrap()["changes"].clone();
    let find = |what: &str| {
        changes.as_array().unwrap().iter().find(|c| c["what"].as_str().unwrap().starts_with(what)).cloned()
    };
    assert_eq!(told.status, 4);
    assert_eq!(find("config seed"), Some(serde_json::json!({"what": "config seed", "first": 1, "second": 2})));
    assert!(find("tensor w_rec (by at most").is_some() && find("config network").is_none(), "{changes}");
}

#[test]
fn numbers_that_are_not_finite_are_counted() {
    let dir = TempDir::new().unwrap();
    let [rate, lif] = chain(dir.path(), "1");
    let mut bytes = std::fs::read(&rate).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    // Without a checksum nothing says that the file was changed.
    let key = bytes.windows(10).position(|text| text == b"\"checksum\"").unwrap();
    bytes[key..key + 10].copy_from_slice(b"\"whatever\"");
    std::fs::write(&rate, bytes).unwrap();
    let told = run("inspect", &arguments![&rate]);
    assert!(told.status == 3 && told.stderr.is_empty(), "{}", told.stderr);
    let told = run("inspect", &arguments![&rate, "--json"]);
    let tensors = told.result.unwrap()["tensors"].clone();
    assert_eq!(tensors.as_array().unwrap().iter().map(|t| t["not_finite"].as_u64().unwrap()).sum::<u64>(), 1);
    std::fs::write(&lif, "no artifact").unwrap();
    assert_eq!(run("inspect", &arguments![&lif]).status, 3);
    assert_eq!(run("inspect", &arguments!["--json"]).status, 2);
}
