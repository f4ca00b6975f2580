//! Networks exported to other tools and run there.

use mdl_artifact::Artifact;
use mdl_tests::{arguments, config, have, repository, run};
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// Runs a program that may end without meeting its criterion.
fn stage(program: &str, arguments: &[OsString]) {
    let ran = run(program, arguments);
    assert!([0, 4].contains(&ran.status), "{program}: {}", ran.stderr);
}

/// A Go-NoGo network trained for a moment, as a LIF network.
fn lif_network(directory: &TempDir) -> PathBuf {
    let [rate, lif] = ["rate.safetensors", "lif.safetensors"].map(|name| directory.path().join(name));
    let set = ["training.max_updates=100", "network.neurons=60"];
    stage("train-rate", &arguments!["--config", config("go-nogo"), "-o", &rate, "--set", set[0], "--set", set[1]]);
    let set = ["search.trials=1", "search.factors=[20]"];
    stage("lambda-search", &arguments![&rate, "-o", &lif, "--set", set[0], "--set", set[1]]);
    lif
}

#[test]
fn octave_spikes_as_we_do_without_noise() {
    if !have("octave-cli") {
        return;
    }
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    let lif = lif_network(&directory);
    let [trials, eval] = ["trials.safetensors", "eval.safetensors"].map(path);
    stage("make-trials", &arguments!["--config", config("go-nogo"), "--trials", "3", "-o", &trials]);
    let mut evaluate = arguments![&lif, "--trials", &trials, "-o", &eval].to_vec();
    for set in ["lif.mode=exact", "lif.noise_sd_mv_per_step=0", "lif.v_initial_max_mv=-65"] {
        evaluate.extend(arguments!["--set", set]);
    }
    stage("eval-lif", &evaluate);
    let files = [&lif, &trials, &eval].map(|artifact| {
        let file = artifact.with_extension("mat");
        stage("export-network", &arguments![artifact, "-o", &file]);
        file
    });
    let octave =
        Command::new("octave-cli").arg(repository().join("examples/octave/lif_raster.m")).args(&files).output();
    let octave = octave.unwrap();
    let said = String::from_utf8_lossy(&octave.stdout);
    assert!(octave.status.success(), "{said}{}", String::from_utf8_lossy(&octave.stderr));
    assert!(said.contains(" spikes, 0 different") && !said.starts_with("0 "), "{said}");
}

/// The graph of a LIF network read back: the same network, which spikes as before.
#[test]
fn a_nir_graph_comes_back_as_the_same_network() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let lif = lif_network(&directory);
    stage("export-network", &arguments![&lif, "-o", at("lif.nir")]);
    let imported = run("import-network", &arguments![at("lif.nir"), "-o", at("back.safetensors")]);
    assert_eq!(imported.status, 0, "{}", imported.stderr);
    let result = imported.result.unwrap();
    assert_eq!((&result["layout"], &result["unused"]), (&json!("NIR graph"), &json!([])));
    let [before, after] = [&lif, &at("back.safetensors")].map(|network| {
        let eval = network.with_extension("eval");
        stage("eval-lif", &arguments![network, "--force", "-o", &eval, "--set", "evaluation.trials=3"]);
        let [network, eval] = [network, &eval].map(|path| Artifact::read_any(path).unwrap());
        (network.tensors["w_rec"].clone(), eval.tensors["spike_step"].clone())
    });
    assert_eq!(before, after);
    let options = arguments![&lif, "--layout", "cubalif", "-o", at("layers.nir")];
    let refused = run("export-network", &options);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("a CubaLIF node filters both") && !at("layers.nir").exists(), "{}", refused.stderr);
    let other = run("export-network", &arguments![&lif, "--layout", "cubalif", "-o", at("layers.mat")]);
    assert!(other.status == 2 && other.stderr.contains(".mat files have no layout `cubalif`"), "{}", other.stderr);
}

#[test]
fn what_cannot_be_exported_is_named_and_nothing_is_left() {
    let directory = TempDir::new().unwrap();
    let at = |name: &str| directory.path().join(name);
    let [trials, cut, exists] = [at("trials.safetensors"), at("cut.safetensors"), at("exists.npz")];
    stage("make-trials", &arguments!["--config", config("go-nogo"), "--trials", "1", "-o", &trials]);
    let bytes = std::fs::read(&trials).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    std::fs::write(&exists, "").unwrap();
    let files = || std::fs::read_dir(directory.path()).unwrap().count();
    let before = files();
    for (artifact, output, status, said) in [
        (&trials, "trials.csv", 2, "expected a name that ends in .mat, .nir or .npz"),
        (&trials, "trials.nir", 2, "a trials artifact; NIR takes lif and spiking"),
        (&trials, "exists.npz", 2, "exists.npz"),
        (&cut, "cut.mat", 3, "cut.safetensors"),
        (&at("missing.safetensors"), "missing.mat", 3, "missing.safetensors"),
    ] {
        let ran = run("export-network", &arguments![artifact, "-o", at(output)]);
        assert_eq!(ran.status, status, "{}", ran.stderr);
        assert!(ran.stderr.contains(said) && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
    assert_eq!(files(), before, "nothing was written");
}
