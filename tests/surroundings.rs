//! What a run does not depend on: the number of threads, the working directory, the locale; and with which permissions its
//! files are written.

#![cfg(unix)]

use mdl_tests::{SMALL_SPIKING, arguments, config, files, program};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Overrides that make every stage take a moment.
const RATE: [&str; 3] = ["network.neurons=20", "training.max_updates=10", "training.evaluate_every=5"];
const CALIBRATION: [&str; 3] = ["calibration.trials=4", "calibration.held_out_trials=2", "calibration.iterations=1"];
const SEARCH: [&str; 3] = ["search.trials=4", "search.factors=[20,30]", "evaluation.trials=2"];

/// The arguments of every stage, in order, with relative names of files.
fn stages() -> Vec<(&'static str, Vec<OsString>)> {
    let with = |fixed: &[OsString], set: &[&str]| -> Vec<OsString> {
        fixed.iter().cloned().chain(set.iter().flat_map(|field| arguments!["--set", field])).collect()
    };
    let train = |name: &str, output: &str| {
        let metrics = Path::new(output).with_extension("jsonl");
        arguments![
            "--config",
            config(name),
            "--metrics",
            metrics,
            "--tensorboard",
            format!("events/{name}"),
            "-o",
            output
        ]
    };
    let [rate, lif, spiking] = ["net/rate.safetensors", "net/lif.safetensors", "out/spiking.safetensors"];
    let evaluate = |network: &str, to: &str| {
        arguments![network, "--report", format!("{to}/report.html"), "-o", format!("{to}/eval.safetensors")]
    };
    let swept = arguments![rate, "--parameter", "lif.refractory_ms", "--values", "1,2", "-o", "sweep.safetensors"];
    vec![
        ("make-trials", arguments!["--config", config("mante"), "--trials", "3", "-o", "trials.safetensors"].into()),
        ("train-rate", with(&train("go-nogo", rate), &RATE)),
        ("lambda-search", with(&arguments![rate, "-o", lif], &SEARCH)),
        ("calibrate", with(&arguments![lif, "-o", "net/calibrated.safetensors"], &CALIBRATION)),
        ("sweep-lif", with(&swept, &SEARCH)),
        ("eval-lif", with(&evaluate(lif, "eval-lif"), &["evaluation.trials=2"])),
        ("train-spiking", with(&train("mante-spiking", spiking), &SMALL_SPIKING)),
        ("eval-spiking", evaluate(spiking, "eval-spiking").into()),
        ("report", arguments!["eval-lif/eval.safetensors", "-o", "again/report.html"].into()),
        ("export-network", arguments![lif, "-o", "lif.mat"].into()),
        ("export-network", arguments![lif, "-o", "lif.npz"].into()),
        ("export-network", arguments![lif, "-o", "lif.nir"].into()),
        ("export-network", arguments![spiking, "-o", "spiking.nir"].into()),
        ("import-network", arguments!["lif.mat", "-o", "of-mat.safetensors"].into()),
        ("import-network", arguments!["lif.npz", "-o", "of-npz.safetensors"].into()),
        ("inspect", arguments![lif].into()),
        ("inspect", arguments!["--verify", "net", lif].into()),
    ]
}

/// A process of a stage, as this test's surroundings have it or changed by `change`.
fn started(name: &str, arguments: &[OsString], directory: &Path, change: &dyn Fn(&mut Command)) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", "umask \"${MASK:-022}\"; exec \"$0\" \"$@\""]).arg(program(name)).args(arguments);
    command.current_dir(directory);
    change(&mut command);
    command.output().expect("sh")
}

/// Runs every stage in `directory`; returns what stands there and what was said, but for event files, which hold times.
fn chain(directory: &Path, threads: &str, change: &dyn Fn(&mut Command)) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut said = BTreeMap::new();
    for (place, (name, mut arguments)) in stages().into_iter().enumerate() {
        // These have no use for them.
        if !["inspect", "report"].contains(&name) {
            arguments.extend(arguments!["--threads", threads]);
        }
        let ran = started(name, &arguments, directory, change);
        let status = ran.status.code();
        assert!(matches!(status, Some(0 | 4)), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
        said.insert(PathBuf::from(format!("{place} {name}")), ran.stdout);
    }
    let of_directory = |path: PathBuf| path.strip_prefix(directory).unwrap().to_owned();
    let written = files(directory).into_iter().map(|(path, bytes)| (of_directory(path), bytes));
    said.into_iter().chain(written.filter(|(path, _)| !path.starts_with("events"))).collect()
}

fn assert_equal(first: &BTreeMap<PathBuf, Vec<u8>>, second: &BTreeMap<PathBuf, Vec<u8>>, what: &str) {
    assert!(first.keys().eq(second.keys()), "{what}: {:?}, {:?}", first.keys(), second.keys());
    for (name, bytes) in first {
        assert!(*bytes == second[name], "{}: {what}", name.display());
    }
}

#[test]
fn every_stage_gives_the_same_bytes_anywhere_in_any_language_on_any_number_of_threads() {
    let here = TempDir::new().unwrap();
    let expected = chain(here.path(), "1", &|_| ());
    let there = TempDir::new().unwrap();
    let elsewhere = there.path().join("ein anderes Verzeichnis, für später");
    std::fs::create_dir(&elsewhere).unwrap();
    let two_threads = chain(&elsewhere, "2", &|_| ());
    assert_equal(&expected, &two_threads, "1 and 2 threads, in another directory");
    // Decimal commas, and a dotless i.
    for locale in ["de_DE.UTF-8", "tr_TR.UTF-8"] {
        let directory = TempDir::new().unwrap();
        let in_locale = chain(directory.path(), "1", &|command| {
            command.env("LC_ALL", locale).env("LANG", locale).env("TZ", "Asia/Kathmandu");
        });
        assert_equal(&expected, &in_locale, locale);
    }
}

#[test]
fn files_have_the_permissions_that_the_umask_leaves() {
    for (mask, file, folder) in [("022", 0o644, 0o755), ("077", 0o600, 0o700), ("002", 0o664, 0o775)] {
        let directory = TempDir::new().unwrap();
        chain(directory.path(), "1", &|command| _ = command.env("MASK", mask));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for path in files(directory.path()).into_keys() {
            assert_eq!(mode(&path), file, "{}, umask {mask}", path.display());
            let parent = path.parent().unwrap();
            assert!(parent == directory.path() || mode(parent) == folder, "{}, umask {mask}", parent.display());
        }
    }
}

#[test]
fn names_that_are_no_text_are_refused() {
    let directory = TempDir::new().unwrap();
    let name = OsString::from_vec(b"r\xfcckw\xe4rts.safetensors".to_vec());
    let arguments = arguments!["--config", config("go-nogo"), "--trials", "1", "-o", name];
    let ran = started("make-trials", &arguments, directory.path(), &|_| ());
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("r\\xFCckw\\xE4rts.safetensors\", expected an argument in Unicode"), "{stderr}");
    assert!(files(directory.path()).is_empty());
}
