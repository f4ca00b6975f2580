//! What `eval-spiking` and `eval-rate` do: evaluate a trained network on the test examples of a data set or on trials of
//! its task.

use crate::options::{ConfigOption, DeviceOption, EvaluationOptions};
use crate::outputs::{
    claim, plan_of_one, read_all, read_experiments, save_figures, save_report, write_figures, write_report,
};
use crate::status::Outcome;
use crate::trained::{BATCH, Trained, noise};
use crate::training::as_input;
use crate::watch::Watch;
use crate::{Common, OrExit, Status, evaluated, memory, progress, signal};
use anyhow::anyhow;
use candle_core::{Device, Tensor};
use mdl_artifact::plan::Plan;
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_data::field::length;
use mdl_data::score::Score;
use mdl_data::tasks::{DataSet, Evaluated, Examples, RuleSet, Subject, Task};
use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment};
use mdl_experiment::memory::Estimate;
use mdl_model::rate::network::NoiseKey;
use mdl_model::readout::Readout;
use mdl_model::spiking::Input;
use mdl_report::evaluation::{keep_importance, keep_network, keep_trials};
use mdl_report::{FigureFiles, figures};
use mdl_train::activity::Activity;
use mdl_train::examples::{classify_test, confusion, test_input};
use mdl_train::mode_space::ModeSpace;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Options of a program that evaluates a trained network.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub evaluation: EvaluationOptions,

    #[command(flatten)]
    pub device: DeviceOption,

    #[command(flatten)]
    pub config: ConfigOption,

    #[command(flatten)]
    pub common: Common,
}

/// Number of misclassified and of correctly classified images to keep.
const EXAMPLES: usize = 16;

/// Artifact with the results, and fields of the printed result.
struct Judgement {
    measure: &'static str,
    score: Score,
    result: Map<String, Value>,
}

/// Sections of a config that this program uses.
pub(crate) const SECTIONS: [&str; 2] = ["task", "evaluation"];

/// Evaluates the network in the file `path`, which must be of this kind, for the program of this name.
pub(crate) fn run(program: &'static str, kind: Kind, path: &Path, arguments: &Options) -> anyhow::Result<Outcome> {
    let common = &arguments.common;
    common.start()?;
    let network = Artifact::read_any(path).or_exit(Status::DamagedInput)?;
    if network.kind != kind {
        let remedy = match network.kind {
            Kind::Spiking => "; eval-spiking evaluates spiking networks",
            Kind::Rate => "; eval-rate evaluates rate networks",
            Kind::Lif => "; eval-lif evaluates LIF networks",
            _ => "",
        };
        let found = network.kind.with_article();
        let text = format!("{}: found {found} artifact, expected {kind}{remedy}", path.display());
        return Err(anyhow!(text)).or_exit(Status::DamagedInput);
    }
    let (file, set, seed) = (arguments.config.config.as_deref(), &common.set[..], common.seed);
    let DerivedExperiment { experiment, differs, .. } =
        evaluated::experiment(&network, &Changes { file, set, seed, sections: &SECTIONS })?;
    if common.print_config {
        return crate::status::print_config(&experiment.to_json());
    }
    let fresh = if arguments.evaluation.trials.is_some() { 0 } else { length(experiment.evaluation.trials) };
    memory::check(&Estimate::evaluation(&experiment, fresh))?;
    let device = arguments.device.device.open().or_exit(Status::Usage)?;
    let (output, force) = (common.output()?, common.force);
    let files = FigureFiles::beside(output, &figures::names());
    let _claims = claim(plan(path, arguments, &experiment, &files)?)?;
    let mut provenance = mdl_artifact::provenance!(program, experiment.seed).from(&network);
    provenance.note_differences(differs);
    provenance.device = mdl_device::kind(&device);
    let given = arguments.evaluation.trials.as_deref();
    let given = given.map(|file| Artifact::read(file, Kind::Trials).or_exit(Status::DamagedInput)).transpose()?;
    let given = Given { trials: given.as_ref(), accept_other: arguments.evaluation.accept_other_trials };
    let bar = progress::bar(0, &experiment.name, common.talk.quiet);
    let (artifact, mut result) = bar.watch(|watch| judge(&network, &experiment, given, provenance, &device, watch))?;
    signal::hold();
    artifact.write(output, force)?;
    let drawn = save_figures(&files, &artifact, force);
    let report = save_report(arguments.evaluation.report.as_deref(), &artifact, &drawn, force);
    result.insert("output".into(), json!(output));
    result.insert("report".into(), json!(report));
    Ok(Outcome::done(Value::Object(result)))
}

