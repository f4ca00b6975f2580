//! `eval-lif`: evaluates a LIF network on fresh or given trials.

use crate::options::{ConfigOption, DeviceOption, EvaluationOptions};
use crate::outputs::{
    claim, plan_of_one, read_all, read_experiments, save_figures, save_report, write_figures, write_report,
};
use crate::status::{Outcome, with_status};
use crate::watch::Watch;
use crate::{Common, OrExit, Status, evaluated, memory, progress, run_program, signal};
use candle_core::Device;
use clap::Parser;
use mdl_artifact::plan::Plan;
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_convert::evaluate::{Evaluation, evaluate};
use mdl_convert::fidelity::{Fidelity, Line, RateActivity, output_error};
use mdl_convert::lif_artifact;
use mdl_convert::lif_task::{LifTask, Monitor};
use mdl_data::field::length;
use mdl_data::tasks::{Evaluated, Trials};
use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment};
use mdl_experiment::memory::Estimate;
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_report::evaluation::{keep_importance, keep_network, keep_trials};
use mdl_report::{FigureFiles, Population, figures};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Evaluate a LIF network on its task
///
/// Reads a LIF artifact; writes an evaluation artifact, its figures, and with --report an HTML report. Firing rates
/// leave out the first nine steps, as in the published code. Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact, 75 interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  eval-lif lif.safetensors -o eval.safetensors --report report.html
  eval-lif lif.safetensors --trials trials.safetensors -o eval.safetensors
  eval-lif lif.safetensors --set evaluation.trials=1000 --set lif.refractory_ms=4 -o eval.safetensors
  eval-lif lif.safetensors -o eval.safetensors \\
    --set 'lif.stimulation={\"population\": \"inhibitory\", \"from_ms\": 250, \"to_ms\": 500, \"amplitude_mv\": -0.5}'"
)]
struct Arguments {
    /// LIF artifact
    #[arg(value_name = "LIF")]
    lif: PathBuf,

    #[command(flatten)]
    evaluation: EvaluationOptions,

    #[command(flatten)]
    config: ConfigOption,

    #[command(flatten)]
    device: DeviceOption,

    #[command(flatten)]
    common: Common,
}

/// Sections of a config that this program uses.
pub(crate) const SECTIONS: [&str; 3] = ["task", "lif", "evaluation"];

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    let lif = Artifact::read(&arguments.lif, Kind::Lif).or_exit(Status::DamagedInput)?;
    let (file, set, seed) = (arguments.config.config.as_deref(), &common.set[..], common.seed);
    let DerivedExperiment { experiment, differs, .. } =
        evaluated::experiment(&lif, &Changes { file, set, seed, sections: &SECTIONS })?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    let memory = |trials| memory::check(&Estimate::lif_evaluation(&experiment, trials, rayon::current_num_threads()));
    memory(if arguments.evaluation.trials.is_some() { 0 } else { length(experiment.evaluation.trials) })?;
    let device = arguments.device.device.open().or_exit(Status::Usage)?;
    let (output, force) = (common.output()?, common.force);
    let files = FigureFiles::beside(output, &figures::names());
    let _claims = claim(plan(arguments, &experiment, &files)?)?;
    let mut provenance = mdl_artifact::provenance!("eval-lif", experiment.seed).from(&lif);
    provenance.note_differences(differs);
    provenance.device = mdl_device::kind(&device);
    let (file, accept) = (arguments.evaluation.trials.as_deref(), arguments.evaluation.accept_other_trials);
    let origin = arguments.lif.display().to_string();
    let (trials, other_trials) = evaluated::trials(file, accept, &experiment, &origin, &mut provenance)?;
    memory(trials.count)?;

    let bar = progress::bar(0, &experiment.name, common.talk.quiet);
    let (artifact, mut result) = bar.watch(|watch| judge(&lif, &experiment, &trials, provenance, &device, watch))?;
    signal::hold();
    artifact.write(output, force)?;
    let drawn = save_figures(&files, &artifact, force);
    let report = save_report(arguments.evaluation.report.as_deref(), &artifact, &drawn, force);
    result["output"] = json!(output);
    result["report"] = json!(report);
    if !other_trials.is_empty() {
        result["other_trials"] = json!(other_trials);
    }
    Ok(Outcome::done(result))
}

