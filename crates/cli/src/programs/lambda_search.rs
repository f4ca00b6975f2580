//! `lambda-search`: makes a LIF network from a rate network by a search for the scaling factor.

use crate::options::{ConfigOption, DeviceOption, ResumeOption};
use crate::outputs::{ARTIFACT, as_lif, claim, output_paths, read_all, read_experiments, save_figures, write_figures};
use crate::searches::Searches;
use crate::status::{Outcome, print_line, print_result, with_status};
use crate::{Common, OrExit, Status, evaluated, run_program, signal};
use anyhow::Context;
use candle_core::Device;
use clap::Parser;
use mdl_artifact::checkpoint::ResumePolicy;
use mdl_artifact::output::check_free;
use mdl_artifact::plan::{Claims, Plan};
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_convert::lif::LifNetwork;
use mdl_convert::lif_artifact;
use mdl_convert::lif_task::LifTask;
use mdl_convert::prediction::predict;
use mdl_convert::search::checkpoint::{self, Partial};
use mdl_convert::search::queue::{self, Event, Search};
use mdl_convert::search::{Candidate, Found, SearchConfig, SearchSpec, Select, choose, lif_task};
use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment, Fields};
use mdl_experiment::memory::Estimate;
use mdl_report::FigureFiles;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Convert rate networks to LIF networks: search for the scaling factor
///
/// Reads rate artifacts, or LIF artifacts to search again. Writes one LIF artifact per network, with the whole search
/// curve, and a figure beside it. Several searches run in parallel. Partial results are kept in OUTPUT.partial. Firing
/// rates leave out the first nine steps, as in the published code. Prints the result as JSON, on a terminal as a
/// sentence.
///
/// Exit status: 0 found, 1 failed, 2 usage or config, 3 damaged artifact, 4 written but for some network no factor
/// reached search.performance_at_least, 75 interrupted: rerun with --resume.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  lambda-search rate.safetensors -o lif.safetensors
  lambda-search rate.safetensors --extend --set search.trials=400 -o lif.safetensors
  lambda-search rate.safetensors --race --refine -o lif.safetensors
  lambda-search rate.safetensors --start predicted -o lif.safetensors
  lambda-search rate.safetensors --select first --set lif.mode=exact -o lif.safetensors
  lambda-search runs/*/rate.safetensors -o found      (found/1/lif.safetensors, found/2/lif.safetensors, …)
  lambda-search runs/*/rate.safetensors --resume -o found
Parameters of the LIF network, alone or together:
  --set lif.refractory_ms=4   --set lif.synapse=single   --set lif.tau_rise_ms=1   --set lif.noise_sd_mv_per_step=0.05
  --set lif.dt_ms=0.1 --set lif.scale_noise_with_dt=true   --set lif.neuron=qif   --set lif.use_initial_weights=true"
)]
struct Arguments {
    /// Rate or LIF artifacts; with several, OUTPUT is a directory that keeps what differs in their paths
    #[arg(value_name = "RATE", required = true)]
    rates: Vec<PathBuf>,

    /// Start from the whole grid, or around the factor that mean-field theory predicts (default: the config's)
    #[arg(long, value_name = "grid|predicted")]
    start: Option<String>,

    /// Choose the middle of the best plateau, the first of the best factors, the one on the plateau whose outputs are closest
    /// to the target, or without a search the factor that the network was trained for (default: the config's)
    #[arg(long, value_name = "plateau|first|fidelity|fixed")]
    select: Option<String>,

    /// Try factors beyond the edge of the grid while the plateau touches it (default: unless the config lists its own
    /// factors)
    #[arg(long)]
    extend: bool,

    /// Stop testing factors that are clearly worse: at most 40 % of the trials, nearly the same plateau
    #[arg(long)]
    race: bool,

    /// Halve the grid step around the plateau
    #[arg(long)]
    refine: bool,

    #[command(flatten)]
    resume: ResumeOption,