/// Trials to evaluate on.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    /// The trials; none: fresh ones.
    pub trials: Option<&'a Artifact>,
    /// Accept those of another task.
    pub accept_other: bool,
}

/// Evaluates a trained network; returns the artifact and the fields of the result.
///
/// # Errors
/// Trials or data that do not fit (status 2) or are damaged (status 3), and an interruption (status 75).
pub(crate) fn judge(
    network: &Artifact,
    experiment: &Experiment,
    given: Given,
    provenance: Provenance,
    device: &Device,
    watch: &Watch,
) -> anyhow::Result<(Artifact, Map<String, Value>)> {
    let mut artifact = Artifact::new(Kind::Evaluation, experiment.to_json(), provenance);
    keep_network(network, experiment.network.neurons(), &mut artifact).or_exit(Status::DamagedInput)?;
    let Judgement { measure, score, mut result } = match experiment.task.subject() {
        Subject::Examples(data_set) => {
            judge_examples(given, experiment, data_set, network, &mut artifact, device, watch)?
        }
        Subject::Trials(_) => judge_task(given, experiment, network, &mut artifact, device, watch)?,
    };
    result.insert("device".into(), json!(mdl_device::name(device)));
    result.insert("trials".into(), json!(score.trials));
    result.insert(measure.into(), json!(score.performance()));
    result.insert(format!("{measure}_interval"), json!(score.interval()));
    Ok((artifact, result))
}

/// Inputs and outputs of the run.
fn plan(path: &Path, arguments: &Options, experiment: &Experiment, files: &FigureFiles) -> anyhow::Result<Plan> {
    let (common, report) = (&arguments.common, arguments.evaluation.report.as_deref());
    let mut plan = plan_of_one(common, "the network", path)?;
    let inputs =
        [("the trials (--trials)", &arguments.evaluation.trials), ("the config (--config)", &arguments.config.config)];
    read_all(&mut plan, inputs.map(|(role, path)| (role, path.as_ref())));
    read_experiments(&mut plan, [experiment]);
    write_report(&mut plan, report, common.force);
    write_figures(&mut plan, files, common.force);
    Ok(plan)
}

/// An empty recording of a network's activity, for the units selected in the config.
fn activity(experiment: &Experiment) -> anyhow::Result<Activity> {
    let neurons = experiment.network.neurons();
    let evaluation = &experiment.evaluation;
    check_units(experiment)?;
    let units = evaluation.recorded_units.clone();
    Ok(Activity::new(neurons, experiment.task.step_ms(), length(evaluation.recorded_trials), units))
}

