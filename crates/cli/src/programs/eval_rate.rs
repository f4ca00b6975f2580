//! `eval-rate`: evaluates a trained rate network.

use crate::evaluation::{self, Options};
use crate::run_program;
use clap::Parser;
use mdl_artifact::Kind;
use std::path::PathBuf;
use std::process::ExitCode;

/// Evaluate a rate network
///
/// Reads a rate artifact, trained here or imported, with any activation; runs the network on the test examples of its
/// data set or on trials of its task; writes an evaluation artifact, its figures, and with --report an HTML report.
/// Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact or data, 75 interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  eval-rate rate.safetensors -o eval.safetensors --report report.html
  eval-rate rate.safetensors --set evaluation.trials=1000 --set task.rules=strict -o eval.safetensors"
)]
struct Arguments {
    /// Rate artifact
    #[arg(value_name = "RATE")]
    network: PathBuf,

    #[command(flatten)]
    options: Options,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.options.common.talk.json, || {
        evaluation::run("eval-rate", Kind::Rate, &arguments.network, &arguments.options)
    })
}
