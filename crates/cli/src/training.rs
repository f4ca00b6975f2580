//! Code shared by train-rate and train-spiking: training with a progress bar, a metrics file, checkpoints and signal
//! handling.

use crate::args::whole;
use crate::options::{DeviceOption, ResumeOption};
use crate::outputs::{ARTIFACT, read_all, read_experiments};
use crate::signal;
use crate::start::{FROM, StartOptions};
use crate::status::{Outcome, with_status};
use crate::tensorboard::EventFile;
use crate::{Common, OrExit, Status, progress};
use anyhow::anyhow;
use candle_core::Device;
use clap::Args;
use mdl_artifact::checkpoint::{MOST_KEPT, PartialError, PartialFile, ResumePolicy};
use mdl_artifact::output::{OutputError, check_free};
use mdl_artifact::plan::{Claims, Plan, PlanError};
use mdl_artifact::{Artifact, Input, Kind, Provenance};
use mdl_data::files::Source;
use mdl_data::tasks::{Subject, TaskConfig};
use mdl_experiment::Experiment;
use mdl_train::examples::ExamplesProblem;
use mdl_train::guard::Guard;
use mdl_train::metrics::{self, MetricsFile, Row, read_history, write_history};
use mdl_train::network::Network;
use mdl_train::stages::Place;
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{Event, Problem, State, TrainError, Trained, train};
use serde_json::{Value, json};
use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of a training program.
#[derive(Args)]
pub struct Arguments {
    /// Config, and network to start from.
    #[command(flatten)]
    pub start: StartOptions,

    /// Append one JSON line per evaluation to this file
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,

    /// Write event files for TensorBoard into this directory
    #[arg(long, value_name = "DIR")]
    pub tensorboard: Option<PathBuf>,

    /// Device to compute on.
    #[command(flatten)]
    pub device: DeviceOption,

    /// Resumption of an interrupted run.
    #[command(flatten)]
    pub resume: ResumeOption,

    /// Seconds between two checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 30, allow_negative_numbers = true,
        value_parser = |text: &str| whole(text, 0, MOST_SECONDS))]
    pub checkpoint_every: u64,

    /// Checkpoints to keep: OUTPUT.partial, then OUTPUT.partial.1, the one before, and so on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number_kept, allow_negative_numbers = true)]
    pub keep_checkpoints: usize,

    /// Arguments of every program.
    #[command(flatten)]
    pub common: Common,
}

/// Maximum number of seconds between two checkpoints: a year.
const MOST_SECONDS: u64 = 31_536_000;

fn number_kept(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=MOST_KEPT).contains(n));
    number.ok_or_else(|| format!("expected 1 to {MOST_KEPT}"))
}

/// A training program.
pub struct Training<'a> {
    /// Arguments as typed.
    pub arguments: &'a Arguments,
    /// The resolved config.
    pub experiment: &'a Experiment,
    /// Tasks of the stages before the task of the config.
    pub stages: &'a [TaskConfig],
    /// Inputs and outputs.
    pub kind: Kind,
    /// Provenance, except for the device and the data.
    pub provenance: Provenance,
    /// Device to compute on.
    pub device: &'a Device,
}

/// Acquires the right to write every output of a training run, before any work starts.
///
/// # Errors
/// An output that cannot be written or already exists (status 2), or that another process writes (status 1).
pub fn claim_outputs(arguments: &Arguments, experiment: &Experiment) -> anyhow::Result<Claims> {
    let (common, resume) = (&arguments.common, arguments.resume.resume);
    let replace = common.force || resume;
    let mut plan = Plan::default();
    let StartOptions { config, from, .. } = &arguments.start;
    read_all(&mut plan, [("the config (--config)", config.as_ref()), (FROM, from.as_ref())]);
    read_experiments(&mut plan, [experiment]);
    plan.write_with_partial(ARTIFACT, common.output()?, replace, arguments.keep_checkpoints);
    if let Some(path) = &arguments.metrics {
        plan.append("the metrics (--metrics)", path, replace);
    }
    if let Some(directory) = &arguments.tensorboard {
        plan.folder("the event files (--tensorboard)", directory);
    }
    let claims = match plan.claim() {
        // An interrupted run also leaves its metrics, but its state decides.
        Err(PlanError::Output { source: OutputError::Exists(_), .. }) if partial_of(common.output()?).exists() => {
            with_status(Err(PartialError::Exists(partial_of(common.output()?))))
        }
        claims => with_status(claims),
    }?;
    if let Some(path) = arguments.metrics.as_ref().filter(|_| resume && !common.force) {
        check_metrics(path, None).or_exit(Status::Usage)?;
    }
    if let Some(directory) = arguments.tensorboard.as_ref().filter(|_| !replace) {
        EventFile::check_free(directory).or_exit(Status::Usage)?;
    }
    Ok(claims)
}

