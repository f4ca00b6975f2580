//! Starts a program of the executable `mdl-rnn` under the program's name.
//!
//! All programs are one executable, linked once. `cargo build` and `cargo install` also create a small file for each
//! name, whose `main` is [`start`]: it is replaced by the executable beside it, with the same arguments, process ID and
//! streams.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Name of the executable that contains every program.
const EXECUTABLE: &str = if cfg!(windows) { "mdl-rnn.exe" } else { "mdl-rnn" };

/// Runs `program` of the executable beside this file, or of the one on the PATH.
pub fn start(program: &str) -> ExitCode {
    let beside = beside().unwrap_or_else(|| EXECUTABLE.into());
    let mut command = Command::new(&beside);
    command.args(std::env::args_os().skip(1));
    let error = run(command, program);
    eprintln!(
        "error: cannot start {}: {error}; keep {program} and {EXECUTABLE} in one directory, or {EXECUTABLE} on the PATH",
        beside.display()
    );
    ExitCode::FAILURE
}

/// Executable in the directory of this file, or of the target if this file is a link.
fn beside() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let target = own.canonicalize().ok();
    [Some(own), target].into_iter().flatten().map(|path| path.with_file_name(EXECUTABLE)).find(|path| path.is_file())
}

/// Replaces this process by the command under the program's name; returns only on error.
#[cfg(unix)]
fn run(mut command: Command, program: &str) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    command.arg0(program).exec()
}

/// Runs the command to its end and exits with its status; returns only on error.
#[cfg(not(unix))]
fn run(command: Command, program: &str) -> std::io::Error {
    let mut with_name = Command::new(command.get_program());
    match with_name.arg(program).args(command.get_args()).status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
