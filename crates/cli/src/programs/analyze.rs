//! `analyze`: analyses the dynamics of a trained network.

use super::run::sections;
use crate::analysed::{Analysed, Failed};
use crate::args::whole;
use crate::outputs::{
    claim, plan_of_one, read_all, read_experiments, save_figures, save_report, write_figures, write_report,
};
use crate::status::{Outcome, usage};
use crate::watch::Watch;
use crate::{Common, OrExit, Status, evaluated, memory, progress, run_program, signal};
use anyhow::anyhow;
use clap::Parser;
use mdl_analysis::comparison::compare;
use mdl_analysis::{Settings, analyses, names};
use mdl_artifact::plan::Plan;
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_data::field::{MOST_TRIALS, length};
use mdl_data::tasks::Trials;
use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment};
use mdl_experiment::memory::{Estimate, Recorded};
use mdl_report::{FigureFiles, figures};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Analyze the dynamics of a trained network
///
/// Reads a rate, spiking or LIF artifact; runs the network on trials of its task; writes an analysis artifact, its figures, and
/// with --report an HTML report. Docs/analysis.md describes each analysis. Always computes on the CPU. Prints the results as
/// JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact, 75 interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  analyze rate.safetensors -o analysis.safetensors --report report.html
  analyze rate.safetensors --only fixed_points --at 1000 --starts 1000 -o analysis.safetensors
  analyze rate.safetensors --only fixed_points --input 0.5,0,1,0 --input 0,0,1,0 -o analysis.safetensors
  analyze rate.safetensors lif.safetensors -o comparison.safetensors"
)]
struct Arguments {
    /// Rate, spiking or LIF artifact
    #[arg(value_name = "NETWORK")]
    network: PathBuf,

    /// Network to compare with, on the same trials; then only the comparison is made, unless --only names more
    #[arg(value_name = "OTHER")]
    other: Option<PathBuf>,

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

    /// Analyses to make (default: all that apply to the network)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = name)]
    only: Vec<String>,

    /// Fixed points under the mean input of each condition at this time in ms, may be repeated (default: the end of trials)
    #[arg(long = "at", value_name = "MS", value_parser = crate::args::number, allow_negative_numbers = true)]
    at_ms: Vec<f64>,

    /// Fixed points under this constant input, a number per channel, may be repeated
    #[arg(long = "input", value_name = "NUMBERS", value_parser = numbers, allow_hyphen_values = true, conflicts_with = "at_ms")]
    inputs: Vec<Numbers>,

    /// Starts of the search for fixed points, per constant input
    #[arg(long, value_name = "N", default_value = "200", allow_negative_numbers = true,
        value_parser = |text: &str| whole(text, 1, 1_000_000))]
    starts: u64,

    /// Write a self-contained HTML report
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

/// Numbers separated by commas.
#[derive(Clone, Debug)]
struct Numbers(Vec<f64>);

fn numbers(text: &str) -> Result<Numbers, String> {
    text.split(',').map(crate::args::number).collect::<Result<_, _>>().map(Numbers)
}

fn name(text: &str) -> Result<String, String> {
    let known = all_names();
    if known.contains(&text) { Ok(text.into()) } else { Err(format!("expected one of {}", known.join(", "))) }
}

/// Name of the comparison of two networks.
const COMPARISON: &str = "comparison";

/// Names of all analyses.
pub(crate) fn all_names() -> Vec<&'static str> {
    names().into_iter().chain([COMPARISON]).collect()
}

/// Reads a network of any kind.
fn read(path: &Path) -> anyhow::Result<Artifact> {
    let network = Artifact::read_any(path).or_exit(Status::DamagedInput)?;
    if ![Kind::Rate, Kind::Spiking, Kind::Lif].contains(&network.kind) {
        let (path, found) = (path.display(), network.kind.with_article());
        return Err(anyhow!("{path}: found {found} artifact, expected a network: rate, spiking or lif"))
            .or_exit(Status::DamagedInput);
    }
    Ok(network)
}

