//! `eval-spiking`: evaluates a trained spiking network.

use crate::evaluation::{self, Options};
use crate::run_program;
use clap::Parser;
use mdl_artifact::Kind;
use std::path::PathBuf;
use std::process::ExitCode;

/// Evaluate a spiking network
///
/// Reads a spiking artifact; runs the network on the test examples of its data set or on trials of its task; writes an
/// evaluation artifact, its figures, and with --report an HTML report. Prints the result as JSON, on a terminal as a
/// sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact or data, 75 interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  eval-spiking spiking.safetensors -o eval.safetensors --report report.html
  eval-spiking spiking.safetensors --set evaluation.trials=1000 -o eval.safetensors"
)]
struct Arguments {
    /// Spiking artifact
    #[arg(value_name = "SPIKING")]
    network: PathBuf,

    #[command(flatten)]
    options: Options,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.options.common.talk.json, || {
        evaluation::run("eval-spiking", Kind::Spiking, &arguments.network, &arguments.options)
    })
}
