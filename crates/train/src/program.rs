//! What train-rate and train-spiking share: a training with a progress bar, a metrics file, and an ear for signals.

use crate::digits::DigitsProblem;
use crate::metrics::MetricsFile;
use crate::network::Network;
use crate::task::TaskProblem;
use crate::trainer::{Event, Problem, TrainError, Trained, train};
use anyhow::Context;
use candle_core::Device;
use clap::Args;
use mdl_data::digits::Source;
use mdl_data::tasks::TaskConfig;
use mdl_device::DeviceChoice;
use mdl_model::artifact::Input;
use mdl_model::experiment::Experiment;
use mdl_stage::signal::StopFlag;
use mdl_stage::status::Outcome;
use mdl_stage::{Common, OrExit, Status, progress};
use serde_json::json;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Arguments of a training program.
#[derive(Args)]
pub struct Arguments {
    /// Config of the experiment
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,

    /// Write one JSON line an evaluation to this file
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,

    /// Where to compute: cpu, cuda, cuda:N, or auto (a GPU if one can be used)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,

    /// What every program takes.
    #[command(flatten)]
    pub common: Common,
}

/// Trains a network on the task of an experiment; returns how it went, and the data files it read.
///
/// # Errors
/// Data that cannot be read (status 3), a training that diverged, was interrupted (status 75) or could not write metrics.
pub fn train_network(
    network: &impl Network,
    experiment: &Experiment,
    arguments: &Arguments,
) -> anyhow::Result<(Trained, Vec<Input>)> {
    let (training, seed) = (&experiment.training, experiment.seed);
    match &experiment.task {
        TaskConfig::Digits(digits) => {
            let split = digits.load_training().or_exit(Status::DamagedInput)?;
            let problem = DigitsProblem::new(network, &split, digits, training, seed);
            let inputs = split.training.sources.iter().map(as_input).collect();
            Ok((observed(&problem, experiment, arguments)?, inputs))
        }
        other => {
            let task = other.task().or_exit(Status::Usage)?;
            let problem = TaskProblem { network, task, training, seed };
            Ok((observed(&problem, experiment, arguments)?, Vec::new()))
        }
    }
}

/// A data file as an input in a provenance.
pub fn as_input(source: &Source) -> Input {
    let file = source.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Input { file, sha256: source.sha256.clone() }
}

fn observed(problem: &impl Problem, experiment: &Experiment, arguments: &Arguments) -> anyhow::Result<Trained> {
    let stop = StopFlag::install()?;
    let bar = progress::bar(experiment.training.max_updates, &experiment.name, arguments.common.quiet);
    let mut metrics = arguments.metrics.as_deref().map(MetricsFile::create).transpose().context("metrics file")?;
    let trained = train(&experiment.training, problem, &mut |event| {
        match event {
            Event::Updated { update, .. } => bar.set_position(update),
            Event::Evaluated(row) => {
                bar.set_message(format!("loss {:.3} performance {:.3}", row.loss, row.performance));
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

/// The outcome of a training on `device` whose network was written to `output`; `measure` names what was measured on fresh
/// trials.
pub fn outcome(trained: &Trained, output: &Path, measure: &str, device: &Device) -> Outcome {
    let status = if trained.success { Status::Done } else { Status::CriterionNotMet };
    if !trained.success {
        tracing::warn!("the stopping rule was not met after {} updates", trained.updates);
    }
    let result = json!({
        "output": output,
        "device": mdl_device::name(device),
        "loss": trained.kept.loss,
        measure: trained.kept.performance,
        "updates": trained.updates,
        "success": trained.success,
    });
    Outcome { status, result: Some(result) }
}
