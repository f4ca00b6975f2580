//! Runs the built programs for the end-to-end tests. `make test` builds them first.

pub mod pages;

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").into()
}

/// A config of the repository.
pub fn config(name: &str) -> PathBuf {
    repository().join(format!("configs/{name}.json"))
}

/// The file of a built program.
///
/// # Panics
/// If it has not been built.
pub fn program(name: &str) -> PathBuf {
    // Tests lie in target/<profile>/deps, programs in target/<profile>.
    let test = std::env::current_exe().expect("the path of this test");
    let path = test.ancestors().nth(2).expect("target/<profile>/deps").join(name);
    assert!(path.exists(), "{} is not built: run `make test`, or `make build` first", path.display());
    path
}

/// Overrides of `mante-spiking` for a short training run and evaluation.
pub const SMALL_SPIKING: [&str; 10] = [
    "network.neurons=20",
    "task.parameters.trial_ms=300",
    "task.parameters.stimulus_ms=[20,120]",
    "task.parameters.response_from_ms=160",
    "task.parameters.lif_response_from_ms=160",
    "training.max_updates=6",
    "training.evaluate_every=2",
    "training.evaluation_trials=8",
    "training.batch_size=4",
    "evaluation.trials=8",
];

/// Outcome of a program.
#[derive(Debug)]
pub struct Run {
    /// Exit status.
    pub status: i32,
    /// The JSON object on stdout, if there is one.
    pub result: Option<Value>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            result: serde_json::from_slice(&output.stdout).ok(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a program to its end.
///
/// # Panics
/// If it cannot be started.
pub fn run<A: AsRef<std::ffi::OsStr>>(name: &str, arguments: &[A]) -> Run {
    let output = Command::new(program(name)).args(arguments).output();
    output.expect("the program starts").into()
}

/// Every file below a directory.
///
/// # Panics
/// If one cannot be read.
pub fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
            continue;
        }
        match std::fs::read(&path) {
            Ok(bytes) => _ = found.insert(path, bytes),
            // A temporary file may be gone by now.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    found
}

/// Writes ten classes of `count` images in the format of MNIST: class c has its rows 2 c + 4 and 2 c + 5 lit.
///
/// # Panics
/// If they cannot be written.
pub fn write_classes(dir: &Path, prefix: &str, count: u32) {
    let header = |magic: u32, sizes: &[u32]| -> Vec<u8> {
        std::iter::once(&magic).chain(sizes).flat_map(|number| number.to_be_bytes()).collect()
    };
    let (mut images, mut labels) = (header(0x803, &[count, 28, 28]), header(0x801, &[count]));
    for example in 0..count {
        let class = (example % 10) as usize;
        labels.push(class as u8);
        images.extend((0..784).map(|pixel| if pixel / 56 == class + 2 { 200 } else { 0 }));
    }
    std::fs::write(dir.join(format!("{prefix}-images-idx3-ubyte")), images).unwrap();
    std::fs::write(dir.join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
}

/// True if a program can be started on this machine; otherwise prints a message.
pub fn have(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// Repeatedly starts a program with `--resume` and sends it a signal at random moments, determined by `seed`, until it
/// has been stopped `stops` times; then lets it finish. Every complete output must have the bytes `expected`.
///
/// Any moment is valid: if a run finishes before its signal, its output is compared and removed, and another run is
/// started.
///
/// # Panics
/// If a run fails or its output has other bytes.
pub fn stop_and_resume(name: &str, arguments: &[OsString], output: &Path, expected: &[u8], signal: &str, stops: u32) {
    let (mut stopped, mut state) = (0, 0x9E37_79B9_u64);
    for round in 0.. {
        assert!(round < 50 * stops, "{name} is too fast to be stopped");
        let mut child = Command::new(program(name))
            .args(arguments)
            .arg("--resume")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        if stopped < stops {
            // A linear congruential generator (Knuth): its upper bits are random enough for moments.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_millis((state >> 33) % 800));
            Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status().expect("kill");
        }
        match child.wait().expect("the program ends").code() {
            Some(0 | 4) => {
                assert!(std::fs::read(output).unwrap() == expected, "{name} differs after {stopped} stops by {signal}");
                std::fs::remove_file(output).unwrap();
                _ = std::fs::remove_dir_all(output.with_file_name("figures"));
                if stopped == stops {
                    return;
                }
            }
            // No code: a signal that was not caught, SIGKILL or one that came before the program was ready.
            Some(75) | None => stopped += 1,
            other => {
                let mut text = String::new();
                child.stderr.take().expect("its stderr").read_to_string(&mut text).expect("text");
                panic!("{name} ended with {other:?} after {stopped} stops: {text}")
            }
        }
    }
}

/// Waits for a condition, for at most a minute.
///
/// # Panics
/// If the condition does not hold by then.
pub fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_there() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Arguments of different types as one list.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { [$(::std::ffi::OsString::from($argument)),*] };
}
