//! `run`: recordings that agree with the evaluating programs, on any number of threads, and refusals.

use mdl_artifact::{Artifact, Element, Kind};
use mdl_tests::{Run, SMALL_SPIKING, arguments, config, run};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder of networks: `rate`, `modes`, `lif`, `lif-modes` and `spiking`.
struct Networks {
    folder: TempDir,
}

const SHORT: [&str; 5] = [
    "training.max_updates=2",
    "training.evaluate_every=1",
    "training.evaluation_trials=4",
    "training.stop=null",
    "training.batch_size=2",
];

impl Networks {
    fn new() -> Self {
        let networks = Self { folder: TempDir::new().unwrap() };
        let train = |program: &str, name: &str, output: &str, set: &[&str]| {
            let from = arguments!["--config", config(name), "--threads", "2"];
            networks.make(program, &from, &[&SHORT[..], set].concat(), output);
        };
        train("train-rate", "go-nogo", "rate", &["network.neurons=20"]);
        train("train-rate", "mante-modes", "modes", &["network.neurons=14", "network.recurrence.modes=3"]);
        train("train-spiking", "mante-spiking", "spiking", &SMALL_SPIKING);
        let search = ["search.trials=4", "search.factors=[20,40]", "search.extend=false"];
        networks.make("lambda-search", &arguments![networks.file("rate")], &search, "lif");
        networks.make("lambda-search", &arguments![networks.file("modes")], &search, "lif-modes");
        networks
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).with_extension("safetensors")
    }

    /// Runs a program that writes the file `output`.
    fn ran(&self, program: &str, arguments: &[OsString], set: &[&str], output: &str) -> Run {
        let mut all = arguments.to_vec();
        all.extend(set.iter().flat_map(|field| arguments!["--set", field]));
        all.extend(arguments!["-o", self.file(output)]);
        run(program, &all)
    }

    fn make(&self, program: &str, arguments: &[OsString], set: &[&str], output: &str) -> Value {
        let ran = self.ran(program, arguments, set, output);
        assert!([0, 4].contains(&ran.status), "{program}: {}", ran.stderr);
        ran.result.unwrap()
    }

    fn read(&self, name: &str, kind: Kind) -> Artifact {
        Artifact::read(&self.file(name), kind).unwrap()
    }
}

fn tensor<'a, T: Element>(artifact: &'a Artifact, name: &str) -> (&'a [usize], &'a [T]) {
    let shape = &artifact.tensors.get(name).unwrap_or_else(|| panic!("no {name}")).shape;
    (shape, artifact.values::<T>(name, shape).unwrap())
}