/// The network to compare with, and its experiment with the changes that apply to it.
///
/// # Errors
/// A network with other channels, outputs or steps than those of the trials (status 2).
pub(crate) fn second<'a>(
    other: &'a Artifact,
    experiment: &Experiment,
    set: &[String],
    seed: Option<u64>,
) -> anyhow::Result<(&'a Artifact, Experiment)> {
    let changes = Changes { file: None, set, seed, sections: sections(other) };
    let mut found = evaluated::experiment(other, &changes)?.experiment;
    let described = |experiment: &Experiment| {
        let (channels, outputs) = experiment.task.channels_and_outputs();
        let (steps, step_ms) = (experiment.task.steps(), experiment.task.step_ms());
        format!("{channels} inputs, {outputs} outputs and {steps} steps of {step_ms} ms")
    };
    let (one, two) = (described(experiment), described(&found));
    if one != two {
        let path = other.path().display();
        return Err(usage(format!(
            "{path}: found a task of {two}, expected {one}, as the network it is compared with"
        )));
    }
    found.evaluation.trials = experiment.evaluation.trials;
    Ok((other, found))
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    let network = read(&arguments.network)?;
    let other = arguments.other.as_deref().map(read).transpose()?;
    let mut set = common.set.clone();
    set.extend(arguments.count.map(|count| format!("evaluation.trials={count}")));
    let changes = Changes { file: None, set: &set, seed: common.seed, sections: sections(&network) };
    let DerivedExperiment { experiment, differs, .. } = evaluated::experiment(&network, &changes)?;
    let other = other.as_ref().map(|other| second(other, &experiment, &set, common.seed)).transpose()?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    let settings = Settings {
        at_ms: arguments.at_ms.clone(),
        inputs: arguments.inputs.iter().map(|input| input.0.clone()).collect(),
        starts: usize::try_from(arguments.starts).unwrap_or(usize::MAX),
    };
    check(&settings, &experiment)?;
    if arguments.trials.is_none() {
        memory::check(&estimate(&experiment, &network, length(experiment.evaluation.trials)))?;
    }
    let (output, force) = (common.output()?, common.force);
    let files = FigureFiles::beside(output, &figures::names());
    let _claims = claim(plan(arguments, &experiment, &files)?)?;
    let mut provenance = mdl_artifact::provenance!("analyze", experiment.seed).from(&network);
    provenance.note_differences(differs);
    provenance.inputs.extend(other.as_ref().map(|(other, _)| other.as_input()));
    let (file, accept) = (arguments.trials.as_deref(), arguments.accept_other_trials);
    let origin = network.path().display().to_string();
    let (trials, other_trials) = evaluated::trials(file, accept, &experiment, &origin, &mut provenance)?;
    memory::check(&estimate(&experiment, &network, trials.count))?;
    let bar = progress::bar(0, &experiment.name, common.talk.quiet);
    let (artifact, mut result) = bar.watch(|watch| {
        let other = other.as_ref().map(|(other, experiment)| (*other, experiment));
        let what = What { only: &arguments.only, settings: &settings, other };
        analyse(&network, &experiment, &trials, what, provenance, watch)
    })?;
    signal::hold();
    artifact.write(output, force)?;
    let drawn = save_figures(&files, &artifact, force);
    let report = save_report(arguments.report.as_deref(), &artifact, &drawn, force);
    result.insert("output".into(), json!(output));
    result.insert("report".into(), json!(report));
    if !other_trials.is_empty() {
        result.insert("other_trials".into(), json!(other_trials));
    }
    Ok(Outcome::done(Value::Object(result)))
}

/// Inputs and outputs of the run.
fn plan(arguments: &Arguments, experiment: &Experiment, files: &FigureFiles) -> anyhow::Result<Plan> {
    let common = &arguments.common;
    let mut plan = plan_of_one(common, "the network", &arguments.network)?;
    let others =
        [("the other network", arguments.other.as_ref()), ("the trials (--trials)", arguments.trials.as_ref())];
    read_all(&mut plan, others);
    read_experiments(&mut plan, [experiment]);
    write_report(&mut plan, arguments.report.as_deref(), common.force);
    write_figures(&mut plan, files, common.force);
    Ok(plan)
}

