//! `analyze`: every analysis of every kind of network, the same bytes on any number of threads, figures and report, and
//! refusals. The commands of docs/analysis.md are run here.

use mdl_artifact::{Artifact, Kind};
use mdl_tests::{Run, SMALL_SPIKING, arguments, config, files, run};
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use tempfile::TempDir;

struct Networks {
    folder: TempDir,
}

const SHORT: [&str; 5] = [
    "training.max_updates=20",
    "training.evaluate_every=10",
    "training.evaluation_trials=4",
    "training.stop=null",
    "training.batch_size=4",
];

impl Networks {
    fn new() -> Self {
        let networks = Self { folder: TempDir::new().unwrap() };
        let train = |program: &str, name: &str, output: &str, set: &[&str]| {
            let from = arguments!["--config", config(name)];
            networks.make(program, &from, &[&SHORT[..], set].concat(), output);
        };
        train("train-rate", "mante", "rate", &["network.neurons=20"]);
        train("train-rate", "mante-modes", "modes", &["network.neurons=16", "network.recurrence.modes=3"]);
        train("train-spiking", "mante-spiking", "spiking", &SMALL_SPIKING);
        let search = ["search.trials=4", "search.factors=[20,40]", "search.extend=false"];
        networks.make("lambda-search", &arguments![networks.file("rate")], &search, "lif");
        networks
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).with_extension("safetensors")
    }

    fn ran(&self, program: &str, arguments: &[OsString], set: &[&str], output: &str) -> Run {
        let mut all = arguments.to_vec();
        all.extend(set.iter().flat_map(|field| arguments!["--set", field]));
        all.extend(arguments!["-o", self.file(output)]);
        run(program, &all)
    }

    fn make(&self, program: &str, arguments: &[OsString], set: &[&str], output: &str) -> Value {
        let ran = self.ran(program, arguments, set, output);
        assert!([0, 4].contains(&ran.status), "{program} {arguments:?}: {}", ran.stderr);
        ran.result.unwrap()
    }

    /// The message of a refused analysis, which leaves no file.
    fn refused(&self, network: &str, more: &[&str], status: i32) -> String {
        let before = files(self.folder.path()).len();
        let all = [&arguments![self.file(network)][..], &more.iter().map(OsString::from).collect::<Vec<_>>()].concat();
        let ran = self.ran("analyze", &all, &[], "refused");
        assert_eq!((ran.status, files(self.folder.path()).len()), (status, before), "{more:?}: {}", ran.stderr);
        ran.stderr
    }
}

/// Names of the analyses that were made, and of those that were left out.
fn made(result: &Value) -> (Vec<String>, Vec<String>) {
    let is_left_out = |(_, value): &(&String, &Value)| value.get("left_out").is_some();
    let of_analyses = ["trials", "output", "report"];
    let all = result.as_object().unwrap().iter().filter(|(name, _)| !of_analyses.contains(&name.as_str()));
    let (left_out, made): (Vec<_>, Vec<_>) = all.partition(is_left_out);
    let names = |found: Vec<(&String, &Value)>| found.into_iter().map(|(name, _)| name.clone()).collect();
    (names(made), names(left_out))
}

#[test]
fn every_kind_of_network_is_analysed_and_threads_change_no_bit() {
    let networks = Networks::new();
    let common = ["attractors", "choices", "components", "flow", "mode_space", "operations", "rates", "removal"];
    let more = ["selectivity", "switching", "targeted"];
    for (name, own, left_out) in [
        ("rate", vec!["fixed_points", "lesions"], vec!["importance", "intervals"]),
        ("modes", vec!["fixed_points", "importance"], vec!["intervals", "lesions"]),
        ("spiking", vec!["importance", "intervals"], vec!["fixed_points", "lesions"]),
        ("lif", vec!["intervals", "lesions"], vec!["fixed_points", "importance"]),
    ] {
        let analyse = |threads: &str, output: &str| {
            let report = networks.file(output).with_extension("html");
            let all = arguments![networks.file(name), "--count", "80", "--starts", "40", "--threads", threads].to_vec();
            networks.make("analyze", &[all, arguments!["--report", report].to_vec()].concat(), &[], output)
        };
        let output = format!("{name}-analysis");
        let result = analyse("2", &output);
        let mut expected: Vec<&str> = common.iter().chain(&more).copied().chain(own).collect();
        expected.sort_unstable();
        let (made, omitted) = made(&result);
        // Whether choices can be fitted depends on what a hardly trained network answers.
        let sure = |names: &[String]| names.iter().filter(|name| *name != "choices").cloned().collect::<Vec<_>>();
        expected.retain(|name| *name != "choices");
        assert_eq!(
            (sure(&made), sure(&omitted)),
            (expected.iter().map(|n| n.to_string()).collect(), left_out.iter().map(|n| n.to_string()).collect()),
            "{name}"
        );
        let artifact = Artifact::read(&networks.file(&output), Kind::Analysis).unwrap();
        for analysis in &made {
            let prefix = format!("{analysis}.");
            assert!(artifact.tensors.keys().any(|tensor| tensor.starts_with(&prefix)), "{name}: {analysis}");
        }
        let again = format!("{name}-again");
        analyse("1", &again);
        let bytes = |output: &str| std::fs::read(networks.file(output)).unwrap();
        assert!(bytes(&output) == bytes(&again), "{name}");
        let html = std::fs::read_to_string(networks.file(&output).with_extension("html")).unwrap();
        assert!(html.contains("Performance after removal") && html.contains("Trajectories in mode space"), "{name}");
        let figure = networks.folder.path().join("figures").join(format!("{output}-flow.svg"));
        let svg = std::fs::read_to_string(figure).unwrap();
        assert_eq!(svg.contains("computed"), ["rate", "modes"].contains(&name), "{name}");
    }
}

