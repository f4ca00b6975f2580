//! `run`: records the states of a network on trials.

use crate::args::whole;
use crate::outputs::{claim, plan_of_one, read_all, read_experiments};
use crate::recording::{Choice, Inputs, Layout, Quantity, Records, Selection, Sink, Sizes, run_lif, run_trained};
use crate::status::{Outcome, usage, with_status};
use crate::trained::Trained;
use crate::watch::Watch;
use crate::{Common, OrExit, Status, evaluated, memory, progress, run_program, signal};
use anyhow::anyhow;
use candle_core::Device;
use clap::Parser;
use mdl_artifact::plan::Plan;
use mdl_artifact::{Artifact, Kind};
use mdl_convert::lif::{LifNetwork, Timing};
use mdl_convert::lif_artifact;
use mdl_convert::lif_task::LifTask;
use mdl_data::field::{MOST_TRIALS, length};
use mdl_data::tasks::{Evaluated, Task};
use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment};
use mdl_experiment::memory::{Estimate, Recorded};
use mdl_model::NetworkConfig;
use mdl_model::rate::config::RecurrenceConfig;
use mdl_report::evaluation::keep_network;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run a network on trials and record its states
///
/// Reads a rate, spiking or LIF artifact; writes an activity artifact with the requested quantities of every trial, unit
/// and step. Outputs and noise are those of eval-rate, eval-spiking and eval-lif with the same trials and seed. Always
/// computes on the CPU. Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact, 75 interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  run rate.safetensors --trials trials.safetensors -o activity.safetensors
  run lif.safetensors --count 20 --record potential,spikes --units 0..20,35 --every 20 -o activity.safetensors
  run spiking.safetensors --only 0..10 --record modes,output -o activity.safetensors"
)]
struct Arguments {
    /// Rate, spiking or LIF artifact
    #[arg(value_name = "NETWORK")]
    network: PathBuf,

    /// Run these trials, written by make-trials (default: fresh ones)
    #[arg(long, value_name = "FILE")]
    trials: Option<PathBuf>,

    /// Number of fresh trials (default: the config's evaluation.trials)
    #[arg(long, value_name = "N", conflicts_with = "trials", allow_negative_numbers = true,
        value_parser = |text: &str| whole(text, 1, MOST_TRIALS.into()))]
    count: Option<u64>,

    /// Accept trials that were made with another task than the network's
    #[arg(long, requires = "trials")]
    accept_other_trials: bool,

    /// Quantities to record (default: output,rate for rate networks, output,spikes for others)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    record: Vec<Quantity>,

    /// Units to record, such as 0..20,35; 0..20 are units 0 to 19 (default: all)
    #[arg(long, value_name = "UNITS", allow_hyphen_values = true)]
    units: Option<Selection>,

    /// Trials to record, such as 0..10 (default: all)
    #[arg(long, value_name = "TRIALS", allow_hyphen_values = true)]
    only: Option<Selection>,

    /// Record every K-th step of the task, of LIF networks of the simulation
    #[arg(long, value_name = "K", default_value = "1", allow_negative_numbers = true,
        value_parser = |text: &str| whole(text, 1, u32::MAX.into()))]
    every: u64,

    #[command(flatten)]
    common: Common,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    let artifact = Artifact::read_any(&arguments.network).or_exit(Status::DamagedInput)?;
    if ![Kind::Rate, Kind::Spiking, Kind::Lif].contains(&artifact.kind) {
        let (path, found) = (arguments.network.display(), artifact.kind.with_article());
        return Err(anyhow!("{path}: found {found} artifact, expected a network: rate, spiking or lif"))
            .or_exit(Status::DamagedInput);
    }
    let DerivedExperiment { experiment, differs, .. } = experiment(arguments, &artifact)?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let network = Network::read(&artifact, &experiment)?;
    let sizes = |trials: usize| network.sizes(&artifact, &experiment, trials);
    let choice = Choice {
        record: &arguments.record,
        units: arguments.units.as_ref(),
        trials: arguments.only.as_ref(),
        every: usize::try_from(arguments.every).unwrap_or(usize::MAX),
    };
    if arguments.trials.is_none() {
        // Before anything is allocated for this number of trials.
        memory::check(&Estimate::trials(&experiment))?;
        let count = length(experiment.evaluation.trials);
        memory::check(&estimate(&experiment, &Layout::new(&choice, sizes(count)?)?))?;
    }
    let (output, force) = (common.output()?, common.force);
    let _claims = claim(plan(arguments, &experiment)?)?;
    let mut provenance = mdl_artifact::provenance!("run", experiment.seed).from(&artifact);
    provenance.note_differences(differs);
    let (file, accept) = (arguments.trials.as_deref(), arguments.accept_other_trials);
    let origin = artifact.path().display().to_string();
    let (trials, other_trials) = evaluated::trials(file, accept, &experiment, &origin, &mut provenance)?;
    let layout = Layout::new(&choice, sizes(trials.count)?)?;
    memory::check(&estimate(&experiment, &layout))?;

    let mut activity = Artifact::new(Kind::Activity, experiment.to_json(), provenance);
    // A file of trials determines their number.
    activity.config["evaluation"]["trials"] = json!(trials.count);
    keep_network(&artifact, layout.sizes.units, &mut activity).or_exit(Status::DamagedInput)?;
    let time_ms = layout.steps().map(|step| step as f64 * network.step_ms(&experiment)).collect();
    let evaluated = if artifact.kind == Kind::Lif { Evaluated::Lif } else { Evaluated::Trained };
    let mut sink = Sink::create(&layout, &trials, (task, evaluated), time_ms, activity, (output, force))?;
    let bar = progress::bar(0, &experiment.name, common.talk.quiet);
    bar.watch(|watch| record(&network, &experiment, task, &layout, &trials, &mut sink, watch))?;
    signal::hold();
    let correct = sink.finish()?;
    let performance = correct.iter().map(|correct| f64::from(*correct)).sum::<f64>() / correct.len().max(1) as f64;
    let names: Vec<String> = layout.quantities.iter().map(|quantity| quantity.name()).collect();
    let mut result = json!({
        "output": output,
        "trials": layout.trials.len(),
        "steps": layout.times,
        "units": layout.units.len(),
        "record": names,
        "performance": performance,
    });
    if !other_trials.is_empty() {
        result["other_trials"] = json!(other_trials);
    }
    Ok(Outcome::done(result))
}

