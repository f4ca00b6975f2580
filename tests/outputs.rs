//! Outputs are planned before any work: two roles for one file, names that are not regular files, and unwritable places
//! are refused; secondary outputs never affect a result.

#![cfg(unix)]

use mdl_tests::{Run, SMALL_SPIKING, arguments, config, files, program, run, wait_for};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const FAILED: i32 = 1;
const USAGE: i32 = 2;

/// A folder with one input of every kind.
struct Inputs {
    dir: TempDir,
}

impl Inputs {
    fn new() -> Self {
        let inputs = Self { dir: TempDir::new().unwrap() };
        let at = |name: &str| inputs.at(name);
        let text = std::fs::read_to_string(config("go-nogo")).unwrap();
        let tasks = config("go-nogo").parent().unwrap().join("../tasks/").display().to_string();
        std::fs::write(at("config.json"), text.replace("../tasks/", &tasks)).unwrap();
        let set = ["--set", "training.max_updates=1", "--set", "network.neurons=20", "-q", "-o"];
        let mut all = arguments!["--config", config("go-nogo")].to_vec();
        all.extend(set.iter().map(OsString::from));
        all.push(at("rate.safetensors").into());
        assert_eq!(run("train-rate", &all).status, 4);
        let search = ["--set", "search.trials=1", "--set", "search.factors=[20]", "-q", "-o"];
        let mut all = arguments![at("rate.safetensors")].to_vec();
        all.extend(search.iter().map(OsString::from));
        all.push(at("lif.safetensors").into());
        assert!([0, 4].contains(&run("lambda-search", &all).status));
        std::fs::remove_dir_all(at("figures")).unwrap();
        let mut all = arguments!["--config", config("mante-spiking"), "-q", "-o", at("spiking.safetensors")].to_vec();
        all.extend(SMALL_SPIKING.iter().flat_map(|field| arguments!["--set", field]));
        assert_eq!(run("train-spiking", &all).status, 0);
        assert_eq!(run("export-network", &arguments![at("lif.safetensors"), "-o", at("lif.mat")]).status, 0);
        let trials = arguments!["--config", config("go-nogo"), "--trials", "2", "-o", at("trials.safetensors")];
        assert_eq!(run("make-trials", &trials).status, 0);
        // An artifact whose name an export could have.
        std::fs::copy(at("lif.safetensors"), at("lif.npz")).unwrap();
        inputs
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A program with its input; all of them in the folder.
    fn programs(&self) -> Vec<(&'static str, Vec<OsString>, &'static str)> {
        let small = ["--set", "training.max_updates=1", "--set", "network.neurons=20"];
        let mut train = arguments!["--config", self.at("config.json")].to_vec();
        train.extend(small.iter().map(OsString::from));
        let values = ["--parameter", "lif.refractory_ms", "--values", "1", "--set", "search.trials=1"];
        let mut sweep = arguments![self.at("rate.safetensors")].to_vec();
        sweep.extend(values.iter().map(OsString::from));
        vec![
            ("train-rate", train, "config.json"),
            (
                "lambda-search",
                arguments![self.at("rate.safetensors"), "--set", "search.trials=1"].into(),
                "rate.safetensors",
            ),
            ("sweep-lif", sweep, "rate.safetensors"),
            (
                "eval-lif",
                arguments![self.at("lif.safetensors"), "--set", "evaluation.trials=2"].into(),
                "lif.safetensors",
            ),
            (
                "calibrate",
                arguments![self.at("lif.safetensors"), "--set", "calibration.trials=2"].into(),
                "lif.safetensors",
            ),
            ("eval-spiking", arguments![self.at("spiking.safetensors")].into(), "spiking.safetensors"),
            ("make-trials", arguments!["--config", self.at("config.json"), "--trials", "1"].into(), "config.json"),
            ("export-network", arguments![self.at("lif.npz")].into(), "lif.npz"),
            ("import-network", arguments![self.at("lif.mat")].into(), "lif.mat"),
        ]
    }

    /// Runs a program in the folder, and expects it to be refused with these words and to change nothing.
    fn refused(&self, name: &str, arguments: &[OsString], status: i32, culprits: &[&str]) {
        let before = self.state();
        let mut command = Command::new(program(name));
        let ran: Run = command.args(arguments).current_dir(self.dir.path()).output().unwrap().into();
        assert_eq!(ran.status, status, "{name} {arguments:?}: {}", ran.stderr);
        for culprit in culprits {
            assert!(ran.stderr.contains(culprit), "{name} {arguments:?}: no {culprit:?} in {}", ran.stderr);
        }
        assert!(self.state() == before, "{name} {arguments:?} changed the folder: {:?}", self.state().keys());
    }

    /// All entries, including folders and links.
    fn state(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        fn add(dir: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let kind = path.symlink_metadata().unwrap().file_type();
                if kind.is_dir() {
                    add(&path, found);
                }
                let bytes = kind.is_file().then(|| std::fs::read(&path).unwrap());
                found.insert(path, bytes);
            }
        }
        let mut found = BTreeMap::new();
        add(self.dir.path(), &mut found);
        found
    }
}

