//! Files of other tools and files of the wrong type, given to the programs.

use mdl_tests::{arguments, config, repository, run};
use serde_json::json;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    repository().join("crates/exchange/tests/fixtures").join(name)
}

#[test]
fn an_import_tells_how_the_file_was_read_and_what_was_not_used() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("out.safetensors");
    let ran = run("import-network", &arguments![fixture("plain.pth"), "-o", &output]);
    let result = ran.result.expect("a JSON object");
    assert_eq!((ran.status, &result["kind"], &result["unused"]), (0, &json!("spiking"), &json!([])));
    assert_eq!((&result["synapse"], &result["refractory_steps"]), (&json!("double"), &json!(5)));
    assert_eq!(result["layout"], "published mode network");
    for part in ["plain.pth", "--kind rate", "--synapse single"] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    let chosen = arguments![fixture("plain.pth"), "--kind", "rate", "--force", "-o", &output];
    let chosen = run("import-network", &chosen);
    assert_eq!((chosen.status, chosen.result.unwrap()["kind"].clone()), (0, json!("rate")));
    assert_eq!(chosen.stderr, "");
    let records = run("import-network", &arguments![fixture("plain.mat"), "--force", "-o", &output]);
    let unused = records.result.unwrap()["unused"].clone();
    assert_eq!(unused, json!(["notes", "cells", "N", "exc"]));
    let expected = "plain.mat: not used: notes, cells; records of training and of trials: N, exc";
    assert!(records.stderr.contains(expected), "{}", records.stderr);
}

#[test]
fn what_changes_a_network_is_refused_and_nothing_is_written() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("out.safetensors");
    let mapping = dir.path().join("mapping.json");
    let tensors = json!({ "w_in": "Win", "w_out": "Wout", "mode_in": "pin", "mode_out": "pout", "score": "l" });
    let with = |ignore: &[&str]| {
        let mapping = json!({ "tensors": tensors, "ignore": ignore, "config": { "network": { "kind": "spiking" } } });
        mapping.to_string()
    };
    std::fs::write(&mapping, with(&[])).unwrap();
    let import = arguments![fixture("threshold.pth"), "--mapping", &mapping, "-o", &output];
    let ran = run("import-network", &import);
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("`vthr` (thresholds)") && ran.stderr.contains("--ignore vthr"), "{}", ran.stderr);
    assert!(!output.exists() && ran.result.is_none());
    std::fs::write(&mapping, with(&["vthr"])).unwrap();
    let ran = run("import-network", &import);
    assert_eq!((ran.status, ran.result.unwrap()["unused"].clone()), (0, json!(["vthr"])), "{}", ran.stderr);
    assert!(ran.stderr.contains("not used: ignored: vthr"), "{}", ran.stderr);
    let option = arguments![fixture("threshold.pth"), "--ignore", "vthr", "--force", "-o", &output];
    let ran = run("import-network", &option);
    assert_eq!((ran.status, ran.result.unwrap()["unused"].clone()), (0, json!(["vthr"])), "{}", ran.stderr);
}

/// A NumPy file of one number.
fn npy() -> Vec<u8> {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
    [&b"\x93NUMPY\x01\0"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), &[0; 4]].concat()
}

/// Files of the wrong type: name, content and type.
fn strangers(dir: &Path) -> Vec<(PathBuf, &'static str)> {
    let legacy = std::fs::read(fixture("legacy.pth")).unwrap();
    [
        ("network.npy", npy(), "a NumPy file of a single array"),
        ("network.pkl", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}.".to_vec(), "a Python pickle"),
        ("network.pth", legacy, "a PyTorch file of before version 1.6"),
        ("network.txt", b"# Created by Octave 7.3.0\n# name: w\n".to_vec(), "Octave's text format"),
        ("network.mat", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(), "a Git LFS pointer"),
        ("network.gz", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), "gzip data"),
        ("network.html", b"<!DOCTYPE html><title>404</title>".to_vec(), "an HTML page"),
        ("network.safetensors", Vec::new(), "an empty file"),
    ]
    .map(|(name, content, what)| {
        std::fs::write(dir.join(name), content).unwrap();
        (dir.join(name), what)
    })
    .into_iter()
    .chain([(dir.to_path_buf(), "a directory")])
    .collect()
}

