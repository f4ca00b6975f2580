//! `bench-step`: times this project's own training steps and LIF trials. Each call prints one JSON line with the median;
//! `bench/run.py` and `bench/lif.py` run it, the former in turn with the peers.

mod lif;

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
use serde_json::json;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

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
    let (times, rate_hz) = match Arguments::parse().what {
        What::Train(case) => (times(case, Timed::Updates)?, None),
        What::Run(case) => (times(case, Timed::Runs)?, None),
        What::Draw(case) => (times(case, Timed::Draws)?, None),
        What::Lif(trials) => trials.run().map(|(seconds, rate_hz)| (Times::from(seconds), Some(rate_hz)))?,
    };
    let Times { seconds, waiting_share } = times;
    let result = json!({
        "median_s": median(seconds), "waiting_share": waiting_share, "peak_bytes": peak_bytes(), "rate_hz": rate_hz,
    });
    println!("{result}");
    Ok(())
}

/// Work to time.
#[derive(Clone, Copy)]
enum Timed {
    /// Batch, noise, forward, loss, backward, Adam; evaluations are not counted.
    Updates,
    /// Noise and forward.
    Runs,
    /// Drawing of trials.
    Draws,
}

/// Measured times.
struct Times {
    /// Of each update, run or batch.
    seconds: Vec<f64>,
    /// Waiting for trials as a share of the updates, by medians.
    waiting_share: Option<f64>,
}

impl From<Vec<f64>> for Times {
    fn from(seconds: Vec<f64>) -> Self {
        Self { seconds, waiting_share: None }
    }
}

fn times(case: Case, what: Timed) -> Result<Times> {
    let Case { config, updates, device, mut set } = case;
    let updates = updates + WARM_UP;
    set.extend([format!("training.max_updates={updates}"), format!("training.evaluate_every={updates}")]);
    set.push("training.evaluation_trials=1".into());
    let (experiment, device) = (Experiment::load(&config, &set, None)?, device.open()?);
    if let Timed::Draws = what {
        return Ok(draws(&experiment, updates)?.split_off(WARM_UP as usize).into());
    }
    let (channels, outputs) = experiment.task.channels_and_outputs();
    let mut times = match &experiment.network {
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
    times.seconds.drain(..WARM_UP as usize);
    Ok(times)
}

fn timed(network: &impl Network, experiment: &Experiment, what: Timed) -> Result<Times> {
    let (training, seed) = (&experiment.training, experiment.seed);
    if let Timed::Runs = what {
        return Ok(runs(network, experiment.task.task()?, training, seed)?.into());
    }
    if let Some(data_set) = experiment.task.data_set() {
        let split = data_set.load_training()?;
        return Ok(updates(&ExamplesProblem::new(network, data_set, &split, training, seed), training)?.into());
    }
    let task = experiment.task.task()?;
    std::thread::scope(|scope| {
        let problem = TaskProblem::new(network, task, Vec::new(), training, seed).drawing_ahead(scope);
        let (seconds, waits) = updates_and_waits(&problem, training, || problem.waited())?;
        let share = median(waits) / median(seconds.clone());
        Ok(Times { seconds, waiting_share: Some(share) })
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
    Ok(updates_and_waits(problem, training, || Duration::ZERO)?.0)
}

/// Seconds of each update, and how long it waited, from the time that the updates so far have waited.
fn updates_and_waits(
    problem: &impl Problem,
    training: &TrainingConfig,
    waited: impl Fn() -> Duration,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut seconds, mut waits) = (Vec::new(), Vec::new());
    let (mut last, mut before) = (Instant::now(), Duration::ZERO);
    train(training, problem, State::new(training, problem)?, &mut |event| {
        if let Event::Updated { .. } = event {
            seconds.push(last.elapsed().as_secs_f64());
            waits.push((waited() - before).as_secs_f64());
            (last, before) = (Instant::now(), waited());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((seconds, waits))
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