/// The input under its own name, another spelling, a symbolic link and a hard link, also with --force.
#[test]
fn an_output_never_replaces_an_input() {
    let inputs = Inputs::new();
    for (name, arguments, input) in inputs.programs() {
        let [soft, hard] = ["soft-", "hard-"].map(|kind| inputs.at(&format!("{kind}{input}")));
        symlink(input, &soft).unwrap();
        std::fs::hard_link(inputs.at(input), &hard).unwrap();
        let spelled = inputs.at(&format!("nowhere/../{input}"));
        for output in [&inputs.at(input), &input.into(), &spelled, &soft, &hard] {
            let mut all = arguments.clone();
            all.extend(arguments!["--force", "-o", output]);
            inputs.refused(name, &all, USAGE, &["would replace", input, "name another file"]);
        }
        [&soft, &hard].into_iter().for_each(|link| std::fs::remove_file(link).unwrap());
    }
    let [lif, rate] = ["lif.safetensors", "rate.safetensors"].map(|name| inputs.at(name));
    let cases: [(&str, Vec<OsString>, &str); 7] = [
        ("eval-lif", arguments![&lif, "--force", "-o", "e", "--report", &lif].into(), "the report (--report)"),
        (
            "eval-lif",
            arguments![&lif, "--force", "-o", "e", "--trials", "trials.safetensors", "--report", "trials.safetensors"]
                .into(),
            "the trials (--trials)",
        ),
        (
            "eval-spiking",
            arguments!["spiking.safetensors", "--force", "-o", "e", "--report", "spiking.safetensors"].into(),
            "the network",
        ),
        (
            "eval-lif",
            arguments![&lif, "--config", "config.json", "--force", "-o", "config.json"].into(),
            "the config (--config)",
        ),
        (
            "train-rate",
            arguments!["--config", "config.json", "-o", "r", "--metrics", "config.json", "--force"].into(),
            "the metrics (--metrics)",
        ),
        ("train-rate", arguments!["--config", "config.json", "-o", "r", "--metrics", "config.json"].into(), "exists"),
        (
            "lambda-search",
            arguments!["net.safetensors", "copy/net.safetensors", "--force", "-o", "."].into(),
            "would replace",
        ),
    ];
    std::fs::create_dir(inputs.at("copy")).unwrap();
    std::fs::copy(&rate, inputs.at("net.safetensors")).unwrap();
    std::fs::copy(&rate, inputs.at("copy/net.safetensors")).unwrap();
    for (name, arguments, culprit) in cases {
        inputs.refused(name, &arguments, USAGE, &[culprit]);
    }
}

