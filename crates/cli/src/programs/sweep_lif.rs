//! `sweep-lif`: performance of LIF networks against one of their parameters.

use crate::signal::StopFlag;
use crate::status::Outcome;
use crate::status::with_status;
use crate::{Common, OrExit, Status, judged, progress, run_program};
use anyhow::anyhow;
use candle_core::Device;
use clap::Parser;
use mdl_artifact::checkpoint::Earlier;
use mdl_artifact::output::check_free;
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_convert::behaviour::Behaviour;
use mdl_convert::lif::LifNetwork;
use mdl_convert::search::Question;
use mdl_convert::search::checkpoint::{self, Partial};
use mdl_convert::search::queue::{self, News, Plan, Search};
use mdl_convert::search::sweep::{Swept, search_and_evaluate};
use mdl_convert::stored;
use mdl_data::score::Score;
use mdl_device::DeviceChoice;
use mdl_experiment::Experiment;
use mdl_experiment::judged::{Changes, Fields, Judged, check_field};
use mdl_experiment::memory::Estimate;
use mdl_report::FigureFiles;
use mdl_report::figures::Sweep;
use mdl_report::figures::sweep::{Point, Variant};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Performance of LIF networks against one of their parameters
///
/// For every value of the parameter, every rate network given is searched for its scaling factor and evaluated on fresh
/// trials. Writes an evaluation artifact and a figure beside it, prints one JSON line. While it runs, its results so far
/// stand in OUTPUT.partial. Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact, 75 interrupted: the
/// same command with --resume goes on.
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
    /// Rate artifacts; their trials are counted together
    #[arg(value_name = "RATE", required = true)]
    rates: Vec<PathBuf>,

    /// Config field to vary
    #[arg(long, value_name = "KEY")]
    parameter: String,

    /// Its values
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', required = true, allow_hyphen_values = true)]
    values: Vec<f64>,

    /// Draw one curve for each value of another config field
    #[arg(long, value_name = "KEY=VALUES", value_parser = parse_by)]
    by: Option<By>,

    /// Go on from the partial results of an interrupted run; an output that is complete is left as it is
    #[arg(long)]
    resume: bool,

    /// Take task, lif, search and evaluation from this config, not from the artifact's
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where to compute: cpu, cuda, cuda:N, or auto (a GPU if one can be used)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: DeviceChoice,

    #[command(flatten)]
    common: Common,
}

/// A field and the values that each get a curve.
#[derive(Clone, Debug)]
struct By {
    key: String,
    values: Vec<String>,
}

fn parse_by(text: &str) -> Result<By, String> {
    let (key, values) = text.split_once('=').ok_or("expected KEY=VALUE,VALUE,…")?;
    Ok(By { key: key.into(), values: values.split(',').map(String::from).collect() })
}

/// Sections of a config that mean something to this program.
const SECTIONS: [&str; 4] = ["task", "lif", "search", "evaluation"];

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(|| run(&arguments))
}

/// A rate network with the config of every variant and value, `[variants][values]`.
struct Network {
    artifact: Artifact,
    settings: Vec<Vec<Experiment>>,
    /// Fields in which it was made otherwise than the first of them says.
    differs: Fields,
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    check_field("--parameter", &arguments.parameter, &SECTIONS).or_exit(Status::Usage)?;
    arguments.by.iter().try_for_each(|by| check_field("--by", &by.key, &SECTIONS)).or_exit(Status::Usage)?;
    let variants = variants(arguments);
    let networks = networks(arguments, &variants)?;
    let first = &networks[0].settings[0][0];
    if common.print_config {
        return crate::status::print_config(&first.to_json());
    }
    let all = settings(&networks).map(|(_, experiment)| experiment);
    crate::memory::check(&Estimate::search(all, rayon::current_num_threads()))?;
    let device = arguments.device.open().or_exit(Status::Usage)?;
    let output = common.output_path_of(arguments.resume)?;
    let mut artifact = Artifact::new(Kind::Evaluation, config(arguments, first), provenance(&networks, &device));
    let before = if arguments.resume { swept_before(&output, &artifact) } else { None };
    let force = common.force || before.is_some();
    check_free(&output, force).or_exit(Status::Usage)?;
    let figures = FigureFiles::beside(&output, force, &["sweep"]).or_exit(Status::Usage)?;
    let earlier = Earlier::from_options(arguments.resume, common.force);
    let (config, provenance) = (artifact.config.clone(), artifact.provenance.clone());
    let mut partial = with_status(Partial::open(&output, config, provenance, settings(&networks).count(), earlier))?;
    let swept = match before {
        Some(swept) => swept,
        None => {
            let swept = sweep(arguments, &device, &networks, &mut partial)?;
            write(&mut artifact, &arguments.values, [networks.len(), variants.len()], &swept);
            artifact.write(&output, common.force)?;
            swept
        }
    };
    let pooled = pooled(&swept, variants.len(), arguments.values.len());
    figures.write("sweep", &figure(arguments, &variants, &pooled)?)?;
    with_status(partial.remove())?;
    let point = |(value, score): (&f64, &Score)| {
        json!({ "value": value, "performance": score.performance(), "performance_interval": score.interval(),
            "trials": score.trials })
    };
    let curve = |((name, _), scores): (&(String, Vec<String>), &Vec<Score>)| {
        let points = arguments.values.iter().zip(scores).map(point);
        json!({ "variant": name, "points": points.collect::<Vec<_>>() })
    };
    Ok(Outcome::done(json!({
        "output": output,
        "parameter": arguments.parameter,
        "networks": networks.len(),
        "curves": variants.iter().zip(&pooled).map(curve).collect::<Vec<_>>(),
        "device": mdl_device::name(&device),
    })))
}

