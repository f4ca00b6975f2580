//! `bench-step`: times this project's own training steps and LIF trials. Each call prints one JSON line with the median;
//! `bench/run.py` and `bench/lif.py` run it, the former in turn with the peers.

mod lif;
mod repeated;

use anyhow::Result;
use candle_core::Tensor;
use clap::{Args, Parser, Subcommand};
use mdl_data::tasks::Task;
use mdl_device::DeviceChoice;
use mdl_experiment::Experiment;
use mdl_kernels::random::Purpose;
use mdl_model::NetworkConfig;
use mdl_model::rate::network::{NoiseKey, RateNetwork};
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_train::config::TrainingConfig;
use mdl_train::examples::ExamplesProblem;
use mdl_train::network::Network;
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{Event, Problem, State, train};
use repeated::Repeated;
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
    /// Updates of a network in training, from the first update onwards
    Train(Case),
    /// The same without drawing: all updates on one batch of trials
    Repeat(Case),
    /// Outputs of a network on one batch of trials of a cognitive task, without gradients
    Run(Case),
    /// Batches of trials of a cognitive task, without a network
    Draw(Case),
    /// Trials of a random LIF network
    Lif(lif::Trials),
}

#[derive(Args)]
struct Case {
    /// Config of the experiment
    #[arg(long)]
    config: PathBuf,
    /// Updates or runs to time, after two warm-up runs
    #[arg(long, default_value_t = 500)]
    updates: u64,
    /// Where to compute: cpu, cuda or cuda:N
    #[arg(long, default_value_t)]
    device: DeviceChoice,
    /// Overrides of config fields, as in the programs
    #[arg(long)]
    set: Vec<String>,
}

/// Warm-up updates or runs, which are not timed.
const WARM_UP: u64 = 2;

fn main() -> Result<()> {
    let (seconds, rate_hz) = match Arguments::parse().what {
        What::Train(case) => (seconds(case, Timed::Updates)?, None),
        What::Repeat(case) => (seconds(case, Timed::Repeated)?, None),
        What::Run(case) => (seconds(case, Timed::Runs)?, None),
        What::Draw(case) => (seconds(case, Timed::Draws)?, None),
        What::Lif(trials) => trials.run().map(|(seconds, rate_hz)| (seconds, Some(rate_hz)))?,
    };
    let result = json!({ "median_s": median(seconds), "peak_bytes": peak_bytes(), "rate_hz": rate_hz });
    println!("{result}");
    Ok(())
}

/// Work to time.
#[derive(Clone, Copy)]
enum Timed {
    /// Batch, noise, forward, loss, backward, Adam; evaluations are not counted.
    Updates,
    /// Updates on one batch, which is drawn before.
    Repeated,
    /// Noise and forward.
    Runs,
    /// Drawing of trials.
    Draws,
}

/// Seconds of each update or run.
fn seconds(case: Case, what: Timed) -> Result<Vec<f64>> {
    let Case { config, updates, device, mut set } = case;
    let updates = updates + WARM_UP;
    set.extend([format!("training.max_updates={updates}"), format!("training.evaluate_every={updates}")]);
    set.push("training.evaluation_trials=1".into());
    let (experiment, device) = (Experiment::load(&config, &set, None)?, device.open()?);
    if let Timed::Draws = what {
        return Ok(draws(&experiment, updates)?.split_off(WARM_UP as usize));
    }
    let (channels, outputs) = experiment.task.channels_and_outputs();
    let mut seconds = match &experiment.network {
        NetworkConfig::Rate(config) => {
            let parameters = RateParameters::draw(config, channels, outputs, experiment.seed);
            let network = RateNetwork::new(config, parameters, experiment.task.step_ms(), &device)?;
            timed(&network, &experiment, what)?
        }
        NetworkConfig::Spiking(config) => {
            let network = SpikingNetwork::initial(config, channels, outputs, experiment.seed)?.to_device(&device)?;
            timed(&network, &experiment, what)?
        }
    };
    Ok(seconds.split_off(WARM_UP as usize))
}

fn timed(network: &impl Network, experiment: &Experiment, what: Timed) -> Result<Vec<f64>> {
    let (training, seed) = (&experiment.training, experiment.seed);
    if let Timed::Runs = what {
        return runs(network, experiment.task.task()?, training, seed);
    }
    if let Some(data_set) = experiment.task.data_set() {
        let split = data_set.load_training()?;
        return updates(&ExamplesProblem::new(network, data_set, &split, training, seed), training);
    }
    let task = experiment.task.task()?;
    let repeated;
    let task: &dyn Task = match what {
        Timed::Repeated => {
            repeated = Repeated::new(task, seed, training.batch_size)?;
            &repeated
        }
        _ => task,
    };
    std::thread::scope(|scope| {
        updates(&TaskProblem::new(network, task, Vec::new(), training, seed).drawing_ahead(scope), training)
    })
}

fn runs(network: &impl Network, task: &dyn Task, training: &TrainingConfig, seed: u64) -> Result<Vec<f64>> {
    let trials = task.draw(seed, Purpose::TrainingTrial, 0, training.batch_size)?;
    let shape = (trials.steps, trials.count, trials.channels);
    let input = Tensor::from_slice(&trials.input, shape, &network.device())?;
    let mut seconds = Vec::new();
    for index in 0..training.max_updates {
        let begin = Instant::now();
        let outputs = network.outputs(&input, NoiseKey { seed, purpose: Purpose::TrainingNoise, index })?.detach();
        // Reading a number waits for a GPU.
        outputs.sum_all()?.to_scalar::<f32>()?;
        seconds.push(begin.elapsed().as_secs_f64());
    }
    Ok(seconds)
}

fn draws(experiment: &Experiment, batches: u64) -> Result<Vec<f64>> {
    let (task, size) = (experiment.task.task()?, experiment.training.batch_size);
    let drawn = (0..batches).map(|batch| {
        let begin = Instant::now();
        let trials = task.draw(experiment.seed, Purpose::TrainingTrial, batch * size as u64, size)?;
        std::hint::black_box(trials);
        Ok(begin.elapsed().as_secs_f64())
    });
    drawn.collect()
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

/// Peak resident size of this process so far, on systems that report it.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