/// The file of a task, named in a config or by an override, of every program that reads it.
#[test]
fn an_output_never_replaces_a_task() {
    let inputs = Inputs::new();
    std::fs::copy(config("go-nogo").parent().unwrap().join("../tasks/go-nogo.star"), inputs.at("task.star")).unwrap();
    let text = std::fs::read_to_string(inputs.at("config.json")).unwrap();
    let (before, rest) = text.split_once("\"file\": \"").unwrap();
    let after = rest.split_once('"').unwrap().1;
    std::fs::write(inputs.at("named.json"), format!("{before}\"file\": \"task.star\"{after}")).unwrap();
    let by_config = |arguments: &[OsString]| [arguments, &arguments!["--config", "named.json"]].concat();
    let by_override = |arguments: &[OsString]| [arguments, &arguments!["--set", "task.file=task.star"]].concat();
    let one = &arguments!["--trials", "1"][..];
    let sweep = [&arguments!["rate.safetensors"][..], &arguments!["--parameter", "lif.refractory_ms", "--values", "1"]];
    for (name, arguments) in [
        ("train-rate", by_config(&[])),
        ("train-rate", by_override(&arguments!["--config", "config.json"])),
        ("make-trials", by_config(one)),
        ("make-trials", by_override(&arguments!["--config", "config.json"])),
        ("eval-rate", by_config(&arguments!["rate.safetensors"])),
        ("eval-rate", by_override(&arguments!["rate.safetensors"])),
        ("run", by_override(&arguments!["rate.safetensors"])),
        ("lambda-search", by_config(&arguments!["rate.safetensors"])),
        ("lambda-search", by_override(&arguments!["rate.safetensors"])),
        ("calibrate", by_config(&arguments!["lif.safetensors"])),
        ("calibrate", by_override(&arguments!["lif.safetensors"])),
        ("eval-lif", by_config(&arguments!["lif.safetensors"])),
        ("eval-lif", by_override(&arguments!["lif.safetensors"])),
        ("sweep-lif", by_config(&sweep.concat())),
        ("sweep-lif", by_override(&sweep.concat())),
    ] {
        let all = [&arguments[..], &arguments!["--force", "-o", "task.star"]].concat();
        inputs.refused(name, &all, USAGE, &["would replace", "the task", "name another file"]);
    }
    let export = arguments!["lif.npz", "--set", "task.file=task.npz", "--force", "-o", "task.npz"];
    std::fs::copy(inputs.at("task.star"), inputs.at("task.npz")).unwrap();
    inputs.refused("export-network", &export, USAGE, &["would replace", "the task"]);
}

#[test]
fn two_outputs_are_never_one_file() {
    let inputs = Inputs::new();
    let train = |more: &[&str]| {
        let mut all = arguments!["--config", "config.json", "-o", "out"].to_vec();
        all.extend(more.iter().map(OsString::from));
        all
    };
    symlink("out", inputs.at("link")).unwrap();
    for metrics in ["out", "./out", "nowhere/../out", "link", "out.partial", "out.partial.1", ".out.lock"] {
        let all = train(&["--keep-checkpoints", "2", "--metrics", metrics]);
        inputs.refused("train-rate", &all, USAGE, &["are one file", "the metrics (--metrics)", "the output (-o)"]);
    }
    for (more, culprit) in [
        (["--tensorboard", "out"], "needs a folder"),
        (["--tensorboard", "out/events"], "needs a folder"),
        (["--metrics", "out/metrics.jsonl"], "needs a folder"),
    ] {
        inputs.refused("train-rate", &train(&more), USAGE, &[culprit, "the output (-o)"]);
    }
    for (name, input) in [("eval-lif", "lif.safetensors"), ("eval-spiking", "spiking.safetensors")] {
        for report in ["out", "link", "figures/out-output.svg", "figures/../out", "figures/out-raster.png"] {
            let all = arguments![input, "-o", "out", "--report", report];
            inputs.refused(name, &all, USAGE, &["are one file", "the report (--report)"]);
        }
        inputs.refused(name, &arguments![input, "-o", "figures"], USAGE, &["needs a folder"]);
    }
}

