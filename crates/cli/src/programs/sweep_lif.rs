//! `sweep-lif`: performance of LIF networks against one of their parameters.

use crate::options::{ConfigOption, DeviceOption, ResumeOption};
use crate::outputs::{ARTIFACT, claim, read_all, read_experiments, save_figures, write_figures};
use crate::searches::Searches;
use crate::status::{Outcome, usage, with_status};
use crate::{Common, OrExit, Status, evaluated, run_program, signal};
use candle_core::Device;
use clap::Parser;
use mdl_artifact::checkpoint::ResumePolicy;
use mdl_artifact::output::check_free;
use mdl_artifact::plan::{Claims, Plan};
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_convert::lif::LifNetwork;
use mdl_convert::lif_artifact;
use mdl_convert::lif_task::LifTask;
use mdl_convert::search::SearchSpec;
use mdl_convert::search::checkpoint::{self, Partial};
use mdl_convert::search::queue::{self, Event, Search};
use mdl_convert::search::sweep::{Summary, Swept, search_and_evaluate};
use mdl_data::score::Score;
use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment, Fields, check_field};
use mdl_experiment::memory::Estimate;
use mdl_report::FigureFiles;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measure the performance of LIF networks against one parameter
///
/// For every value of the parameter, searches the scaling factor of every rate network and evaluates it on fresh
/// trials. For one network, results are its performance with the 95 % interval over trials; for several, the
/// performance of each, mean and standard deviation over networks, and the number of networks that reach
/// search.performance_at_least with its Wilson interval. Writes an evaluation artifact and a figure. Partial results
/// are kept in OUTPUT.partial. Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact, 75 interrupted: rerun with --resume.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  sweep-lif rate.safetensors --parameter lif.refractory_ms --values 0,1,2,4,8 -o refractory.safetensors
  sweep-lif runs/*/rate.safetensors --parameter lif.tau_rise_ms --values 1,2,5 -o rise.safetensors
  sweep-lif rate.safetensors --parameter lif.refractory_ms --values 1,2,4 --by lif.synapse=double,single \\
    -o synapse.safetensors"
)]
struct Arguments {
    /// Rate artifacts, one per network, or LIF artifacts, whose rate networks are searched again
    #[arg(value_name = "RATE", required = true)]
    rates: Vec<PathBuf>,

    /// Config field to vary
    #[arg(long, value_name = "KEY")]
    parameter: String,

    /// Its values
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', required = true, allow_hyphen_values = true,
        value_parser = crate::args::number)]
    values: Vec<f64>,

    /// Draw one curve for each value of another config field
    #[arg(long, value_name = "KEY=VALUES", value_parser = parse_by)]
    by: Option<By>,

    #[command(flatten)]
    resume: ResumeOption,

    #[command(flatten)]
    config: ConfigOption,

    #[command(flatten)]
    device: DeviceOption,

    #[command(flatten)]
    common: Common,
}

/// A field with the values that each get a curve.
#[derive(Clone, Debug)]
struct By {
    key: String,
    values: Vec<String>,
}

fn parse_by(text: &str) -> Result<By, String> {
    let (key, values) = text.split_once('=').ok_or("expected KEY=VALUE,VALUE,…")?;
    Ok(By { key: key.into(), values: values.split(',').map(String::from).collect() })
}

/// Sections of a config that this program uses.
const SECTIONS: [&str; 4] = ["task", "lif", "search", "evaluation"];

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

/// A rate network with the config of every variant and value, `[variants][values]`.
struct Network {
    artifact: Artifact,
    settings: Vec<Vec<Experiment>>,
    /// Fields with which it was made differently from the config of the first network.
    differs: Fields,
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    check_field("--parameter", &arguments.parameter, &SECTIONS).or_exit(Status::Usage)?;
    arguments.by.iter().try_for_each(|by| check_field("--by", &by.key, &SECTIONS)).or_exit(Status::Usage)?;
    check_variants(arguments)?;
    let variants = variants(arguments);
    let networks = networks(arguments, &variants)?;
    let first = &networks[0].settings[0][0];
    if common.print_config {
        return crate::status::print_config(&first.to_json());
    }
    let all = settings(&networks).map(|(_, experiment)| experiment);
    crate::memory::check(&Estimate::search(all, rayon::current_num_threads()))?;
    let device = arguments.device.device.open().or_exit(Status::Usage)?;
    let output = common.output()?;
    let figures = FigureFiles::beside(output, &["sweep"]);
    let _claims = claim_outputs(arguments, &networks, output, &figures)?;
    let mut artifact = Artifact::new(Kind::Evaluation, config(arguments, first), provenance(&networks, &device));
    let before = if arguments.resume.resume { swept_before(output, &artifact) } else { None };
    let force = common.force || before.is_some();
    check_free(output, force).and_then(|()| figures.check_free(force)).or_exit(Status::Usage)?;
    let earlier = ResumePolicy::from_options(arguments.resume.resume, common.force);
    let (config, provenance) = (artifact.config.clone(), artifact.provenance.clone());
    let mut partial = with_status(Partial::open(output, config, provenance, settings(&networks).count(), earlier))?;
    let complete = before.is_some();
    let swept = match before {
        Some(swept) => swept,
        None => sweep(arguments, &device, &networks, &mut partial)?,
    };
    let summaries = summaries(&networks, &swept);
    write(&mut artifact, &arguments.values, [networks.len(), variants.len()], &swept);
    if networks.len() > 1 {
        write_summaries(&mut artifact, &summaries);
    }
    if !complete {
        artifact.write(output, common.force)?;
    }
    save_figures(&figures, &artifact, force);
    partial.remove().unwrap_or_else(|error| tracing::warn!("{error}"));
    let curve = |((name, _), row): (&(String, Vec<String>), &Vec<Summary>)| {
        let points = arguments.values.iter().zip(row).map(|(value, summary)| point(*value, summary));
        json!({ "variant": name, "points": points.collect::<Vec<_>>() })
    };
    Ok(Outcome::done(json!({
        "output": output,
        "parameter": arguments.parameter,
        "networks": networks.len(),
        "curves": variants.iter().zip(&summaries).map(curve).collect::<Vec<_>>(),
        "device": mdl_device::name(&device),
    })))
}

/// Acquires the right to write every output.
fn claim_outputs(
    arguments: &Arguments,
    networks: &[Network],
    output: &Path,
    figures: &FigureFiles,
) -> anyhow::Result<Claims> {
    let replace = arguments.common.force || arguments.resume.resume;
    let mut plan = Plan::default();
    arguments.rates.iter().for_each(|rate| plan.read("the network", rate));
    read_all(&mut plan, [("the config (--config)", arguments.config.config.as_ref())]);
    read_experiments(&mut plan, settings(networks).map(|(_, experiment)| experiment));
    plan.write_with_partial(ARTIFACT, output, replace, 1);
    write_figures(&mut plan, figures, replace);
    claim(plan)
}

/// JSON of one point: for a single network with the interval over its trials, otherwise with the spread over networks.
fn point(value: f64, summary: &Summary) -> Value {
    match summary.single {
        Some(score) => json!({ "value": value, "performance": score.performance(),
            "performance_interval": score.interval(), "trials": score.trials }),
        None => json!({ "value": value, "performance": summary.performance.mean,
            "performance_sd": summary.performance.sd, "performances": summary.performances,
            "successful": summary.successful, "successful_interval": summary.successful_interval() }),
    }
}

/// Refuses duplicate values, and curves that set the swept field.
fn check_variants(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(twice) = (1..arguments.values.len()).find(|i| arguments.values[..*i].contains(&arguments.values[*i])) {
        return Err(usage(format!("--values: {} is given twice", arguments.values[twice])));
    }
    if arguments.parameter.starts_with("evaluation.") {
        let text = "settings of the evaluation do not change the network; sweep a field of lif, search or task";
        return Err(usage(format!("--parameter {}: {text}", arguments.parameter)));
    }
    let Some(by) = &arguments.by else { return Ok(()) };
    if let Some(twice) = (1..by.values.len()).find(|i| by.values[..*i].contains(&by.values[*i])) {
        return Err(usage(format!("--by {}: {} is given twice", by.key, by.values[twice])));
    }
    let inside = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    let (by, swept) = (by.key.as_str(), arguments.parameter.as_str());
    if by == swept || inside(by, swept) || inside(swept, by) {
        return Err(usage(format!("--by {by} and --parameter {swept} set the same field; name another for --by")));
    }
    Ok(())
}

/// Name and overrides of each curve.
fn variants(arguments: &Arguments) -> Vec<(String, Vec<String>)> {
    match &arguments.by {
        None => vec![("LIF network".into(), Vec::new())],
        Some(by) => by.values.iter().map(|value| (value.clone(), vec![format!("{}={value}", by.key)])).collect(),
    }
}

/// Reads every network and resolves every setting before starting work.
fn networks(arguments: &Arguments, variants: &[(String, Vec<String>)]) -> anyhow::Result<Vec<Network>> {
    let common = &arguments.common;
    let read = |path: &PathBuf| {
        let artifact = Artifact::read_one_of(path, &[Kind::Rate, Kind::Lif]).or_exit(Status::DamagedInput)?;
        let setting = |overrides: &[String], value: f64| -> anyhow::Result<DerivedExperiment> {
            let mut set = common.set.clone();
            set.extend_from_slice(overrides);
            set.push(format!("{}={value}", arguments.parameter));
            let (file, seed) = (arguments.config.config.as_deref(), common.seed);
            let derived = evaluated::experiment(&artifact, &Changes { file, set: &set, seed, sections: &SECTIONS })?;
            with_status(derived.experiment.read_trials(&artifact.path().display().to_string()))?;
            Ok(derived)
        };
        let of_variant = |(_, overrides): &(String, Vec<String>)| {
            arguments.values.iter().map(|value| setting(overrides, *value)).collect::<anyhow::Result<Vec<_>>>()
        };
        let settings = variants.iter().map(of_variant).collect::<anyhow::Result<Vec<_>>>()?;
        let differs = settings[0][0].differs.clone();
        let experiments = |of: Vec<DerivedExperiment>| of.into_iter().map(|derived| derived.experiment).collect();
        Ok(Network { artifact, settings: settings.into_iter().map(experiments).collect(), differs })
    };
    let networks = arguments.rates.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    refuse_duplicates(&networks).or_exit(Status::Usage)?;
    Ok(networks)
}

/// A network given twice would count as two independent ones.
fn refuse_duplicates(networks: &[Network]) -> anyhow::Result<()> {
    for (index, network) in networks.iter().enumerate() {
        let same = |other: &&Network| other.artifact.as_input().sha256 == network.artifact.as_input().sha256;
        if let Some(other) = networks[..index].iter().find(same) {
            let (first, second) = (other.artifact.path().display(), network.artifact.path().display());
            anyhow::bail!(
                "{second}: the same network as {first}; give each network once, for they count as independent"
            );
        }
    }
    Ok(())
}

/// Configs of all networks, variants and values, in this order.
fn settings(networks: &[Network]) -> impl Iterator<Item = (&Artifact, &Experiment)> {
    networks.iter().flat_map(|n| n.settings.iter().flatten().map(|experiment| (&n.artifact, experiment)))
}

/// Searches and evaluates every setting, with a progress bar and signal handling.
fn sweep(
    arguments: &Arguments,
    device: &Device,
    networks: &[Network],
    partial: &mut Partial,
) -> anyhow::Result<Vec<Swept>> {
    let lif =
        settings(networks).map(|(artifact, experiment)| lif_artifact::read_network(artifact, &experiment.conversion()));
    let lif = with_status(lif.collect::<mdl_convert::Result<Vec<LifNetwork>>>())?;
    let lif_tasks = settings(networks).zip(&lif).map(|((_, experiment), network)| {
        LifTask::new(network, &experiment.lif, experiment.task.task()?, experiment.seed)
    });
    let lif_tasks = with_status(lif_tasks.collect::<mdl_convert::Result<Vec<_>>>())?;
    let stop = signal::hold();
    let mut expected = Vec::new();
    let searches = settings(networks).zip(&lif).zip(&lif_tasks).enumerate();
    let searches = searches.map(|(index, (((_, experiment), network), lif_task))| {
        let spec = SearchSpec::new(&experiment.conversion(), network, lif_task)?;
        let trials = experiment.evaluation.trials;
        let known = partial.results(index).len() as u64;
        expected.push((spec.expected_results() + u64::from(trials), known));
        let plan: queue::Plan<Swept> = Box::new(move |results| search_and_evaluate(&spec, trials, results));
        Ok(Search { lif_task, results: partial.results(index).clone(), plan })
    });
    let searches = with_status(searches.collect::<mdl_convert::Result<Vec<_>>>())?;
    let mut progress = Searches::new(&arguments.parameter, arguments.common.talk.quiet, expected);
    let mut swept = vec![None; searches.len()];
    let outcome = queue::run(device, searches, &|| stop.is_set(), |index, news| match news {
        Event::Requested(count) => {
            progress.asked(index, count);
            Ok(())
        }
        Event::TrialRun(set, trial, results) => {
            progress.finished(index, results.len() as u64);
            partial.add(index, set, trial, &results);
            Ok(())
        }
        Event::Found(found) => {
            progress.found(index);
            progress.bar.set_message(format!("{} of {} searches", progress.done(), swept.len()));
            swept[index] = Some(found);
            Ok(())
        }
    });
    progress.bar.finish_and_clear();
    with_status(checkpoint::keep(outcome, std::slice::from_mut(partial)))?;
    Ok(swept.into_iter().flatten().collect())
}

/// All networks with each setting, `[variants][values]`.
fn summaries(networks: &[Network], swept: &[Swept]) -> Vec<Vec<Summary>> {
    let settings = &networks[0].settings;
    let values = settings[0].len();
    let summary = |at: usize| {
        let of_networks = swept.chunks(settings.len() * values).zip(networks);
        Summary::of(of_networks.map(|(swept, network)| {
            let setting = &network.settings[at / values][at % values];
            (&swept[at], setting.search.performance_at_least)
        }))
    };
    let row = |variant: usize| (0..values).map(|value| summary(variant * values + value)).collect();
    (0..settings.len()).map(row).collect()
}

/// Config of the first setting, with a section `sweep` that gives the parameter and the variants.
fn config(arguments: &Arguments, first: &Experiment) -> Value {
    let mut config = first.to_json();
    config["sweep"] = json!({
        "parameter": arguments.parameter,
        "values": arguments.values,
        "by": arguments.by.as_ref().map(|by| &by.key),
        "variants": arguments.by.as_ref().map(|by| &by.values),
    });
    config
}

fn provenance(networks: &[Network], device: &Device) -> Provenance {
    let mut provenance =
        mdl_artifact::provenance!("sweep-lif", networks[0].settings[0][0].seed).from(&networks[0].artifact);
    provenance.note_differences(networks[0].differs.clone());
    for network in &networks[1..] {
        provenance.inputs.push(network.artifact.as_input());
        provenance.note_differences(network.differs.clone());
    }
    for (_, experiment) in settings(networks) {
        let new =
            experiment.inputs().into_iter().filter(|input| !provenance.inputs.contains(input)).collect::<Vec<_>>();
        provenance.inputs.extend(new);
    }
    provenance.device = mdl_device::kind(device);
    provenance
}

/// Content of a complete output, if it has the config and provenance of `expected`.
fn swept_before(output: &Path, expected: &Artifact) -> Option<Vec<Swept>> {
    let found = Artifact::read(output, Kind::Evaluation).ok()?;
    let shape = found.shape::<3>("trials").ok()?;
    let [trials, correct] = ["trials", "correct"].map(|name| found.values::<u32>(name, &shape).ok());
    let [factor, rate_hz] = ["scaling_factor", "rate_hz"].map(|name| found.values::<f64>(name, &shape).ok());
    let (trials, correct, factor, rate_hz) = (trials?, correct?, factor?, rate_hz?);
    let swept = |i: usize| Swept {
        scaling_factor: factor[i],
        score: Score { trials: trials[i], correct: correct[i] },
        rate_hz: rate_hz[i],
    };
    let same = found.config == expected.config && found.provenance == expected.provenance;
    same.then(|| (0..trials.len()).map(swept).collect())
}

/// Adds `parameter` `[V]`, and `scaling_factor`, `trials`, `correct`, `rate_hz` `[networks, variants, V]`.
fn write(artifact: &mut Artifact, values: &[f64], [networks, variants]: [usize; 2], swept: &[Swept]) {
    let shape = [networks, variants, values.len()];
    artifact.insert("parameter", &[values.len()], values.to_vec());
    artifact.insert("scaling_factor", &shape, swept.iter().map(|s| s.scaling_factor).collect());
    artifact.insert("trials", &shape, swept.iter().map(|s| s.score.trials).collect());
    artifact.insert("correct", &shape, swept.iter().map(|s| s.score.correct).collect());
    artifact.insert("rate_hz", &shape, swept.iter().map(|s| s.rate_hz).collect());
}

/// Adds, for several networks, `performance`, `performance_sd` and `successful` `[variants, V]`, and
/// `successful_interval` `[variants, V, 2]`.
fn write_summaries(artifact: &mut Artifact, summaries: &[Vec<Summary>]) {
    let shape = [summaries.len(), summaries[0].len()];
    let all = || summaries.iter().flatten();
    artifact.insert("performance", &shape, all().map(|s| s.performance.mean).collect());
    artifact.insert("performance_sd", &shape, all().map(|s| s.performance.sd.unwrap_or(0.0)).collect());
    artifact.insert("successful", &shape, all().map(|s| s.successful).collect());
    let intervals = all().map(Summary::successful_interval).flat_map(|(low, high)| [low, high]);
    artifact.insert("successful_interval", &[shape[0], shape[1], 2], intervals.collect());
}
