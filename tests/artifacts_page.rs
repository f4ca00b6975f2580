//! Compares the tables of docs/artifacts.md with the files that the programs write: every tensor is on the page with
//! its shape and type, and every row of the page is a tensor in some file.

use mdl_tests::{SMALL_SPIKING, arguments, config, program, repository, run, write_classes};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Shape and type of a tensor, as on the page: `N×K`, `f32`.
type Row = (String, String);

/// The rows of each section of the page, by name of the tensor.
struct Page {
    sections: BTreeMap<String, BTreeMap<String, Row>>,
    seen: BTreeSet<(String, String)>,
}

impl Page {
    fn read() -> Self {
        let text = std::fs::read_to_string(repository().join("docs/artifacts.md")).unwrap();
        let (mut sections, mut section) = (BTreeMap::<String, BTreeMap<String, Row>>::new(), String::new());
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                section = title.replace('`', "");
            }
            let cells: Vec<&str> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
            let [names, shape, dtype, _unit, ..] = cells[..] else { continue };
            let rows = sections.entry(section.clone()).or_default();
            for name in names.split('`').skip(1).step_by(2) {
                let row = (shape.to_owned(), dtype.to_owned());
                assert!(rows.insert(name.to_owned(), row).is_none(), "{section}: `{name}` twice");
            }
        }
        Self { sections, seen: BTreeSet::new() }
    }

    /// Shape and type of a tensor, from the first section that has it. A row such as `initial.*` refers to the row of
    /// the parameter, or of the whole name, in its own section or a later one.
    fn row(&mut self, sections: &[&str], tensor: &str) -> Option<Row> {
        let (section, later) = sections.split_first()?;
        if let Some(row) = self.sections[*section].get(tensor) {
            self.seen.insert((section.to_string(), tensor.to_owned()));
            return Some(row.clone());
        }
        if let Some((prefix, parameter)) = tensor.split_once('.') {
            let pattern = format!("{prefix}.*");
            if self.sections[*section].contains_key(&pattern) {
                self.seen.insert((section.to_string(), pattern));
                return self.row(sections, parameter).or_else(|| self.row(later, tensor));
            }
        }
        self.row(later, tensor)
    }

    /// Compares a file with the sections that describe it; `sizes` are the letters known beforehand.
    fn compare(&mut self, file: &Path, sections: &[&str], sizes: &[(&str, u64)]) {
        let mut sizes: BTreeMap<String, u64> = sizes.iter().map(|(letter, size)| (letter.to_string(), *size)).collect();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for (tensor, (shape, dtype)) in tensors(file) {
            let Some(row) = self.row(sections, &tensor) else { panic!("{name}: `{tensor}` is not in {sections:?}") };
            assert_eq!(dtype, row.1, "type of `{tensor}` of {name}");
            let letters: Vec<&str> = row.0.split('×').collect();
            assert_eq!(letters.len(), shape.len(), "`{tensor}` of {name}: {shape:?} is not {}", row.0);
            for (letter, size) in letters.iter().zip(&shape) {
                let expected = letter.parse().unwrap_or_else(|_| *sizes.entry(letter.to_string()).or_insert(*size));
                assert_eq!(*size, expected, "`{tensor}` of {name}: {shape:?} is not {} with {sizes:?}", row.0);
            }
        }
    }

    /// Checks that every row has been seen in some file.
    fn assert_all_seen(&self) {
        let rows = self.sections.iter().flat_map(|(section, rows)| rows.keys().map(move |name| (section, name)));
        let unseen: Vec<_> = rows.filter(|(s, name)| !self.seen.contains(&((*s).clone(), (*name).clone()))).collect();
        assert!(unseen.is_empty(), "rows of the page that no file has: {unseen:?}");
    }
}