/// Devices, pipes, sockets, streams and folders, as the output of every program and as every secondary output.
#[test]
fn outputs_are_regular_files() {
    let inputs = Inputs::new();
    assert!(Command::new("mkfifo").arg(inputs.at("pipe")).status().unwrap().success());
    let _socket = UnixListener::bind(inputs.at("socket")).unwrap();
    symlink("pipe", inputs.at("to-pipe")).unwrap();
    std::fs::create_dir(inputs.at("folder")).unwrap();
    let places = [
        ("pipe", "a named pipe"),
        ("to-pipe", "a named pipe"),
        ("socket", "a socket"),
        ("/dev/null", "a device"),
        ("/dev/stdout", "is a stream"),
        ("/dev/fd/1", "is a stream"),
        ("/proc/self/fd/2", "is a stream"),
        ("-", "./- for one"),
    ];
    for (name, arguments, _) in inputs.programs() {
        for (place, culprit) in places {
            // The ending of an exported file has to be known.
            if name == "export-network" {
                continue;
            }
            let mut all = arguments.clone();
            all.extend(arguments!["--force", "-o", place]);
            inputs.refused(name, &all, USAGE, &[culprit, place]);
        }
    }
    symlink("pipe", inputs.at("to-pipe.npz")).unwrap();
    inputs.refused(
        "export-network",
        &arguments!["lif.safetensors", "--force", "-o", "to-pipe.npz"],
        USAGE,
        &["a named pipe"],
    );
    for (place, culprit) in places.into_iter().chain([("folder", "is a directory"), ("new/", "is a directory")]) {
        let train = arguments!["--config", "config.json", "--force", "-o", "o", "--metrics", place];
        inputs.refused("train-rate", &train, USAGE, &[culprit]);
        inputs.refused(
            "eval-lif",
            &arguments!["lif.safetensors", "--force", "-o", "o", "--report", place],
            USAGE,
            &[culprit],
        );
    }
    for special in ["o.partial", "figures/o-search.png"] {
        std::fs::create_dir_all(inputs.at(special)).unwrap();
        inputs.refused(
            "lambda-search",
            &arguments!["rate.safetensors", "--force", "-o", "o"],
            USAGE,
            &["is a directory"],
        );
        std::fs::remove_dir(inputs.at(special)).unwrap();
    }
}

/// The link stays and its target is replaced; without --force it is not.
#[test]
fn a_link_is_followed() {
    let inputs = Inputs::new();
    std::fs::create_dir(inputs.at("disk")).unwrap();
    std::fs::write(inputs.at("disk/target"), "old").unwrap();
    symlink("disk/target", inputs.at("link")).unwrap();
    symlink("link", inputs.at("link-to-link")).unwrap();
    let trials = |output: &str, more: &[&str]| {
        let mut all = arguments!["--config", "config.json", "--trials", "1", "-o", output].to_vec();
        all.extend(more.iter().map(OsString::from));
        all
    };
    inputs.refused("make-trials", &trials("link", &[]), USAGE, &["link exists", "--force"]);
    let ran = |output: &str, more: &[&str]| {
        let mut command = Command::new(program("make-trials"));
        let ran: Run = command.args(trials(output, more)).current_dir(inputs.dir.path()).output().unwrap().into();
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    };
    ran("plain", &[]);
    let expected = std::fs::read(inputs.at("plain")).unwrap();
    ran("link-to-link", &["--force"]);
    assert!(inputs.at("link-to-link").is_symlink() && inputs.at("link").is_symlink());
    assert!(std::fs::read(inputs.at("disk/target")).unwrap() == expected);
    assert_eq!(files(&inputs.at("disk")).len(), 1, "no lock, nothing unfinished");
    // One that leads to nothing yet.
    symlink("disk/new", inputs.at("dangling")).unwrap();
    ran("dangling", &[]);
    assert!(std::fs::read(inputs.at("disk/new")).unwrap() == expected);
    symlink("unmounted/new", inputs.at("lost")).unwrap();
    inputs.refused("make-trials", &trials("lost", &[]), USAGE, &["unmounted", "link"]);
    symlink("circle", inputs.at("circle")).unwrap();
    inputs.refused("make-trials", &trials("circle", &["--force"]), USAGE, &["circle"]);
}

#[test]
fn names_that_are_too_long_are_refused_before_the_work() {
    let inputs = Inputs::new();
    let endless = ["--set", "training.stop=null", "--set", "training.max_updates=100000000"];
    for (length, option) in [(238, "-o"), (300, "-o"), (250, "--metrics")] {
        let name = "n".repeat(length);
        let mut all = arguments!["--config", "config.json", option, &name].to_vec();
        all.extend(endless.iter().map(OsString::from));
        if option != "-o" {
            all.extend(arguments!["-o", "out"]);
        }
        inputs.refused("train-rate", &all, USAGE, &["too long", "shorten the name"]);
    }
    let name = "n".repeat(245);
    for option in ["-o", "--report"] {
        let mut all = arguments!["lif.safetensors", option, &name].to_vec();
        if option != "-o" {
            all.extend(arguments!["-o", "out"]);
        }
        inputs.refused("eval-lif", &all, USAGE, &["too long", "shorten the name"]);
    }
    let name = "n".repeat(200);
    let all = arguments![inputs.at("rate.safetensors"), "--set", "search.trials=1", "-o", inputs.at(&name)];
    assert!([0, 4].contains(&run("lambda-search", &all).status));
}

