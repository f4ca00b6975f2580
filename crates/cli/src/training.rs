//! What train-rate and train-spiking share: a training with a progress bar, a metrics file, checkpoints, and an ear for
//! signals.

use crate::signal::StopFlag;
use crate::status::{Outcome, with_status};
use crate::tensorboard::EventFile;
use crate::{Common, OrExit, Status, progress};
use anyhow::anyhow;
use candle_core::Device;
use clap::Args;
use mdl_artifact::checkpoint::{Earlier, MOST_KEPT, PartialFile};
use mdl_artifact::output::{Claimed, check_free};
use mdl_artifact::{Artifact, Input, Kind, Provenance};
use mdl_data::digits::Source;
use mdl_data::tasks::TaskConfig;
use mdl_device::DeviceChoice;
use mdl_experiment::Experiment;
use mdl_train::digits::DigitsProblem;
use mdl_train::guard::Guard;
use mdl_train::metrics::{MetricsFile, read_history, write_history};
use mdl_train::network::Network;
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{Event, Problem, State, TrainError, Trained, train};
use serde_json::json;
use std::error::Error;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of a training program.
#[derive(Args)]
pub struct Arguments {
    /// Config of the experiment
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,

    /// Write one JSON line an evaluation to this file
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,

    /// Write event files for TensorBoard into this directory
    #[arg(long, value_name = "DIR")]
    pub tensorboard: Option<PathBuf>,

    /// Where to compute: cpu, cuda, cuda:N, or auto (a GPU if one can be used)
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,

    /// Go on from the checkpoint of an interrupted run; an output that is complete is left as it is
    #[arg(long)]
    pub resume: bool,

    /// Seconds between two checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub checkpoint_every: u64,

    /// Checkpoints to keep: OUTPUT.partial, then OUTPUT.partial.1, the one before, and so on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number_kept)]
    pub keep_checkpoints: usize,

    /// What every program takes.
    #[command(flatten)]
    pub common: Common,
}

fn number_kept(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=MOST_KEPT).contains(n));
    number.ok_or_else(|| format!("expected 1 to {MOST_KEPT}"))
}

/// A training program.
pub struct Training<'a> {
    /// What was typed.
    pub arguments: &'a Arguments,
    /// The resolved config.
    pub experiment: &'a Experiment,
    /// What it writes.
    pub kind: Kind,
    /// Where that comes from, but for the device and the data.
    pub provenance: Provenance,
    /// Where it is computed.
    pub device: &'a Device,
}

