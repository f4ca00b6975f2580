//! `lambda-search`: makes a LIF network from a rate network by a search for the scaling factor.

use clap::Parser;
use mdl_convert::behaviour::{Behaviour, Monitor};
use mdl_convert::figures::{FigureFiles, found_curve};
use mdl_convert::prediction::predicted_factor;
use mdl_convert::search::{Candidate, Found, search};
use mdl_convert::{mapping, stored, with_status};
use mdl_model::artifact::{Artifact, Kind, Provenance};
use mdl_model::experiment::Experiment;
use mdl_stage::signal::StopFlag;
use mdl_stage::status::Outcome;
use mdl_stage::{Common, OrExit, Status, progress, run_program};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Make a LIF network from a rate network: search for the scaling factor
///
/// Reads a rate artifact, writes a LIF artifact with the whole search curve and a figure beside it, prints one JSON line.
/// Exit status: 0 found, 1 failed, 2 usage or config, 3 damaged artifact, 4 written, but no factor reached
/// search.performance_at_least, 75 interrupted: run it again.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  lambda-search rate.safetensors -o lif.safetensors
  lambda-search rate.safetensors --extend --set search.trials=400 -o lif.safetensors
  lambda-search rate.safetensors --race --refine -o lif.safetensors
  lambda-search rate.safetensors --select first --set lif.mode=exact -o lif.safetensors
  lambda-search rate.safetensors --set lif.refractory_ms=4 -o lif.safetensors"
)]
struct Arguments {
    /// Rate artifact
    #[arg(value_name = "RATE")]
    rate: PathBuf,

    /// Which factor to choose: the middle of the best plateau, or the first of the best (default: the config's)
    #[arg(long, value_name = "plateau|first")]
    select: Option<String>,

    /// Try factors beyond the edge of the grid while the plateau touches it
    #[arg(long)]
    extend: bool,

    /// Leave factors behind that are beaten: at most 40 % of the trials, nearly the same plateau
    #[arg(long)]
    race: bool,

    /// Halve the step of the grid around the plateau
    #[arg(long)]
    refine: bool,

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
    let rate = Artifact::read(&arguments.rate, Kind::Rate).or_exit(Status::DamagedInput)?;
    let experiment = resolved(arguments, &rate)?;
    if common.print_config {
        return mdl_stage::config::print(&experiment.to_json());
    }
    let output = common.output_path()?;
    let figures = with_status(FigureFiles::beside(&output, common.force, &["search"]))?;
    let network = with_status(stored::read_network(&rate, &experiment))?;
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let behaviour = Behaviour::new(&network, &experiment.lif, task, experiment.seed);
    let found = search_observed(arguments, &experiment, &with_status(behaviour)?)?;

    let predicted = predicted_factor(&experiment.lif, with_status(stored::activation(&experiment))?);
    let provenance = Provenance::new("lambda-search", experiment.seed).from(&rate);
    let mut artifact = Artifact::new(Kind::Lif, experiment.to_json(), provenance);
    artifact.tensors = rate.tensors.clone();
    stored::write_search(&found, predicted, &mut artifact);
    artifact.write(&output, common.force)?;
    let criterion = experiment.search.performance_at_least;
    with_status(found_curve(&found, predicted, criterion).and_then(|figure| figures.write("search", &figure)))?;

    let met = found.chosen().performance() >= criterion;
    warn(&found, criterion, met);
    let status = if met { Status::Done } else { Status::CriterionNotMet };
    Ok(Outcome { status, result: Some(result(&output, &found, predicted)) })
}

/// The rate artifact's config with what was asked for on the command line.
fn resolved(arguments: &Arguments, rate: &Artifact) -> anyhow::Result<Experiment> {
    let mut set = arguments.common.set.clone();
    set.extend(arguments.select.iter().map(|select| format!("search.select={select}")));
    let flags = [("extend", arguments.extend), ("race", arguments.race), ("refine", arguments.refine)];
    set.extend(flags.iter().filter(|(_, given)| *given).map(|(name, _)| format!("search.{name}=true")));
    let origin = arguments.rate.display().to_string();
    Experiment::from_json(rate.config.clone(), &set, arguments.common.seed, &origin).or_exit(Status::Usage)
}

/// Searches with a progress bar and an ear for signals.
fn search_observed(arguments: &Arguments, experiment: &Experiment, behaviour: &Behaviour) -> anyhow::Result<Found> {
    let config = &experiment.search;
    let published = mapping::published_factors(stored::rate_config(experiment)?.activation);
    let factors = config.factors.clone().unwrap_or(published);
    let stop = StopFlag::install()?;
    let bar = progress::bar(config.trials as u64, &experiment.name, arguments.common.quiet);
    bar.set_message(format!("trials with {} factors", factors.len()));
    let monitor = Monitor { trial_done: &|| bar.inc(1), stopped: &|| stop.is_set() };
    let found = search(behaviour, &factors, config, &monitor);
    bar.finish_and_clear();
    with_status(found)
}

fn warn(found: &Found, criterion: f64, met: bool) {
    let (below, above) = found.at_edge();
    if below || above {
        let edge = match (below, above) {
            (true, true) => "both edges",
            (true, false) => "the lower edge",
            _ => "the upper edge",
        };
        tracing::warn!("the best factors reach {edge} of the grid; --extend looks beyond it");
    }
    if !met {
        tracing::warn!(
            "performance {:.2} is below search.performance_at_least = {criterion}",
            found.chosen().performance()
        );
    }
}

fn result(output: &std::path::Path, found: &Found, predicted: Option<f64>) -> Value {
    let candidate = |c: &Candidate| {
        json!({
            "scaling_factor": c.scaling_factor,
            "performance": c.performance(),
            "performance_interval": c.interval(),
            "rate_hz": c.rate_hz,
            "trials": c.trials,
        })
    };
    let (chosen, (first, last)) = (found.chosen(), found.plateau);
    json!({
        "output": output,
        "scaling_factor": chosen.scaling_factor,
        "performance": chosen.performance(),
        "performance_interval": chosen.interval(),
        "rate_hz": chosen.rate_hz,
        "confidence": found.confidence(),
        "predicted_scaling_factor": predicted,
        "trials": found.candidates.iter().map(|c| c.trials).sum::<u32>(),
        "plateau": [found.candidates[first].scaling_factor, found.candidates[last].scaling_factor],
        "curve": found.candidates.iter().map(candidate).collect::<Vec<_>>(),
    })
}