/// Newest partial file of an output.
fn partial_of(output: &Path) -> PathBuf {
    let mut path = output.as_os_str().to_owned();
    path.push(".partial");
    path.into()
}

/// Calls `run` with the problem of training a network on the task of the experiment, after the tasks of these stages, and
/// with the files that the task was read from.
///
/// # Errors
/// Data that cannot be read (status 3), and those of `run`.
pub fn with_problem<T>(
    network: &impl Network,
    experiment: &Experiment,
    stages: &[TaskConfig],
    run: impl FnOnce(&dyn Problem, Vec<Input>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (training, seed) = (&experiment.training, experiment.seed);
    match experiment.task.subject() {
        Subject::Examples(data_set) => {
            let split = data_set.load_training().or_exit(Status::DamagedInput)?;
            let inputs = split.training.sources().iter().map(as_input).collect();
            run(&ExamplesProblem::new(network, data_set, &split, training, seed), inputs)
        }
        Subject::Trials(task) => {
            let stages = stages.iter().filter_map(|stage| stage.task().ok()).collect();
            std::thread::scope(|scope| {
                let problem = TaskProblem::new(network, task, stages, training, seed).drawing_ahead(scope);
                run(&problem, experiment.inputs())
            })
        }
    }
}

impl Training<'_> {
    /// Trains a network, writes its artifact with the tensors added by `write`, and returns the outcome.
    ///
    /// # Errors
    /// An existing checkpoint (status 2), data or a checkpoint that cannot be read (status 3), a training run that
    /// diverged or whose network could not be written (status 1) or that was interrupted (status 75).
    pub fn run(
        mut self,
        network: &impl Network,
        write: impl FnOnce(&mut Artifact) -> anyhow::Result<()>,
    ) -> anyhow::Result<Outcome> {
        let output = self.arguments.common.output()?;
        self.provenance.device = mdl_device::kind(self.device);
        let (experiment, stages) = (self.experiment, self.stages);
        with_problem(network, experiment, stages, |problem, inputs| {
            self.provenance.inputs.extend(inputs);
            self.on(problem, output, write)
        })
    }

    /// Name of the measure on fresh trials.
    fn measure(&self) -> &'static str {
        self.experiment.task.measure()
    }

    fn on(
        &self,
        problem: &dyn Problem,
        output: &Path,
        write: impl FnOnce(&mut Artifact) -> anyhow::Result<()>,
    ) -> anyhow::Result<Outcome> {
        let (arguments, force) = (self.arguments, self.arguments.common.force);
        let mut artifact = Artifact::new(self.kind, self.experiment.to_json(), self.provenance.clone());
        let (kept, every) = (arguments.keep_checkpoints, Duration::from_secs(arguments.checkpoint_every));
        let (config, provenance) = (artifact.config.clone(), self.provenance.clone());
        let mut partial = PartialFile::new(output, config, provenance, kept, every);
        let trained = match arguments.resume.resume.then(|| self.trained_before(output, &artifact)).flatten() {
            Some(trained) => {
                if let Some((path, rows)) = self.metrics(Some(&trained.history))? {
                    or_warn(path, MetricsFile::create(path, rows));
                }
                trained
            }
            None => {
                check_free(output, force).or_exit(Status::Usage)?;
                let (trained, side) = self.observed(problem, &mut partial)?;
                write(&mut artifact)?;
                write_history(&trained.history, &mut artifact);
                artifact.write(output, force)?;
                side.finished(&trained, problem, self.experiment);
                trained
            }
        };
        partial.remove().unwrap_or_else(|error| tracing::warn!("{error}"));
        Ok(self.outcome(&trained, output))
    }

    /// Outcome of a training run whose network was written to `output`.
    fn outcome(&self, trained: &Trained, output: &Path) -> Outcome {
        let failed = trained.success == Some(false);
        let status = if failed { Status::CriterionNotMet } else { Status::Done };
        let stages = self.stages.len() + 1;
        if failed && stages == 1 {
            tracing::warn!("the stopping rule was not met after {} updates", trained.updates);
        } else if failed {
            let most = Place { stage: trained.stage, ..Place::default() }.max_updates(&self.experiment.training);
            let stage = trained.stage + 1;
            tracing::warn!("stage {stage} of {stages} did not meet its stopping rule within {most} updates");
        }
        let mut result = result(trained, self.experiment, self.device);
        result["output"] = json!(output);
        Outcome { status, result: Some(result) }
    }

    /// Metrics file, if requested, with the evaluations that it starts with; `rows` are those known before.
    fn metrics<'r>(&self, rows: Option<&'r [Row]>) -> anyhow::Result<Option<(&Path, &'r [Row])>> {
        let Some(path) = self.arguments.metrics.as_deref() else { return Ok(None) };
        if self.arguments.resume.resume && !self.arguments.common.force {
            check_metrics(path, rows).or_exit(Status::Usage)?;
        }
        Ok(Some((path, rows.unwrap_or_default())))
    }

    /// Outcome of the training run whose complete output this is, if it has the config and provenance of `expected`.
    fn trained_before(&self, output: &Path, expected: &Artifact) -> Option<Trained> {
        let found = Artifact::read(output, self.kind).ok()?;
        let same = found.config == expected.config && found.provenance == expected.provenance;
        let training = &self.experiment.training;
        same.then(|| Trained::from_history(training, &read_history(&found, training).ok()?))?
    }

    /// Trains with a progress bar, metrics, checkpoints and signal handling.
    fn observed(&self, problem: &dyn Problem, partial: &mut PartialFile) -> anyhow::Result<(Trained, SideOutputs<'_>)> {
        let (arguments, training) = (self.arguments, &self.experiment.training);
        let mut state = State::new(training, problem)?;
        let earlier =
            with_status(partial.earlier(ResumePolicy::from_options(arguments.resume.resume, arguments.common.force)))?;
        if let Some(checkpoint) = &earlier {
            state.restore(checkpoint, training).or_exit(Status::DamagedInput)?;
        }
        let mut side = SideOutputs::begin(self, earlier.is_some(), &state)?;
        let mut checkpoints = Checkpoints::new(partial, earlier.map(|_| state.updates()));
        let bar = progress::bar(training.total_updates(), &self.experiment.name, arguments.common.talk.quiet);
        bar.begin_at(state.updates());
        let earliest = training.stop.filter(|_| training.stages.is_empty());
        bar.may_end_at(earliest.map(|stop| stop.not_before_update));
        let mut guard = Guard::default();
        let stop = signal::hold();
        let trained = train(training, problem, state, &mut |event| {
            match event {
                Event::Updated { update, gradient_norm, state, .. } => {
                    bar.set_position(update);
                    warn(guard.gradient(update, gradient_norm, training.clip_norm));
                    return checkpoints.updated(state, stop.is_set());
                }
                Event::Evaluated(row, condition) => {
                    warn(guard.units(row.update, &condition, problem.hints()));
                    bar.set_message(format!("loss {:.3} {} {:.3}", row.loss, self.measure(), row.performance));
                    side.evaluated(row, problem);
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        bar.finish_and_clear();
        let path = checkpoints.partial.path().display();
        match (trained, checkpoints.saved) {
            (Err(error @ TrainError::Interrupted(_)), _) => {
                let kept = "the same command with --resume goes on from it";
                Err(anyhow!("{error}; the state is kept in {path}: {kept}")).or_exit(Status::Interrupted)
            }
            (Err(error), Some(update)) => Err(anyhow!("{error}; {path} holds the state after {update} updates")),
            (trained, _) => Ok((trained?, side)),
        }
    }
}

/// Result of a training run.
pub(crate) fn result(trained: &Trained, experiment: &Experiment, device: &Device) -> Value {
    let mut result = json!({
        "device": mdl_device::name(device),
        "loss": trained.kept.loss,
        experiment.task.measure(): trained.kept.performance,
        "updates": trained.updates,
    });
    if let Some(success) = trained.success {
        result["success"] = json!(success);
    }
    if !experiment.training.stages.is_empty() {
        result["stage"] = json!(trained.stage + 1);
    }
    result
}

/// Checkpoints of a training run.
pub(crate) struct Checkpoints<'a> {
    partial: &'a mut PartialFile,
    /// Number of updates of the newest checkpoint.
    saved: Option<u64>,
    /// True after a warning that there is no space for checkpoints.
    warned: bool,
}

impl<'a> Checkpoints<'a> {
    /// Checkpoints in this file, which has one of `saved` updates if there is a number.
    pub(crate) fn new(partial: &'a mut PartialFile, saved: Option<u64>) -> Self {
        Self { partial, saved, warned: false }
    }

    /// Saves if a save is due or training is to stop; in the latter case, it is interrupted.
    ///
    /// Training continues if a checkpoint cannot be written, and the save is retried. Without a checkpoint, training
    /// cannot be interrupted.
    pub(crate) fn updated(
        &mut self,
        state: &State,
        stopped: bool,
    ) -> Result<ControlFlow<()>, Box<dyn Error + Send + Sync>> {
        if stopped || self.partial.is_due() {
            match self.partial.save(|artifact| save(state, artifact)) {
                Ok(()) => self.saved = Some(state.updates()),
                Err(error) if stopped || !error.is::<OutputError>() => return Err(error),
                Err(error) => {
                    if !std::mem::replace(&mut self.warned, true) {
                        tracing::warn!("{error}: the training goes on without this checkpoint");
                    }
                    self.partial.postpone();
                }
            }
        }
        Ok(if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// Metrics and event files. If one cannot be written, a warning names it, it is left unchanged, and training continues.
struct SideOutputs<'a> {
    metrics: Option<(&'a Path, MetricsFile)>,
    events: Option<(&'a Path, EventFile)>,
}

impl<'a> SideOutputs<'a> {
    /// Starts both with the existing evaluations.
    fn begin(training: &'a Training, resumed: bool, state: &State) -> anyhow::Result<Self> {
        let (arguments, rows) = (training.arguments, state.history());
        let metrics = training.metrics(resumed.then_some(rows))?;
        let metrics = metrics.and_then(|(path, rows)| Some((path, or_warn(path, MetricsFile::create(path, rows))?)));
        let replace = arguments.common.force || arguments.resume.resume;
        let events = arguments.tensorboard.as_deref().and_then(|directory| {
            let file = EventFile::create(directory, rows, training.measure(), replace);
            or_warn(directory, file).map(|file| (directory, file))
        });
        Ok(Self { metrics, events })
    }

    fn evaluated(&mut self, row: &Row, problem: &dyn Problem) {
        self.metrics =
            self.metrics.take().and_then(|(path, mut file)| or_warn(path, file.append(row)).map(|()| (path, file)));
        self.events = self.events.take().and_then(|(directory, mut file)| {
            or_warn(directory, file.evaluated(row, problem)).map(|()| (directory, file))
        });
    }

    fn finished(self, trained: &Trained, problem: &dyn Problem, experiment: &Experiment) {
        if let Some((directory, mut file)) = self.events {
            or_warn(directory, file.finished(trained, problem, experiment));
        }
    }
}

/// The written value, or a warning that names the file.
fn or_warn<T>(path: &Path, written: std::io::Result<T>) -> Option<T> {
    written.map_err(|error| tracing::warn!("cannot write {}: {error}; the training goes on", path.display())).ok()
}

/// Checks that a metrics file may be continued: it is a metrics file, and agrees with `rows` as far as they are known.
fn check_metrics(path: &Path, rows: Option<&[Row]>) -> anyhow::Result<()> {
    match metrics::is_continued(path, rows) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let whose = if rows.is_some() { "the metrics of this training" } else { "metrics of a training" };
            Err(anyhow!("{} exists and does not hold {whose}; use --force to overwrite it", path.display()))
        }
        Err(error) => Err(anyhow!("{}: {error}", path.display())),
    }
}

fn warn(warning: Option<String>) {
    warning.into_iter().for_each(|text| tracing::warn!("{text}"));
}

/// Adds a state to a checkpoint if it is worth saving.
fn save(state: &State, artifact: &mut Artifact) -> Result<(), Box<dyn Error + Send + Sync>> {
    match state.not_finite()? {
        Some(tensor) => Err(TrainError::NotFinite { updates: state.updates(), what: "the parameter", tensor }.into()),
        None => Ok(state.write(artifact)?),
    }
}

/// A data file as an input in a provenance.
pub fn as_input(source: &Source) -> Input {
    let file = source.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Input { file, sha256: source.sha256.clone() }
}
