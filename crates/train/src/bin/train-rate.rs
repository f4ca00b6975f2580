//! `train-rate`: trains a rate network on a cognitive task.

use anyhow::Context;
use candle_core::Device;
use clap::Parser;
use mdl_model::artifact::{Artifact, Kind, Provenance};
use mdl_model::experiment::{Experiment, NetworkConfig};
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_stage::signal::StopFlag;
use mdl_stage::status::Outcome;
use mdl_stage::{Common, OrExit, Status, progress, run_program};
use mdl_train::metrics::{MetricsFile, write_history};
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{Event, Problem, TrainError, Trained, train};
use serde_json::json;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

/// Train a rate network on a cognitive task
///
/// Reads a config, writes a rate artifact, prints one JSON line. Exit status: 0 trained, 1 failed, 2 usage or config,
/// 4 written, but the stopping rule was not met, 130 interrupted.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  train-rate --config configs/go-nogo.json -o rate.safetensors
  train-rate --config configs/go-nogo.json --seed 7 --set network.neurons=100 -o small.safetensors
  train-rate --config configs/mante.json --print-config"
)]
struct Arguments {
    /// Config of the experiment
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,

    /// Write one JSON line an evaluation to this file
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    run_program(|| run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    let experiment = Experiment::load(&arguments.config, &common.set, common.seed).or_exit(Status::Usage)?;
    if common.print_config {
        return mdl_stage::config::print(&experiment.to_json());
    }
    let output = common.output_path()?;
    let NetworkConfig::Rate(config) = &experiment.network;
    let (task, seed) = (experiment.task.task(), experiment.seed);
    let initial = RateParameters::draw(config, task.channels(), task.outputs(), seed);
    let network = RateNetwork::new(config, initial.clone(), task.step_ms(), &Device::Cpu)?;
    let problem = TaskProblem { network: &network, task, training: &experiment.training, seed };
    let trained = train_observed(arguments, &experiment, &problem)?;

    let mut artifact = Artifact::new(Kind::Rate, experiment.to_json(), Provenance::new("train-rate", seed));
    let parameters = network.parameters()?;
    parameters.write(&mut artifact, "");
    initial.write(&mut artifact, "initial.");
    artifact.insert("tau_ms", &[config.neurons], parameters.tau_ms(config));
    write_history(&trained.history, &mut artifact);
    artifact.write(&output, common.force)?;

    let status = if trained.success { Status::Done } else { Status::CriterionNotMet };
    if !trained.success {
        tracing::warn!("the stopping rule was not met after {} updates", trained.updates);
    }
    let result = json!({
        "output": output,
        "loss": trained.kept.loss,
        "performance": trained.kept.performance,
        "updates": trained.updates,
        "success": trained.success,
    });
    Ok(Outcome { status, result: Some(result) })
}

/// Trains with a progress bar, a metrics file, and an ear for signals.
fn train_observed(arguments: &Arguments, experiment: &Experiment, problem: &impl Problem) -> anyhow::Result<Trained> {
    let stop = StopFlag::install()?;
    let bar = progress::bar(experiment.training.max_updates, &experiment.name, arguments.common.quiet);
    let mut metrics = arguments.metrics.as_deref().map(MetricsFile::create).transpose().context("metrics file")?;
    let trained = train(&experiment.training, problem, &mut |event| {
        match event {
            Event::Updated { update, .. } => bar.set_position(update),
            Event::Evaluated(row) => {
                bar.set_message(format!("loss {:.3} performance {:.2}", row.loss, row.performance));
                metrics.as_mut().map_or(Ok(()), |file| file.append(row))?;
            }
        }
        Ok(if stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    bar.finish_and_clear();
    match trained {
        Err(error @ TrainError::Interrupted(_)) => Err(error).or_exit(Status::Interrupted),
        other => Ok(other?),
    }
}
