//! Runs the built programs for the end-to-end tests. `make test` builds them first.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").into()
}

/// A config that ships with the project.
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

/// What a program did.
#[derive(Debug)]
pub struct Run {
    /// Exit status.
    pub status: i32,
    /// The JSON object on stdout, if there is one.
    pub result: Option<Value>,
    /// What stands on stderr.
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            result: serde_json::from_slice(&output.stdout).ok(),
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

/// Arguments of different types as one list.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { [$(::std::ffi::OsString::from($argument)),*] };
}
