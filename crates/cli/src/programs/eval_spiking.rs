//! `eval-spiking`: judges a trained spiking network, on the test examples of a data set or on trials of its task; and
//! a rate network on a data set.

use crate::figures::{Drawn, by_unit};
use crate::outputs::{claim, plan_of_one, read_all, save_figures, save_report, write_figures, write_report};
use crate::status::Outcome;
use crate::training::as_input;
use crate::{Common, OrExit, Status, judged, memory, run_program, signal};
use anyhow::anyhow;
use candle_core::{Device, Tensor};
use clap::Parser;
use mdl_artifact::plan::Plan;
use mdl_artifact::{Artifact, Kind};
use mdl_data::field::length;
use mdl_data::score::Score;
use mdl_data::tasks::{self, DataSet, Examples, Picture, Subject, Task, judge};
use mdl_device::DeviceChoice;
use mdl_experiment::Experiment;
use mdl_experiment::judged::{Changes, Judged};
use mdl_experiment::memory::Estimate;
use mdl_model::NetworkConfig;
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_model::readout::Readout;
use mdl_model::spiking::Input;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_report::figures::digits::Digit;
use mdl_report::figures::membrane::{PotentialUnit, Trace};
use mdl_report::figures::raster::Trial;
use mdl_report::figures::trajectory::Way;
use mdl_report::figures::{Confusion, ExampleDigits, MembraneTraces, Raster, RateDistribution, Trajectory, Window};
use mdl_report::from_trials::TrialOutput;
use mdl_report::{Figure, FigureFiles, Population, Report, ReportError, Section, from_artifact};
use mdl_train::activity::{Activity, Recorded};
use mdl_train::examples::{classify_test, confusion, test_input};
use mdl_train::mode_space::ModeSpace;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Judge a spiking network
///
/// Reads a spiking artifact (or a rate artifact trained on a data set), writes an evaluation artifact, figures beside it and, if
/// asked, an HTML report; prints one JSON line. Exit status: 0 written, 1 failed, 2 usage or config, 3 damaged artifact or
/// data, 75 interrupted: run it again.
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

    /// Judge on these trials, written by make-trials (default: fresh ones; data sets: the whole test set)
    #[arg(long, value_name = "FILE")]
    trials: Option<PathBuf>,

    /// Judge on trials although they were made with another task than the network's
    #[arg(long, requires = "trials")]
    accept_other_trials: bool,

    /// Write a self-contained HTML report
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Where to compute: cpu, cuda, cuda:N, or auto (a GPU if one can be used)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: DeviceChoice,

    /// Take task and evaluation from this config, not from the artifact's
    #[arg(long, value_name = "FILE", value_parser = crate::shipped::config)]
    config: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

/// Figures this program may write.
const FIGURES: [&str; 8] = ["training", "output", "modes", "raster", "rates", "membrane", "confusion", "digits"];
/// Trials or examples whose states are held in memory together.
const BATCH: usize = 100;
/// Wrongly and rightly classified images that are drawn, of each.
const EXAMPLES: usize = 16;

/// What was found: fields of the result, and figures.
struct Judgement {
    measure: &'static str,
    score: Score,
    result: Map<String, Value>,
    figures: Vec<Drawn>,
}