/// Experiment of the network with the requested changes.
fn experiment(arguments: &Arguments, network: &Artifact) -> anyhow::Result<DerivedExperiment> {
    let common = &arguments.common;
    let mut set = common.set.clone();
    if let Some(count) = arguments.count {
        if set.iter().any(|set| set.starts_with("evaluation.trials=")) {
            return Err(usage(
                "--count and --set evaluation.trials both give the number of trials; leave out one of them",
            ));
        }
        set.push(format!("evaluation.trials={count}"));
    }
    evaluated::experiment(network, &Changes { file: None, set: &set, seed: common.seed, sections: sections(network) })
}

/// Sections of a config that a run of this network uses.
pub(crate) fn sections(network: &Artifact) -> &'static [&'static str] {
    if network.kind == Kind::Lif { &["task", "lif", "evaluation"] } else { &["task", "evaluation"] }
}

/// Inputs and output of the run.
fn plan(arguments: &Arguments, experiment: &Experiment) -> anyhow::Result<Plan> {
    let mut plan = plan_of_one(&arguments.common, "the network", &arguments.network)?;
    read_all(&mut plan, [("the trials (--trials)", arguments.trials.as_ref())]);
    read_experiments(&mut plan, [experiment]);
    Ok(plan)
}

/// Memory of a run.
pub(crate) fn estimate(experiment: &Experiment, layout: &Layout) -> Estimate {
    let recorded = Recorded {
        lif: layout.sizes.network == Kind::Lif,
        trials: layout.sizes.trials,
        currents: layout.has(Quantity::Current),
        values_per_trial: layout.values_per_trial(),
    };
    Estimate::activity(experiment, &recorded, rayon::current_num_threads())
}

/// A network of any kind.
// There is one of it in a run: its size does not matter.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Network {
    Trained(Box<Trained>),
    Lif { network: LifNetwork, scaling_factor: f64 },
}

impl Network {
    pub fn read(artifact: &Artifact, experiment: &Experiment) -> anyhow::Result<Self> {
        if artifact.kind != Kind::Lif {
            return Ok(Self::Trained(Trained::read(artifact, experiment, &Device::Cpu)?.into()));
        }
        let network = with_status(lif_artifact::read_calibrated(artifact, &experiment.conversion()))?;
        let scaling_factor = with_status(lif_artifact::read_scaling_factor(artifact))?;
        Ok(Self::Lif { network, scaling_factor })
    }

    /// Duration of a step of the network (ms).
    pub fn step_ms(&self, experiment: &Experiment) -> f64 {
        match self {
            Self::Trained(_) => experiment.task.step_ms(),
            Self::Lif { .. } => experiment.lif.step_ms(),
        }
    }

    /// Sizes of the network and of trials of the experiment's task.
    ///
    /// # Errors
    /// A task whose step is not a whole number of the LIF network's (status 2).
    pub fn sizes(&self, artifact: &Artifact, experiment: &Experiment, trials: usize) -> anyhow::Result<Sizes> {
        self.sizes_for(artifact, experiment, trials, experiment.task.steps())
    }

    /// Sizes of the network and of trials of this many steps.
    ///
    /// # Errors
    /// As for [`Self::sizes`].
    pub fn sizes_for(
        &self,
        artifact: &Artifact,
        experiment: &Experiment,
        trials: usize,
        steps: usize,
    ) -> anyhow::Result<Sizes> {
        let task = &experiment.task;
        let steps = match self {
            Self::Trained(_) => steps,
            Self::Lif { .. } => {
                let timing = Timing::new(&experiment.lif, steps, task.step_ms());
                timing.map_err(|error| error.within("lif")).or_exit(Status::Usage)?.steps
            }
        };
        let modes = match &experiment.network {
            NetworkConfig::Spiking(config) => Some(config.modes),
            NetworkConfig::Rate(config) => match &config.recurrence {
                RecurrenceConfig::Modes(modes) => Some(modes.modes),
                RecurrenceConfig::Dense(_) => None,
            },
        };
        let (channels, outputs) = task.channels_and_outputs();
        let units = experiment.network.neurons();
        Ok(Sizes { network: artifact.kind, trials, steps, units, modes, channels, outputs })
    }
}

/// Runs the trials and records them.
///
/// # Errors
/// A network that does not fit the task (status 2), errors of the network and of writing, and an interruption (status 75).
pub(crate) fn record(
    network: &Network,
    experiment: &Experiment,
    task: &dyn Task,
    layout: &Layout,
    trials: &dyn Inputs,
    records: &mut dyn Records,
    watch: &Watch,
) -> anyhow::Result<()> {
    (watch.begin)(layout.trials.len() as u64);
    let seed = experiment.seed;
    match network {
        Network::Trained(network) => run_trained(network, layout, trials, (seed, task.rule_set()), records, watch),
        Network::Lif { network, scaling_factor } => {
            let lif_task = with_status(LifTask::new(network, &experiment.lif, task, seed))?;
            run_lif(network, &lif_task, *scaling_factor, layout, trials, records, watch)
        }
    }
}