#[test]
fn the_commands_of_the_page() {
    let networks = Networks::new();
    let few = ["--count", "40"].map(OsString::from);
    let analyse = |more: &[OsString], output: &str| {
        let all = [&arguments![networks.file("rate")][..], more, &few].concat();
        networks.make("analyze", &all, &[], output)
    };
    let at = analyse(&arguments!["--only", "fixed_points", "--at", "500", "--at", "1000", "--starts", "50"], "at");
    // Contexts differ, and so do the inputs during the stimulus; all four conditions have their own at 500 ms.
    let inputs = at["fixed_points"]["inputs"].as_array().unwrap();
    assert!(inputs.len() > 2 && inputs[0]["input"].as_array().unwrap().len() == 4, "{at}");
    let given = arguments!["--only", "fixed_points", "--starts", "20", "--input", "-0.5,0,1,0", "--input", "0,0,0,1"];
    let given = analyse(&given, "given");
    assert_eq!(given["fixed_points"]["inputs"][0]["input"], serde_json::json!([-0.5, 0.0, 1.0, 0.0]), "{given}");
    // One trial is enough for what needs no statistics.
    let one = arguments![networks.file("rate"), "--only", "mode_space", "--count", "1"];
    networks.make("analyze", &one, &[], "one");
    let both = analyse(&arguments![networks.file("lif")], "comparison");
    let comparison = &both["comparison"];
    assert!((0.0..=1.0).contains(&comparison["cka"].as_f64().unwrap()), "{both}");
    assert!(both.get("removal").is_none(), "{both}");
    let artifact = Artifact::read(&networks.file("comparison"), Kind::Analysis).unwrap();
    assert_eq!(artifact.provenance.inputs.len(), 2);
    let same = analyse(&arguments![networks.file("rate")], "same");
    assert!((same["comparison"]["cka"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{same}");
}

#[test]
fn lesions_and_removals_are_of_the_network_itself() {
    let networks = Networks::new();
    let all = arguments![networks.file("rate"), "--only", "lesions,removal,rates", "--count", "30"];
    let result = networks.make("analyze", &all, &[], "analysis");
    let run = networks.make("run", &arguments![networks.file("rate"), "--count", "30"], &[], "run");
    assert_eq!(result["lesions"]["intact"]["performance"], run["performance"]);
    let removed = result["removal"]["units"]["random"].as_array().unwrap();
    assert_eq!((removed[0]["removed"].as_u64(), &removed[0]["performance"]), (Some(0), &run["performance"]));
    let rate = Artifact::read(&networks.file("rate"), Kind::Rate).unwrap();
    let (w, sign) = (rate.values::<f32>("w_rec", &[20, 20]).unwrap(), rate.values::<f32>("sign", &[20]).unwrap());
    let of_class = |from: f32, to: f32| {
        let is = |k: &usize| w[*k] > 0.0 && sign[k % 20] == from && sign[k / 20] == to;
        (0..400).filter(is).count() as u64
    };
    assert_eq!(result["lesions"]["E to I"]["connections"].as_u64(), Some(of_class(1.0, -1.0)));
    assert_eq!(result["lesions"]["I to E"]["connections"].as_u64(), Some(of_class(-1.0, 1.0)));
}

#[test]
fn what_cannot_be_analysed_is_refused_by_name() {
    let networks = Networks::new();
    let trials = arguments!["--config", config("mante"), "--trials", "3"];
    networks.make("make-trials", &trials, &[], "trials");
    for (network, more, status, expected) in [
        ("rate", vec!["--only", "fixed-points"], 2, "expected one of mode_space, flow"),
        ("rate", vec!["--only", "intervals"], 2, "--only intervals: "),
        ("rate", vec!["--only", "comparison"], 2, "found one network, expected two"),
        ("lif", vec!["--only", "fixed_points"], 2, "analyze the rate network that it was made from"),
        ("rate", vec!["--input", "1,2"], 2, "input: found [1.0, 2.0], expected 4 finite numbers"),
        ("rate", vec!["--input", "1,2,3,x"], 2, "expected a number"),
        ("rate", vec!["--at", "1e9"], 2, "at: found 1000000000, expected times from 0 to 2500 ms"),
        ("rate", vec!["--starts", "0"], 2, "expected a whole number from 1"),
        ("trials", vec![], 3, "found a trials artifact, expected a network: rate, spiking or lif"),
    ] {
        let message = networks.refused(network, &more, status);
        assert!(message.contains(expected) && !message.contains("panic"), "{network} {more:?}: {message}");
    }
    let other = arguments!["--config", config("go-nogo")];
    networks.make("train-rate", &other, &[&SHORT[..], &["network.neurons=8"]].concat(), "other");
    let message = networks.refused("rate", &[networks.file("other").to_str().unwrap()], 2);
    assert!(message.contains("expected 4 inputs, 1 outputs and 500 steps of 5 ms"), "{message}");
}