/// Evaluates a LIF network on trials; returns the artifact and the fields of the result.
///
/// # Errors
/// A network that cannot run (status 2), or is damaged (status 3), and an interruption (status 75).
pub(crate) fn judge(
    lif: &Artifact,
    experiment: &Experiment,
    trials: &Trials,
    provenance: Provenance,
    device: &Device,
    watch: &Watch,
) -> anyhow::Result<(Artifact, Value)> {
    let network = with_status(lif_artifact::read_calibrated(lif, &experiment.conversion()))?;
    let factor = with_status(lif_artifact::read_scaling_factor(lif))?;
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let lif_task = with_status(LifTask::new(&network, &experiment.lif, task, experiment.seed))?.with_strict_rules();
    (watch.begin)(trials.count as u64);
    let monitor = Monitor { trial_done: &|| (watch.done)(1), stopped: watch.stopped };
    let config = &experiment.evaluation;
    let evaluation = with_status(evaluate(device, &lif_task, &network, factor, trials, config, &monitor))?;
    let mut artifact = Artifact::new(Kind::Evaluation, experiment.to_json(), provenance);
    // A file of trials determines their number.
    artifact.config["evaluation"]["trials"] = json!(trials.count);
    evaluation.write(&mut artifact);
    let rate = rate_activity(lif, experiment, trials, &evaluation)?;
    let recorded = length(experiment.evaluation.recorded_trials);
    rate.write_modes(recorded, [trials.count, evaluation.time_ms.len()], &mut artifact);
    rate.write(&[trials.count, evaluation.time_ms.len(), evaluation.outputs], &mut artifact);
    let counted = trials.counted_at(&evaluation.time_ms, task.step_ms());
    let fidelity = Fidelity::new(&evaluation, &rate, &counted);
    let numbers = [
        ("output_error", output_error(&evaluation.output, &evaluation.target, &counted)),
        ("rate_network_error", fidelity.rate_network_error),
        ("output_gain", fidelity.output.gain),
        ("output_offset", fidelity.output.offset),
    ];
    let sizes = experiment.training.loss.compares_size();
    let numbers = numbers.into_iter().filter(|(name, number)| number.is_finite() && (sizes || *name != "output_error"));
    let numbers: Vec<(&str, f64)> = numbers.collect();
    for (name, number) in numbers.iter().copied() {
        artifact.insert(name, &[1], vec![number]);
    }
    keep_trials(trials, recorded, (task, Evaluated::Lif), &evaluation.time_ms, &mut artifact);

    keep_network(lif, network.units, &mut artifact).or_exit(Status::DamagedInput)?;
    keep_importance(lif, network.units, &mut artifact).or_exit(Status::DamagedInput)?;
    let populations = Population::of_units(&artifact, network.units).or_exit(Status::DamagedInput)?;
    let rates = rates_by_population(&evaluation, &populations);
    let score = evaluation.score();
    let mut result = json!({
        "performance": score.performance(),
        "performance_interval": score.interval(),
        "trials": score.trials,
        "scaling_factor": factor,
        "conditions": evaluated::conditions(task, &evaluation.condition, &evaluation.correct),
        "rate_hz": mean(&evaluation.rate_hz),
        "device": mdl_device::name(device),
        "rate_hz_by_population": rates.into_iter().map(|(name, rate)| (name.into(), json!(rate))).collect::<Map<_, _>>(),
    });
    numbers.into_iter().for_each(|(name, number)| result[name] = json!(number));
    let of_condition = |(condition, line): &(usize, Line)| {
        let name = task.conditions()[*condition].clone();
        (name, json!({ "correlation": line.correlation, "hz_per_rate": line.gain, "offset_hz": line.offset }))
    };
    result["unit_rates"] = fidelity.rates.iter().map(of_condition).collect::<Map<_, _>>().into();
    if let Some(strict) = evaluation.strict_score() {
        result["strict_performance"] = json!(strict.performance());
        result["strict_performance_interval"] = json!(strict.interval());
    }
    Ok((artifact, result))
}

/// Rate network of a LIF artifact.
pub(crate) fn rate_network(lif: &Artifact, experiment: &Experiment) -> anyhow::Result<RateNetwork> {
    let (conversion, task) = (experiment.conversion(), experiment.task.task().or_exit(Status::Usage)?);
    let config = with_status(conversion.rate())?;
    let parameters = RateParameters::read(lif, config, "").or_exit(Status::DamagedInput)?;
    Ok(RateNetwork::new(config, parameters, task.step_ms(), &Device::Cpu)?)
}

/// Activity of the rate network of a LIF artifact on the same trials.
fn rate_activity(
    lif: &Artifact,
    experiment: &Experiment,
    trials: &Trials,
    evaluation: &Evaluation,
) -> anyhow::Result<RateActivity> {
    let (network, task) = (rate_network(lif, experiment)?, experiment.task.task().or_exit(Status::Usage)?);
    Ok(RateActivity::run(&network, trials, task, &evaluation.time_ms, experiment.seed)?)
}

/// Inputs and outputs of the run.
fn plan(arguments: &Arguments, experiment: &Experiment, files: &FigureFiles) -> anyhow::Result<Plan> {
    let (common, report) = (&arguments.common, arguments.evaluation.report.as_deref());
    let mut plan = plan_of_one(common, "the LIF network", &arguments.lif)?;
    let inputs =
        [("the trials (--trials)", &arguments.evaluation.trials), ("the config (--config)", &arguments.config.config)];
    read_all(&mut plan, inputs.map(|(role, path)| (role, path.as_ref())));
    read_experiments(&mut plan, [experiment]);
    write_report(&mut plan, report, common.force);
    write_figures(&mut plan, files, common.force);
    Ok(plan)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Mean firing rate of each population that the network has.
fn rates_by_population(evaluation: &Evaluation, populations: &[Population]) -> Vec<(&'static str, f64)> {
    let rates = |population| {
        let own = evaluation.rate_hz.iter().zip(populations).filter(|(_, p)| **p == population);
        own.map(|(rate, _)| *rate).collect::<Vec<f64>>()
    };
    let all = Population::ALL.into_iter().map(|p| (p.label(), rates(p)));
    all.filter(|(_, rates)| !rates.is_empty()).map(|(label, rates)| (label, mean(&rates))).collect()
}