/// Name and overrides of each curve.
fn variants(arguments: &Arguments) -> Vec<(String, Vec<String>)> {
    match &arguments.by {
        None => vec![("LIF network".into(), Vec::new())],
        Some(by) => by.values.iter().map(|value| (value.clone(), vec![format!("{}={value}", by.key)])).collect(),
    }
}

/// Reads every network and resolves every setting, before any work is done.
fn networks(arguments: &Arguments, variants: &[(String, Vec<String>)]) -> anyhow::Result<Vec<Network>> {
    let common = &arguments.common;
    let read = |path: &PathBuf| {
        let artifact = Artifact::read(path, Kind::Rate).or_exit(Status::DamagedInput)?;
        let setting = |overrides: &[String], value: f64| -> anyhow::Result<Judged> {
            let mut set = common.set.clone();
            set.extend_from_slice(overrides);
            set.push(format!("{}={value}", arguments.parameter));
            let (file, seed) = (arguments.config.as_deref(), common.seed);
            judged::experiment(&artifact, &Changes { file, set: &set, seed, sections: &SECTIONS })
        };
        let of_variant = |(_, overrides): &(String, Vec<String>)| {
            arguments.values.iter().map(|value| setting(overrides, *value)).collect::<anyhow::Result<Vec<_>>>()
        };
        let settings = variants.iter().map(of_variant).collect::<anyhow::Result<Vec<_>>>()?;
        let differs = settings[0][0].differs.clone();
        let experiments = |of: Vec<Judged>| of.into_iter().map(|judged| judged.experiment).collect();
        Ok(Network { artifact, settings: settings.into_iter().map(experiments).collect(), differs })
    };
    arguments.rates.iter().map(read).collect()
}

/// The config of all networks, variants and values, in this order.
fn settings(networks: &[Network]) -> impl Iterator<Item = (&Artifact, &Experiment)> {
    networks.iter().flat_map(|n| n.settings.iter().flatten().map(|experiment| (&n.artifact, experiment)))
}

/// Searches and evaluates every setting, with a progress bar and an ear for signals.
fn sweep(
    arguments: &Arguments,
    device: &Device,
    networks: &[Network],
    partial: &mut Partial,
) -> anyhow::Result<Vec<Swept>> {
    let lif = settings(networks).map(|(artifact, experiment)| stored::read_network(artifact, &experiment.conversion()));
    let lif = with_status(lif.collect::<mdl_convert::Result<Vec<LifNetwork>>>())?;
    let behaviours = settings(networks).zip(&lif).map(|((_, experiment), network)| {
        Behaviour::new(network, &experiment.lif, experiment.task.task()?, experiment.seed)
    });
    let behaviours = with_status(behaviours.collect::<mdl_convert::Result<Vec<_>>>())?;
    let stop = StopFlag::install()?;
    let bar = progress::bar(behaviours.len() as u64, &arguments.parameter, arguments.common.quiet);
    let searches = settings(networks).zip(&lif).zip(&behaviours).enumerate();
    let searches = searches.map(|(index, (((_, experiment), network), behaviour))| {
        let question = Question::new(&experiment.conversion(), network, behaviour)?;
        let trials = experiment.evaluation.trials;
        let plan: Plan<Swept> = Box::new(move |answers| search_and_evaluate(&question, trials, answers));
        Ok(Search { behaviour, answers: partial.answers(index).clone(), plan })
    });
    let searches = with_status(searches.collect::<mdl_convert::Result<Vec<_>>>())?;
    let mut swept = vec![None; searches.len()];
    let outcome = queue::run(device, searches, &|| stop.is_set(), |index, news| match news {
        News::Answered(set, trial, answers) => partial.add(index, set, trial, &answers),
        News::Found(found) => {
            bar.inc(1);
            swept[index] = Some(found);
            Ok(())
        }
    });
    bar.finish_and_clear();
    with_status(checkpoint::keep(outcome, std::slice::from_mut(partial)))?;
    Ok(swept.into_iter().flatten().collect())
}

/// Scores of all networks together, `[variants][values]`.
fn pooled(swept: &[Swept], variants: usize, values: usize) -> Vec<Vec<Score>> {
    let score = |at: usize| {
        let of_networks = swept.iter().skip(at).step_by(variants * values).map(|s| s.score);
        of_networks.fold(Score { trials: 0, correct: 0 }, |sum, s| Score {
            trials: sum.trials + s.trials,
            correct: sum.correct + s.correct,
        })
    };
    (0..variants).map(|variant| (0..values).map(|value| score(variant * values + value)).collect()).collect()
}

/// The first setting's config with a section `sweep` that names the parameter and the variants.
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
    provenance.device = mdl_device::kind(device);
    provenance
}

/// What a complete output holds, if it has the config and provenance of `expected`.
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

fn figure(
    arguments: &Arguments,
    variants: &[(String, Vec<String>)],
    pooled: &[Vec<Score>],
) -> anyhow::Result<mdl_report::Figure> {
    let point = |(parameter, score): (&f64, &Score)| Point {
        parameter: *parameter,
        performance: score.performance(),
        interval: score.interval(),
    };
    let points: Vec<Vec<Point>> =
        pooled.iter().map(|scores| arguments.values.iter().zip(scores).map(point).collect()).collect();
    let variants: Vec<Variant> =
        variants.iter().zip(&points).map(|((label, _), points)| Variant { label, points }).collect();
    let sweep = Sweep {
        title: "Performance of the LIF network",
        parameter_label: &arguments.parameter,
        performance_label: "Performance",
        variants: &variants,
        reference: None,
    };
    sweep.draw().map_err(|error| anyhow!(error))
}