    #[command(flatten)]
    config: ConfigOption,

    #[command(flatten)]
    device: DeviceOption,

    #[command(flatten)]
    common: Common,
}

/// Sections of a config that this program uses.
pub(crate) const SECTIONS: [&str; 4] = ["task", "lif", "search", "evaluation"];

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

/// A network to search.
struct Job {
    rate: Artifact,
    experiment: Experiment,
    provenance: Provenance,
    network: LifNetwork,
    output: PathBuf,
    figures: FigureFiles,
    /// Result of an earlier run that wrote its output.
    found_before: Option<Found>,
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    let read = |path: &PathBuf| Artifact::read_one_of(path, &[Kind::Rate, Kind::Lif]).or_exit(Status::DamagedInput);
    let rates = arguments.rates.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let experiments = rates.iter().map(|rate| resolved(arguments, rate));
    let experiments = experiments.collect::<anyhow::Result<Vec<_>>>()?;
    if common.print_config {
        experiments.iter().try_for_each(|derived| print_line(&format!("{:#}", derived.experiment.to_json())))?;
        return Ok(Outcome::silent());
    }
    let all = experiments.iter().map(|derived| &derived.experiment);
    crate::memory::check(&Estimate::search(all, rayon::current_num_threads()))?;
    let device = arguments.device.device.open().or_exit(Status::Usage)?;
    let outputs = output_paths(common.output.as_deref(), &arguments.rates, as_lif)?;
    let _claims = claim_outputs(arguments, &experiments, &outputs)?;
    let job = |((rate, experiment), output)| Job::new(arguments, &device, rate, experiment, output);
    let jobs = rates.into_iter().zip(experiments).zip(outputs).map(job).collect::<anyhow::Result<Vec<_>>>()?;
    let earlier = ResumePolicy::from_options(arguments.resume.resume, common.force);
    let partial = |job: &Job| Partial::open(&job.output, job.experiment.to_json(), job.provenance.clone(), 1, earlier);
    let mut partials = with_status(jobs.iter().map(partial).collect::<mdl_convert::Result<Vec<Partial>>>())?;
    let met = search(arguments, &device, &jobs, &mut partials)?;
    Ok(Outcome { status: if met { Status::Done } else { Status::CriterionNotMet }, result: None })
}

/// Acquires the right to write every output.
fn claim_outputs(
    arguments: &Arguments,
    experiments: &[DerivedExperiment],
    outputs: &[PathBuf],
) -> anyhow::Result<Claims> {
    let replace = arguments.common.force || arguments.resume.resume;
    let mut plan = Plan::default();
    arguments.rates.iter().for_each(|rate| plan.read("the network", rate));
    read_all(&mut plan, [("the config (--config)", arguments.config.config.as_ref())]);
    read_experiments(&mut plan, experiments.iter().map(|derived| &derived.experiment));
    for output in outputs {
        plan.write_with_partial(ARTIFACT, output, replace, 1);
        write_figures(&mut plan, &figures(output), replace);
    }
    claim(plan)
}

fn figures(output: &Path) -> FigureFiles {
    FigureFiles::beside(output, &["search"])
}

/// Config of the rate artifact with the changes from the command line.
fn resolved(arguments: &Arguments, rate: &Artifact) -> anyhow::Result<DerivedExperiment> {
    let mut set = arguments.common.set.clone();
    set.extend(arguments.start.iter().map(|start| format!("search.start={start}")));
    set.extend(arguments.select.iter().map(|select| format!("search.select={select}")));
    let flags = [("extend", arguments.extend), ("race", arguments.race), ("refine", arguments.refine)];
    set.extend(flags.iter().filter(|(_, given)| *given).map(|(name, _)| format!("search.{name}=true")));
    let (file, seed) = (arguments.config.config.as_deref(), arguments.common.seed);
    let derived = evaluated::experiment(rate, &Changes { file, set: &set, seed, sections: &SECTIONS })?;
    with_status(derived.experiment.read_trials(&rate.path().display().to_string()))?;
    Ok(derived)
}

