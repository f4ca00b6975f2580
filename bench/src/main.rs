//! `bench-step`: times this project's own training steps. Each call prints one JSON line with the median; `bench/run.py`
//! runs it in turn with the peers.

use anyhow::{Result, bail};
use candle_core::Device;
use clap::{Parser, Subcommand};
use mdl_model::experiment::{Experiment, NetworkConfig};
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{Event, train};
use serde_json::json;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

/// Time this project's own steps
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Updates of a rate network in training, from its first update on
    Rate {
        /// Config of the experiment
        #[arg(long)]
        config: PathBuf,
        /// Updates to time
        #[arg(long, default_value_t = 500)]
        updates: u64,
        /// Overrides, as in the programs
        #[arg(long)]
        set: Vec<String>,
    },
}

fn main() -> Result<()> {
    let seconds = match Arguments::parse().what {
        What::Rate { config, updates, set } => rate(&config, updates, set)?,
    };
    mdl_stage::status::print_line(&json!({ "median_s": median(seconds), "peak_bytes": peak_bytes() }).to_string())?;
    Ok(())
}

/// Seconds of each update: batch, noise, forward, loss, backward, Adam. Evaluations are not counted.
fn rate(config: &std::path::Path, updates: u64, mut set: Vec<String>) -> Result<Vec<f64>> {
    set.extend([format!("training.max_updates={updates}"), format!("training.evaluate_every={updates}")]);
    set.push("training.evaluation_trials=1".into());
    let experiment = Experiment::load(config, &set, None)?;
    let NetworkConfig::Rate(config) = &experiment.network else { bail!("{} trains no rate network", experiment.name) };
    let (task, seed) = (experiment.task.task()?, experiment.seed);
    let parameters = RateParameters::draw(config, task.channels(), task.outputs(), seed);
    let network = RateNetwork::new(config, parameters, task.step_ms(), &Device::Cpu)?;
    let problem = TaskProblem { network: &network, task, training: &experiment.training, seed };
    let (mut seconds, mut last) = (Vec::new(), Instant::now());
    train(&experiment.training, &problem, &mut |event| {
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