/// Rows `rows` of a tensor whose first dimension is the trial.
fn rows<T: Element>(artifact: &Artifact, name: &str, rows: &[usize]) -> Vec<T> {
    let (shape, values) = tensor::<T>(artifact, name);
    let width = shape[1..].iter().product::<usize>();
    rows.iter().flat_map(|row| values[row * width..(row + 1) * width].to_vec()).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Outputs, targets, conditions and answers are those of the evaluation, bit by bit.
fn assert_as_evaluated(activity: &Artifact, evaluation: &Artifact) {
    for name in ["output", "target"] {
        let (own, expected) = (tensor::<f32>(activity, name), tensor::<f32>(evaluation, name));
        assert_eq!(own.0, expected.0, "{name}");
        assert!(bits(own.1) == bits(expected.1), "{name}");
    }
    assert_eq!(tensor::<f64>(activity, "time_ms"), tensor::<f64>(evaluation, "time_ms"));
    assert_eq!(tensor::<u32>(activity, "condition"), tensor::<u32>(evaluation, "condition"));
    assert_eq!(tensor::<u8>(activity, "correct"), tensor::<u8>(evaluation, "correct"));
}

/// Number of spikes of each recorded step, trial and unit in an evaluation with `every` steps between recorded ones.
fn counted(evaluation: &Artifact, every: usize, [trials, times, units]: [usize; 3]) -> Vec<u8> {
    let column = |name| tensor::<u32>(evaluation, name).1;
    let (trial, step, unit) = (column("spike_trial"), column("spike_step"), column("spike_unit"));
    let mut counts = vec![0u8; trials * times * units];
    for i in 0..trial.len() {
        let time = (step[i] as usize - 1) / every;
        if time < times {
            counts[(trial[i] as usize * times + time) * units + unit[i] as usize] += 1;
        }
    }
    counts
}

#[test]
fn recordings_agree_with_evaluations() {
    let networks = Networks::new();
    let few = ["evaluation.trials=5"];
    // A rate network, with given trials.
    let from = arguments!["--config", config("go-nogo"), "--trials", "5", "--seed", "7"];
    networks.make("make-trials", &from, &[], "trials");
    let given = [&arguments![networks.file("rate")][..], &arguments!["--trials", networks.file("trials")]].concat();
    networks.make("eval-rate", &given, &["evaluation.recorded_trials=5"], "rate-eval");
    let result = networks.make("run", &given, &[], "rate-run");
    assert_eq!((&result["trials"], &result["steps"], &result["units"]), (&5.into(), &200.into(), &20.into()));
    let (activity, evaluation) =
        (networks.read("rate-run", Kind::Activity), networks.read("rate-eval", Kind::Evaluation));
    assert_as_evaluated(&activity, &evaluation);
    let units =
        |all: &[f32], count: usize| -> Vec<u32> { all.chunks_exact(count).flat_map(|row| bits(&row[..3])).collect() };
    assert!(units(tensor(&activity, "rate").1, 20) == bits(tensor(&evaluation, "rate").1));
    assert_eq!(activity.provenance.inputs.len(), 2);

    // LIF networks, every 100th step of 0.05 ms.
    for (network, modes) in [("lif", false), ("lif-modes", true)] {
        let recorded = ["evaluation.recorded_trials=5", "evaluation.record_potentials_every_ms=5"];
        networks.make("eval-lif", &arguments![networks.file(network)], &[&few[..], &recorded].concat(), "lif-eval");
        let record = ["potential,current,spikes,output", ",modes,rate"][..1 + usize::from(modes)].concat();
        let all = arguments![networks.file(network), "--count", "5", "--every", "100", "--record", record];
        networks.make("run", &all, &[], "lif-run");
        let (activity, evaluation) =
            (networks.read("lif-run", Kind::Activity), networks.read("lif-eval", Kind::Evaluation));
        assert_as_evaluated(&activity, &evaluation);
        let (shape, counts) = tensor::<u8>(&activity, "spike_count");
        assert_eq!(counts, counted(&evaluation, 100, shape.try_into().unwrap()));
        assert!(counts.iter().any(|count| *count > 0), "a silent network tests nothing");
        for name in ["v_mv", "ipsc_mv"] {
            assert!(units(tensor(&activity, name).1, shape[2]) == bits(tensor(&evaluation, name).1), "{name}");
        }
        if modes {
            assert_modes(&activity, &networks.read("modes", Kind::Rate), 14);
        }
        for name in ["lif-eval", "lif-run"] {
            std::fs::remove_file(networks.file(name)).unwrap();
        }
        std::fs::remove_dir_all(networks.folder.path().join("figures")).unwrap();
    }

    // A spiking network, every step and every fourth one.
    let every_step = ["evaluation.recorded_trials=8", "evaluation.record_every_ms=2"];
    networks.make("eval-spiking", &arguments![networks.file("spiking")], &every_step, "evaluation");
    let evaluation = networks.read("evaluation", Kind::Evaluation);
    let all = arguments![networks.file("spiking"), "--record", "potential,rate,spikes,modes,output,current,input"];
    networks.make("run", &all, &[], "every");
    let every = networks.read("every", Kind::Activity);
    assert_as_evaluated(&every, &evaluation);
    let (shape, counts) = tensor::<u8>(&every, "spike_count");
    assert_eq!(counts, counted(&evaluation, 1, shape.try_into().unwrap()));
    assert!(units(tensor(&every, "potential").1, 20) == bits(tensor(&evaluation, "potential").1));
    assert_modes(&every, &networks.read("spiking", Kind::Spiking), 20);
    networks.make("run", &[&all[..], &arguments!["--every", "4"]].concat(), &[], "fourth");
    let fourth = networks.read("fourth", Kind::Activity);
    for name in ["potential", "rate", "mode_activity", "output", "input", "current", "target"] {
        let (shape, values) = tensor::<f32>(&every, name);
        let steps = values.chunks_exact(shape[2]).enumerate().filter(|(row, _)| (row % shape[1]).is_multiple_of(4));
        let expected: Vec<f32> = steps.flat_map(|(_, row)| row.to_vec()).collect();
        assert_eq!(tensor::<f32>(&fourth, name).1, expected, "{name}");
    }
    let total = |counts: &[u8]| counts.iter().map(|count| u32::from(*count)).sum::<u32>();
    // 150 steps: the last recorded step is 148.
    let last = |row: usize| (row % 150) > 148;
    let late =
        counts.chunks_exact(20).enumerate().filter(|(row, _)| last(*row)).map(|(_, row)| total(row)).sum::<u32>();
    assert_eq!(total(tensor::<u8>(&fourth, "spike_count").1) + late, total(counts));
}

/// Ξ_outᵀ r of the recorded rates is the recorded activity of the modes.
fn assert_modes(activity: &Artifact, network: &Artifact, units: usize) {
    let (_, mode_out) = tensor::<f32>(network, "mode_out");
    let (shape, rate) = tensor::<f32>(activity, "rate");
    assert_eq!(shape[2], units);
    let (_, modes) = tensor::<f32>(activity, "mode_activity");
    assert!(rate.iter().any(|r| *r > 0.0));
    for (r, found) in rate.chunks_exact(units).zip(modes.chunks_exact(3)) {
        for (p, found) in found.iter().enumerate() {
            let expected: f32 = r.iter().zip(mode_out.chunks_exact(3)).map(|(r, row)| r * row[p]).sum();
            assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
        }
    }
}

#[test]
fn parts_and_threads_change_no_bit() {
    let networks = Networks::new();
    for (network, record) in [
        ("rate", "potential,rate,current,output,input"),
        ("modes", "rate,current,modes,output"),
        ("spiking", "spikes,current,modes,output"),
        ("lif", "potential,rate,spikes,output,input"),
    ] {
        let all = |more: &[&str], output: &str| {
            let base = arguments![networks.file(network), "--count", "7", "--every", "3", "--record", record];
            let more: Vec<OsString> = more.iter().map(OsString::from).collect();
            networks.make("run", &[base.to_vec(), more].concat(), &[], output);
        };
        all(&["--threads", "1"], "one");
        all(&["--threads", "3"], "three");
        let [one, three] = ["one", "three"].map(|name| std::fs::read(networks.file(name)).unwrap());
        assert!(one == three, "{network}");
        all(&["--only", "2,5..7", "--units", "0..3,9"], "part");
        let (whole, part) = (networks.read("one", Kind::Activity), networks.read("part", Kind::Activity));
        assert_eq!(tensor::<u32>(&part, "trial").1, [2, 5, 6]);
        assert_eq!(tensor::<u32>(&part, "recorded_unit").1, [0, 1, 2, 9]);
        assert_eq!(tensor::<u8>(&part, "correct").1, rows::<u8>(&whole, "correct", &[2, 5, 6]));
        assert!(bits(tensor(&part, "output").1) == bits(&rows(&whole, "output", &[2, 5, 6])), "{network}");
        if network != "spiking" {
            let all = rows::<f32>(&whole, "rate", &[2, 5, 6]);
            let units = tensor::<f32>(&whole, "rate").0[2];
            let chosen: Vec<f32> = all.chunks_exact(units).flat_map(|row| [row[0], row[1], row[2], row[9]]).collect();
            assert!(bits(tensor(&part, "rate").1) == bits(&chosen), "{network}");
        }
        for name in ["one", "three", "part"] {
            std::fs::remove_file(networks.file(name)).unwrap();
        }
    }
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let networks = Networks::new();
    networks.make("make-trials", &arguments!["--config", config("mante"), "--trials", "2"], &[], "other");
    let refused = |network: &str, more: &[OsString], status: i32, culprits: &[&str]| {
        let ran = networks.ran("run", &[&arguments![networks.file(network)], more].concat(), &[], "out");
        assert_eq!(ran.status, status, "{more:?}: {}", ran.stderr);
        culprits.iter().for_each(|culprit| assert!(ran.stderr.contains(culprit), "{culprit}: {}", ran.stderr));
        assert!(!networks.file("out").exists());
    };
    let those = "--record: found spikes, expected quantities of this rate network: potential, rate, current, modes, output, input";
    refused("modes", &arguments!["--record", "spikes"], 2, &[those]);
    refused("lif", &arguments!["--record", "modes"], 2, &["network without modes: potential, rate, current, spikes"]);
    refused("lif", &arguments!["--record", "voltage"], 2, &["voltage", "potential"]);
    refused("lif", &arguments!["--units", "0..21"], 2, &["--units: found 20, expected units below 20"]);
    refused("lif", &arguments!["--units", "4..4"], 2, &["--units", "such as 0..20,35"]);
    refused("lif", &arguments!["--only", "100"], 2, &["--only: found 100, expected trials below 100"]);
    refused("lif", &arguments!["--every", "20001"], 2, &["--every: found 20001, expected at most the 20000 steps"]);
    refused("rate", &arguments!["--every", "0"], 2, &["--every"]);
    refused("rate", &arguments!["--count", "2", "--set", "evaluation.trials=3"], 2, &["leave out one"]);
    refused("rate", &arguments!["--trials", networks.file("other")], 2, &["another task"]);
    refused("other", &[], 3, &["found a trials artifact, expected a network"]);
    let many = arguments!["--count", "100000000"];
    refused("rate", &many, 2, &["not enough memory", "evaluation.trials"]);

    networks.make("run", &arguments![networks.file("rate"), "--count", "3"], &[], "activity");
    let inspected = run("inspect", &arguments![networks.file("activity")]);
    assert!(inspected.status == 0 && inspected.stdout.contains(": activity"), "{}", inspected.stdout);
    let ran = networks.ran("run", &arguments![networks.file("rate"), "--count", "3"], &[], "activity");
    assert!(ran.status == 2 && ran.stderr.contains("exists"), "{}", ran.stderr);
}

/// Spikes and outputs of a recording are drawn.
#[test]
fn reports_show_recordings() {
    let networks = Networks::new();
    let figures = |network: &str, more: &[OsString]| {
        let all = [&arguments![networks.file(network), "--count", "4", "--force"], more].concat();
        networks.make("run", &all, &[], "activity");
        let page: &Path = &networks.folder.path().join("page.html");
        let ran = run("report", &arguments![networks.file("activity"), "--force", "-o", page]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_eq!(ran.stderr, "");
        let result = ran.result.unwrap();
        let drawn: Vec<String> =
            result["figures"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        assert!(std::fs::read_to_string(page).unwrap().contains("recorded by run"));
        drawn
    };
    assert_eq!(figures("lif", &arguments!["--every", "20", "--units", "0..10"])[..2], ["output", "raster"]);
    assert_eq!(figures("spiking", &[])[..2], ["output", "raster"]);
    assert_eq!(figures("rate", &[])[..1], ["output"]);
    assert!(figures("spiking", &arguments!["--record", "potential"]).contains(&"training".to_owned()));
}
