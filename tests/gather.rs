//! `gather`: a row per network with the numbers that the programs printed; missing, failed, outdated and damaged stages;
//! figures; refusals.

use mdl_tests::{Run, SMALL_SPIKING, arguments, config, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Runs a stage, and returns what it printed.
fn done(name: &str, arguments: &[OsString], set: &[&str]) -> Value {
    let mut all = [arguments, &arguments!["--quiet", "--threads", "1", "--force"]].concat();
    all.extend(set.iter().flat_map(|field| arguments!["--set", field]));
    let ran = run(name, &all);
    assert!([0, 4].contains(&ran.status), "{name} {all:?}: {}", ran.stderr);
    ran.result.unwrap_or_else(|| panic!("{name} {all:?}: no result"))
}

fn train(dir: &Path, seed: &str, neurons: &str) -> Value {
    let to = arguments!["--config", config("xor"), "--seed", seed, "-o", dir.join("rate.safetensors")];
    let short = ["training.max_updates=3", "training.evaluation_trials=4", "training.evaluate_every=2", neurons];
    done("train-rate", &to, &short)
}

fn search(dir: &Path) -> Value {
    let files = arguments![dir.join("rate.safetensors"), "-o", dir.join("lif.safetensors")];
    done("lambda-search", &files, &["search.trials=3", "search.factors=[20,40,60]"])
}

fn evaluate(dir: &Path) -> Value {
    let files = arguments![dir.join("lif.safetensors"), "-o", dir.join("eval.safetensors")];
    done("eval-lif", &files, &["evaluation.trials=6"])
}

/// A run with all its stages, and what they printed.
fn whole(dir: &Path, seed: &str, neurons: &str) -> [Value; 3] {
    [train(dir, seed, neurons), search(dir), evaluate(dir)]
}

/// Rows of a table, by column.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let columns: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let row = |record: csv::StringRecord| columns.iter().cloned().zip(record.iter().map(String::from)).collect();
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Gathers runs into `table.csv`.
fn gather(dir: &Path, runs: &[&str], more: &[OsString]) -> Run {
    let runs = runs.iter().map(|name| OsString::from(dir.join(name)));
    let table = arguments!["-o", dir.join("table.csv"), "--force"];
    run("gather", &runs.chain(table).chain(more.iter().cloned()).collect::<Vec<_>>())
}

/// As the workflow does it: the calibrated network has a folder of its own, in which it is the LIF network.
#[test]
fn a_calibrated_network_is_a_row_of_its_own() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    whole(&at("a"), "7", "network.neurons=20");
    std::fs::create_dir(at("calibrated")).unwrap();
    std::fs::copy(at("a/rate.safetensors"), at("calibrated/rate.safetensors")).unwrap();
    let files = arguments![at("a/lif.safetensors"), "-o", at("calibrated/lif.safetensors")];
    let settings = ["calibration.trials=8", "calibration.held_out_trials=4", "calibration.iterations=1"];
    let printed = done("calibrate", &files, &settings);
    evaluate(&at("calibrated"));
    let record = json!({"program": "calibrate", "status": 0, "seconds": 2.5, "cpu_seconds": 3.0, "result": printed});
    std::fs::write(at("calibrated/calibrate.json"), record.to_string()).unwrap();
    let ran = gather(place.path(), &["a", "calibrated"], &[]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let table = rows(&at("table.csv"));
    assert!(table.iter().all(|row| row["state"] == "complete"), "{table:?}");
    let versions = printed["versions"].as_array().unwrap();
    let chosen = versions.iter().position(|version| version["version"] == printed["version"]).unwrap();
    let of = |column: &str| [table[0][column].clone(), table[1][column].clone()];
    assert_eq!(of("calibration"), [String::new(), chosen.to_string()]);
    assert_eq!(of("calibration_seconds"), ["", "2.5"]);
}

#[test]
fn a_row_has_the_numbers_that_the_programs_printed() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    let printed = [whole(&at("a"), "7", "network.neurons=20"), whole(&at("b"), "8", "network.neurons=30")];
    let ran = gather(place.path(), &["a", "b"], &[]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let expected =
        json!({"output": at("table.csv"), "rows": 2, "complete": 2, "incomplete": 0, "failed": 0, "damaged": 0});
    assert_eq!(ran.result, Some(expected));
    let table = rows(&at("table.csv"));
    assert_eq!(table.len(), 2);
    for (index, ([trained, searched, judged], row)) in printed.iter().zip(&table).enumerate() {
        let same = |column: &str, value: &Value| {
            assert!(!value.is_null(), "{column} is not printed");
            assert_eq!(row[column], value.to_string(), "{column} of row {index}");
        };
        for (column, field) in [("updates", "updates"), ("loss", "loss"), ("training_performance", "performance")] {
            same(column, &trained[field]);
        }
        same("criterion_met", &trained["success"]);
        same("scaling_factor", &searched["scaling_factor"]);
        same("search_performance", &searched["performance"]);
        same("predicted_scaling_factor", &searched["predicted_scaling_factor"]);
        same("plateau_from", &searched["plateau"][0]);
        same("plateau_to", &searched["plateau"][1]);
        for measure in ["performance", "strict_performance"] {
            same(measure, &judged[measure]);
            same(&format!("{measure}_low"), &judged[format!("{measure}_interval")][0]);
            same(&format!("{measure}_high"), &judged[format!("{measure}_interval")][1]);
        }
        for column in ["trials", "output_error", "rate_network_error", "output_gain", "output_offset", "rate_hz"] {
            same(column, &judged[column]);
        }
        for population in ["excitatory", "inhibitory"] {
            same(&format!("rate_hz_{population}"), &judged["rate_hz_by_population"][population]);
        }
        let conditions: Vec<&Value> = judged["unit_rates"].as_object().unwrap().values().collect();
        for (column, field) in [("unit_rate_correlation", "correlation"), ("hz_per_rate", "hz_per_rate")] {
            let mean = conditions.iter().map(|c| c[field].as_f64().unwrap()).sum::<f64>() / conditions.len() as f64;
            let found: f64 = row[column].parse().unwrap();
            assert!((found - mean).abs() < 1e-9 * mean.abs(), "{column} of row {index}: {found}, expected {mean}");
        }
        assert_eq!((row["name"].as_str(), row["state"].as_str(), row["network"].as_str()), ("xor", "complete", "lif"));
        assert_eq!((row["seconds"].as_str(), row["problem"].as_str()), ("", ""));
    }
    assert_eq!([&table[0]["seed"], &table[1]["seed"]], ["7", "8"]);
    assert_eq!([&table[0]["network.neurons"], &table[1]["network.neurons"]], ["20", "30"]);
    // Only what differs is a column of its own.
    let fields: Vec<&String> = table[0].keys().filter(|column| column.contains('.')).collect();
    assert_eq!(fields, ["network.neurons"]);
}

#[test]
fn missing_outdated_failed_and_damaged_stages_are_rows_with_empty_cells() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    let copy = |from: &str, to: &str, files: &[&str]| {
        std::fs::create_dir(at(to)).unwrap();
        files.iter().for_each(|file| _ = std::fs::copy(at(from).join(file), at(to).join(file)).unwrap());
    };
    let file = |name: &str| format!("{name}.safetensors");
    let [rate, lif, eval] = ["rate", "lif", "eval"].map(file);
    whole(&at("complete"), "1", "network.neurons=20");
    whole(&at("outdated"), "2", "network.neurons=20");
    train(&at("outdated"), "3", "network.neurons=20");
    train(&at("trained"), "4", "network.neurons=30");
    whole(&at("damaged"), "5", "network.neurons=30");
    let files = arguments![at("damaged").join(&rate), "-o", at("damaged").join(&lif)];
    done("lambda-search", &files, &["search.trials=2", "search.factors=[20,40,60]"]);
    evaluate(&at("damaged"));
    let bytes = std::fs::read(at("damaged").join(&eval)).unwrap();
    std::fs::write(at("damaged").join(&eval), &bytes[..bytes.len() / 2]).unwrap();
    // Only the description and the record of a training that diverged before its first checkpoint.
    std::fs::create_dir(at("failed")).unwrap();
    let about = json!({"name": "xor", "seed": 6, "fields": {"network.neurons": 40}});
    std::fs::write(at("failed/run.json"), about.to_string()).unwrap();
    let record = json!({"program": "train-rate", "status": 1, "seconds": 1.5, "cpu_seconds": 1.25,
        "message": "the loss is not finite, after 3 updates", "result": null});
    std::fs::write(at("failed/train-rate.json"), record.to_string()).unwrap();
    let spiking =
        arguments!["--config", config("mante-spiking"), "--seed", "9", "-o", at("spiking/spiking.safetensors")];
    done("train-spiking", &spiking, &SMALL_SPIKING);
    let files = arguments![at("spiking/spiking.safetensors"), "-o", at("spiking/eval.safetensors")];
    let judged = done("eval-spiking", &files, &["evaluation.trials=5"]);
    let record = json!({"program": "eval-spiking", "status": 0, "seconds": 2.0, "cpu_seconds": 1.75, "result": judged});
    std::fs::write(at("spiking/eval-spiking.json"), record.to_string()).unwrap();
    let names = ["complete", "outdated", "trained", "damaged", "failed", "spiking"];
    let ran = gather(place.path(), &names, &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("4 of 6 runs are not complete, the first is")
            && ran.stderr.contains("outdated (incomplete)")
    );
    let result = ran.result.unwrap();
    let counts = ["rows", "complete", "incomplete", "failed", "damaged"].map(|name| result[name].as_u64().unwrap());
    assert_eq!(counts, [6, 2, 2, 1, 1]);
    let table: BTreeMap<&str, BTreeMap<String, String>> = names.into_iter().zip(rows(&at("table.csv"))).collect();
    let cells = |run: &str, columns: [&str; 4]| columns.map(|column| table[run][column].clone());
    let columns = ["state", "seed", "scaling_factor", "performance"];
    // The network was trained again: its conversion and evaluation are those of another one.
    assert_eq!(cells("outdated", columns), ["incomplete", "3", "", ""]);
    assert!(table["outdated"]["problem"].contains("lif.safetensors: made from another rate.safetensors"));
    assert_eq!(cells("trained", columns), ["incomplete", "4", "", ""]);
    assert_eq!(cells("failed", columns), ["failed", "6", "", ""]);
    assert_eq!(table["failed"]["problem"], "train-rate: the loss is not finite, after 3 updates");
    assert_eq!(
        cells("failed", ["network.neurons", "train_seconds", "seconds", "cpu_seconds"]),
        ["40", "1.5", "1.5", "1.25"]
    );
    let [state, seed, factor, performance] = cells("damaged", columns);
    assert_eq!((state.as_str(), seed.as_str(), performance.as_str()), ("damaged", "5", ""));
    assert!(!factor.is_empty() && table["damaged"]["problem"].contains("eval.safetensors: not a safetensors file"));
    assert_eq!(
        cells("spiking", ["network", "scaling_factor", "search.trials", "output_error"]),
        ["spiking", "", "", &judged["output_error"].to_string()]
    );
    assert_eq!(table["spiking"]["performance"], judged["performance"].to_string());
    // A setting of a stage that has not run is not known, and no difference.
    assert_eq!(cells("trained", ["network.neurons", "search.trials", "updates", "network.modes"]), ["30", "", "3", ""]);
    assert_eq!([&table["complete"]["search.trials"], &table["damaged"]["search.trials"]], ["3", "2"]);
    assert!(!table["complete"].contains_key("lif.dt_ms"));

    // Only files that are left, without those that they were made from.
    copy("complete", "left", &[&eval]);
    copy("complete", "two", &[&rate, &lif]);
    assert_eq!(gather(place.path(), &["left", "two"], &[]).status, 0);
    let table = rows(&at("table.csv"));
    assert_eq!([&table[0]["state"], &table[1]["state"]], ["complete", "incomplete"]);
    assert_eq!(table[0]["scaling_factor"], table[1]["scaling_factor"]);
}

