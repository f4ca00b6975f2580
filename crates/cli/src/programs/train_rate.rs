//! `train-rate`: trains a rate network on a cognitive task or a data set.

use crate::start::{Start, StartOptions};
use crate::status::Outcome;
use crate::training::{Arguments, Training, claim_outputs};
use crate::{OrExit, Status, run_program};
use anyhow::anyhow;
use candle_core::Device;
use clap::Parser;
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_experiment::memory::Estimate;
use mdl_model::NetworkConfig;
use mdl_model::rate::config::RateConfig;
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use std::process::ExitCode;

/// Train a rate network
///
/// Reads a config, trains, and writes a rate artifact. With --from, training starts from the parameters of another
/// rate network, which is described by the config, too. Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 trained, 1 failed, 2 usage or config, 3 damaged data, 4 written but the stopping rule was not met, 75
/// interrupted: rerun with --resume.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  train-rate --config configs/go-nogo.json -o rate.safetensors
  train-rate --config configs/go-nogo.json --seed 7 --set network.neurons=100 -o small.safetensors
  train-rate --config configs/mante.json --print-config
  train-rate --from rate.safetensors --set task.parameters.go_threshold=0.8 -o tuned.safetensors"
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
    let start = arguments.start.read(Kind::Rate, common)?;
    let experiment = &start.experiment;
    let NetworkConfig::Rate(config) = &experiment.network else {
        return Err(anyhow!("network.kind: found spiking, expected rate (train-spiking trains it)"))
            .or_exit(Status::Usage);
    };
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    crate::memory::check(&Estimate::training(experiment))?;
    let _claims = claim_outputs(arguments, experiment)?;
    let device = arguments.device.device.open().or_exit(Status::Usage)?;
    let Trainee { network, initial, provenance } = Trainee::new(&start, &arguments.start, config, &device)?;
    Training { arguments, experiment, stages: &start.stages, kind: Kind::Rate, provenance, device: &device }
        .run(&network, |artifact| write(&network, &initial, artifact))
}

/// A network before its training.
pub(crate) struct Trainee {
    pub network: RateNetwork,
    /// Its parameters.
    pub initial: RateParameters,
    /// Provenance, except for the device and the data.
    pub provenance: Provenance,
}

impl Trainee {
    /// The network of an experiment with this network section, with drawn parameters or those of the network that it
    /// starts from.
    ///
    /// # Errors
    /// An activation that is not that of the conversion (status 2), a network to start from that is damaged (status 3).
    pub fn new(start: &Start, options: &StartOptions, config: &RateConfig, device: &Device) -> anyhow::Result<Self> {
        let experiment = &start.experiment;
        experiment.validate_activation().or_exit(Status::Usage)?;
        let (channels, outputs) = experiment.task.channels_and_outputs();
        let mut provenance = mdl_artifact::provenance!("train-rate", experiment.seed);
        let mut initial = RateParameters::draw(config, channels, outputs, experiment.seed);
        if let Some(from) = &start.network {
            let new = start.new_ends(from, options)?;
            let earlier = RateParameters::read(from, config, "").or_exit(Status::DamagedInput)?;
            initial = earlier.with_ends_of(initial, new.inputs, new.outputs);
            provenance = new.note(provenance, from);
        }
        let network = RateNetwork::new(config, initial.clone(), experiment.task.step_ms(), device)?;
        let network = network.with_frozen(&experiment.training.frozen);
        Ok(Self { network, initial, provenance })
    }
}

/// Adds the parameters of a trained network, and those it started with, to its artifact.
///
/// # Errors
/// Errors of candle.
pub(crate) fn write(network: &RateNetwork, initial: &RateParameters, artifact: &mut Artifact) -> anyhow::Result<()> {
    let parameters = network.parameters()?;
    parameters.write(artifact, "");
    initial.write(artifact, "initial.");
    artifact.insert("tau_ms", &[parameters.neurons], parameters.tau_ms(network.config()));
    Ok(())
}