/// Refuses settings that do not fit the task.
///
/// # Errors
/// A setting, or a network without trials (status 2).
pub(crate) fn check(settings: &Settings, experiment: &Experiment) -> anyhow::Result<()> {
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let duration_ms = task.steps() as f64 * task.step_ms();
    settings.validate(task.channels(), duration_ms).map_err(|error| usage(error.to_string()))
}

/// Memory of an analysis of this many trials.
pub(crate) fn estimate(experiment: &Experiment, network: &Artifact, trials: usize) -> Estimate {
    let (steps, units) = (experiment.task.steps().min(500), experiment.network.neurons());
    let recorded =
        Recorded { lif: network.kind == Kind::Lif, trials, currents: false, values_per_trial: 2 * steps * units };
    Estimate::activity(experiment, &recorded, rayon::current_num_threads())
}

/// What to analyse.
#[derive(Clone, Copy)]
pub(crate) struct What<'a> {
    /// Names of the analyses; none: all that apply.
    pub only: &'a [String],
    /// Their settings.
    pub settings: &'a Settings,
    /// Network to compare with.
    pub other: Option<(&'a Artifact, &'a Experiment)>,
}

impl What<'_> {
    /// True if an analysis is to be made.
    fn includes(&self, name: &str) -> bool {
        match self.only.is_empty() {
            true => self.other.is_none() || name == COMPARISON,
            false => self.only.iter().any(|only| only == name),
        }
    }
}

/// Analyses a network; returns the artifact and the fields of the result.
///
/// # Errors
/// Those of running the network, and an interruption (status 75).
pub(crate) fn analyse(
    network: &Artifact,
    experiment: &Experiment,
    trials: &Trials,
    what: What,
    provenance: Provenance,
    watch: &Watch,
) -> anyhow::Result<(Artifact, Map<String, Value>)> {
    let mut artifact = Artifact::new(Kind::Analysis, experiment.to_json(), provenance);
    artifact.config["evaluation"]["trials"] = json!(trials.count);
    let wanted = analyses::<Failed>().into_iter();
    let wanted = wanted.filter(|(name, _)| what.includes(name));
    let wanted: Vec<_> = wanted.collect();
    (watch.begin)(wanted.len() as u64 + 1);
    let subject = Analysed::new(network, experiment, trials, watch)?;
    (watch.done)(1);
    let mut result = Map::from_iter([("trials".into(), json!(trials.count))]);
    for (name, run) in wanted {
        watch.check()?;
        let found = run(&subject, what.settings, &mut artifact).map_err(|Failed(error)| error)?;
        if !found.applies && !what.only.is_empty() {
            let reason = found.summary["left_out"].as_str().unwrap_or_default().to_owned();
            return Err(usage(format!("--only {name}: {}: {reason}", network.path().display())));
        }
        result.insert(name.into(), found.summary);
        (watch.done)(1);
    }
    if what.includes(COMPARISON) && (what.other.is_some() || !what.only.is_empty()) {
        let Some((other, experiment)) = what.other else {
            return Err(usage(format!("--only {COMPARISON}: found one network, expected two to compare")));
        };
        let other = Analysed::new(other, experiment, trials, watch)?;
        let found = compare(&subject, &other, &mut artifact).map_err(|Failed(error)| error)?;
        result.insert(COMPARISON.into(), found.summary);
    }
    Ok((artifact, result))
}

/// Analyses with an exit status.
impl crate::status::HasStatus for mdl_analysis::Error {
    fn status(&self) -> Status {
        match self {
            Self::Artifact(_) => Status::DamagedInput,
            Self::Setting(_) => Status::Usage,
            Self::Eigenvalues { .. } => Status::Failed,
        }
    }
}
