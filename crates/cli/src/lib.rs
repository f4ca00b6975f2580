//! The command line: all programs, and the code they share.
//!
//! A program is a thin `main`: [`run_program`] around a function that reads its inputs, calls a library, writes its
//! outputs and returns the JSON object to print. One executable, `mdl-rnn`, contains all of them.

pub mod allocator;
mod analysed;
pub mod args;
mod evaluated;
mod evaluation;
pub mod memory;
pub mod options;
pub mod outputs;
pub mod parse;
pub mod programs;
pub mod progress;
mod recording;
pub mod searches;
mod shipped;
pub mod signal;
pub mod stages;
mod start;
pub mod status;
pub mod summary;
pub mod tensorboard;
mod trained;
pub mod training;
pub mod watch;

pub use args::Common;
pub use parse::parse;
pub use status::{OrExit, Status, run_program};

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Entry point of a program.
type Main = fn() -> ExitCode;

/// Every program, by name.
const PROGRAMS: [(&str, Main); 18] = [
    ("analyze", programs::analyze::main),
    ("calibrate", programs::calibrate::main),
    ("cite", programs::cite::main),
    ("eval-lif", programs::eval_lif::main),
    ("eval-rate", programs::eval_rate::main),
    ("eval-spiking", programs::eval_spiking::main),
    ("export-network", programs::export_network::main),
    ("gather", programs::gather::main),
    ("get-data", programs::get_data::main),
    ("import-network", programs::import_network::main),
    ("inspect", programs::inspect::main),
    ("lambda-search", programs::lambda_search::main),
    ("make-trials", programs::make_trials::main),
    ("report", programs::report::main),
    ("run", programs::run::main),
    ("sweep-lif", programs::sweep_lif::main),
    ("train-rate", programs::train_rate::main),
    ("train-spiking", programs::train_spiking::main),
];

/// Runs the program by whose name this process is called, or the one named by its first argument.
pub fn main() -> ExitCode {
    let mut arguments = parse::arguments().into_iter();
    let called = arguments.next().unwrap_or_default();
    let called = Path::new(&called).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(program) = by_name(&called) {
        return program();
    }
    let named = arguments.next().map(|name| name.to_string_lossy().into_owned());
    match named.as_deref().and_then(by_name) {
        Some(program) => program(),
        None => {
            let names: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
            let asked = matches!(named.as_deref(), Some("--help" | "-h" | "help"));
            let text = format!("Usage: mdl-rnn PROGRAM [ARGUMENTS]\n\nPrograms: {}\n", names.join(", "));
            if asked {
                return ExitCode::from(u8::from(status::print_line(text.trim_end()).is_err()));
            }
            eprint!("{text}");
            ExitCode::from(Status::Usage as u8)
        }
    }
}

/// Runs a program inside another process, such as a Python interpreter, and returns its exit status. `arguments` starts
/// with the name of the program; `share` is a directory with the folder `configs` of the installed configs. To be called
/// once in a process, whose signals the program handles from then on.
pub fn run_as(arguments: Vec<OsString>, share: PathBuf) -> u8 {
    parse::give(arguments);
    shipped::give(share);
    let code = main();
    (0..=u8::MAX).find(|status| ExitCode::from(*status) == code).unwrap_or(Status::Failed as u8)
}

/// Names of all programs.
pub fn program_names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(name, _)| *name)
}

/// Program of this name.
fn by_name(name: &str) -> Option<Main> {
    PROGRAMS.iter().find(|(known, _)| *known == name).map(|(_, main)| *main)
}
