//! `eval-spiking`: evaluates a trained spiking network on the test examples of a data set or on trials of its task, and
//! a rate network on a data set.

use crate::options::{ConfigOption, DeviceOption, EvaluationOptions};
use crate::outputs::{claim, plan_of_one, read_all, save_figures, save_report, write_figures, write_report};
use crate::status::Outcome;
use crate::training::as_input;
use crate::{Common, OrExit, Status, judged, memory, progress, run_program, signal};
use anyhow::anyhow;
use candle_core::{Device, Tensor};
use clap::Parser;
use mdl_artifact::plan::Plan;
use mdl_artifact::{Artifact, Kind};
use mdl_data::field::length;
use mdl_data::score::Score;
use mdl_data::tasks::{DataSet, Examples, Subject, judge};
use mdl_experiment::Experiment;
use mdl_experiment::judged::{Changes, Judged};
use mdl_experiment::memory::Estimate;
use mdl_model::NetworkConfig;
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_model::readout::Readout;
use mdl_model::spiking::Input;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_report::evaluation::keep_network;
use mdl_report::{FigureFiles, figures};
use mdl_train::activity::Activity;
use mdl_train::examples::{classify_test, confusion, test_input};
use mdl_train::mode_space::ModeSpace;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Evaluate a spiking network
///
/// Reads a spiking artifact, or a rate artifact trained on a data set; writes an evaluation artifact, its figures, and
/// with --report an HTML report. Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact or data, 75 interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  eval-spiking spiking.safetensors -o eval.safetensors --report report.html
  eval-spiking spiking.safetensors --set evaluation.trials=1000 -o eval.safetensors"
)]
struct Arguments {
    /// Spiking artifact, or rate artifact of a network trained on a data set
    #[arg(value_name = "SPIKING")]
    network: PathBuf,

    #[command(flatten)]
    evaluation: EvaluationOptions,

    #[command(flatten)]
    device: DeviceOption,

    #[command(flatten)]
    config: ConfigOption,

    #[command(flatten)]
    common: Common,
}

/// Number of trials or examples whose states are in memory at the same time.
const BATCH: usize = 100;
/// Number of misclassified and of correctly classified images to keep.
const EXAMPLES: usize = 16;

/// Artifact with the results, and fields of the printed result.
struct Judgement {
    measure: &'static str,
    score: Score,
    result: Map<String, Value>,
}

/// Sections of a config that this program uses.
const SECTIONS: [&str; 2] = ["task", "evaluation"];
/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.talk.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    let network = Artifact::read_any(&arguments.network).or_exit(Status::DamagedInput)?;
    let origin = arguments.network.display().to_string();
    if !matches!(network.kind, Kind::Spiking | Kind::Rate) {
        return Err(anyhow!("{origin}: found a {} artifact, expected spiking or rate", network.kind))
            .or_exit(Status::DamagedInput);
    }
    let (file, set, seed) = (arguments.config.config.as_deref(), &common.set[..], common.seed);
    let Judged { experiment, differs, .. } =
        judged::experiment(&network, &Changes { file, set, seed, sections: &SECTIONS })?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    let fresh = if arguments.evaluation.trials.is_some() { 0 } else { length(experiment.evaluation.trials) };
    memory::check(&Estimate::evaluation(&experiment, fresh))?;
    let device = arguments.device.device.open().or_exit(Status::Usage)?;
    let (output, force) = (common.output()?, common.force);
    let files = FigureFiles::beside(output, &figures::names());
    let _claims = claim(plan(arguments, &experiment, &files)?)?;
    let mut provenance = mdl_artifact::provenance!("eval-spiking", experiment.seed).from(&network);
    provenance.note_differences(differs);
    provenance.device = mdl_device::kind(&device);
    let mut artifact = Artifact::new(Kind::Evaluation, experiment.to_json(), provenance);

    keep_network(&network, experiment.network.neurons(), &mut artifact).or_exit(Status::DamagedInput)?;
    let judgement = match experiment.task.subject() {
        Subject::Examples(data_set) => {
            judge_examples(arguments, &experiment, data_set, &network, &mut artifact, &device)?
        }
        Subject::Trials(_) => judge_task(arguments, &experiment, &network, &mut artifact, &device)?,
    };
    signal::hold();
    artifact.write(output, force)?;
    let drawn = save_figures(&files, &artifact, force);
    let report = save_report(arguments.evaluation.report.as_deref(), &artifact, &drawn, force);
    let score = judgement.score;
    let mut result = judgement.result;
    result.insert("output".into(), json!(output));
    result.insert("report".into(), json!(report));
    result.insert("device".into(), json!(mdl_device::name(&device)));
    result.insert("trials".into(), json!(score.trials));
    result.insert(judgement.measure.into(), json!(score.performance()));
    result.insert(format!("{}_interval", judgement.measure), json!(score.interval()));
    Ok(Outcome::done(Value::Object(result)))
}

