//! Any config either runs or is refused by name: at once, on one line, and within the estimated memory.
//!
//! Fields of tiny configs are changed in one to three places, to values that are wrong in every way: of another type,
//! absurdly large or small, or missing. The configs are given to the built programs.

#![cfg(unix)]

use mdl_experiment::Experiment;
use mdl_experiment::memory::Estimate;
use mdl_kernels::random::{Purpose, Stream};
use mdl_tests::{config, program};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// CPU time that a refusal may take (seconds).
const REFUSAL_SECONDS: f64 = 2.0;
/// Memory allowed beyond the estimate (bytes).
const SLACK: f64 = 24e6;

/// A config that trains in a moment, with every field written out, and the program that trains it.
fn tiny(name: &str) -> (&'static str, Value) {
    let program = if name.contains("spiking") { "train-spiking" } else { "train-rate" };
    let set = [
        "network.neurons=10",
        "task.parameters.trial_ms=1550",
        "training.max_updates=2",
        "training.evaluate_every=1",
        "training.evaluation_trials=3",
        "training.batch_size=2",
    ];
    let config = Experiment::load(&config(name), &set.map(String::from), None).unwrap().to_json();
    (program, config)
}

/// Pointers to every field and section, except the number of updates: more of them are not wrong, but take long.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    if at.ends_with("max_updates") {
        return;
    }
    into.push(at.into());
    let mut below = |key: &str, value: &Value| places(value, &format!("{at}/{key}"), into);
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, value)| below(&i.to_string(), value)),
        _ => {}
    }
}

/// Replacements for a field; none removes it.
fn other_values() -> Vec<Option<Value>> {
    let numbers = [
        json!(0),
        json!(-1),
        json!(1),
        json!(2),
        json!(3),
        json!(0.5),
        json!(7.0),
        json!(-0.5),
        json!(20.5),
        json!(1_000_000_000_000u64),
        json!(u32::MAX),
        json!(4_294_967_296u64),
        json!(4_294_967_297u64),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e-300),
        json!(1e300),
        json!(-1e300),
        json!(1e-45),
        json!(3.4e38),
    ];
    let others = [
        json!(null),
        json!(true),
        json!(false),
        json!(""),
        json!("abc"),
        json!("\u{0}"),
        json!("drawn"),
        json!("rate"),
        json!([]),
        json!([1]),
        json!([1, 2]),
        json!([2, 1]),
        json!([1e300]),
        json!(["a"]),
        json!({}),
        json!({"kind": "modes"}),
        json!({"kind": "modes", "modes": 2}),
        json!({"kind": 3}),
        json!({"unknown": 1}),
    ];
    numbers.into_iter().chain(others).map(Some).chain([None]).collect()
}

fn change(config: &mut Value, place: &str, value: Option<Value>) {
    let Some((parent, key)) = place.rsplit_once('/') else {
        *config = value.unwrap_or_default();
        return;
    };
    match (config.pointer_mut(parent), value) {
        (Some(Value::Object(fields)), Some(value)) => _ = fields.insert(key.into(), value),
        (Some(Value::Object(fields)), None) => _ = fields.remove(key),
        (Some(Value::Array(items)), value) => {
            if let Some(item) = key.parse::<usize>().ok().and_then(|i| items.get_mut(i)) {
                *item = value.unwrap_or_default();
            }
        }
        _ => {}
    }
}

/// Outcome of a process: its status, CPU time in seconds, and its peak memory (bytes).
struct Ended {
    status: Option<i32>,
    seconds: f64,
    peak: f64,
    stderr: String,
}

fn run(program_name: &str, config: &Path, output: &Path) -> Ended {
    let errors = tempfile::NamedTempFile::new().unwrap();
    #[expect(clippy::zombie_processes, reason = "wait4 waits for it below, and tells its peak")]
    let child = Command::new(program(program_name))
        .args(["--quiet", "--force", "--threads", "1", "--config"])
        .arg(config)
        .arg("-o")
        .arg(output)
        .stdout(Stdio::null())
        .stderr(errors.reopen().unwrap())
        .spawn()
        .unwrap();
    let mut status = 0;
    // SAFETY: plain numbers, all of which may be zero.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let id = i32::try_from(child.id()).unwrap();
    // SAFETY: both are there for the call, and nobody else waits for this child.
    let waited = unsafe { libc::wait4(id, &raw mut status, 0, &raw mut usage) };
    assert_eq!(waited, id);
    let seconds = |time: libc::timeval| time.tv_sec as f64 + 1e-6 * time.tv_usec as f64;
    Ended {
        status: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peak: 1024.0 * usage.ru_maxrss as f64,
        stderr: std::fs::read_to_string(errors.path()).unwrap(),
    }
}

/// Number of configs to try; each depends only on its number.
const CASES: u64 = 200;

#[test]
fn any_config_runs_or_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let (file, output) = (folder.path().join("c.json"), folder.path().join("out.safetensors"));
    let bases = ["go-nogo", "mante-modes", "mante-spiking", "xor"].map(tiny);
    let values = other_values();
    let (mut done, mut refused) = (0, 0);
    for case in 0..CASES {
        let mut stream = Stream::new(1, Purpose::Shuffle, case);
        let mut choice = |count: usize| stream.below(u32::try_from(count).unwrap()) as usize;
        let (program_name, mut config) = bases[choice(bases.len())].clone();
        let mut all = Vec::new();
        places(&config, "", &mut all);
        for _ in 0..=choice(3) {
            change(&mut config, &all[choice(all.len())], values[choice(values.len())].clone());
        }
        std::fs::write(&file, config.to_string()).unwrap();
        let ran = run(program_name, &file, &output);
        let said = format!("case {case}: {}", ran.stderr);
        assert!(matches!(ran.status, Some(0 | 1 | 2 | 4)), "{:?}, {said}", ran.status);
        for never in ["panicked", "internal error", "out of memory", "backtrace", "f64", "usize", "u32", "struct "] {
            assert!(!said.contains(never), "{said}");
        }
        match ran.status {
            Some(1) => assert!(said.contains("training diverged") || said.contains("training cannot begin"), "{said}"),
            Some(2) => {
                assert!(said.lines().count() == 1 && said.contains("error: "), "{said}");
                assert!(ran.seconds < REFUSAL_SECONDS, "{} s, {said}", ran.seconds);
                refused += 1;
            }
            _ => done += 1,
        }
        if let Ok(experiment) = Experiment::load(&file, &[], None) {
            let most = if ran.status == Some(2) { 0.0 } else { Estimate::training(&experiment).bytes() };
            assert!(ran.peak < most + SLACK, "{} bytes, estimated {most}, {said}", ran.peak);
        }
    }
    assert!(done > 5 && refused > 50, "{done} ran, {refused} were refused");
}
