//! `report`: the bytes written by the evaluating programs, from their artifact alone; refusals that change nothing.

use mdl_tests::{SMALL_SPIKING, arguments, config, files, run, write_classes};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Runs a program that succeeds.
fn done(name: &str, arguments: &[OsString], set: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(set.iter().flat_map(|field| arguments!["--set", field]));
    let ran = run(name, &all);
    assert!([0, 4].contains(&ran.status), "{name} {all:?}: {}", ran.stderr);
    ran.result.unwrap_or_else(|| panic!("{name} {all:?}: no result"))
}

const SHORT: [&str; 4] =
    ["training.max_updates=2", "training.evaluate_every=1", "training.evaluation_trials=4", "training.stop=null"];

/// `eval.safetensors`, its report and its figures in a folder, of a LIF network, a spiking network, and one on images.
fn evaluations(dir: &Path) -> [(&'static str, Vec<&'static str>); 3] {
    let at = |name: &str| dir.join(name);
    let train = |name: &str, output: &str| arguments!["--config", config(name), "--threads", "2", "-o", at(output)];
    let evaluate = |name: &str| {
        let (network, to) = (at(&format!("{name}.safetensors")), at(name));
        arguments![network, "--report", to.join("report.html"), "-o", to.join("eval.safetensors")]
    };
    let recorded = ["evaluation.trials=8", "evaluation.recorded_trials=3"];
    done("train-rate", &train("go-nogo", "rate.safetensors"), &[&SHORT[..], &["network.neurons=30"]].concat());
    let search = arguments![at("rate.safetensors"), "-o", at("lif.safetensors")];
    done("lambda-search", &search, &["search.trials=4", "search.extend=false"]);
    done("eval-lif", &evaluate("lif"), &recorded);
    done("train-spiking", &train("mante-spiking", "spiking.safetensors"), &SMALL_SPIKING);
    done("eval-spiking", &evaluate("spiking"), &recorded);
    let data = at("data");
    std::fs::create_dir(&data).unwrap();
    write_classes(&data, "train", 60);
    write_classes(&data, "t10k", 30);
    let directory = format!("task.directory={}", data.display());
    let digits = [&directory, "task.verify=false", "task.validation_examples=10", "training.batch_size=5"];
    done("train-spiking", &train("mnist", "images.safetensors"), &[&SHORT[..], &digits].concat());
    done("eval-spiking", &evaluate("images"), &[]);
    std::fs::remove_dir_all(data).unwrap();
    [
        ("lif", vec!["output", "raster", "rates", "membrane", "search", "training"]),
        ("spiking", vec!["output", "modes", "raster", "rates", "membrane", "training"]),
        ("images", vec!["confusion", "digits", "raster", "rates", "membrane", "training"]),
    ]
}

/// Figures for print, and an index over the runs in a folder.
#[test]
fn figures_for_print_and_an_index() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join("runs").join(name);
    for seed in ["1", "2"] {
        let to = at(seed);
        let train = arguments!["--config", config("go-nogo"), "--seed", seed, "-o", to.join("rate.safetensors")];
        done("train-rate", &train, &[&SHORT[..], &["network.neurons=20"]].concat());
        let search = arguments![to.join("rate.safetensors"), "-o", to.join("lif.safetensors")];
        done("lambda-search", &search, &["search.trials=2", "search.factors=[30]", "search.extend=false"]);
        let evaluate = arguments![
            to.join("lif.safetensors"),
            "--report",
            to.join("report.html"),
            "-o",
            to.join("eval.safetensors")
        ];
        done("eval-lif", &evaluate, &["evaluation.trials=8"]);
    }
    let evaluation = at("1/eval.safetensors");
    let print = |width: &str, more: &[OsString]| {
        let to = dir.path().join(format!("print-{width}"));
        let all = arguments![&evaluation, "--figures", "output", "--width", width, "-o", to.join("r.html")];
        done("report", &[&all[..], more].concat(), &[]);
        let read = |ending: &str| std::fs::read(to.join(format!("figures/eval-output.{ending}"))).unwrap();
        (String::from_utf8(read("svg")).unwrap(), read("pdf"), read("png"))
    };
    let (svg, pdf, png) = print("89", &[]);
    assert!(svg.contains("width=\"89mm\"") && pdf.starts_with(b"%PDF-"));
    // 89 mm at 300 dpi, and at 600 dpi: width in the header of the PNG.
    let width = |png: &[u8]| u32::from_be_bytes(png[16..20].try_into().unwrap());
    assert_eq!(width(&png), 1051);
    let (svg, _, png) = print("183", &arguments!["--dpi", "600"]);
    assert!(svg.contains("width=\"183mm\"") && width(&png) == 4323, "{}", width(&png));
    for (option, value) in [("--width", "10"), ("--width", "x"), ("--dpi", "0"), ("--dpi", "99999")] {
        let refused = run("report", &arguments![&evaluation, option, value, "-o", dir.path().join("no.html")]);
        assert!(refused.status == 2 && refused.stderr.contains(option), "{}", refused.stderr);
    }

    let root = dir.path().join("runs");
    let result = done("report", &arguments!["--index", &root], &[]);
    assert_eq!(result["networks"], 2);
    let page = std::fs::read_to_string(root.join("index.html")).unwrap();
    for part in ["./1/report.html", "./2/report.html", "2 networks: 2 complete", "mean ± SD over networks"] {
        assert!(page.contains(part), "{part}");
    }
    let refused = run("report", &arguments!["--index", &root]);
    assert!(refused.status == 2 && refused.stderr.contains("--force"), "{}", refused.stderr);
    done("report", &arguments!["--index", &root, "--force"], &[]);
    assert_eq!(std::fs::read_to_string(root.join("index.html")).unwrap(), page);
    let other = dir.path().join("pages/all.html");
    done("report", &arguments!["--index", &root, "-o", &other], &[]);
    assert!(std::fs::read_to_string(&other).unwrap().contains("./../runs/1/report.html"));
    for (folder, culprit) in [(at("nowhere"), "a folder of runs"), (dir.path().join("print-89"), "no run in it")] {
        let refused = run("report", &arguments!["--index", folder]);
        assert!(refused.status == 2 && refused.stderr.contains(culprit), "{}", refused.stderr);
    }
    // Of an evaluation that cannot be an output of its own page.
    let refused = run("report", &arguments!["--index", &root, "-o", &evaluation, "--force"]);
    assert!(refused.status == 2, "{}", refused.stderr);
}

