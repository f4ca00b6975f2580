//! `make-trials`: writes a fixed set of trials of a task.

use crate::outputs::{claim, plan_of_one};
use crate::status::{Outcome, usage};
use crate::{Common, OrExit, Status, run_program, signal};
use clap::Parser;
use mdl_artifact::{Artifact, Kind};
use mdl_data::field::{MOST_TRIALS, length};
use mdl_data::tasks::Trials;
use mdl_experiment::Experiment;
use mdl_experiment::memory::Estimate;
use mdl_kernels::random::Purpose;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a set of trials of a task, for fixed evaluation sets and for other tools
///
/// Reads a config, writes a trials artifact, prints one JSON line. Exit status: 0 written, 1 failed, 2 usage or config,
/// 75 interrupted: run it again.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  make-trials --config configs/mante.json -o trials.safetensors
  make-trials --config configs/go-nogo.json --trials 1000 --seed 5 -o trials.safetensors"
)]
struct Arguments {
    /// Config of the experiment
    #[arg(short, long, value_name = "FILE", value_parser = crate::shipped::config)]
    config: PathBuf,

    /// Number of trials (default: the config's evaluation.trials)
    #[arg(long, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_TRIALS)))]
    trials: Option<u32>,

    #[command(flatten)]
    common: Common,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    if arguments.trials.is_some() && common.set.iter().any(|set| set.starts_with("evaluation.trials=")) {
        return Err(usage(
            "--trials and --set evaluation.trials both give the number of trials; leave out one of them",
        ));
    }
    let mut experiment = Experiment::load(&arguments.config, &common.set, common.seed).or_exit(Status::Usage)?;
    experiment.evaluation.trials = arguments.trials.unwrap_or(experiment.evaluation.trials);
    experiment.validate().or_exit(Status::Usage)?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    crate::memory::check(&Estimate::trials(&experiment))?;
    let output = common.output()?;
    let _claims = claim(plan_of_one(common, "the config (--config)", &arguments.config)?)?;
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let (seed, count) = (experiment.seed, length(experiment.evaluation.trials));
    let trials = Trials::draw(task, seed, Purpose::WrittenTrial, 0, count);
    let mut artifact =
        Artifact::new(Kind::Trials, experiment.to_json(), mdl_artifact::provenance!("make-trials", seed));
    mdl_data::tasks::artifact::write(&trials, &mut artifact);
    signal::hold();
    artifact.write(output, common.force)?;
    Ok(Outcome::done(json!({ "output": output, "trials": count, "steps": trials.steps, "channels": trials.channels })))
}