/// Refuses to record units that the network does not have.
fn check_units(experiment: &Experiment) -> anyhow::Result<()> {
    let neurons = experiment.network.neurons();
    match experiment.evaluation.recorded_units.iter().find(|unit| **unit >= neurons) {
        None => Ok(()),
        Some(unit) => {
            let text = format!("evaluation.recorded_units: found {unit}, expected units below {neurons}");
            Err(anyhow!(text)).or_exit(Status::Usage)
        }
    }
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
    given: Given,
    experiment: &Experiment,
    from: &Artifact,
    artifact: &mut Artifact,
    device: &Device,
    watch: &Watch,
) -> anyhow::Result<Judgement> {
    let network = Trained::read(from, experiment, device)?;
    let task = experiment.task.task().or_exit(Status::Usage)?;
    let origin = from.path().display().to_string();
    let (trials, other_trials) =
        evaluated::trials_of(given.trials, given.accept_other, experiment, &origin, &mut artifact.provenance)?;
    memory::check(&Estimate::evaluation(experiment, trials.count))?;
    // A file of trials determines their number.
    artifact.config["evaluation"]["trials"] = json!(trials.count);
    let (steps, count, width) = (trials.steps, trials.count, trials.outputs);
    let input = Tensor::from_slice(&trials.input, (steps, count, trials.channels), device)?;
    let mut states = States::new(experiment, task, &network)?;
    let mut parts = Vec::new();
    (watch.begin)(count as u64);
    for start in (0..count).step_by(BATCH) {
        watch.check()?;
        let size = BATCH.min(count - start);
        let batch = Input::Signals(input.narrow(1, start, size)?.contiguous()?);
        parts.push(states.add(
            &network,
            &batch,
            noise(experiment.seed, start),
            &trials.condition[start..start + size],
            &trials.length[start..start + size],
        )?);
        (watch.done)(size as u64);
    }
    let outputs = Tensor::cat(&parts, 1)?.flatten_all()?.to_vec1::<f32>()?;
    let correct = trials.evaluate(&outputs, task.rule_set());
    let score = Score { trials: count as u32, correct: correct.iter().filter(|c| **c).count() as u32 };

    let kept = experiment.evaluation.kept_steps(task.step_ms(), steps);
    let time_ms: Vec<f64> = kept.iter().map(|t| *t as f64 * task.step_ms()).collect();
    let at = |b: usize, t: usize| (0..width).map(move |o| (t * count + b) * width + o);
    let values = (0..count).flat_map(|b| kept.iter().flat_map(move |t| at(b, *t))).map(|index| outputs[index]);
    let mut result = Map::new();
    if experiment.training.loss.compares_size() {
        result.insert("output_error".into(), json!(trials.output_error(&outputs)));
    }
    result.insert("conditions".into(), evaluated::conditions(task, &trials.condition, &correct));
    if trials.rule_sets_differ(Evaluated::Trained) {
        let correct = trials.evaluate(&outputs, RuleSet::Strict);
        let strict = Score { trials: count as u32, correct: correct.iter().filter(|c| **c).count() as u32 };
        result.insert("strict_performance".into(), json!(strict.performance()));
        result.insert("strict_performance_interval".into(), json!(strict.interval()));
        artifact.insert("correct_strict", &[count], correct.iter().map(|c| u8::from(*c)).collect());
    }
    artifact.insert("condition", &[count], trials.condition.iter().map(|c| *c as u32).collect());
    artifact.insert("correct", &[count], correct.iter().map(|c| u8::from(*c)).collect());
    artifact.insert("output", &[count, kept.len(), width], values.collect());
    artifact.insert("target", &[count, kept.len(), width], trials.target_at(&time_ms, task.step_ms()));
    let recorded = length(experiment.evaluation.recorded_trials);
    keep_trials(&trials, recorded, (task, Evaluated::Trained), &time_ms, artifact);
    artifact.insert("time_ms", &[kept.len()], time_ms);

    if !other_trials.is_empty() {
        result.insert("other_trials".into(), json!(other_trials));
    }
    states.write(&network, artifact, &mut result)?;
    if matches!(network, Trained::Rate(_)) {
        keep_importance(from, experiment.network.neurons(), artifact).or_exit(Status::DamagedInput)?;
    }
    Ok(Judgement { measure: "performance", score, result })
}

/// States of a network on trials.
enum States {
    Rate(RateStates, Option<Modes>),
    Spiking(Activity, Modes),
}

/// Mode variables: their means by condition, and those of the recorded trials.
struct Modes {
    space: ModeSpace,
    /// Number of modes P.
    count: usize,
    /// Trials that are recorded.
    trials: usize,
    /// Steps that are recorded.
    kept: Vec<usize>,
    /// Of the recorded trials so far, `[trials so far, kept steps, P]`
    recorded: Vec<f32>,
}

impl Modes {
    fn new(experiment: &Experiment, task: &dyn Task, count: usize) -> Self {
        let (evaluation, steps) = (&experiment.evaluation, task.steps());
        Self {
            space: ModeSpace::new(task.conditions().len(), steps, count),
            count,
            trials: length(evaluation.recorded_trials),
            kept: evaluation.kept_steps(task.step_ms(), steps),
            recorded: Vec::new(),
        }
    }