/// Missing folders are named, and folders created for the run are removed.
#[test]
fn folders_that_cannot_be_made_or_written_are_refused_before_the_work() {
    let inputs = Inputs::new();
    std::fs::write(inputs.at("file"), "").unwrap();
    symlink("nowhere", inputs.at("dangling")).unwrap();
    for (name, arguments, _) in inputs.programs() {
        for folder in ["file", "new/../file", "dangling"] {
            let mut all = arguments.clone();
            all.extend(arguments!["-o", format!("{folder}/deep/out.npz")]);
            inputs.refused(name, &all, USAGE, &["cannot make the folder"]);
        }
    }
    std::fs::write(inputs.at("figures"), "no folder").unwrap();
    for (name, input) in [("eval-lif", "lif"), ("eval-spiking", "spiking"), ("lambda-search", "rate")] {
        let all = arguments![format!("{input}.safetensors"), "-o", "out"];
        inputs.refused(name, &all, USAGE, &["cannot make the folder figures", "it is a file"]);
    }
    let train = |option: &str, place: &str| arguments!["--config", "config.json", "-o", "new/out", option, place];
    for option in ["--metrics", "--tensorboard"] {
        inputs.refused("train-rate", &train(option, "file/x"), USAGE, &["cannot make the folder", option]);
    }
    inputs.refused(
        "eval-lif",
        &arguments!["lif.safetensors", "-o", "sub/o", "--report", "file/r"],
        USAGE,
        &["--report"],
    );
}

/// Metrics, event files, reports and figures obey --force like the result; --resume continues those of its own run.
#[test]
fn nothing_is_overwritten_without_force() {
    let inputs = Inputs::new();
    let train = |more: &[&str]| {
        let mut all = arguments!["--config", inputs.at("config.json"), "--metrics", inputs.at("notes.txt")].to_vec();
        all.extend(arguments!["--tensorboard", inputs.at("events"), "-o", inputs.at("out"), "-q"]);
        all.extend(
            ["training.max_updates=2", "network.neurons=20", "training.evaluate_every=1"]
                .iter()
                .flat_map(|f| arguments!["--set", f]),
        );
        all.extend(more.iter().map(OsString::from));
        all
    };
    std::fs::write(inputs.at("notes.txt"), "my notes\n").unwrap();
    for more in [&[][..], &["--resume"]] {
        inputs.refused("train-rate", &train(more), USAGE, &["notes.txt", "--force"]);
    }
    assert_eq!(run("train-rate", &train(&["--force"])).status, 4);
    let metrics = std::fs::read_to_string(inputs.at("notes.txt")).unwrap();
    assert_eq!(metrics.lines().count(), 2);
    std::fs::remove_file(inputs.at("out")).unwrap();
    inputs.refused("train-rate", &train(&[]), USAGE, &["notes.txt exists"]);
    std::fs::remove_file(inputs.at("notes.txt")).unwrap();
    inputs.refused("train-rate", &train(&[]), USAGE, &["event files of another training", "--force"]);
    // Of a run that was killed before its first checkpoint.
    std::fs::write(inputs.at("notes.txt"), &metrics[..metrics.len() - 5]).unwrap();
    assert_eq!(run("train-rate", &train(&["--resume"])).status, 4);
    assert_eq!(std::fs::read_to_string(inputs.at("notes.txt")).unwrap(), metrics);

    for taken in ["report.html", "figures/e-output.png"] {
        std::fs::create_dir_all(inputs.at(taken).parent().unwrap()).unwrap();
        std::fs::write(inputs.at(taken), "mine").unwrap();
        let all = arguments!["lif.safetensors", "-o", "e", "--report", "report.html"];
        inputs.refused("eval-lif", &all, USAGE, &[taken, "exists", "--force"]);
        std::fs::remove_file(inputs.at(taken)).unwrap();
    }
}