#[test]
fn every_program_names_a_file_of_the_wrong_type() {
    let dir = TempDir::new().unwrap();
    let output = dir.path().join("out.safetensors");
    let spiking = dir.path().join("spiking.safetensors");
    assert_eq!(run("import-network", &arguments![fixture("plain.pth"), "-o", &spiking]).status, 0);
    let folder = dir.path().join("strangers");
    std::fs::create_dir(&folder).unwrap();
    for (file, what) in strangers(&folder) {
        let runs: [(&str, Vec<OsString>, i32); 9] = [
            ("import-network", arguments![&file, "-o", &output].to_vec(), 3),
            ("import-network", arguments![fixture("plain.pth"), "--mapping", &file, "-o", &output].to_vec(), 2),
            ("export-network", arguments![&file, "-o", dir.path().join("out.npz")].to_vec(), 3),
            ("inspect", arguments![&file].to_vec(), 3),
            ("lambda-search", arguments![&file, "-o", &output].to_vec(), 3),
            ("eval-lif", arguments![&file, "-o", &output].to_vec(), 3),
            ("eval-spiking", arguments![&file, "-o", &output].to_vec(), 3),
            ("eval-spiking", arguments![&spiking, "--trials", &file, "-o", &output].to_vec(), 3),
            ("train-rate", arguments!["--config", &file, "-o", &output].to_vec(), 2),
        ];
        for (program, arguments, status) in runs {
            let ran = run(program, &arguments);
            if program == "inspect" && what.starts_with("a NumPy file") {
                // One array can be listed.
                assert_eq!(ran.status, 0, "{}", ran.stderr);
                continue;
            }
            assert_eq!(ran.status, status, "{program} {arguments:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(&format!("found {what}")), "{program} {arguments:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        }
    }
    let own = run("import-network", &arguments![&spiking, "-o", &output]);
    assert!(
        own.status == 3 && own.stderr.contains("found an artifact of mdl-rnn, expected a network"),
        "{}",
        own.stderr
    );
    assert!(!output.exists());
}

#[test]
fn inspect_lists_the_arrays_of_foreign_files() {
    for (file, layout, array) in [
        ("plain.mat", json!("published rate network"), json!({ "name": "w", "shape": [6, 6], "type": "single" })),
        ("half.pth", json!("published mode network"), json!({ "name": "pin", "shape": [5, 2], "type": "float16" })),
        ("weights.npz", json!(null), json!({ "name": "allowed", "shape": [6, 6], "type": "bool" })),
        ("weights.safetensors", json!(null), json!({ "name": "encoder", "shape": [6, 2], "type": "float64" })),
    ] {
        let ran = run("inspect", &arguments![fixture(file), "--json"]);
        let json = ran.result.expect("a JSON object");
        assert_eq!((ran.status, &json["layout"]), (0, &layout), "{file}: {}", ran.stderr);
        assert!(json["arrays"].as_array().unwrap().contains(&array), "{file}: {json}");
        assert_eq!(run("inspect", &arguments![fixture(file)]).status, 0);
    }
}

#[test]
fn lif_networks_are_searched_and_swept_again() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    let [rate, first, second, alike, swept] =
        ["rate", "first", "second", "alike", "swept"].map(|name| path(&format!("{name}.safetensors")));
    let stage = |program: &str, arguments: &[OsString]| {
        let ran = run(program, arguments);
        assert!([0, 4].contains(&ran.status), "{program}: {}", ran.stderr);
    };
    let small = arguments!["--set", "training.max_updates=20", "--set", "network.neurons=30", "--quiet"];
    stage("train-rate", &[&arguments!["--config", config("go-nogo"), "-o", &rate][..], &small].concat());
    let search = |input: &Path, output: &Path, factors: &str| {
        let set = format!("search.factors={factors}");
        stage("lambda-search", &arguments![input, "--set", "search.trials=4", "--set", set, "--quiet", "-o", output]);
    };
    search(&rate, &first, "[20,30,40]");
    search(&first, &second, "[25,35]");
    search(&rate, &alike, "[25,35]");
    // The same as a search of the rate network; the earlier curve is gone.
    let differences = run("inspect", &arguments!["--diff", &second, &alike, "--json"]).result.unwrap();
    let changes = differences["changes"].as_array().unwrap();
    let tensors: Vec<_> =
        changes.iter().filter(|change| change["what"].as_str().unwrap().starts_with("tensor")).collect();
    assert!(tensors.is_empty(), "{tensors:?}");
    let sweep = [
        "--parameter",
        "lif.refractory_ms",
        "--values",
        "2,4",
        "--set",
        "search.trials=2",
        "--set",
        "evaluation.trials=2",
    ];
    let sweep: Vec<OsString> = sweep.iter().map(OsString::from).collect();
    stage("sweep-lif", &[&arguments![&first, "--quiet", "-o", &swept][..], &sweep].concat());
    let endless = run("import-network", &arguments!["/dev/zero", "-o", path("endless.safetensors")]);
    assert!(endless.status == 3 && endless.stderr.contains("not a regular file"), "{}", endless.stderr);
    let spiking = path("spiking.safetensors");
    stage("import-network", &arguments![fixture("plain.pth"), "--quiet", "-o", &spiking]);
    let refused = run("lambda-search", &arguments![&spiking, "-o", path("none.safetensors")]);
    assert!(
        refused.status == 3 && refused.stderr.contains("found spiking, expected rate or lif"),
        "{}",
        refused.stderr
    );
}
