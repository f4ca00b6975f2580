//! `import`: takes in a network of another tool.

use clap::Parser;
use mdl_exchange::error::Error;
use mdl_exchange::published::{self, Wishes};
use mdl_exchange::{Variables, mat, with_status};
use mdl_model::artifact::Input;
use mdl_stage::output::sha256;
use mdl_stage::status::Outcome;
use mdl_stage::{Common, run_program};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Take in a network of another tool
///
/// Reads a MATLAB file (version 5) with a network in the layout of the published rate code, writes a rate artifact, or a LIF
/// artifact if the file holds opt_scaling_factor; prints one JSON line. Exit status: 0 written, 1 failed, 2 usage or config,
/// 3 damaged or foreign file.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  import go-nogo.mat -o rate.safetensors
  import network.mat --task mante --set search.trials=400 -o rate.safetensors"
)]
struct Arguments {
    /// MATLAB file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The task it was trained on: go-nogo, xor or mante (default: by the number of inputs)
    #[arg(long, value_name = "NAME", value_parser = ["go-nogo", "xor", "mante"])]
    task: Option<String>,

    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    run_program(|| run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let (common, path) = (&arguments.common, &arguments.file);
    common.start()?;
    let read = std::fs::read(path).map_err(|source| Error::Unreadable { path: path.clone(), source });
    let bytes = with_status(read)?;
    let by_name = with_status(mat::read(&bytes, published::wanted).map_err(Error::damaged(path, "a MATLAB file")))?;
    let variables = Variables { path: path.clone(), by_name };
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let wishes = Wishes { name: &name, task: arguments.task.as_deref(), set: &common.set, seed: common.seed };
    let experiment = with_status(published::experiment(&variables, &wishes))?;
    if common.print_config {
        return mdl_stage::config::print(&experiment.to_json());
    }
    let output = common.output_path()?;
    let mut provenance = mdl_model::provenance!("import", experiment.seed);
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    provenance.inputs.push(Input { file, sha256: sha256(&bytes) });
    let artifact = with_status(published::artifact(&variables, &experiment, provenance))?;
    artifact.write(&output, common.force)?;
    Ok(Outcome::done(json!({ "output": output, "kind": artifact.kind, "name": experiment.name })))
}
