//! Files of earlier versions (`tests/fixtures/upgrade`) are read by every program that takes them, with the results that
//! the programs of that time printed.

use mdl_tests::{arguments, repository, run};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Folders of earlier versions.
fn versions() -> Vec<PathBuf> {
    let folder = repository().join("tests/fixtures/upgrade");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<PathBuf> = entries.filter(|path| path.join("results.json").is_file()).collect();
    assert!(!found.is_empty());
    found
}

/// Runs a program that must succeed, on `settings`; returns its result.
fn done(program: &str, arguments: &[OsString], settings: &[&str]) -> Value {
    let set = settings.iter().flat_map(|field| arguments!["--set", field]);
    let all: Vec<OsString> = arguments.iter().cloned().chain(set).collect();
    let ran = run(program, &all);
    assert!([0, 4].contains(&ran.status), "{program} {all:?}: {}", ran.stderr);
    ran.result.unwrap_or_else(|| panic!("{program}: {}", ran.stdout))
}

/// What an earlier program printed about a file.
fn printed(version: &Path, file: &str) -> Value {
    let text = std::fs::read_to_string(version.join("results.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[file]["result"].clone()
}

#[test]
fn every_file_is_undamaged_and_described() {
    for version in versions() {
        let files = std::fs::read_dir(&version).unwrap().map(|entry| entry.unwrap().path());
        let artifacts: Vec<PathBuf> =
            files.filter(|path| path.extension().is_some_and(|e| e == "safetensors" || e == "partial")).collect();
        assert!(artifacts.len() >= 10, "{artifacts:?}");
        for artifact in artifacts {
            let shown = run("inspect", &arguments![&artifact, "--json"]);
            assert_eq!(shown.status, 0, "{}: {}", artifact.display(), shown.stderr);
            let about = shown.result.unwrap();
            assert!(about["config"]["network"].is_object(), "{}: {about}", artifact.display());
        }
    }
}

#[test]
fn configs_are_read() {
    for version in versions() {
        let files = std::fs::read_dir(&version).unwrap().map(|entry| entry.unwrap().path());
        let configs =
            files.filter(|path| path.extension().is_some_and(|e| e == "json") && !path.ends_with("results.json"));
        let mut read = 0;
        for config in configs {
            let text = std::fs::read_to_string(&config).unwrap();
            let old: Value = serde_json::from_str(&text).unwrap();
            let program = if old["network"]["kind"] == "spiking" { "train-spiking" } else { "train-rate" };
            let shown = run(program, &arguments!["--config", &config, "--print-config"]);
            assert_eq!(shown.status, 0, "{}: {}", config.display(), shown.stderr);
            let new: Value = serde_json::from_str(&shown.stdout).unwrap();
            assert_eq!(new["network"]["neurons"], old["network"]["neurons"], "{}", config.display());
            read += 1;
        }
        assert!(read >= 5, "{read} configs");
    }
}

/// The same trials, noise and arithmetic: a result that differs is a change of results, which CHANGELOG.md must name.
#[test]
fn evaluations_and_searches_repeat_their_results() {
    let place = TempDir::new().unwrap();
    for version in versions() {
        let at = |name: &str| version.join(name);
        let to = |name: &str| place.path().join(name);
        let few = ["evaluation.trials=6", "evaluation.recorded_trials=1", "evaluation.recorded_units=[0,1]"];
        let search = ["search.trials=4", "search.factors=[20,40,60]", "search.extend=false"];
        for (program, input, output, settings, fields) in [
            (
                "lambda-search",
                "rate.safetensors",
                "lif.safetensors",
                &search,
                &["scaling_factor", "performance", "rate_hz"][..],
            ),
            (
                "lambda-search",
                "modes.safetensors",
                "modes-lif.safetensors",
                &search,
                &["scaling_factor", "performance", "rate_hz"],
            ),
            ("eval-lif", "lif.safetensors", "eval-lif.safetensors", &few, &["performance", "rate_hz"]),
            ("eval-spiking", "spiking.safetensors", "eval-spiking.safetensors", &few, &["performance", "rate_hz"]),
        ] {
            let now = done(program, &arguments![at(input), "-o", to(output)], settings);
            let then = printed(&version, output);
            for field in fields {
                assert!(then[field].is_number(), "{output}: {then}");
                assert_eq!(now[field], then[field], "{}: {field} of {output}", version.display());
            }
        }
    }
}

#[test]
fn networks_are_run_exported_reported_and_trained_further() {
    for version in versions() {
        let place = TempDir::new().unwrap();
        let at = |name: &str| version.join(name);
        let to = |name: &str| place.path().join(name);
        for name in ["rate", "lif", "modes", "modes-lif", "spiking"] {
            let (network, activity) = (at(&format!("{name}.safetensors")), to(&format!("{name}-activity.safetensors")));
            done("run", &arguments![network, "--count", "1", "--record", "output", "-o", activity], &[]);
        }
        done(
            "run",
            &arguments![at("modes.safetensors"), "--count", "1", "--record", "modes", "-o", to("m.safetensors")],
            &[],
        );
        for (name, ending) in [("lif", "mat"), ("lif", "npz"), ("lif", "nir"), ("spiking", "nir"), ("modes", "npz")] {
            let (network, file) = (at(&format!("{name}.safetensors")), to(&format!("{name}.{ending}")));
            done("export-network", &arguments![network, "-o", file], &[]);
        }
        for name in ["rate", "lif", "trials", "eval-spiking", "sweep"] {
            let (artifact, report) = (at(&format!("{name}.safetensors")), to(&format!("{name}.html")));
            done("report", &arguments![artifact, "-o", report], &[]);
        }
        done(
            "gather",
            &arguments![at("eval-lif.safetensors"), at("eval-spiking.safetensors"), "-o", to("table.csv")],
            &[],
        );
        let further = ["training.max_updates=2", "training.evaluate_every=1", "training.stop=null"];
        done("train-rate", &arguments!["--from", at("rate.safetensors"), "-o", to("further.safetensors")], &further);
        done(
            "train-spiking",
            &arguments!["--from", at("spiking.safetensors"), "-o", to("spiking.safetensors")],
            &further,
        );
    }
}

/// A checkpoint continues only with the build that wrote it, which computes the same bits; it is never misread.
#[test]
fn checkpoints_are_read_and_refused_by_name() {
    for version in versions() {
        let place = TempDir::new().unwrap();
        for name in ["training", "search"] {
            let partial = format!("{name}.safetensors.partial");
            std::fs::copy(version.join(&partial), place.path().join(&partial)).unwrap();
        }
        let rate = version.join("rate.safetensors");
        let long = ["training.max_updates=1000000", "training.stop=null", "network.neurons=12"];
        let long = long.iter().flat_map(|field| arguments!["--set", field]);
        let train: Vec<OsString> =
            arguments!["--config", version.join("go-nogo.json"), "--seed", "3"].into_iter().chain(long).collect();
        let search = arguments![&rate, "--set", "search.trials=100000", "--set", "search.factors=[20,40]"].to_vec();
        for (program, arguments, name) in [("train-rate", train, "training"), ("lambda-search", search, "search")] {
            let output = place.path().join(name).with_extension("safetensors");
            let all: Vec<OsString> = arguments.into_iter().chain(arguments!["--resume", "-o", &output]).collect();
            let refused = run(program, &all);
            assert_eq!(refused.status, 2, "{program}: {}", refused.stderr);
            assert!(
                refused.stderr.contains("--force") && refused.stderr.contains(".partial"),
                "{program}: {}",
                refused.stderr
            );
            assert!(!output.exists());
        }
    }
}
