//! `make-trials`: writes a fixed set of trials of a task.

use crate::args::whole;
use crate::options::ExperimentOption;
use crate::outputs::{claim, plan_of_one, read_experiments};
use crate::status::{Outcome, usage, with_status};
use crate::{Common, OrExit, Status, run_program, signal};
use clap::Parser;
use mdl_artifact::{Artifact, Kind};
use mdl_data::field::{MOST_TRIALS, length};
use mdl_data::tasks::{Task, Trials};
use mdl_experiment::Experiment;
use mdl_experiment::memory::Estimate;
use mdl_kernels::random::Purpose;
use mdl_report::figures;
use mdl_report::{FileFormat, Look};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a fixed set of trials of a task
///
/// Reads a config and writes a trials artifact, to evaluate several networks on the same trials, or for other tools.
/// Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged file of trials, 75 interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  make-trials --config configs/mante.json -o trials.safetensors
  make-trials --config configs/go-nogo.json --trials 1000 --seed 5 -o trials.safetensors
  make-trials --config configs/xor.json --figure xor.svg -o trials.safetensors"
)]
struct Arguments {
    #[command(flatten)]
    config: ExperimentOption,

    /// Number of trials (default: the config's evaluation.trials)
    #[arg(long, value_name = "N", allow_negative_numbers = true,
        value_parser = |text: &str| whole(text, 1, MOST_TRIALS.into()))]
    trials: Option<u64>,

    /// Draw a trial of each condition: inputs, targets, weights and windows; .svg, .pdf or .png
    #[arg(long, value_name = "FILE", value_parser = figure_file)]
    figure: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

fn figure_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    FileFormat::of(&path).map(|_| path).ok_or_else(|| format!("expected a file that ends with {}", FileFormat::ENDINGS))
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    if arguments.trials.is_some() && common.set.iter().any(|set| set.starts_with("evaluation.trials=")) {
        return Err(usage(
            "--trials and --set evaluation.trials both give the number of trials; leave out one of them",
        ));
    }
    let mut experiment = with_status(Experiment::load(&arguments.config.config, &common.set, common.seed))?;
    if let Some(trials) = arguments.trials.and_then(|trials| u32::try_from(trials).ok()) {
        experiment.evaluation.trials = trials;
    }
    experiment.validate().or_exit(Status::Usage)?;
    let asked = experiment.evaluation.trials;
    experiment.limit_trials();
    let there = experiment.evaluation.trials;
    if there < asked {
        tracing::warn!("{asked} trials were asked for, and the file has {there} for the test: these are written");
    }
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    crate::memory::check(&Estimate::trials(&experiment))?;
    let output = common.output()?;
    let mut plan = plan_of_one(common, "the config (--config)", &arguments.config.config)?;
    read_experiments(&mut plan, [&experiment]);
    arguments.figure.iter().for_each(|path| plan.write("the figure (--figure)", path, common.force));
    let _claims = claim(plan)?;
    with_status(experiment.read_trials(&arguments.config.config.display().to_string()))?;
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let (trials, artifact) = draw(&experiment, task)?;
    let count = trials.count;
    signal::hold();
    artifact.write(output, common.force)?;
    let drawn = arguments.figure.as_deref().filter(|path| {
        let figure = figures::task::draw(&format!("Task {}", experiment.task.name()), task, &trials, Look::SCREEN);
        let format = FileFormat::of(path).unwrap_or(FileFormat::Svg);
        let written = figure.and_then(|figure| format.write(&figure, path, common.force));
        written.map_err(|error| tracing::warn!("{error}: the figure was not written")).is_ok()
    });
    let mut result = json!({ "output": output, "trials": count, "steps": trials.steps, "channels": trials.channels });
    if arguments.figure.is_some() {
        result["figure"] = json!(drawn);
    }
    Ok(Outcome::done(result))
}

/// Draws as many trials of the experiment's task as it evaluates on, and their artifact.
///
/// # Errors
/// A task that cannot draw them (status 2).
pub(crate) fn draw(experiment: &Experiment, task: &dyn Task) -> anyhow::Result<(Trials, Artifact)> {
    let (seed, count) = (experiment.seed, length(experiment.evaluation.trials));
    let trials = task.draw(seed, Purpose::WrittenTrial, 0, count).or_exit(Status::Usage)?;
    let mut provenance = mdl_artifact::provenance!("make-trials", seed);
    provenance.inputs = experiment.inputs();
    let mut artifact = Artifact::new(Kind::Trials, experiment.to_json(), provenance);
    mdl_data::tasks::artifact::write(&trials, &mut artifact);
    Ok((trials, artifact))
}