/// Sections of a config that mean something to this program.
const SECTIONS: [&str; 2] = ["task", "evaluation"];
/// Writes the artifact once all tensors are in it; figures are drawn after that.
type Save<'a> = dyn Fn(&Artifact) -> anyhow::Result<()> + 'a;

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.common.json, || run(&arguments))
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
    let (file, set, seed) = (arguments.config.as_deref(), &common.set[..], common.seed);
    let Judged { experiment, differs, .. } =
        judged::experiment(&network, &Changes { file, set, seed, sections: &SECTIONS })?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    let fresh = if arguments.trials.is_some() { 0 } else { length(experiment.evaluation.trials) };
    memory::check(&Estimate::evaluation(&experiment, fresh))?;
    let device = arguments.device.open().or_exit(Status::Usage)?;
    let (output, force) = (common.output()?, common.force);
    let files = FigureFiles::beside(output, &FIGURES);
    let _claims = claim(plan(arguments, &experiment, &files)?)?;
    let mut provenance = mdl_artifact::provenance!("eval-spiking", experiment.seed).from(&network);
    provenance.note_differences(differs);
    provenance.device = mdl_device::kind(&device);
    let mut artifact = Artifact::new(Kind::Evaluation, experiment.to_json(), provenance);

    let save = |artifact: &Artifact| {
        signal::hold();
        Ok(artifact.write(output, force)?)
    };
    let judgement = match experiment.task.subject() {
        Subject::Examples(data_set) => {
            judge_examples(arguments, &experiment, data_set, &network, &mut artifact, &device, &save)?
        }
        Subject::Trials(_) => judge_task(arguments, &experiment, &network, &mut artifact, &device, &save)?,
    };
    let mut drawn = judgement.figures;
    let label = if judgement.measure == "accuracy" { "Accuracy" } else { "Performance" };
    let training = from_artifact::training_curve(&network, "Training", label).transpose();
    drawn.extend(training.map(|figure| ("training", figure)));
    let figures = save_figures(&files, drawn, force);
    let score = judgement.score;
    let report = || {
        let (low, high) = score.interval();
        let value = format!("{:.4} ({low:.4}–{high:.4}), {} trials", score.performance(), score.trials);
        let mut section = Section::new("Behaviour");
        for (_, figure) in figures {
            let caption = figure.description().to_owned();
            section = section.figure(figure, &caption);
        }
        Report::new(&experiment.name)
            .summary("A trained network, judged on examples or trials that its training never saw.")
            .result(label, &value)
            .result("Network", &from_artifact::network(&network))
            .section(section)
            .provenance(from_artifact::provenance(&artifact))
    };
    let report = save_report(arguments.report.as_deref(), report, force);
    let mut result = judgement.result;
    result.insert("output".into(), json!(output));
    result.insert("report".into(), json!(report));
    result.insert("device".into(), json!(mdl_device::name(&device)));
    result.insert("trials".into(), json!(score.trials));
    result.insert(judgement.measure.into(), json!(score.performance()));
    result.insert(format!("{}_interval", judgement.measure), json!(score.interval()));
    Ok(Outcome::done(Value::Object(result)))
}

/// What the run reads and writes.
fn plan(arguments: &Arguments, experiment: &Experiment, files: &FigureFiles) -> anyhow::Result<Plan> {
    let (common, report) = (&arguments.common, arguments.report.as_deref());
    let mut plan = plan_of_one(common, "the network", &arguments.network)?;
    let inputs = [("the trials (--trials)", &arguments.trials), ("the config (--config)", &arguments.config)];
    read_all(&mut plan, inputs.map(|(role, path)| (role, path.as_ref())));
    if let Some(data_set) = experiment.task.data_set() {
        data_set.files().iter().for_each(|file| plan.read("a file of the data set", file));
    }
    write_report(&mut plan, report, common.force);
    write_figures(&mut plan, files, common.force);
    Ok(plan)
}

/// The spiking network of an artifact, and its number of neurons.
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

/// An empty record of what a network does, for the units the config asks for.
fn activity(experiment: &Experiment, neurons: usize) -> anyhow::Result<Activity> {
    let evaluation = &experiment.evaluation;
    if let Some(unit) = evaluation.recorded_units.iter().find(|unit| **unit >= neurons) {
        return Err(anyhow!("evaluation.recorded_units: found {unit}, expected units below {neurons}"))
            .or_exit(Status::Usage);
    }
    let units = evaluation.recorded_units.clone();
    Ok(Activity::new(neurons, experiment.task.step_ms(), length(evaluation.recorded_trials), units))
}