impl Job {
    fn new(
        arguments: &Arguments,
        device: &Device,
        rate: Artifact,
        derived: DerivedExperiment,
        output: PathBuf,
    ) -> anyhow::Result<Self> {
        let experiment = derived.experiment;
        let force = arguments.common.force;
        let provenance = provenance(&rate, &experiment, derived.differs, device);
        let found_before = if arguments.resume.resume { found_before(&output, &experiment, &provenance) } else { None };
        if found_before.is_none() {
            check_free(&output, force).or_exit(Status::Usage)?;
        }
        let figures = figures(&output);
        figures.check_free(force || found_before.is_some()).or_exit(Status::Usage)?;
        let network = with_status(lif_artifact::read_network(&rate, &experiment.conversion()))?;
        Ok(Self { rate, experiment, provenance, network, output, figures, found_before })
    }

    fn lif_task(&self) -> mdl_convert::Result<LifTask<'_>> {
        lif_task(&self.experiment.conversion(), &self.network)
    }

    /// Writes the results of a search and returns the result to print.
    fn finish(&self, force: bool, found: &Found) -> mdl_convert::Result<Value> {
        let experiment = &self.experiment;
        let (artifact, predicted) = artifact(&self.rate, experiment, &self.network, self.provenance.clone(), found)?;
        if self.found_before.is_none() {
            artifact.write(&self.output, force)?;
        }
        save_figures(&self.figures, &artifact, force || self.found_before.is_some());
        warn(found, &experiment.search, &self.output);
        Ok(result(&self.output, found, predicted))
    }

    fn met(&self, found: &Found) -> bool {
        found.chosen().performance() >= self.experiment.search.performance_at_least
    }
}

/// Provenance of the result of a search.
pub(crate) fn provenance(rate: &Artifact, experiment: &Experiment, differs: Fields, device: &Device) -> Provenance {
    let mut provenance = mdl_artifact::provenance!("lambda-search", experiment.seed).from(rate);
    provenance.note_differences(differs);
    provenance.inputs.extend(experiment.inputs());
    provenance.device = mdl_device::kind(device);
    provenance
}

/// The LIF artifact of a search, and the predicted factor.
///
/// # Errors
/// Errors of the prediction.
pub(crate) fn artifact(
    rate: &Artifact,
    experiment: &Experiment,
    network: &LifNetwork,
    provenance: Provenance,
    found: &Found,
) -> mdl_convert::Result<(Artifact, Option<f64>)> {
    let predicted = predict(network, &experiment.conversion())?.map(|found| found.chosen().scaling_factor);
    let mut artifact = Artifact::new(Kind::Lif, experiment.to_json(), provenance);
    artifact.tensors = lif_artifact::rate_tensors(rate);
    lif_artifact::write_search(found, predicted, &mut artifact);
    Ok((artifact, predicted))
}

/// Content of a complete output of the same command.
fn found_before(output: &Path, experiment: &Experiment, provenance: &Provenance) -> Option<Found> {
    let lif = Artifact::read(output, Kind::Lif).ok()?;
    let same = lif.config == experiment.to_json() && lif.provenance == *provenance;
    let candidates = same.then(|| lif_artifact::read_candidates(&lif).ok())??;
    Some(choose(&candidates, experiment.search.select, experiment.search.trials))
}