impl Training<'_> {
    /// Trains a network, writes its artifact with the tensors that `write` adds, and returns the outcome.
    ///
    /// # Errors
    /// An output or checkpoint in the way (status 2), data or a checkpoint that cannot be read (status 3), a training that
    /// diverged or could not write (status 1) or was interrupted (status 75).
    pub fn run(
        mut self,
        network: &impl Network,
        write: impl FnOnce(&mut Artifact) -> anyhow::Result<()>,
    ) -> anyhow::Result<Outcome> {
        let stop = StopFlag::install()?;
        let (arguments, experiment) = (self.arguments, self.experiment);
        self.provenance.device = mdl_device::kind(self.device);
        let output = arguments.common.output_path_of(arguments.resume)?;
        let (training, seed) = (&experiment.training, experiment.seed);
        match &experiment.task {
            TaskConfig::Digits(digits) => {
                let split = digits.load_training().or_exit(Status::DamagedInput)?;
                self.provenance.inputs = split.training.sources.iter().map(as_input).collect();
                self.on(&DigitsProblem::new(network, &split, digits, training, seed), &output, &stop, write)
            }
            other => {
                let task = other.task().or_exit(Status::Usage)?;
                self.on(&TaskProblem { network, task, training, seed }, &output, &stop, write)
            }
        }
    }

    /// Name of what is measured on fresh trials.
    fn measure(&self) -> &'static str {
        self.experiment.task.measure()
    }

    fn on(
        &self,
        problem: &impl Problem,
        output: &Claimed,
        stop: &StopFlag,
        write: impl FnOnce(&mut Artifact) -> anyhow::Result<()>,
    ) -> anyhow::Result<Outcome> {
        let (arguments, force) = (self.arguments, self.arguments.common.force);
        let mut artifact = Artifact::new(self.kind, self.experiment.to_json(), self.provenance.clone());
        let (kept, every) = (arguments.keep_checkpoints, Duration::from_secs(arguments.checkpoint_every));
        let (config, provenance) = (artifact.config.clone(), self.provenance.clone());
        let mut partial = PartialFile::new(output, config, provenance, kept, every);
        let trained = match arguments.resume.then(|| self.trained_before(output, &artifact)).flatten() {
            Some(trained) => trained,
            None => {
                check_free(output, force).or_exit(Status::Usage)?;
                let trained = self.observed(problem, &mut partial, stop)?;
                write(&mut artifact)?;
                write_history(&trained.history, &mut artifact);
                artifact.write(output, force)?;
                trained
            }
        };
        partial.remove()?;
        Ok(outcome(&trained, output, self.measure(), self.device))
    }

    /// How the training ended whose complete output this is, if it has the config and provenance of `expected`.
    fn trained_before(&self, output: &Path, expected: &Artifact) -> Option<Trained> {
        let found = Artifact::read(output, self.kind).ok()?;
        let same = found.config == expected.config && found.provenance == expected.provenance;
        let training = &self.experiment.training;
        same.then(|| Trained::from_history(training, &read_history(&found, training).ok()?))?
    }

    /// Trains with a progress bar, metrics, checkpoints, and an ear for signals.
    fn observed(&self, problem: &impl Problem, partial: &mut PartialFile, stop: &StopFlag) -> anyhow::Result<Trained> {
        let (arguments, training) = (self.arguments, &self.experiment.training);
        let mut state = State::new(training, problem)?;
        let earlier = with_status(partial.earlier(Earlier::from_options(arguments.resume, arguments.common.force)))?;
        if let Some(checkpoint) = &earlier {
            state.restore(checkpoint, training).or_exit(Status::DamagedInput)?;
        }
        let mut saved = earlier.map(|_| state.updates());
        let path = arguments.metrics.as_deref();
        let unwritten = |error| anyhow!("cannot write {}: {error}", path.unwrap_or(Path::new("")).display());
        let mut metrics =
            path.map(|path| MetricsFile::create(path, state.history())).transpose().map_err(&unwritten)?;
        let replace = arguments.common.force || arguments.resume;
        let begin = |directory: &PathBuf| EventFile::create(directory, state.history(), self.measure(), replace);
        let events = arguments.tensorboard.as_ref().map(begin).transpose();
        let mut events = events.or_else(|error| {
            let status = if error.kind() == ErrorKind::AlreadyExists { Status::Usage } else { Status::Failed };
            Err(error).or_exit(status)
        })?;
        let bar = progress::bar(training.max_updates, &self.experiment.name, arguments.common.quiet);
        let mut guard = Guard::default();
        let trained = train(training, problem, state, &mut |event| {
            match event {
                Event::Updated { update, gradient_norm, state, .. } => {
                    bar.set_position(update);
                    warn(guard.gradient(update, gradient_norm, training.clip_norm));
                    let stopped = stop.is_set();
                    if stopped || partial.is_due() {
                        partial.save(|artifact| save(state, artifact))?;
                        saved = Some(update);
                    }
                    return Ok(if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
                }
                Event::Evaluated(row, condition) => {
                    warn(guard.units(row.update, &condition, problem.remedies()));
                    bar.set_message(format!("loss {:.3} {} {:.3}", row.loss, self.measure(), row.performance));
                    metrics.as_mut().map_or(Ok(()), |file| file.append(row)).map_err(&unwritten)?;
                    events.as_mut().map_or(Ok(()), |events| events.evaluated(row, problem))?;
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        bar.finish_and_clear();
        let path = partial.path().display();
        match (trained, saved) {
            (Err(error @ TrainError::Interrupted(_)), _) => {
                let kept = "the same command with --resume goes on from it";
                Err(anyhow!("{error}; the state is kept in {path}: {kept}")).or_exit(Status::Interrupted)
            }
            (Err(error), Some(update)) => Err(anyhow!("{error}; {path} holds the state after {update} updates")),
            (trained, _) => {
                let trained = trained?;
                events.map_or(Ok(()), |mut events| events.finished(&trained, problem, self.experiment))?;
                Ok(trained)
            }
        }
    }
}

fn warn(warning: Option<String>) {
    warning.into_iter().for_each(|text| tracing::warn!("{text}"));
}

/// Adds a state to a checkpoint if it is worth keeping.
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

/// The outcome of a training on `device` whose network was written to `output`; `measure` names what was measured on fresh
/// trials.
fn outcome(trained: &Trained, output: &Path, measure: &str, device: &Device) -> Outcome {
    let status = if trained.success { Status::Done } else { Status::CriterionNotMet };
    if !trained.success {
        tracing::warn!("the stopping rule was not met after {} updates", trained.updates);
    }
    let result = json!({
        "output": output,
        "device": mdl_device::name(device),
        "loss": trained.kept.loss,
        measure: trained.kept.performance,
        "updates": trained.updates,
        "success": trained.success,
    });
    Outcome { status, result: Some(result) }
}