/// Adds what a network does to the result and the figures, and warns of a silent one.
fn describe(
    activity: &Activity,
    experiment: &Experiment,
    labels: &[&str],
    windows: &[Window],
    judgement: &mut Judgement,
) {
    let rates = activity.rate_hz();
    if activity.silent_share() == 1.0 {
        tracing::warn!(
            "the network is silent: no unit fired on any trial; train it with larger initial weights or inputs"
        );
    }
    judgement.result.insert("rate_hz".into(), json!(rates.iter().sum::<f64>() / rates.len() as f64));
    judgement.result.insert("silent_share".into(), json!(activity.silent_share()));
    judgement.result.insert("spikes_per_unit_and_step".into(), json!(activity.spikes_per_unit_and_step()));
    let populations = vec![Population::Unsigned; rates.len()];
    let distribution = RateDistribution { title: "Firing rates", rates_hz: &rates, populations: &populations };
    judgement.figures.push(("rates", distribution.draw()));
    if activity.recorded.is_empty() {
        return;
    }
    judgement.figures.push(("raster", raster(activity, experiment, labels, &populations, windows)));
    if !activity.recorded_units.is_empty() {
        judgement.figures.push(("membrane", membrane(activity, experiment, labels[0], windows)));
    }
}

fn raster(
    activity: &Activity,
    experiment: &Experiment,
    labels: &[&str],
    populations: &[Population],
    windows: &[Window],
) -> Result<Figure, ReportError> {
    let step_ms = experiment.task.step_ms();
    let times = |recorded: &Recorded| -> (Vec<f64>, Vec<u32>) {
        recorded.spikes.iter().map(|(step, unit)| (f64::from(*step) * step_ms, *unit)).unzip()
    };
    let spikes: Vec<_> = activity.recorded.iter().map(times).collect();
    let trials: Vec<Trial> =
        spikes.iter().zip(labels).map(|((time_ms, unit), label)| Trial { label, time_ms, unit }).collect();
    let figure = Raster {
        title: "Spikes",
        duration_ms: experiment.task.steps() as f64 * step_ms,
        populations,
        trials: &trials,
        windows,
        rate_bin_ms: Some(10.0 * step_ms),
        unit_rates: true,
    };
    figure.draw()
}

fn membrane(
    activity: &Activity,
    experiment: &Experiment,
    label: &str,
    windows: &[Window],
) -> Result<Figure, ReportError> {
    let (first, units, step_ms) = (&activity.recorded[0], &activity.recorded_units, experiment.task.step_ms());
    let time_ms: Vec<f64> = (0..experiment.task.steps()).map(|step| step as f64 * step_ms).collect();
    let spikes = first.spikes.iter().map(|(step, unit)| (f64::from(*step) * step_ms, *unit));
    let spikes_ms = by_unit(spikes, activity.rate_hz().len());
    let trace = |(u, unit): (usize, &usize)| {
        let potential: Vec<f64> = first.potential.iter().skip(u).step_by(units.len()).copied().collect();
        (format!("unit {unit}"), potential, &spikes_ms[*unit], activity.thresholds[u])
    };
    let drawn: Vec<_> = units.iter().enumerate().map(trace).collect();
    let population = Population::Unsigned;
    let traces: Vec<Trace> = drawn
        .iter()
        .map(|(label, potential, spikes_ms, threshold)| Trace {
            label,
            population,
            potential,
            spikes_ms,
            threshold: Some(*threshold),
        })
        .collect();
    let figure = MembraneTraces {
        title: &format!("Membrane potentials, {label}"),
        time_ms: &time_ms,
        potential_unit: PotentialUnit::Dimensionless,
        traces: &traces,
        windows,
    };
    figure.draw()
}

