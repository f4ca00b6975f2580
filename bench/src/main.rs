//! `bench-step`: times this project's own training steps. Each call prints one JSON line with the median; `bench/run.py`
//! runs it in turn with the peers.

use anyhow::Result;
use candle_core::Device;
use clap::{Parser, Subcommand};
use mdl_data::tasks::TaskConfig;
use mdl_device::DeviceChoice;
use mdl_model::experiment::{Experiment, NetworkConfig, TrainingConfig};
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_train::digits::DigitsProblem;
use mdl_train::network::Network;
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{Event, Problem, State, train};
use serde_json::json;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Time this project's own steps
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Updates of a network in training, from its first update on
    Train {
        /// Config of the experiment
        #[arg(long)]
        config: PathBuf,
        /// Updates to time
        #[arg(long, default_value_t = 500)]
        updates: u64,
        /// Where to compute: cpu, cuda or cuda:N
        #[arg(long, default_value_t)]
        device: DeviceChoice,
        /// Overrides, as in the programs
        #[arg(long)]
        set: Vec<String>,
    },
}

fn main() -> Result<()> {
    let seconds = match Arguments::parse().what {
        What::Train { config, updates, device, set } => training(&config, updates, &device.open()?, set)?,
    };
    mdl_stage::status::print_line(&json!({ "median_s": median(seconds), "peak_bytes": peak_bytes() }).to_string())?;
    Ok(())
}

/// Seconds of each update: batch, noise, forward, loss, backward, Adam. Evaluations are not counted.
fn training(config: &Path, updates: u64, device: &Device, mut set: Vec<String>) -> Result<Vec<f64>> {
    set.extend([format!("training.max_updates={updates}"), format!("training.evaluate_every={updates}")]);
    set.push("training.evaluation_trials=1".into());
    let experiment = Experiment::load(config, &set, None)?;
    let (channels, outputs) = experiment.task.channels_and_outputs();
    match &experiment.network {
        NetworkConfig::Rate(config) => {
            let parameters = RateParameters::draw(config, channels, outputs, experiment.seed);
            timed(&RateNetwork::new(config, parameters, experiment.task.step_ms(), device)?, &experiment)
        }
        NetworkConfig::Spiking(config) => {
            timed(&SpikingNetwork::initial(config, channels, outputs, experiment.seed)?.to_device(device)?, &experiment)
        }
    }
}

fn timed(network: &impl Network, experiment: &Experiment) -> Result<Vec<f64>> {
    let (training, seed) = (&experiment.training, experiment.seed);
    if let TaskConfig::Digits(digits) = &experiment.task {
        let split = digits.load_training()?;
        return updates(&DigitsProblem::new(network, &split, digits, training, seed), training);
    }
    updates(&TaskProblem { network, task: experiment.task.task()?, training, seed }, training)
}

fn updates(problem: &impl Problem, training: &TrainingConfig) -> Result<Vec<f64>> {
    let (mut seconds, mut last) = (Vec::new(), Instant::now());
    train(training, problem, State::new(training, problem)?, &mut |event| {
        if let Event::Updated { .. } = event {
            seconds.push(last.elapsed().as_secs_f64());
            last = Instant::now();
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(seconds)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Largest resident size of this process so far, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
