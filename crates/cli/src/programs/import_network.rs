//! `import-network`: imports a network of another tool.

use crate::outputs::{claim, plan_of_one, read_all};
use crate::status::{Outcome, with_status};
use crate::{Common, run_program, signal};
use clap::Parser;
use mdl_artifact::output::sha256;
use mdl_artifact::{FileType, Input, Kind, Provenance};
use mdl_exchange::error::Error;
use mdl_exchange::mapping::Mapping;
use mdl_exchange::network::Unused;
use mdl_exchange::options::task_names;
use mdl_exchange::{ForeignFile, ImportOptions, Network};
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::rate::config::RecurrenceConfig;
use mdl_model::spiking::Synapse;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Import a network of another tool
///
/// Reads a MATLAB file (version 5 or 7.3) in the layout of the published rate code and writes a rate artifact, or a LIF
/// artifact if the file holds opt_scaling_factor; a PyTorch file of a published mode network (Win, Wout, pin, pout, l)
/// and writes a spiking artifact; a NIR graph; or a NumPy file of PsychRNN or export-network. With a mapping it reads
/// networks in any layout from these, from HDF5 and from safetensors files. Code in a file is never run. Warns about every array that was not
/// used, and refuses those that would change the network. Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage, config, or arrays that cannot be read, 3 damaged or foreign file, 75
/// interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  import-network go-nogo.mat -o rate.safetensors
  import-network mante.pth -o spiking.safetensors
  import-network mante.pth --synapse single --set network.neuron.refractory_steps=0 -o spiking.safetensors
  import-network mnist-rate.pth --kind rate -o rate.safetensors
  import-network snntorch.nir --task xor --set task.step_ms=0.1 -o spiking.safetensors
  import-network weights.npz --mapping mapping.json -o rate.safetensors
  import-network network.mat --task mante --set search.trials=400 -o rate.safetensors
  inspect weights.npz                                             lists the arrays of a file"
)]
struct Arguments {
    /// MATLAB (.mat), PyTorch (.pth), NIR (.nir), HDF5, NumPy (.npz) or safetensors file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Kind of the network: rate, spiking or lif (default: as the layout says)
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<Kind>,

    /// The task it was trained on (default: by the number of inputs)
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(task_names()))]
    task: Option<String>,

    /// Synapse of a spiking network, with its published gain (default: double)
    #[arg(long, value_name = "KIND", value_parser = synapse)]
    synapse: Option<Synapse>,

    /// JSON mapping of arrays to tensors, and config sections; see docs/import.md
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,

    /// Ignore an array, or a node of a NIR graph, although it changes the network; a trailing `*` matches anything; may be repeated
    #[arg(long, value_name = "ARRAY")]
    ignore: Vec<String>,

    #[command(flatten)]
    common: Common,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let (common, path) = (&arguments.common, &arguments.file);
    common.start()?;
    let bytes = with_status(read(path))?;
    let file = with_status(ForeignFile::open(&bytes, path))?;
    let mapping = with_status(arguments.mapping.as_deref().map(Mapping::load).transpose())?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let options = ImportOptions {
        name: &name,
        kind: arguments.kind,
        task: arguments.task.as_deref(),
        synapse: arguments.synapse,
        ignore: &arguments.ignore,
        set: &common.set,
        seed: common.seed,
    };
    let mut network = with_status(Network::read(&file, mapping, options))?;
    let experiment = with_status(network.experiment())?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    let output = common.output()?;
    let mut plan = plan_of_one(common, "the network", path)?;
    read_all(&mut plan, [("the mapping (--mapping)", arguments.mapping.as_ref())]);
    let _claims = claim(plan)?;
    let (artifact, unused) = with_status(network.artifact(&experiment, provenance(path, &bytes, &experiment)))?;
    signal::hold();
    artifact.write(output, common.force)?;
    network.reading.notes.iter().for_each(|note| tracing::warn!("{}: {note}", path.display()));
    warn_of_unused(path, &network, &unused);
    let mut result = json!({
        "output": output,
        "kind": artifact.kind,
        "name": experiment.name,
        "layout": network.reading.layout,
        "read_as": network.reading.read_as,
        "unused": unused.all(),
    });
    add_choices(&mut result, &experiment);
    Ok(Outcome::done(result))
}

/// Provenance of a network imported from the file `path` with these bytes.
pub(crate) fn provenance(path: &Path, bytes: &[u8], experiment: &Experiment) -> Provenance {
    let mut provenance = mdl_artifact::provenance!("import-network", experiment.seed);
    let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    provenance.inputs.push(Input { file, sha256: sha256(bytes) });
    provenance.inputs.extend(experiment.inputs());
    provenance
}

/// Maximum size of a file (bytes), above that of any network that can be imported.
const MOST_BYTES: u64 = 4 << 30;

/// Bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    if path.is_dir() {
        return Err(Error::Foreign { path: path.into(), found: FileType::Directory });
    }
    let unreadable = |source| Error::Unreadable { path: path.into(), source };
    let refused = |text: String| Err(unreadable(std::io::Error::other(text)));
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return refused("not a regular file".into());
    }
    if metadata.len() > MOST_BYTES {
        return refused(format!("{} bytes, expected a network of at most {MOST_BYTES}", metadata.len()));
    }
    std::fs::read(path).map_err(unreadable)
}

/// Names every unused array of the file.
pub(crate) fn warn_of_unused(path: &Path, network: &Network, unused: &Unused) {
    let (ignored, unknown): (Vec<_>, Vec<_>) = unused.unknown.iter().partition(|name| network.ignores(name));
    let named = |what: &str, names: &[&String]| {
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        (!names.is_empty()).then(|| format!("{what}{}", names.join(", ")))
    };
    let parts = [
        named("", &unknown),
        named("ignored: ", &ignored),
        named("records of training and of trials: ", &unused.records.iter().collect::<Vec<_>>()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        tracing::warn!("{}: not used: {}", path.display(), parts.join("; "));
    }
}

/// Adds the conventions with which the network was read.
fn add_choices(result: &mut Value, experiment: &Experiment) {
    match &experiment.network {
        NetworkConfig::Spiking(network) => {
            result["synapse"] = json!(network.neuron.synapse);
            result["gain"] = json!(network.neuron.gain);
            result["refractory_steps"] = json!(network.neuron.refractory_steps);
        }
        NetworkConfig::Rate(network) => {
            result["activation"] = json!(network.activation);
            if let RecurrenceConfig::Dense(dense) = &network.recurrence {
                result["dale"] = json!(dense.dale);
            }
        }
    }
}

fn synapse(name: &str) -> Result<Synapse, String> {
    serde_json::from_value(json!(name)).map_err(|_| "expected single or double".into())
}

fn kind(name: &str) -> Result<Kind, String> {
    [Kind::Rate, Kind::Spiking, Kind::Lif]
        .into_iter()
        .find(|kind| kind.to_string() == name)
        .ok_or_else(|| "expected rate, spiking or lif".into())
}