/// Judges on fresh or given trials of a cognitive task.
fn judge_task(
    arguments: &Arguments,
    experiment: &Experiment,
    from: &Artifact,
    artifact: &mut Artifact,
    device: &Device,
    save: &Save,
) -> anyhow::Result<Judgement> {
    let Some((network, neurons)) = spiking(from, experiment, device)? else {
        return Err(anyhow!(
            "network.kind: found rate, expected spiking (lambda-search and eval-lif judge rate networks)"
        ))
        .or_exit(Status::Usage);
    };
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let (file, accept) = (arguments.trials.as_deref(), arguments.accept_other_trials);
    let (trials, other_trials) = judged::trials(file, accept, experiment, &mut artifact.provenance)?;
    memory::check(&Estimate::evaluation(experiment, trials.count))?;
    // A file of trials has its own number of them.
    artifact.config["evaluation"]["trials"] = json!(trials.count);
    let mut activity = activity(experiment, neurons)?;
    let (steps, count, width) = (trials.steps, trials.count, trials.outputs);
    let input = Tensor::from_slice(&trials.input, (steps, count, trials.channels), device)?;
    let parameters = network.parameters();
    let mut space = ModeSpace::new(task.conditions().len(), steps, parameters.score.elem_count());
    let mut parts = Vec::new();
    for start in (0..count).step_by(BATCH) {
        let size = BATCH.min(count - start);
        let batch = Input::Signals(input.narrow(1, start, size)?.contiguous()?);
        parts.push(network.run(&batch, Readout::PerStep)?);
        let states = activity.add(&network, &batch)?;
        space.add(&states.synapses, &parameters.mode_out, &trials.condition[start..start + size])?;
    }
    space.write(artifact);
    let importance = parameters.importance()?;
    let outputs = Tensor::cat(&parts, 1)?.flatten_all()?.to_vec1::<f32>()?;
    let correct = judge(task, &outputs, &trials.condition);
    let score = Score { trials: count as u32, correct: correct.iter().filter(|c| **c).count() as u32 };
    let squares = outputs.iter().zip(&trials.target).map(|(y, z)| f64::from(y - z).powi(2));
    let error = squares.sum::<f64>() / outputs.len() as f64;

    let kept = experiment.evaluation.kept_steps(task.step_ms(), steps);
    let time_ms: Vec<f64> = kept.iter().map(|t| *t as f64 * task.step_ms()).collect();
    let at = |b: usize, t: usize| (0..width).map(move |o| (t * count + b) * width + o);
    let values: Vec<f64> = (0..count)
        .flat_map(|b| kept.iter().flat_map(move |t| at(b, *t)))
        .map(|index| f64::from(outputs[index]))
        .collect();
    artifact.insert("condition", &[count], trials.condition.iter().map(|c| *c as u32).collect());
    artifact.insert("correct", &[count], correct.iter().map(|c| u8::from(*c)).collect());
    artifact.insert("time_ms", &[kept.len()], time_ms.clone());
    artifact.insert("output", &[count, kept.len(), width], values.iter().map(|y| *y as f32).collect());

    activity.write(artifact);
    save(artifact)?;

    let windows = [response_window(task)];
    let output = TrialOutput { time_ms: &time_ms, values: &values, width, judged: tasks::Judged::Trained };
    let mut figures = vec![("output", output.draw("Output of the spiking network", &trials, task, &windows))];
    figures.extend(trajectory(&space, task, &importance).transpose().map(|figure| ("modes", figure)));
    let mut result = Map::from_iter([("mean_squared_error".into(), json!(error))]);
    if !other_trials.is_empty() {
        result.insert("other_trials".into(), json!(other_trials));
    }
    let mut judgement = Judgement { measure: "performance", score, result, figures };
    let labels: Vec<&str> = trials.condition.iter().map(|c| task.conditions()[*c]).collect();
    describe(&activity, experiment, &labels, &windows, &mut judgement);
    Ok(judgement)
}

/// The mean way of each condition through the plane of the two most important modes, where there are two.
fn trajectory(space: &ModeSpace, task: &dyn Task, importance: &[f64]) -> Result<Option<Figure>, ReportError> {
    let mut modes: Vec<usize> = (0..importance.len()).collect();
    modes.sort_by(|a, b| importance[*b].total_cmp(&importance[*a]));
    let [first, second, ..] = modes[..] else { return Ok(None) };
    let way = |(condition, label): (usize, &&'static str)| {
        Some((*label, space.mean(condition, first)?, space.mean(condition, second)?))
    };
    let means: Vec<_> = task.conditions().iter().enumerate().filter_map(way).collect();
    let ways: Vec<Way> = means.iter().map(|(label, x, y)| Way { label, x, y }).collect();
    let labels = [first, second].map(|mode| format!("Mode {mode}"));
    let figure = Trajectory { title: "State in mode space", x_label: &labels[0], y_label: &labels[1], ways: &ways };
    figure.draw().map(Some)
}