/// Shape and type of every tensor of a safetensors file.
fn tensors(file: &Path) -> BTreeMap<String, (Vec<u64>, String)> {
    let bytes = std::fs::read(file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let of = |value: &Value| {
        let shape = value["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
        (shape, value["dtype"].as_str().unwrap().to_lowercase())
    };
    header.iter().filter(|(name, _)| *name != "__metadata__").map(|(name, value)| (name.clone(), of(value))).collect()
}

/// Runs a program with overrides; writes `name` in the folder.
fn make(folder: &Path, name: &str, program: &str, arguments: &[OsString], set: &[&str]) -> PathBuf {
    let output = folder.join(name).with_extension("safetensors");
    let mut all = arguments.to_vec();
    all.extend(set.iter().flat_map(|field| arguments!["--set", field]));
    all.extend(arguments!["-o", &output]);
    let ran = run(program, &all);
    assert!([0, 4].contains(&ran.status), "{program}: {}", ran.stderr);
    output
}

/// Starts a long run of a program and interrupts it; returns its checkpoint.
fn interrupted(folder: &Path, name: &str, program_name: &str, arguments: &[OsString], set: &[&str]) -> PathBuf {
    let output = folder.join(name).with_extension("safetensors");
    let mut command = Command::new(program(program_name));
    command.args(arguments).args(set.iter().flat_map(|field| ["--set", field])).arg("-o").arg(&output);
    for wait_ms in [500, 2000, 8000, 30_000] {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        // A signal that comes before the program is ready ends it without a status, or without anything to keep.
        let checkpoint = folder.join(format!("{name}.safetensors.partial"));
        if child.wait().unwrap().code() == Some(75) && checkpoint.exists() {
            return checkpoint;
        }
        command.arg("--force");
    }
    panic!("{program_name} was not interrupted");
}

const TRAINING: [&str; 5] = [
    "training.max_updates=2",
    "training.evaluate_every=1",
    "training.evaluation_trials=4",
    "training.stop=null",
    "training.batch_size=2",
];
/// Costs of two kinds.
const COSTS: &str = r#"training.regularisers=[{"kind":"rate-l2","strength":1},{"kind":"weight-l2","strength":1,"parameters":["w_out"]}]"#;
const LONG: [&str; 2] = ["training.max_updates=1000000", "training.stop=null"];

#[test]
fn every_tensor_of_every_kind_is_on_the_page_and_no_other() {
    let dir = TempDir::new().unwrap();
    let (dir, mut page) = (dir.path(), Page::read());
    let from = |name: &str| arguments!["--config", config(name), "--threads", "1"];

    let dense = ["network.neurons=20", "network.recurrence.somatostatin_units=2"];
    let rate = |name: &str, seed: &str| {
        let arguments = [&from("go-nogo")[..], &arguments!["--seed", seed]].concat();
        make(dir, name, "train-rate", &arguments, &[&TRAINING[..], &dense].concat())
    };
    let (one, two) = (rate("rate", "1"), rate("other", "2"));
    page.compare(&one, &["rate"], &[("N", 20), ("K", 1), ("O", 1), ("rows", 2)]);
    let modes = ["network.neurons=12", "network.recurrence.modes=3"];
    let modes = make(dir, "modes", "train-rate", &from("mante-modes"), &[&TRAINING[..], &modes, &[COSTS]].concat());
    page.compare(&modes, &["rate"], &[("N", 12), ("K", 4), ("O", 1), ("P", 3), ("regularisers", 2)]);

    // Networks whose neurons differ come from other programs.
    let weights = repository().join("crates/exchange/tests/fixtures/weights.npz");
    let tensors = r#""w_in": "encoder", "w_out": "decoder", "mode_in": "left", "mode_out": "right""#;
    let constants = r#""threshold": "factor", "tau_decay_ms": "factor""#;
    let network = r#"{ "network": { "kind": "spiking" } }"#;
    let mapping = format!(r#"{{ "tensors": {{ {tensors}, {constants} }}, "ignore": ["bias"], "config": {network} }}"#);
    std::fs::write(dir.join("mapping.json"), mapping).unwrap();
    let mapped = arguments![weights, "--mapping", dir.join("mapping.json")];
    let different = make(dir, "different", "import-network", &mapped, &[]);
    page.compare(&different, &["spiking"], &[("N", 6), ("K", 2), ("O", 1), ("P", 2)]);
    let spiking = make(dir, "spiking", "train-spiking", &from("mante-spiking"), &SMALL_SPIKING);
    page.compare(&spiking, &["spiking"], &[("N", 20), ("K", 4), ("O", 1), ("P", 3)]);

    let model = r#"network.neuron.model={"kind": "adaptive", "trained": true}"#;
    let adaptive = [&SMALL_SPIKING[..], &[model, COSTS]].concat();
    let adaptive = make(dir, "adaptive", "train-spiking", &from("mante-spiking"), &adaptive);
    page.compare(&adaptive, &["spiking"], &[("N", 20), ("K", 4), ("O", 1), ("P", 3), ("regularisers", 2)]);

    let membranes = r#"network.neuron.membrane_time_constants={"kind": "trained"}"#;
    let membranes = [&SMALL_SPIKING[..], &[membranes]].concat();
    let membranes = make(dir, "membranes", "train-spiking", &from("mante-spiking"), &membranes);
    page.compare(&membranes, &["spiking"], &[("N", 20), ("K", 4), ("O", 1), ("P", 3)]);

    let lif = make(
        dir,
        "lif",
        "lambda-search",
        &arguments![&one],
        &["search.trials=4", "search.extend=false", "search.select=fidelity"],
    );
    page.compare(&lif, &["lif", "rate"], &[("N", 20), ("K", 1), ("O", 1), ("F", 12)]);

    // The two parts of a calibration, of which each is an improvement for this network.
    let calibrate = |name: &str, without: &str| {
        let few = ["calibration.trials=20", "calibration.held_out_trials=10", "calibration.iterations=1", without];
        make(dir, name, "calibrate", &arguments![&lif], &few)
    };
    let units = calibrate("units", "calibration.readout=false");
    page.compare(&units, &["lif", "rate"], &[("N", 20), ("K", 1), ("O", 1), ("F", 12), ("V", 3)]);
    let calibrated = calibrate("readout", "calibration.units=false");
    page.compare(&calibrated, &["lif", "rate"], &[("N", 20), ("K", 1), ("O", 1), ("F", 12), ("V", 2)]);

    let trials = [&from("mante")[..], &arguments!["--trials", "3"]].concat();
    page.compare(&make(dir, "trials", "make-trials", &trials, &[]), &["trials"], &[("T", 500), ("B", 3), ("K", 4)]);

    let recorded = ["evaluation.recorded_trials=2", "evaluation.recorded_units=[0,1,2,3,4]"];
    let few = [&recorded[..], &["evaluation.trials=6"]].concat();
    let evaluation = make(dir, "eval-lif", "eval-lif", &arguments![&calibrated], &few);
    let known = [("N", 20), ("B", 6), ("R", 200), ("O", 1), ("S", 2), ("Q", 1000), ("U", 5), ("K", 1), ("C", 2)];
    page.compare(&evaluation, &["evaluation of a LIF network", "lif", "rate"], &known);

    let evaluation = make(dir, "eval-task", "eval-spiking", &arguments![&spiking], &recorded);
    let known = [("N", 20), ("B", 8), ("O", 1), ("S", 2), ("U", 5), ("T", 150), ("P", 3), ("C", 4)];
    page.compare(&evaluation, &["evaluation of a spiking network on a task", "spiking"], &known);

    let evaluation = make(dir, "eval-rate-task", "eval-rate", &arguments![&one], &few);
    let known = [("N", 20), ("B", 6), ("O", 1), ("S", 2), ("U", 5)];
    page.compare(&evaluation, &["evaluation of a rate network on a task", "rate"], &known);

    let evaluation = make(dir, "eval-modes-task", "eval-rate", &arguments![&modes], &few);
    let known = [("N", 12), ("B", 6), ("O", 1), ("S", 2), ("U", 5), ("C", 4)];
    page.compare(&evaluation, &["evaluation of a rate network on a task", "rate"], &known);

    let searched = ["search.trials=2", "search.extend=false", "search.factors=[20,40]"];
    let modes_lif = make(dir, "modes-lif", "lambda-search", &arguments![&modes], &searched);
    let evaluation = make(dir, "eval-modes-lif", "eval-lif", &arguments![&modes_lif], &few);
    let known = [("N", 12), ("B", 6), ("O", 1), ("S", 2), ("U", 5), ("C", 4), ("P", 3)];
    page.compare(&evaluation, &["evaluation of a LIF network", "lif", "rate"], &known);

    let record = |name: &str, network: &Path, record: &str| {
        let arguments = arguments![network, "--count", "3", "--units", "0..5", "--every", "50", "--record", record];
        make(dir, name, "run", &arguments, &[])
    };
    let activity = record("run-modes", &modes, "potential,rate,current,modes,output,input");
    page.compare(&activity, &["activity", "rate"], &[("N", 12), ("B", 3), ("O", 1), ("U", 5), ("K", 4), ("P", 3)]);
    let activity = record("run-spiking", &spiking, "potential,spikes,modes");
    page.compare(&activity, &["activity", "spiking"], &[("N", 20), ("B", 3), ("R", 3), ("U", 5), ("P", 3)]);
    let activity = record("run-lif", &calibrated, "potential,rate,current,spikes,output");
    page.compare(&activity, &["activity", "rate"], &[("N", 20), ("B", 3), ("R", 400), ("U", 5), ("O", 1), ("F", 12)]);

    let analysis = |name: &str, networks: &[&Path], more: &[&str]| {
        let mut all: Vec<OsString> = networks.iter().map(OsString::from).collect();
        all.extend(["--count", "80", "--starts", "10"].iter().chain(more).map(OsString::from));
        make(dir, name, "analyze", &all, &[])
    };
    let known = [("C", 4), ("K", 4), ("O", 1), ("B", 80)];
    let modes_analysis = analysis("analyze-modes", &[&modes], &[]);
    page.compare(&modes_analysis, &["analysis"], &[&known[..], &[("N", 12), ("P", 3), ("D", 3)]].concat());
    let spiking_analysis = analysis("analyze-spiking", &[&spiking], &[]);
    page.compare(&spiking_analysis, &["analysis"], &[&known[..], &[("N", 20), ("P", 3), ("D", 3)]].concat());
    let rate_analysis = analysis("analyze-rate", &[&one], &["--only", "mode_space,flow,attractors,lesions,removal"]);
    page.compare(&rate_analysis, &["analysis"], &[("N", 20), ("K", 1), ("O", 1), ("B", 80), ("C", 2), ("D", 3)]);
    // Of hardly trained networks, one without contexts makes either choice.
    let deciding = [&TRAINING[..], &["network.neurons=20"]].concat();
    let deciding = make(dir, "deciding", "train-rate", &from("perceptual-decision"), &deciding);
    page.compare(&analysis("analyze-deciding", &[&deciding], &["--only", "choices"]), &["analysis"], &[]);
    page.compare(&analysis("analyze-both", &[&one, &two], &[]), &["analysis"], &[]);

    // Trials of different lengths.
    let small = [&TRAINING[..], &["network.neurons=20"]].concat();
    let matching = make(dir, "match", "train-rate", &from("delayed-match-to-sample"), &small);
    let matching_lif = make(dir, "match-lif", "lambda-search", &arguments![&matching], &searched);
    let matching_spiking =
        make(dir, "match-spiking", "train-spiking", &from("delayed-match-to-sample-spiking"), &small);
    for (name, program, network, section) in [
        ("match-eval-lif", "eval-lif", &matching_lif, "evaluation of a LIF network"),
        ("match-eval-rate", "eval-rate", &matching, "evaluation of a rate network on a task"),
        ("match-eval-spiking", "eval-spiking", &matching_spiking, "evaluation of a spiking network on a task"),
    ] {
        let evaluation = make(dir, name, program, &arguments![network], &few);
        page.compare(&evaluation, &[section, "lif", "spiking", "rate"], &[("N", 20), ("B", 6)]);
    }
    let activity = record("run-match", &matching, "output");
    page.compare(&activity, &["activity", "rate"], &[("N", 20), ("B", 3)]);

    let evaluation = make(dir, "eval-adaptive", "eval-spiking", &arguments![&adaptive], &recorded);
    let known = [("N", 20), ("B", 8), ("O", 1), ("S", 2), ("U", 5), ("T", 150), ("P", 3), ("C", 4)];
    page.compare(&evaluation, &["evaluation of a spiking network on a task", "spiking"], &known);

    let data = dir.join("data");
    std::fs::create_dir(&data).unwrap();
    write_classes(&data, "train", 60);
    write_classes(&data, "t10k", 30);
    let directory = format!("task.directory={}", data.display());
    let digits = [&directory, "task.verify=false", "task.validation_examples=10", "network.neurons=20"];
    let images = make(dir, "images", "train-spiking", &from("mnist"), &[&TRAINING[..], &digits].concat());
    page.compare(&images, &["spiking"], &[("N", 20), ("K", 784), ("O", 10), ("P", 3)]);
    let evaluation = make(dir, "eval-images", "eval-spiking", &arguments![&images], &recorded);
    let known = [("N", 20), ("B", 30), ("S", 2), ("U", 5), ("T", 50)];
    page.compare(&evaluation, &["evaluation of a network on images", "spiking"], &known);

    let rate = make(dir, "images-rate", "train-rate", &from("mnist-rate"), &[&TRAINING[..], &digits].concat());
    page.compare(&rate, &["rate"], &[("N", 20), ("K", 784), ("O", 10), ("P", 3)]);
    let evaluation = make(dir, "eval-images-rate", "eval-rate", &arguments![&rate], &recorded);
    page.compare(&evaluation, &["evaluation of a network on images", "rate"], &[("B", 30)]);

    let sweep = |name: &str, rates: &[&Path]| {
        let mut all: Vec<OsString> = rates.iter().map(OsString::from).collect();
        all.extend(arguments!["--parameter", "lif.refractory_ms", "--values", "1,2,3"]);
        all.extend(arguments!["--by", "lif.synapse=double,single"]);
        make(dir, name, "sweep-lif", &all, &["search.trials=2", "search.factors=[20,40]", "evaluation.trials=3"])
    };
    page.compare(&sweep("sweep", &[&one]), &["evaluation of a sweep"], &[("M", 1), ("A", 2), ("V", 3)]);
    page.compare(&sweep("sweeps", &[&one, &two]), &["evaluation of a sweep"], &[("M", 2), ("A", 2), ("V", 3)]);

    let long = [&LONG[..], &dense, &["training.evaluate_every=1", "training.evaluation_trials=4", COSTS]].concat();
    let checkpoint = interrupted(dir, "long-rate", "train-rate", &from("go-nogo"), &long);
    page.compare(&checkpoint, &["checkpoint of a training", "rate"], &[("N", 20), ("K", 1), ("O", 1)]);
    let long = [&SMALL_SPIKING[..], &LONG].concat();
    let checkpoint = interrupted(dir, "long-spiking", "train-spiking", &from("mante-spiking"), &long);
    page.compare(&checkpoint, &["checkpoint of a training", "spiking"], &[("N", 20), ("K", 4), ("P", 3)]);
    let many = arguments![&one, "--threads", "1"];
    let checkpoint = interrupted(dir, "long-search", "lambda-search", &many, &["search.trials=100000"]);
    page.compare(&checkpoint, &["checkpoint of a search or sweep"], &[]);

    page.assert_all_seen();
}