/// If two processes share a secondary output, one reports the other.
#[test]
fn side_outputs_have_one_writer() {
    let inputs = Inputs::new();
    let train = |output: &str, more: &[&str]| {
        let mut all = arguments!["--config", inputs.at("config.json"), "-o", inputs.at(output)].to_vec();
        all.extend(
            ["training.stop=null", "training.max_updates=100000000"].iter().flat_map(|f| arguments!["--set", f]),
        );
        all.extend(more.iter().map(OsString::from));
        all
    };
    let [metrics, events] = ["metrics.jsonl", "events"].map(|name| inputs.at(name).display().to_string());
    let mut first = Command::new(program("train-rate"))
        .args(train("first", &["--metrics", &metrics, "--tensorboard", &events]))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the event file", || inputs.at("events").is_dir() && !files(&inputs.at("events")).is_empty());
    wait_for("the metrics", || inputs.at("metrics.jsonl").exists());
    for shared in [["--metrics", &metrics], ["--tensorboard", &events]] {
        let mut all = train("second", &shared);
        all.push("--force".into());
        let ran = run("train-rate", &all);
        assert_eq!(ran.status, FAILED, "{}", ran.stderr);
        assert!(ran.stderr.contains("is being written by another process"), "{}", ran.stderr);
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let mut all = train("first", &["--metrics", &metrics, "--tensorboard", &events, "--force", "-q"]);
    all.extend(arguments!["--set", "training.max_updates=1"]);
    assert_eq!(run("train-rate", &all).status, 0, "locks of a killed process hold nobody up");
    assert!(files(inputs.dir.path()).keys().all(|path| !path.display().to_string().ends_with(".lock")));
}

/// The potentials of all 200 units, of LIF and of spiking networks, and of thousands of trials.
#[test]
fn all_units_can_be_recorded() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    let train = arguments!["--config", config("go-nogo"), "--set", "training.max_updates=1", "-q", "-o", at("rate")];
    assert_eq!(run("train-rate", &train).status, 4);
    let search =
        arguments![at("rate"), "--set", "search.trials=1", "--set", "search.factors=[30]", "-q", "-o", at("lif")];
    assert!([0, 4].contains(&run("lambda-search", &search).status));
    let mut spiking = arguments!["--config", config("mante-spiking"), "-q", "-o", at("spiking")].to_vec();
    let set = SMALL_SPIKING.iter().filter(|field| !field.starts_with("network.neurons"));
    spiking.extend(set.chain([&"network.neurons=200"]).flat_map(|field| arguments!["--set", field]));
    assert_eq!(run("train-spiking", &spiking).status, 0);
    let units = format!("evaluation.recorded_units={:?}", (0..200).collect::<Vec<_>>());
    for (name, input, trials, recorded) in [("eval-lif", "lif", 12, 10), ("eval-spiking", "spiking", 2500, 2000)] {
        let output = at(&format!("{name}.safetensors"));
        let mut all = arguments![at(input), "--report", at(&format!("{name}.html")), "-o", &output].to_vec();
        let counts = [format!("evaluation.trials={trials}"), format!("evaluation.recorded_trials={recorded}")];
        all.extend(counts.iter().chain([&units]).flat_map(|field| arguments!["--set", field]));
        if name == "eval-spiking" {
            // All potentials of 2000 trials would fill a disk.
            all.extend(arguments!["--set", "evaluation.recorded_units=[0]"]);
        }
        let ran = run(name, &all);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
        let raster = std::fs::read_to_string(at(&format!("figures/{name}-raster.svg"))).unwrap();
        assert!(raster.contains(&format!("The first 8 of {recorded} recorded trials.")));
        assert!(at(&format!("{name}.html")).exists());
    }
    let all = arguments![at("spiking"), "--set", &units, "-o", at("all.safetensors")];
    assert_eq!(run("eval-spiking", &all).status, 0);
    for name in ["eval-lif", "all"] {
        let svg = std::fs::read_to_string(at(&format!("figures/{name}-membrane.svg"))).unwrap();
        assert!(svg.contains("The first 32 of 200 recorded units."), "{name}");
        assert!(at(&format!("figures/{name}-membrane.png")).exists(), "{name}");
    }
    assert_eq!(shape(&at("eval-lif.safetensors"), "v_mv"), [10, 1000, 200], "all of them are in the artifact");
}

