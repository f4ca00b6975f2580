//! Exit statuses, and the wrapper around every program's `main`.

use anyhow::Error;
use mdl_artifact::output::OutputError;
use mdl_artifact::plan::PlanError;
use mdl_report::gather::GatherError;
use serde_json::Value;
use std::backtrace::Backtrace;
use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Outcome of a program as its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// The output was written and the criterion, if any, was met.
    Done = 0,
    /// A failure outside the inputs: a full disk, a diverged training run.
    Failed = 1,
    /// The arguments or the config cannot be run.
    Usage = 2,
    /// An input artifact or data file is unreadable, damaged or of the wrong kind.
    DamagedInput = 3,
    /// The output was written, but training or search ended without meeting its criterion.
    CriterionNotMet = 4,
    /// Stopped by a first [signal](crate::signal) before its output was written; run the same command again. The number
    /// is EX_TEMPFAIL of sysexits.h, "try again"; batch systems can requeue a job that ends with it.
    Interrupted = 75,
    /// Ended at once by a second signal.
    Killed = 130,
}

impl Status {
    /// Exit status of a program that ends with this error, and its text on one line.
    pub fn of(error: &Error) -> (Self, String) {
        let status = error.chain().find_map(|e| e.downcast_ref::<WithStatus>()).map_or(Self::Failed, |e| e.status);
        (status, message(error))
    }
}

/// An error with an exit status.
#[derive(Debug)]
struct WithStatus {
    status: Status,
    source: Error,
}

impl fmt::Display for WithStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&message(&self.source))
    }
}

impl std::error::Error for WithStatus {}

/// Adds an exit status to the error of a result.
pub trait OrExit<T> {
    /// The same result, whose error ends the program with `status`.
    ///
    /// # Errors
    /// The error of `self`.
    fn or_exit(self, status: Status) -> anyhow::Result<T>;
}

impl<T, E: Into<Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, status: Status) -> anyhow::Result<T> {
        self.map_err(|source| Error::new(WithStatus { status, source: source.into() }))
    }
}

/// An error of a library, which does not know exit statuses.
pub trait HasStatus: Into<Error> {
    /// Exit status of a program that ends with this error.
    fn status(&self) -> Status;
}

impl HasStatus for PlanError {
    fn status(&self) -> Status {
        let full = |error: &std::io::Error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        match self {
            Self::Output { source: OutputError::Busy(_), .. } => Status::Failed,
            Self::Output { source: OutputError::Write { source, .. }, .. } | Self::Folder { source, .. }
                if full(source) =>
            {
                Status::Failed
            }
            _ => Status::Usage,
        }
    }
}

impl HasStatus for mdl_artifact::checkpoint::PartialError {
    fn status(&self) -> Status {
        match self {
            Self::Exists(_) | Self::AnotherRun { .. } => Status::Usage,
            Self::Artifact(_) => Status::DamagedInput,
            Self::Output(_) => Status::Failed,
        }
    }
}

impl HasStatus for mdl_experiment::ExperimentError {
    fn status(&self) -> Status {
        match self {
            Self::Trials { .. } => Status::DamagedInput,
            Self::Config(_) | Self::Invalid { .. } | Self::Meaningless { .. } => Status::Usage,
        }
    }
}

impl HasStatus for mdl_convert::Error {
    fn status(&self) -> Status {
        match self {
            Self::Field(_) | Self::Task(_) | Self::NegativeRates | Self::Output(OutputError::Exists(_)) => {
                Status::Usage
            }
            Self::Length { .. } | Self::Value { .. } | Self::Artifact(_) => Status::DamagedInput,
            Self::Partial(error) => error.status(),
            Self::Output(_) | Self::Device(_) => Status::Failed,
            Self::Interrupted | Self::Kept => Status::Interrupted,
        }
    }
}

impl HasStatus for GatherError {
    fn status(&self) -> Status {
        match self {
            Self::Artifact(_) | Self::NoStage { .. } => Status::DamagedInput,
            Self::Unreadable { .. } | Self::Csv(_) | Self::Figure(_) => Status::Failed,
            Self::Missing { .. }
            | Self::NoRun { .. }
            | Self::TwoNetworks { .. }
            | Self::Twice { .. }
            | Self::EarlierStage { .. }
            | Self::NoColumn { .. }
            | Self::NoNumber { .. }
            | Self::Nothing { .. } => Status::Usage,
        }
    }
}

impl HasStatus for mdl_exchange::Error {
    fn status(&self) -> Status {
        match self {
            Self::Unreadable { .. }
            | Self::Foreign { .. }
            | Self::Damaged { .. }
            | Self::Variable { .. }
            | Self::Artifact(_) => Status::DamagedInput,
            Self::Task(_) | Self::Unread { .. } | Self::Undecided { .. } | Self::Unfit { .. } => Status::Usage,
            Self::Experiment(error) => error.status(),
        }
    }
}