/// Inputs and outputs of the run.
fn plan(arguments: &Arguments, experiment: &Experiment, files: &FigureFiles) -> anyhow::Result<Plan> {
    let (common, report) = (&arguments.common, arguments.evaluation.report.as_deref());
    let mut plan = plan_of_one(common, "the network", &arguments.network)?;
    let inputs =
        [("the trials (--trials)", &arguments.evaluation.trials), ("the config (--config)", &arguments.config.config)];
    read_all(&mut plan, inputs.map(|(role, path)| (role, path.as_ref())));
    if let Some(data_set) = experiment.task.data_set() {
        data_set.files().iter().for_each(|file| plan.read("a file of the data set", file));
    }
    write_report(&mut plan, report, common.force);
    write_figures(&mut plan, files, common.force);
    Ok(plan)
}

/// Spiking network of an artifact, and its number of neurons.
fn spiking(
    artifact: &Artifact,
    experiment: &Experiment,
    device: &Device,
) -> anyhow::Result<Option<(SpikingNetwork, usize)>> {
    let (channels, outputs) = experiment.task.channels_and_outputs();
    let NetworkConfig::Spiking(config) = &experiment.network else { return Ok(None) };
    let network = SpikingNetwork::read(artifact, config, channels, outputs).or_exit(Status::DamagedInput)?;
    Ok(Some((network.to_device(device)?, config.neurons)))
}

/// An empty recording of a network's activity, for the units selected in the config.
fn activity(experiment: &Experiment, neurons: usize) -> anyhow::Result<Activity> {
    let evaluation = &experiment.evaluation;
    if let Some(unit) = evaluation.recorded_units.iter().find(|unit| **unit >= neurons) {
        return Err(anyhow!("evaluation.recorded_units: found {unit}, expected units below {neurons}"))
            .or_exit(Status::Usage);
    }
    let units = evaluation.recorded_units.clone();
    Ok(Activity::new(neurons, experiment.task.step_ms(), length(evaluation.recorded_trials), units))
}

/// Adds the activity of a network to the artifact and the result, and warns if it is silent.
fn describe(activity: &Activity, artifact: &mut Artifact, result: &mut Map<String, Value>) {
    activity.write(artifact);
    let rates = activity.rate_hz();
    if activity.silent_share() == 1.0 {
        tracing::warn!(
            "the network is silent: no unit fired on any trial; train it with larger initial weights or inputs"
        );
    }
    result.insert("rate_hz".into(), json!(rates.iter().sum::<f64>() / rates.len() as f64));
    result.insert("silent_share".into(), json!(activity.silent_share()));
    result.insert("spikes_per_unit_and_step".into(), json!(activity.spikes_per_unit_and_step()));
}

/// Evaluates on fresh or given trials of a cognitive task.
fn judge_task(
    arguments: &Arguments,
    experiment: &Experiment,
    from: &Artifact,
    artifact: &mut Artifact,
    device: &Device,
) -> anyhow::Result<Judgement> {
    let Some((network, neurons)) = spiking(from, experiment, device)? else {
        return Err(anyhow!(
            "network.kind: found rate, expected spiking (lambda-search and eval-lif judge rate networks)"
        ))
        .or_exit(Status::Usage);
    };
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let (file, accept) = (arguments.evaluation.trials.as_deref(), arguments.evaluation.accept_other_trials);
    let (trials, other_trials) = judged::trials(file, accept, experiment, &mut artifact.provenance)?;
    memory::check(&Estimate::evaluation(experiment, trials.count))?;
    // A file of trials determines their number.
    artifact.config["evaluation"]["trials"] = json!(trials.count);
    let mut activity = activity(experiment, neurons)?;
    let (steps, count, width) = (trials.steps, trials.count, trials.outputs);
    let input = Tensor::from_slice(&trials.input, (steps, count, trials.channels), device)?;
    let parameters = network.parameters();
    let mut space = ModeSpace::new(task.conditions().len(), steps, parameters.score.elem_count());
    let mut parts = Vec::new();
    let bar = progress::bar(count as u64, &experiment.name, arguments.common.talk.quiet);
    for start in (0..count).step_by(BATCH) {
        let size = BATCH.min(count - start);
        let batch = Input::Signals(input.narrow(1, start, size)?.contiguous()?);
        parts.push(network.run(&batch, Readout::PerStep)?);
        let states = activity.add(&network, &batch)?;
        space.add(&states.synapses, &parameters.mode_out, &trials.condition[start..start + size])?;
        bar.inc(size as u64);
    }
    bar.finish_and_clear();
    space.write(artifact);
    artifact.insert("importance", &[parameters.score.elem_count()], parameters.importance()?);
    let outputs = Tensor::cat(&parts, 1)?.flatten_all()?.to_vec1::<f32>()?;
    let correct = judge(task, &outputs, &trials.condition);
    let score = Score { trials: count as u32, correct: correct.iter().filter(|c| **c).count() as u32 };
    let squares = outputs.iter().zip(&trials.target).map(|(y, z)| f64::from(y - z).powi(2));
    let error = squares.sum::<f64>() / outputs.len() as f64;

    let kept = experiment.evaluation.kept_steps(task.step_ms(), steps);
    let time_ms: Vec<f64> = kept.iter().map(|t| *t as f64 * task.step_ms()).collect();
    let at = |b: usize, t: usize| (0..width).map(move |o| (t * count + b) * width + o);
    let values = (0..count).flat_map(|b| kept.iter().flat_map(move |t| at(b, *t))).map(|index| outputs[index]);
    artifact.insert("condition", &[count], trials.condition.iter().map(|c| *c as u32).collect());
    artifact.insert("correct", &[count], correct.iter().map(|c| u8::from(*c)).collect());
    artifact.insert("output", &[count, kept.len(), width], values.collect());
    artifact.insert("target", &[count, kept.len(), width], trials.target_at(&time_ms, task.step_ms()));
    artifact.insert("time_ms", &[kept.len()], time_ms);

    let mut result = Map::from_iter([("mean_squared_error".into(), json!(error))]);
    if !other_trials.is_empty() {
        result.insert("other_trials".into(), json!(other_trials));
    }
    describe(&activity, artifact, &mut result);
    Ok(Judgement { measure: "performance", score, result })
}