/// The shape of a tensor of an artifact.
fn shape(artifact: &Path, name: &str) -> Vec<u64> {
    let inspected = run("inspect", &arguments![artifact, "--json"]).result.unwrap();
    let tensors = inspected["tensors"].as_array().unwrap();
    let tensor = tensors.iter().find(|tensor| tensor["name"] == name).unwrap();
    tensor["shape"].as_array().unwrap().iter().map(|extent| extent.as_u64().unwrap()).collect()
}

/// A disk that fills with metrics during training: one warning, and training ends as usual.
#[test]
fn metrics_that_cannot_be_written_cost_no_training() {
    let dir = TempDir::new().unwrap();
    let train = |output: &str| {
        let mut all = arguments!["--config", config("go-nogo"), "--checkpoint-every", "1000"].to_vec();
        all.extend(arguments!["--metrics", dir.path().join(format!("{output}.jsonl")), "-o", dir.path().join(output)]);
        let set = [
            "network.neurons=10",
            "training.stop=null",
            "training.max_updates=400",
            "training.evaluate_every=1",
            "training.evaluation_trials=1",
        ];
        all.extend(set.iter().flat_map(|field| arguments!["--set", field]));
        all
    };
    assert_eq!(run("train-rate", &train("whole")).status, 0);
    let script = "ulimit -f 60; exec \"$0\" \"$@\"";
    let limited = Command::new("sh").args(["-c", script]).arg(program("train-rate")).args(train("limited")).output();
    let ran: Run = limited.unwrap().into();
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("limited.jsonl: File too large").count(), 1, "{}", ran.stderr);
    assert!(std::fs::read(dir.path().join("whole")).unwrap() == std::fs::read(dir.path().join("limited")).unwrap());
}

/// Every 5 ms with steps of 2 ms: not every 6 ms.
#[test]
fn outputs_are_kept_at_the_interval_asked_for() {
    let inputs = Inputs::new();
    let evaluate = arguments![inputs.at("spiking.safetensors"), "-o", inputs.at("e.safetensors")];
    assert_eq!(run("eval-spiking", &evaluate).status, 0);
    assert_eq!(shape(&inputs.at("e.safetensors"), "time_ms"), [60], "of 150 steps of 2 ms");
    for interval in ["evaluation.record_every_ms=0.12", "evaluation.record_potentials_every_ms=0.07"] {
        let field = interval.split('=').next().unwrap();
        let all = arguments!["lif.safetensors", "--set", interval, "-o", "out"];
        inputs.refused("eval-lif", &all, USAGE, &[field, "a multiple of the step, 0.05 ms"]);
    }
}

/// A reader that closes the pipe is not an error.
#[test]
fn a_broken_pipe_is_no_error() {
    let inputs = Inputs::new();
    let rate = inputs.at("rate.safetensors");
    for (name, all) in [
        ("inspect", arguments![&rate].to_vec()),
        ("inspect", arguments![&rate, "--json"].to_vec()),
        ("train-rate", arguments!["--config", config("go-nogo"), "--print-config"].to_vec()),
        ("make-trials", arguments!["--config", config("go-nogo"), "--trials", "1", "-o", inputs.at("t")].to_vec()),
    ] {
        let mut child =
            Command::new(program(name)).args(all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran: Run = child.wait_with_output().unwrap().into();
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{name}");
    }
}

#[test]
fn figures_of_an_earlier_output_do_not_stay_beside_its_successor() {
    let inputs = Inputs::new();
    let lif = inputs.at("lif.safetensors");
    let evaluate = |set: &str| {
        let few = ["--set", "evaluation.trials=2", "--force", "--set", set];
        let all: Vec<OsString> = few.iter().map(OsString::from).collect();
        let ran = run("eval-lif", &[&arguments![&lif, "-o", inputs.at("e.safetensors")][..], &all].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ["output", "membrane"].map(|name| inputs.at(&format!("figures/e-{name}.svg")).exists())
    };
    assert_eq!(evaluate("evaluation.recorded_units=[0]"), [true, true]);
    assert_eq!(evaluate("evaluation.recorded_units=[]"), [true, false]);
}