/// Conversion of a library's error to an exit status.
///
/// # Errors
/// The error of `result`.
pub fn with_status<T, E: HasStatus>(result: Result<T, E>) -> anyhow::Result<T> {
    result.or_else(|error| {
        let status = error.status();
        Err(error).or_exit(status)
    })
}

/// Error in the arguments (status 2).
pub fn usage(message: impl Into<String>) -> Error {
    Error::new(WithStatus { status: Status::Usage, source: Error::msg(message.into()) })
}

/// Outcome of a program.
#[derive(Debug)]
pub struct Outcome {
    /// Exit status.
    pub status: Status,
    /// Result, printed as one JSON line; `None` prints nothing.
    pub result: Option<Value>,
}

impl Outcome {
    /// A finished program with its result.
    pub fn done(result: Value) -> Self {
        Self { status: Status::Done, result: Some(result) }
    }

    /// A program that only printed the requested information.
    pub fn silent() -> Self {
        Self { status: Status::Done, result: None }
    }
}

/// Runs the body of a program, prints its result on stdout or its error on stderr, and returns the exit status.
///
/// With `json` the result is one JSON line on terminals, too. A panic is a bug in the program: it is reported in one
/// line, and the status is 1.
pub fn run_program(json: bool, body: impl FnOnce() -> anyhow::Result<Outcome>) -> ExitCode {
    std::panic::set_hook(Box::new(report_panic));
    let Ok(outcome) = std::panic::catch_unwind(AssertUnwindSafe(body)) else {
        return ExitCode::from(Status::Failed as u8);
    };
    match outcome {
        Ok(Outcome { status, result }) => {
            if let Some(value) = result
                && print_result(&value, json).is_err()
            {
                return ExitCode::from(Status::Failed as u8);
            }
            ExitCode::from(status as u8)
        }
        Err(error) => {
            // Ignored if the terminal was closed or the reader has gone.
            let (status, text) = Status::of(&error);
            let _ = writeln!(std::io::stderr(), "error: {text}");
            ExitCode::from(status as u8)
        }
    }
}

/// Message of a panic.
fn text_of<'a>(panic: &'a PanicHookInfo) -> &'a str {
    let payload = panic.payload();
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    payload.downcast_ref::<&str>().copied().or_else(owned).unwrap_or("no message")
}

/// Reports a bug of the program on one line; of several threads only the first does. With `RUST_BACKTRACE` a backtrace
/// follows.
fn report_panic(panic: &PanicHookInfo) {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if REPORTED.swap(true, Ordering::Relaxed) {
        return;
    }
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let what = text_of(panic).replace('\n', " ");
    // An error of this write cannot be reported.
    _ = writeln!(std::io::stderr(), "error: internal error{place}: {what}; please report it");
    if std::env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0") {
        _ = writeln!(std::io::stderr(), "{}", Backtrace::force_capture());
    }
}

/// The error and its causes on one line, without repetitions: many errors include their cause in their own text.
fn message(error: &Error) -> String {
    error.chain().fold(String::new(), |text, cause| match cause.to_string() {
        cause if text.contains(&cause) => text,
        cause if text.is_empty() => cause,
        cause => format!("{text}: {cause}"),
    })
}

/// Prints a resolved config, for `--print-config`.
///
/// # Errors
/// An error of writing.
pub fn print_config(config: &Value) -> anyhow::Result<Outcome> {
    print_line(&format!("{config:#}"))?;
    Ok(Outcome::silent())
}

/// Prints a result: as a JSON line, or on a terminal, unless `json`, as a sentence.
///
/// # Errors
/// An error of writing.
pub fn print_result(result: &Value, json: bool) -> std::io::Result<()> {
    let for_a_person = !json && std::io::stdout().is_terminal();
    print_line(&if for_a_person { crate::summary::of(result) } else { result.to_string() })
}

/// Writes one line to stdout. A reader that closed the pipe, such as `head`, is not an error.
///
/// # Errors
/// Any other error of writing.
pub fn print_line(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn the_status_survives_added_context() {
        let error: anyhow::Result<()> = Err(anyhow!("bad byte")).or_exit(Status::DamagedInput);
        let error = error.context("reading a.safetensors").unwrap_err();
        assert_eq!(message(&error), "reading a.safetensors: bad byte");
        let twice = std::io::Error::other("no space");
        let twice = anyhow!(OutputError::Write { path: "a".into(), source: twice });
        assert_eq!(message(&twice), "cannot write a: no space (nothing was left there)");
        let status = error.chain().find_map(|e| e.downcast_ref::<WithStatus>()).map(|e| e.status);
        assert_eq!(status, Some(Status::DamagedInput));
    }
}