/// Evaluates on the test examples of a data set.
fn judge_examples(
    arguments: &Arguments,
    experiment: &Experiment,
    data_set: &dyn DataSet,
    from: &Artifact,
    artifact: &mut Artifact,
    device: &Device,
) -> anyhow::Result<Judgement> {
    if arguments.evaluation.trials.is_some() {
        let kind = experiment.task.name();
        return Err(anyhow!("--trials: {kind} is a data set, which is judged on its test examples"))
            .or_exit(Status::Usage);
    }
    let test = data_set.load_test().or_exit(Status::DamagedInput)?;
    artifact.provenance.inputs.extend(test.sources().iter().map(as_input));
    let (test, classes) = (&*test, data_set.classes());
    let (count, seed, training) = (test.count(), experiment.seed, &experiment.training);
    let spiking = spiking(from, experiment, device)?;
    // Examples are classified; those of a spiking network are also recorded.
    let passes = if spiking.is_some() { 2 } else { 1 };
    let bar = progress::bar(passes * count as u64, &experiment.name, arguments.common.talk.quiet);
    let done = |examples: usize| bar.inc(examples as u64);
    let answers = match (&spiking, &experiment.network) {
        (Some((network, _)), _) => classify_test(network, test, count, training, seed, &done)?,
        (None, NetworkConfig::Rate(config)) => {
            let parameters = RateParameters::read(from, config, "").or_exit(Status::DamagedInput)?;
            let network = RateNetwork::new(config, parameters, experiment.task.step_ms(), device)?;
            classify_test(&network, test, count, training, seed, &done)?
        }
        (None, NetworkConfig::Spiking(_)) => return Err(anyhow!("network.kind: expected spiking or rate")),
    };
    let confusion = confusion(classes.len(), test.labels(), &answers.predicted);
    let correct: Vec<bool> = test.labels().iter().zip(&answers.predicted).map(|(l, p)| l == p).collect();
    let score = Score { trials: count as u32, correct: correct.iter().filter(|c| **c).count() as u32 };
    artifact.insert("label", &[count], test.labels().to_vec());
    artifact.insert("predicted", &[count], answers.predicted.clone());
    artifact.insert("correct", &[count], correct.iter().map(|c| u8::from(*c)).collect());
    artifact.insert("confusion", &[classes.len(); 2], confusion.iter().map(|c| *c as u32).collect());

    keep_examples(test, &answers.predicted, artifact);
    let rows: Vec<&[u64]> = confusion.chunks_exact(classes.len()).collect();
    let mut result = Map::from_iter([("loss".into(), json!(answers.loss)), ("confusion".into(), json!(rows))]);
    if let Some((network, neurons)) = &spiking {
        let mut activity = activity(experiment, *neurons)?;
        for start in (0..count).step_by(BATCH) {
            let span = start..(start + BATCH).min(count);
            activity.add(network, &test_input(test, span.clone(), seed, device)?)?;
            done(span.len());
        }
        describe(&activity, artifact, &mut result);
    }
    bar.finish_and_clear();
    Ok(Judgement { measure: "accuracy", score, result })
}

/// Keeps the first misclassified and the first correctly classified examples, with their images if they are images.
fn keep_examples(test: &dyn Examples, predicted: &[u8], artifact: &mut Artifact) {
    let labels = test.labels();
    let of = |right: bool| (0..predicted.len()).filter(move |e| (labels[*e] == predicted[*e]) == right).take(EXAMPLES);
    let examples: Vec<usize> = of(false).chain(of(true)).collect();
    artifact.insert("example", &[examples.len()], examples.iter().map(|e| *e as u32).collect());
    let pictures: Vec<_> = examples.iter().filter_map(|e| test.picture(*e)).collect();
    if let Some(side) = pictures.first().map(|picture| picture.side) {
        let bytes = pictures.iter().flat_map(|picture| &picture.pixels).map(|x| (x * 255.0).round() as u8).collect();
        artifact.insert("example_image", &[pictures.len(), side, side], bytes);
    }
}