    /// Adds a batch of trials: their rates `[T, B, N]`, read through Ξ_out `[N, P]`.
    fn add(
        &mut self,
        rates: &Tensor,
        mode_out: &Tensor,
        conditions: &[usize],
        lengths: &[usize],
    ) -> candle_core::Result<()> {
        self.space.add(rates, mode_out, conditions, lengths)?;
        let per_trial = (self.kept.len() * self.count).max(1);
        let missing = self.trials.saturating_sub(self.recorded.len() / per_trial).min(conditions.len());
        for trial in 0..missing {
            let own = rates.narrow(1, trial, 1)?.squeeze(1)?.matmul(mode_out)?.to_vec2::<f32>()?;
            self.recorded.extend(self.kept.iter().flat_map(|step| own[*step].iter().copied()));
        }
        Ok(())
    }

    fn write(&self, artifact: &mut Artifact) {
        self.space.write(artifact);
        let per_trial = (self.kept.len() * self.count).max(1);
        let shape = [self.recorded.len() / per_trial, self.kept.len(), self.count];
        artifact.insert("mode_trial", &shape, self.recorded.clone());
    }
}

impl States {
    fn new(experiment: &Experiment, task: &dyn Task, network: &Trained) -> anyhow::Result<Self> {
        Ok(match network {
            Trained::Rate(network) => {
                let modes = network.mode_out().map(|mode_out| mode_out.dim(1)).transpose()?;
                Self::Rate(RateStates::new(experiment)?, modes.map(|count| Modes::new(experiment, task, count)))
            }
            Trained::Spiking(network) => {
                let modes = Modes::new(experiment, task, network.parameters().score.elem_count());
                Self::Spiking(activity(experiment)?, modes)
            }
        })
    }

    /// Runs a network on a batch of trials; its outputs `[T, B, O]`.
    fn add(
        &mut self,
        network: &Trained,
        batch: &Input,
        noise: NoiseKey,
        conditions: &[usize],
        lengths: &[usize],
    ) -> candle_core::Result<Tensor> {
        match (self, network) {
            (Self::Spiking(activity, modes), Trained::Spiking(network)) => {
                let outputs = network.run(batch, Readout::PerStep)?;
                let states = activity.add(network, batch, lengths)?;
                modes.add(&states.synapses, &network.parameters().mode_out, conditions, lengths)?;
                Ok(outputs)
            }
            (Self::Rate(states, modes), Trained::Rate(network)) => {
                let Input::Signals(signals) = batch else { candle_core::bail!("trials are signals") };
                let (rates, read) = network.rates_and_read(signals, noise)?;
                states.add(&rates, lengths)?;
                if let (Some(modes), Some(mode_out)) = (modes, network.mode_out()) {
                    modes.add(&rates, mode_out, conditions, lengths)?;
                }
                network.read(&read.flatten_to(1)?)?.reshape((read.dim(0)?, read.dim(1)?, ()))
            }
            _ => candle_core::bail!("states of another kind of network"),
        }
    }

    fn write(&self, network: &Trained, artifact: &mut Artifact, result: &mut Map<String, Value>) -> anyhow::Result<()> {
        match (self, network) {
            (Self::Spiking(activity, modes), Trained::Spiking(network)) => {
                modes.write(artifact);
                let parameters = network.parameters();
                artifact.insert("importance", &[parameters.score.elem_count()], parameters.importance()?);
                describe(activity, artifact, result);
            }
            (Self::Rate(states, modes), _) => {
                states.write(artifact, result);
                modes.iter().for_each(|modes| modes.write(artifact));
            }
            (Self::Spiking(..), Trained::Rate(_)) => {}
        }
        Ok(())
    }
}

/// Rates of the units of a rate network.
struct RateStates {
    /// Sum over steps and trials, `[N]`
    sum: Vec<f64>,
    /// Number of values in each sum.
    count: usize,
    /// Units whose rates are recorded.
    units: Vec<usize>,
    /// Trials that are recorded.
    trials: usize,
    /// Steps that are recorded.
    kept: Vec<usize>,
    /// Recorded rates, `[trials so far, kept steps, units]`
    recorded: Vec<f32>,
}

