//! `export-network`: writes an artifact as a file of another tool.

use crate::outputs::{claim, plan_of_one, read_experiments};
use crate::status::{Outcome, with_status};
use crate::{Common, OrExit, Status, evaluated, run_program, signal};
use clap::Parser;
use mdl_artifact::output::write_atomically;
use mdl_artifact::{Artifact, Kind};
use mdl_exchange::export::{FORMATS, format_of};
use mdl_experiment::Experiment;
use mdl_experiment::derived::Changes;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Export an artifact to another tool
///
/// The extension of the output selects the format: .mat (MATLAB version 5; rate and LIF networks in the layout of the
/// published rate code, other artifacts with one variable per tensor), .nir (NIR; LIF and spiking networks) or .npz
/// (NumPy, one array per tensor). Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or a network that the format cannot hold, 3 damaged artifact, 75
/// interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  export-network lif.safetensors -o network.mat
  export-network lif.safetensors -o network.nir
  export-network spiking.safetensors --layout cubalif -o network.nir
  export-network eval.safetensors -o eval.npz"
)]
struct Arguments {
    /// Artifact of any kind
    #[arg(value_name = "ARTIFACT")]
    artifact: PathBuf,

    /// Layout of a NIR graph: cubalif, for tools that only know layers of CubaLIF neurons; see docs/export.md
    #[arg(long, value_name = "NAME", value_parser = layout)]
    layout: Option<String>,

    #[command(flatten)]
    common: Common,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let (common, path) = (&arguments.common, &arguments.artifact);
    common.start()?;
    let artifact = Artifact::read_any(path).or_exit(Status::DamagedInput)?;
    let experiment = experiment(&artifact, &common.set, common.seed)?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    let output = common.output()?;
    with_status(format_of(output))?;
    let mut plan = plan_of_one(common, "the artifact", path)?;
    read_experiments(&mut plan, [&experiment]);
    let _claims = claim(plan)?;
    let file = file(&artifact, &experiment, output, arguments.layout.as_deref(), path)?;
    signal::hold();
    write_atomically(output, &file, common.force)?;
    Ok(Outcome::done(json!({ "output": output, "kind": artifact.kind, "name": experiment.name })))
}

/// The bytes of the file `output`, in the format of its extension; `origin` is the file of the artifact.
///
/// # Errors
/// An artifact that the format cannot hold, or not in this layout (status 2).
pub(crate) fn file(
    artifact: &Artifact,
    experiment: &Experiment,
    output: &Path,
    layout: Option<&str>,
    origin: &Path,
) -> anyhow::Result<Vec<u8>> {
    let format = with_status(format_of(output))?;
    with_status(match layout {
        Some(layout) => format.write_as(layout, artifact, experiment, origin),
        None => format.write(artifact, experiment, origin),
    })
}

/// A layout of one of the formats.
pub(crate) fn layout(name: &str) -> Result<String, String> {
    let known: Vec<&str> = FORMATS.iter().flat_map(|format| format.layouts()).copied().collect();
    if known.contains(&name) { Ok(name.into()) } else { Err(format!("expected {}", known.join(", "))) }
}

/// Experiment of an artifact with the changes that an export can make.
///
/// # Errors
/// A change that is not possible (status 2).
pub(crate) fn experiment(artifact: &Artifact, set: &[String], seed: Option<u64>) -> anyhow::Result<Experiment> {
    let sections: &[&str] = match artifact.kind {
        Kind::Lif => &["task", "lif"],
        Kind::Rate | Kind::Spiking => &["task"],
        _ => &[],
    };
    Ok(evaluated::experiment(artifact, &Changes { file: None, set, seed, sections })?.experiment)
}