fn response_window(task: &dyn Task) -> Window<'static> {
    let response = task.response_window(tasks::Judged::Trained);
    let ms = |step: usize| step as f64 * task.step_ms();
    Window { label: "response", from_ms: ms(response.start), to_ms: ms(response.end) }
}

/// Judges on the test examples of a data set.
fn judge_examples(
    arguments: &Arguments,
    experiment: &Experiment,
    data_set: &dyn DataSet,
    from: &Artifact,
    artifact: &mut Artifact,
    device: &Device,
    save: &Save,
) -> anyhow::Result<Judgement> {
    if arguments.trials.is_some() {
        let kind = experiment.task.name();
        return Err(anyhow!("--trials: {kind} is a data set, which is judged on its test examples"))
            .or_exit(Status::Usage);
    }
    let test = data_set.load_test().or_exit(Status::DamagedInput)?;
    artifact.provenance.inputs.extend(test.sources().iter().map(as_input));
    let (test, classes) = (&*test, data_set.classes());
    let (count, seed, training) = (test.count(), experiment.seed, &experiment.training);
    let spiking = spiking(from, experiment, device)?;
    let answers = match (&spiking, &experiment.network) {
        (Some((network, _)), _) => classify_test(network, test, count, training, seed)?,
        (None, NetworkConfig::Rate(config)) => {
            let parameters = RateParameters::read(from, config, "").or_exit(Status::DamagedInput)?;
            let network = RateNetwork::new(config, parameters, experiment.task.step_ms(), device)?;
            classify_test(&network, test, count, training, seed)?
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

    let activity = match &spiking {
        Some((network, neurons)) => {
            let mut activity = activity(experiment, *neurons)?;
            for start in (0..count).step_by(BATCH) {
                activity.add(network, &test_input(test, start..(start + BATCH).min(count), seed, device)?)?;
            }
            activity.write(artifact);
            Some(activity)
        }
        None => None,
    };
    save(artifact)?;

    let matrix = Confusion { title: "Confusion matrix", classes, counts: &confusion };
    let mut figures = vec![("confusion", matrix.draw())];
    figures.extend(examples(test, classes, &answers.predicted).transpose().map(|figure| ("digits", figure)));
    let rows: Vec<&[u64]> = confusion.chunks_exact(classes.len()).collect();
    let result = Map::from_iter([("loss".into(), json!(answers.loss)), ("confusion".into(), json!(rows))]);
    let mut judgement = Judgement { measure: "accuracy", score, result, figures };
    if let Some(activity) = activity {
        let labels: Vec<&str> = test.labels().iter().map(|l| classes[usize::from(*l)]).collect();
        describe(&activity, experiment, &labels, &[], &mut judgement);
    }
    Ok(judgement)
}

/// The first images that were classified wrongly, and the first that were classified rightly; none where examples are no
/// images.
fn examples(test: &dyn Examples, classes: &[&str], predicted: &[u8]) -> Result<Option<Figure>, ReportError> {
    let labels = test.labels();
    let of = |right: bool| (0..predicted.len()).filter(move |e| (labels[*e] == predicted[*e]) == right).take(EXAMPLES);
    let drawn: Vec<(usize, Picture)> = of(false).chain(of(true)).filter_map(|e| Some((e, test.picture(e)?))).collect();
    let Some(side) = drawn.first().map(|(_, picture)| picture.side) else { return Ok(None) };
    let class = |class: u8| classes[usize::from(class)];
    let mut digits = Vec::with_capacity(drawn.len());
    for (e, Picture { pixels, .. }) in &drawn {
        digits.push(Digit { pixels, true_class: class(labels[*e]), predicted_class: class(predicted[*e]) });
    }
    ExampleDigits { title: "Test images", side, digits: &digits }.draw().map(Some)
}