impl RateStates {
    fn new(experiment: &Experiment) -> anyhow::Result<Self> {
        let (evaluation, neurons) = (&experiment.evaluation, experiment.network.neurons());
        check_units(experiment)?;
        Ok(Self {
            sum: vec![0.0; neurons],
            count: 0,
            units: evaluation.recorded_units.clone(),
            trials: length(evaluation.recorded_trials),
            kept: evaluation.kept_steps(experiment.task.step_ms(), experiment.task.steps()),
            recorded: Vec::new(),
        })
    }

    /// Adds the rates `[T, B, N]` of some trials, each up to its length in steps.
    fn add(&mut self, rates: &Tensor, lengths: &[usize]) -> candle_core::Result<()> {
        let (_, trials, units) = rates.dims3()?;
        let values = rates.flatten_all()?.to_vec1::<f32>()?;
        for (index, row) in values.chunks_exact(units).enumerate() {
            if index / trials < lengths[index % trials] {
                self.sum.iter_mut().zip(row).for_each(|(sum, rate)| *sum += f64::from(*rate));
            }
        }
        let per_trial = self.kept.len() * self.units.len();
        let so_far = self.recorded.len().checked_div(per_trial).unwrap_or(self.trials);
        for trial in 0..self.trials.saturating_sub(so_far).min(trials) {
            let at = |step: usize, unit: usize| values[(step * trials + trial) * units + unit];
            let of_step = |step: &usize| self.units.iter().map(|unit| at(*step, *unit)).collect::<Vec<f32>>();
            let recorded: Vec<f32> = self.kept.iter().flat_map(of_step).collect();
            self.recorded.extend(recorded);
        }
        self.count += lengths.iter().sum::<usize>();
        Ok(())
    }

    fn write(&self, artifact: &mut Artifact, result: &mut Map<String, Value>) {
        let mean: Vec<f64> = self.sum.iter().map(|sum| sum / self.count.max(1) as f64).collect();
        result.insert("mean_rate".into(), json!(mean.iter().sum::<f64>() / mean.len().max(1) as f64));
        artifact.insert("mean_rate", &[mean.len()], mean);
        artifact.insert("recorded_unit", &[self.units.len()], self.units.iter().map(|unit| *unit as u32).collect());
        let per_trial = (self.kept.len() * self.units.len()).max(1);
        let shape = [self.recorded.len() / per_trial, self.kept.len(), self.units.len()];
        artifact.insert("rate", &shape, self.recorded.clone());
    }
}

/// Evaluates on the test examples of a data set.
fn judge_examples(
    given: Given,
    experiment: &Experiment,
    data_set: &dyn DataSet,
    from: &Artifact,
    artifact: &mut Artifact,
    device: &Device,
    watch: &Watch,
) -> anyhow::Result<Judgement> {
    if given.trials.is_some() {
        let kind = experiment.task.name();
        return Err(anyhow!("--trials: {kind} is a data set, which is judged on its test examples"))
            .or_exit(Status::Usage);
    }
    let test = data_set.load_test().or_exit(Status::DamagedInput)?;
    artifact.provenance.inputs.extend(test.sources().iter().map(as_input));
    let (test, classes) = (&*test, data_set.classes());
    let (count, seed, training) = (test.count(), experiment.seed, &experiment.training);
    let network = Trained::read(from, experiment, device)?;
    // Classified, and of a spiking network looked at again.
    let passes = if matches!(network, Trained::Spiking(_)) { 2 } else { 1 };
    (watch.begin)(passes * count as u64);
    let done = |examples: usize| (watch.done)(examples as u64);
    let answers = match &network {
        Trained::Spiking(network) => classify_test(network, test, count, training, seed, &done)?,
        Trained::Rate(network) => classify_test(network, test, count, training, seed, &done)?,
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
    if let Trained::Spiking(network) = &network {
        let mut activity = activity(experiment)?;
        for start in (0..count).step_by(BATCH) {
            watch.check()?;
            let span = start..(start + BATCH).min(count);
            let input = test_input(test, span.clone(), seed, device)?;
            activity.add(network, &input, &vec![usize::MAX; span.len()])?;
            done(span.len());
        }
        describe(&activity, artifact, &mut result);
    }
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