/// Every file below a directory, by its relative path.
fn relative(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let below = |path: PathBuf| path.strip_prefix(directory).unwrap().to_path_buf();
    files(directory).into_iter().map(|(path, bytes)| (below(path), bytes)).collect()
}

#[test]
fn a_report_is_drawn_again_with_the_same_bytes() {
    let dir = TempDir::new().unwrap();
    for (name, figures) in evaluations(dir.path()) {
        let evaluated = dir.path().join(name);
        let again = dir.path().join(format!("{name}-again"));
        let result =
            done("report", &arguments![evaluated.join("eval.safetensors"), "-o", again.join("report.html")], &[]);
        for figure in figures {
            assert!(result["figures"].as_array().unwrap().iter().any(|drawn| drawn == figure), "{figure}: {result}");
        }
        assert_eq!(result["not_drawn"], serde_json::json!({}));
        let (mut expected, found) = (relative(&evaluated), relative(&again));
        expected.retain(|path, _| !path.ends_with("eval.safetensors"));
        assert!(expected == found, "{name}: {:?} and {:?}", expected.keys(), found.keys());

        // In place, only with --force.
        let place = arguments![evaluated.join("eval.safetensors"), "--report", evaluated.join("report.html")];
        let refused = run("report", &place);
        assert!(refused.status == 2 && refused.stderr.contains("--force"), "{}", refused.stderr);
        done("report", &[&place[..], &arguments!["--force"]].concat(), &[]);
        assert!(expected.iter().all(|(path, bytes)| std::fs::read(evaluated.join(path)).unwrap() == *bytes), "{name}");
    }
    networks_and_refusals(dir.path());
}

/// Reports of networks, several at once, selected figures only; refusals.
fn networks_and_refusals(dir: &Path) {
    let at = |name: &str| dir.join(name);
    let [rate, lif, spiking] = ["rate", "lif", "spiking"].map(|name| at(&format!("{name}.safetensors")));
    let several = run("report", &arguments![&rate, &lif, &spiking, "-o", at("several")]);
    assert_eq!(several.status, 0, "{}", several.stderr);
    for name in ["rate.html", "lif.html", "spiking.html", "figures/rate-training.svg", "figures/lif-search.png"] {
        assert!(at("several").join(name).is_file(), "{name}");
    }
    let search = std::fs::read(at("several/figures/lif-search.svg")).unwrap();
    assert!(search == std::fs::read(at("figures/lif-search.svg")).unwrap(), "as lambda-search drew it");
    let some = arguments![at("lif/eval.safetensors"), "--figures", "raster,rates", "-o", at("some/report.html")];
    assert_eq!(done("report", &some, &[])["figures"], serde_json::json!(["raster", "rates"]));

    let trials = at("trials.safetensors");
    done("make-trials", &arguments!["--config", config("go-nogo"), "--trials", "2", "-o", &trials], &[]);
    let refused = |arguments: &[OsString], status: i32, culprits: &[&str]| {
        let output = at("refused/report.html");
        let ran = run("report", &[arguments, &arguments!["-o", &output]].concat());
        assert_eq!(ran.status, status, "{arguments:?}: {}", ran.stderr);
        culprits.iter().for_each(|culprit| assert!(ran.stderr.contains(culprit), "{culprit}: {}", ran.stderr));
        assert!(!at("refused").exists(), "{arguments:?}");
    };
    let task = done("report", &arguments![&trials, "-o", at("task.html")], &[]);
    assert_eq!(task["figures"], serde_json::json!(["task"]));
    refused(&arguments![at("lif/report.html")], 3, &["report.html"]);
    refused(&arguments![&rate, "--figures", "raster"], 2, &["found rate", "no figure raster", "--figures"]);
    refused(&arguments![&rate, "--figures", "rasters"], 2, &["rasters", "training"]);
    let missing = run("report", &arguments![&rate]);
    assert!(missing.status == 2 && missing.stderr.contains("-o FILE"), "{}", missing.stderr);
}