#[test]
fn an_evaluation_with_other_settings_keeps_those_of_the_network() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    whole(&at("a"), "1", "network.neurons=20");
    let evaluations = [("2", "same.safetensors"), ("4", "longer.safetensors")];
    for (refractory, name) in evaluations {
        let files = arguments![at("a/lif.safetensors"), "-o", at(name)];
        done("eval-lif", &files, &["evaluation.trials=6", &format!("lif.refractory_ms={refractory}")]);
    }
    let ran = gather(place.path(), &["same.safetensors", "longer.safetensors"], &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let table = rows(&at("table.csv"));
    let values = |column: &str| table.iter().map(|row| row[column].parse::<f64>().unwrap()).collect::<Vec<_>>();
    assert_eq!(values("lif.refractory_ms"), [2.0, 4.0]);
    assert_eq!(values("before.lif.refractory_ms"), [2.0, 2.0]);
}

#[test]
fn a_figure_shows_networks_their_spread_and_successes() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    for (name, seed, neurons) in [("a", "1", "20"), ("b", "2", "20"), ("c", "3", "30")] {
        train(&at(name), seed, &format!("network.neurons={neurons}"));
    }
    let draw = |more: &[&str]| {
        let figure = [at("f.svg"), at("f.png")].map(|path| path.display().to_string()).join(",");
        let more = more.iter().map(OsString::from);
        gather(
            place.path(),
            &["a", "b", "c"],
            &arguments!["--figure", figure].into_iter().chain(more).collect::<Vec<_>>(),
        )
    };
    let ran = draw(&["--y", "loss,updates", "--x", "network.neurons", "--at-most", "1e9"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(ran.result.unwrap()["figures"].as_array().unwrap().len(), 2);
    let svg = std::fs::read_to_string(at("f.svg")).unwrap();
    assert!(std::fs::read(at("f.png")).unwrap().starts_with(b"\x89PNG"));
    let losses: Vec<f64> = rows(&at("table.csv")).iter().map(|row| row["loss"].parse().unwrap()).collect();
    let mean = (losses[0] + losses[1]) / 2.0;
    let shown = svg.split("20: ").nth(1).unwrap().split(" ±").next().unwrap().parse::<f64>().unwrap();
    assert!((shown - mean).abs() < 1e-3 * mean, "{shown}, expected {mean}");
    assert!(svg.contains("2 of 2 successful (0.34–1.00)") && svg.contains(">2/2<") && svg.contains(">1/1<"), "{svg}");
    assert_eq!(draw(&["--y", "loss", "--x", "name", "--by", "seed"]).status, 0);
    let cases: [(&[&str], &str); 7] = [
        (&["--y", "los", "--x", "seed"], "--y: found los, expected a column of the table: run, state"),
        (&["--y", "loss", "--x", "sede"], "--x: found sede, expected a column"),
        (&["--y", "loss", "--x", "seed", "--by", "sede"], "--by: found sede, expected a column"),
        (&["--y", "name", "--x", "seed"], "--y name: found xor for "),
        (&["--y", "performance", "--x", "seed"], "--y performance: no run has a value of it and of seed"),
        (&["--y", "loss", "--x", "seed", "--at-least", "NaN"], "expected a finite number"),
        (&["--y", "loss"], "--x <COLUMN>"),
    ];
    for (more, message) in cases {
        let ran = draw(more);
        assert_eq!(ran.status, 2, "{more:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{more:?}: {}", ran.stderr);
    }
}

#[test]
fn what_is_no_run_is_refused_and_nothing_is_written() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    whole(&at("a"), "1", "network.neurons=20");
    std::fs::create_dir(at("empty")).unwrap();
    std::fs::write(at("text.txt"), "not an artifact").unwrap();
    let trials = arguments!["--config", config("xor"), "--trials", "2", "-o", at("trials.safetensors")];
    assert_eq!(run("make-trials", &trials).status, 0);
    std::fs::create_dir(at("copy")).unwrap();
    std::fs::copy(at("a/eval.safetensors"), at("copy/eval.safetensors")).unwrap();
    std::fs::create_dir(at("both")).unwrap();
    for name in ["rate", "spiking"] {
        std::fs::copy(at("a/rate.safetensors"), at("both").join(format!("{name}.safetensors"))).unwrap();
    }
    std::fs::write(at("taken.csv"), "mine").unwrap();
    let cases: [(&[&str], &str, i32, &str); 11] = [
        (&["nowhere"], "t.csv", 2, "nowhere: no such file or directory; expected the directory of a run"),
        (&["empty"], "t.csv", 2, "empty: found no rate.safetensors, spiking.safetensors"),
        (&["both"], "t.csv", 2, "both: found both rate.safetensors and spiking.safetensors"),
        (&["text.txt"], "t.csv", 3, "text.txt: "),
        (&["trials.safetensors"], "t.csv", 3, "found a trials, expected a network, a LIF network or the evaluation"),
        (&["a", "a"], "t.csv", 2, "name each network once"),
        (&["a", "copy"], "t.csv", 2, "copy: the same as "),
        (&["a/rate.safetensors", "a/eval.safetensors"], "t.csv", 2, "rate.safetensors: an earlier stage of "),
        (&["a"], "t.parquet", 2, "expected a name that ends in .csv"),
        (&["a"], "taken.csv", 2, "taken.csv"),
        (&["a"], "a/eval.safetensors", 2, "expected a name that ends in .csv"),
    ];
    for (runs, output, status, message) in cases {
        let runs = runs.iter().map(|name| OsString::from(at(name)));
        let ran = run("gather", &runs.chain(arguments!["-o", at(output)]).collect::<Vec<_>>());
        assert_eq!(ran.status, status, "{output}: {}", ran.stderr);
        assert!(ran.stderr.contains(message) && ran.stdout.is_empty(), "no {message:?} in {}", ran.stderr);
        assert!(!at("t.csv").exists());
    }
    assert_eq!(std::fs::read(at("taken.csv")).unwrap(), b"mine");
    // An evaluation under the name of a table is still an input.
    let disguised: PathBuf = at("disguised.csv");
    std::fs::copy(at("a/eval.safetensors"), &disguised).unwrap();
    let ran = run("gather", &arguments![&disguised, "--force", "-o", &disguised]);
    assert!(ran.status == 2 && ran.stderr.contains("would replace"), "{}", ran.stderr);
    let ran = run("gather", &arguments![at("a")]);
    assert!(ran.status == 2 && ran.stderr.contains("name the file to write with -o FILE"), "{}", ran.stderr);
}
