//! The command line: all programs, and the code they share.
//!
//! A program is a thin `main`: [`run_program`] around a function that reads its inputs, calls a library, writes its
//! outputs and returns the JSON object to print. One executable, `mdl-rnn`, contains all of them.

mod allocator;
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
mod start;
pub mod status;
pub mod summary;
pub mod tensorboard;
mod trained;
pub mod training;

pub use args::Common;
pub use parse::parse;
pub use status::{OrExit, Status, run_program};

use std::path::Path;
use std::process::ExitCode;

/// Entry point of a program.
type Main = fn() -> ExitCode;

/// Every program, by name.
const PROGRAMS: [(&str, Main); 15] = [
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
    let mut arguments = std::env::args_os();
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

/// Program of this name.
fn by_name(name: &str) -> Option<Main> {
    PROGRAMS.iter().find(|(known, _)| *known == name).map(|(_, main)| *main)
}
