//! `import-network`: takes in a network of another tool.

use crate::outputs::{claim, plan_of_one, read_all};
use crate::status::{Outcome, with_status};
use crate::{Common, run_program, signal};
use clap::Parser;
use mdl_artifact::output::sha256;
use mdl_artifact::{Artifact, Input, Provenance};
use mdl_exchange::archive::Archive;
use mdl_exchange::error::Error;
use mdl_exchange::mapping::{Mapping, wanted_of_mode_network};
use mdl_exchange::wishes::{TASKS, Wishes};
use mdl_exchange::{Variables, mat, numpy, published, tensors, torch};
use mdl_experiment::Experiment;
use mdl_model::spiking::Synapse;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Take in a network of another tool
///
/// Reads a MATLAB file (version 5) with a network in the layout of the published rate code, and writes a rate artifact, or a
/// LIF artifact if the file holds opt_scaling_factor; or a PyTorch file with a published spiking mode network (Win, Wout, pin,
/// pout, l), and writes a spiking artifact; or a NumPy file that export-network wrote. With a mapping it reads networks of
/// any layout from these and from safetensors files. No code of a file is run. Prints one JSON line. Exit status: 0 written,
/// 1 failed, 2 usage or config, 3 damaged or foreign file, 75 interrupted: run it again.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  import-network go-nogo.mat -o rate.safetensors
  import-network mante.pth -o spiking.safetensors
  import-network weights.npz --mapping mapping.json -o rate.safetensors
  import-network network.mat --task mante --set search.trials=400 -o rate.safetensors"
)]
struct Arguments {
    /// MATLAB (.mat), PyTorch (.pth), NumPy (.npz) or safetensors file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The task it was trained on (default: by the number of inputs)
    #[arg(long, value_name = "NAME", value_parser = TASKS)]
    task: Option<String>,

    /// Synapse of a spiking network, with its published gain (default: double)
    #[arg(long, value_name = "KIND", value_parser = synapse)]
    synapse: Option<Synapse>,

    /// Which array is which tensor, and sections of a config, as JSON: see docs/import.md
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(|| run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let (common, path) = (&arguments.common, &arguments.file);
    common.start()?;
    let read = std::fs::read(path).map_err(|source| Error::Unreadable { path: path.clone(), source });
    let bytes = with_status(read)?;
    let network = with_status(Network::read(&bytes, path, arguments.mapping.as_deref()))?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let wishes = Wishes {
        name: &name,
        task: arguments.task.as_deref(),
        synapse: arguments.synapse,
        set: &common.set,
        seed: common.seed,
    };
    let experiment = with_status(network.experiment(&wishes))?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    let output = common.output()?;
    let mut plan = plan_of_one(common, "the network", path)?;
    read_all(&mut plan, [("the mapping (--mapping)", arguments.mapping.as_ref())]);
    let _claims = claim(plan)?;
    let mut provenance = mdl_artifact::provenance!("import-network", experiment.seed);
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    provenance.inputs.push(Input { file, sha256: sha256(&bytes) });
    let artifact = with_status(network.artifact(&experiment, provenance))?;
    signal::hold();
    artifact.write(output, common.force)?;
    Ok(Outcome::done(json!({ "output": output, "kind": artifact.kind, "name": experiment.name })))
}

fn synapse(name: &str) -> Result<Synapse, String> {
    serde_json::from_value(json!(name)).map_err(|_| "expected single or double".into())
}

/// What a file holds, and what its names mean.
enum Network {
    Published(Variables),
    Mapped(Variables, Mapping),
}

/// A file format, told by the first bytes.
#[derive(Clone, Copy)]
enum Format {
    Mat,
    Torch,
    Numpy,
    Safetensors,
}

impl Format {
    fn of(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        if bytes.starts_with(b"PK") {
            let archive = Archive::open(bytes, false).map_err(Error::damaged(path, "a PyTorch or NumPy file"))?;
            let torch = archive.names().iter().any(|name| name.ends_with("/data.pkl"));
            return Ok(if torch { Self::Torch } else { Self::Numpy });
        }
        // A safetensors file begins with the length of a JSON object.
        Ok(if bytes.get(7..9) == Some(b"\0{") { Self::Safetensors } else { Self::Mat })
    }

    fn read(self, bytes: &[u8], path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Variables, Error> {
        let (by_name, format) = match self {
            Self::Mat => (mat::read(bytes, wanted), "a MATLAB file"),
            Self::Torch => (torch::read(bytes, wanted), "a PyTorch file"),
            Self::Numpy => (numpy::read(bytes, wanted), "a NumPy file"),
            Self::Safetensors => (tensors::read(bytes, wanted), "a safetensors file"),
        };
        Ok(Variables { path: path.into(), by_name: by_name.map_err(Error::damaged(path, format))? })
    }
}

impl Network {
    fn read(bytes: &[u8], path: &Path, mapping: Option<&Path>) -> Result<Self, Error> {
        let format = Format::of(bytes, path)?;
        let mapping = mapping.map(Mapping::load).transpose()?;
        match (format, mapping) {
            (Format::Mat, None) => Ok(Self::Published(format.read(bytes, path, published::wanted)?)),
            (Format::Torch, None) => {
                let variables = format.read(bytes, path, wanted_of_mode_network)?;
                let mapping = Mapping::of_mode_network(&variables)?;
                Ok(Self::Mapped(variables, mapping))
            }
            (_, mapping) => {
                let mapping = mapping.unwrap_or_default();
                let variables = format.read(bytes, path, |name| mapping.wants(name))?;
                let mapping = mapping.complete(&variables)?;
                Ok(Self::Mapped(variables, mapping))
            }
        }
    }

    fn experiment(&self, wishes: &Wishes) -> Result<Experiment, Error> {
        match self {
            Self::Published(variables) => published::experiment(variables, wishes),
            Self::Mapped(variables, mapping) => mapping.experiment(variables, wishes),
        }
    }

    fn artifact(&self, experiment: &Experiment, provenance: Provenance) -> Result<Artifact, Error> {
        match self {
            Self::Published(variables) => published::artifact(variables, experiment, provenance),
            Self::Mapped(variables, mapping) => mapping.artifact(variables, experiment, provenance),
        }
    }
}