/// Searches with a progress bar and signal handling, writes the output of each network as soon as it is found, and
/// prints the results in the order of the inputs. Returns true if every network met its criterion.
fn search(arguments: &Arguments, device: &Device, jobs: &[Job], partials: &mut [Partial]) -> anyhow::Result<bool> {
    let lif_tasks = with_status(jobs.iter().map(Job::lif_task).collect::<mdl_convert::Result<Vec<_>>>())?;
    let specs =
        jobs.iter().zip(&lif_tasks).map(|(job, b)| SearchSpec::new(&job.experiment.conversion(), &job.network, b));
    let specs = with_status(specs.collect::<mdl_convert::Result<Vec<_>>>())?;
    let stop = signal::hold();
    let known = partials.iter().map(Partial::count);
    let expected = specs.iter().map(SearchSpec::expected_results).zip(known);
    let mut progress = Searches::new(&jobs[0].experiment.name, arguments.common.talk.quiet, expected);
    let searches = jobs.iter().zip(&specs).zip(&lif_tasks).zip(partials.iter());
    let searches = searches.map(|(((job, spec), lif_task), partial)| Search {
        lif_task,
        results: partial.results(0).clone(),
        plan: Box::new(|results| job.found_before.clone().map_or_else(|| spec.find(results), Ok)),
    });
    let searches = searches.collect();

    let (mut lines, mut met, mut printed) =
        (Lines { json: arguments.common.talk.json, waiting: BTreeMap::new(), next: 0 }, true, Ok(()));
    let stopped = || stop.is_set();
    let hear = |index: usize, news| match news {
        Event::Requested(count) => {
            progress.asked(index, count);
            Ok(())
        }
        Event::TrialRun(set, trial, results) => {
            progress.finished(index, results.len() as u64);
            partials[index].add(0, set, trial, &results);
            Ok(())
        }
        Event::Found(found) => {
            let mut result = jobs[index].finish(arguments.common.force, &found)?;
            result["device"] = json!(mdl_device::name(device));
            partials[index].remove().unwrap_or_else(|error| tracing::warn!("{error}"));
            met &= jobs[index].met(&found);
            progress.found(index);
            progress.bar.suspend(|| lines.print(index, result)).unwrap_or_else(|error| printed = Err(error));
            progress.bar.set_message(format!("{} of {} networks", lines.next, jobs.len()));
            Ok(())
        }
    };
    let outcome = queue::run(device, searches, &stopped, hear);
    progress.bar.finish_and_clear();
    with_status(checkpoint::keep(outcome, partials))?;
    printed.context("standard output")?;
    Ok(met)
}

/// Prints results in the order of their indices, in whatever order they arrive.
struct Lines {
    json: bool,
    waiting: BTreeMap<usize, Value>,
    next: usize,
}

impl Lines {
    fn print(&mut self, index: usize, result: Value) -> std::io::Result<()> {
        self.waiting.insert(index, result);
        while let Some(result) = self.waiting.remove(&self.next) {
            self.next += 1;
            print_result(&result, self.json)?;
        }
        Ok(())
    }
}

pub(crate) fn warn(found: &Found, search: &SearchConfig, output: &Path) {
    let output = output.display();
    let (below, above) = found.at_edge();
    if (below || above) && search.select != Select::Fixed {
        let edge = match (below, above) {
            (true, true) => "both edges",
            (true, false) => "the lower edge",
            _ => "the upper edge",
        };
        let remedy = if search.extends() { "" } else { "; --extend looks beyond it" };
        tracing::warn!("{output}: the best factors reach {edge} of those tried{remedy}");
    }
    let (performance, criterion) = (found.chosen().performance(), search.performance_at_least);
    if performance < criterion {
        tracing::warn!("{output}: performance {performance:.2} is below search.performance_at_least = {criterion}");
    }
}

pub(crate) fn result(output: &Path, found: &Found, predicted: Option<f64>) -> Value {
    let with_error = |c: &Candidate, mut value: Value| {
        if let Some(fidelity) = c.fidelity {
            value["output_error"] = json!(fidelity.output_error);
        }
        value
    };
    let candidate = |c: &Candidate| {
        let value = json!({
            "scaling_factor": c.scaling_factor,
            "performance": c.performance(),
            "performance_interval": c.interval(),
            "rate_hz": c.rate_hz,
            "trials": c.trials,
        });
        with_error(c, value)
    };
    let (chosen, (first, last)) = (found.chosen(), found.plateau);
    let value = json!({
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
    });
    with_error(chosen, value)
}
