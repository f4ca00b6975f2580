//! `train-spiking`: trains a spiking mode network, with surrogate gradients, on a data set or a cognitive task.

use crate::start::{Start, StartOptions};
use crate::status::Outcome;
use crate::training::{Arguments, Training, claim_outputs};
use crate::{OrExit, Status, run_program};
use anyhow::anyhow;
use candle_core::Device;
use clap::Parser;
use mdl_artifact::{Kind, Provenance};
use mdl_experiment::memory::Estimate;
use mdl_model::NetworkConfig;
use mdl_model::spiking::config::SpikingConfig;
use mdl_model::spiking::network::SpikingNetwork;
use std::process::ExitCode;

/// Train a spiking network with low-rank recurrence
///
/// Reads a config and its data, trains, and writes a spiking artifact. With --from, training starts from the parameters
/// of another spiking network, which is described by the config, too. Prints the result as JSON, on a terminal as a
/// sentence.
///
/// Exit status: 0 trained, 1 failed, 2 usage or config, 3 damaged data, 4 written but the stopping rule was not met, 75
/// interrupted: rerun with --resume.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  train-spiking --config configs/mnist.json -o spiking.safetensors
  train-spiking --config configs/mante-spiking.json --set network.modes=5 -o spiking.safetensors
  train-spiking --from spiking.safetensors --set training.max_updates=500 -o tuned.safetensors"
)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let program = crate::parse::<Program>();
    run_program(program.arguments.common.talk.json, || run(&program.arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    let start = arguments.start.read(Kind::Spiking, common)?;
    let experiment = &start.experiment;
    let NetworkConfig::Spiking(config) = &experiment.network else {
        return Err(anyhow!("network.kind: found rate, expected spiking (train-rate trains it)"))
            .or_exit(Status::Usage);
    };
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    crate::memory::check(&Estimate::training(experiment))?;
    let _claims = claim_outputs(arguments, experiment)?;
    let device = arguments.device.device.open().or_exit(Status::Usage)?;
    let Trainee { network, provenance } = Trainee::new(&start, &arguments.start, config, &device)?;
    Training { arguments, experiment, stages: &start.stages, kind: Kind::Spiking, provenance, device: &device }
        .run(&network, |artifact| Ok(network.write(artifact)?))
}

/// A network before its training.
pub(crate) struct Trainee {
    pub network: SpikingNetwork,
    /// Provenance, except for the device and the data.
    pub provenance: Provenance,
}

impl Trainee {
    /// The network of an experiment with this network section, with drawn parameters or those of the network that it
    /// starts from.
    ///
    /// # Errors
    /// A network to start from that is damaged (status 3).
    pub fn new(start: &Start, options: &StartOptions, config: &SpikingConfig, device: &Device) -> anyhow::Result<Self> {
        let experiment = &start.experiment;
        let (channels, outputs) = experiment.task.channels_and_outputs();
        let mut provenance = mdl_artifact::provenance!("train-spiking", experiment.seed);
        let mut network = SpikingNetwork::initial(config, channels, outputs, experiment.seed)?;
        if let Some(from) = &start.network {
            let new = start.new_ends(from, options)?;
            let [_, channels] = from.shape("w_in").or_exit(Status::DamagedInput)?;
            let [outputs, _] = from.shape("w_out").or_exit(Status::DamagedInput)?;
            let earlier = SpikingNetwork::read(from, config, channels, outputs).or_exit(Status::DamagedInput)?;
            network = earlier.with_ends_of(&network, new.inputs, new.outputs);
            provenance = new.note(provenance, from);
        }
        let network = network.with_frozen(&experiment.training.frozen).to_device(device)?;
        Ok(Self { network, provenance })
    }
}
