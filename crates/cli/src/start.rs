//! Start of a training run: a config alone, or with `--from` the parameters of another network.

use crate::status::with_status;
use crate::{Common, OrExit, Status};
use anyhow::anyhow;
use clap::Args;
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_data::tasks::TaskConfig;
use mdl_experiment::json::origin_of;
use mdl_experiment::structure::check_structure;
use mdl_experiment::{Experiment, ExperimentError};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Role of the network in messages.
pub const FROM: &str = "the network (--from)";

/// `--config`, and `--from` with its options.
#[derive(Args, Clone, Debug, Default)]
pub struct StartOptions {
    /// Config of the experiment (default with --from: the network's)
    #[arg(short, long, value_name = "FILE", value_parser = crate::shipped::config, required_unless_present = "from")]
    pub config: Option<PathBuf>,

    /// Start from the parameters of this network, trained or imported
    #[arg(long, value_name = "NETWORK")]
    pub from: Option<PathBuf>,

    /// With --from: draw new input weights, as is done for a task with another number of inputs
    #[arg(long, requires = "from")]
    pub new_inputs: bool,

    /// With --from: draw new output weights, as is done for a task with another number of outputs
    #[arg(long, requires = "from")]
    pub new_outputs: bool,
}

/// An experiment, and the network that its training starts from.
pub struct Start {
    /// The experiment.
    pub experiment: Experiment,
    /// Tasks of the stages before its task.
    pub stages: Vec<TaskConfig>,
    /// The network, with a structure that fits.
    pub network: Option<Artifact>,
}

/// Parameters that are drawn anew, rather than taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEnds {
    /// Input weights.
    pub inputs: bool,
    /// Output weights and bias.
    pub outputs: bool,
}

impl StartOptions {
    /// Reads the config and the network.
    ///
    /// # Errors
    /// A config that cannot be run, or that describes another network than that of `--from` (status 2); an artifact that
    /// is damaged or of another kind (status 3).
    pub fn read(&self, kind: Kind, common: &Common) -> anyhow::Result<Start> {
        let config = self.config.as_deref().map(Config::File);
        let network = self.from.as_deref().map(|path| Artifact::read_any(path).or_exit(Status::DamagedInput));
        Start::read(kind, config, network.transpose()?, &common.set, common.seed)
    }
}

/// A config, in a file or in memory.
#[derive(Clone, Copy, Debug)]
pub enum Config<'a> {
    /// The file.
    File(&'a Path),
    /// The content.
    Json(&'a Value),
}

impl Config<'_> {
    /// Name in messages.
    pub fn origin(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Json(_) => "argument".into(),
        }
    }

    /// The experiment, with overrides.
    ///
    /// # Errors
    /// Any [`ExperimentError`].
    pub fn load(&self, set: &[String], seed: Option<u64>) -> Result<Experiment, ExperimentError> {
        match self {
            Self::File(path) => Experiment::load(path, set, seed),
            Self::Json(config) => Experiment::from_json((*config).clone(), set, seed, &self.origin()),
        }
    }
}

impl Start {
    /// Start of a training run with a config, from a network, or both.
    ///
    /// # Errors
    /// A config that cannot be run, or that describes another network than `network` (status 2); a network that is
    /// damaged or of another kind (status 3).
    pub fn read(
        kind: Kind,
        config: Option<Config>,
        network: Option<Artifact>,
        set: &[String],
        seed: Option<u64>,
    ) -> anyhow::Result<Self> {
        let Some(network) = network else {
            let config = config.unwrap_or(Config::File("".as_ref()));
            let experiment = with_status(config.load(set, seed))?;
            return Start::new(experiment, &config.origin(), set, None);
        };
        let path = network.path();
        if network.kind != kind {
            let remedy = match network.kind {
                Kind::Lif => "; name the rate network that it was made from",
                Kind::Rate => "; train-rate trains rate networks",
                Kind::Spiking => "; train-spiking trains spiking networks",
                _ => "",
            };
            return Err(anyhow!("{FROM} {}: found {}, expected {kind}{remedy}", path.display(), network.kind))
                .or_exit(Status::DamagedInput);
        }
        let origin = path.display().to_string();
        let made = Experiment::from_json(network.config.clone(), &[], None, &origin).or_exit(Status::DamagedInput)?;
        let experiment = match &config {
            Some(config) => config.load(set, seed),
            None => {
                let mut config = network.config.clone();
                // Trials of another file have other contents than those of the network's training.
                if set.iter().any(|set| set.starts_with("task.") || set.starts_with("task=")) {
                    config["task"].as_object_mut().and_then(|task| task.remove("contents"));
                }
                Experiment::from_json(config, set, seed, &origin)
            }
        };
        let experiment = with_status(experiment)?;
        with_status(experiment.read_trials(&origin))?;
        check_structure(&experiment.network, &made.network)
            .map_err(|field| field.within("network"))
            .map_err(|field| {
                let or = if config.is_some() { ", or leave --config out" } else { "" };
                let remedy = match field.field.strip_suffix(".kind") {
                    Some(section) => format!("describe {section} as there{or}"),
                    None => format!("--set {}={}{or}", field.field, field.expected),
                };
                anyhow!("{field}, as in {origin}; {remedy}")
            })
            .or_exit(Status::Usage)?;
        let origin = config.map_or(origin, |config| config.origin());
        Start::new(experiment, &origin, set, Some(network))
    }

    /// `origin` names the config, to which the overrides `set` were applied, in messages.
    fn new(experiment: Experiment, origin: &str, set: &[String], network: Option<Artifact>) -> anyhow::Result<Self> {
        let stages = experiment.stages().map_err(|field| ExperimentError::Invalid {
            origin: origin_of(origin, set, &field.field),
            field: Box::new(field),
        });
        let stages = with_status(stages)?;
        Ok(Self { experiment, stages, network })
    }

    /// What must be drawn anew for the task of the experiment. A warning names what is drawn without being asked for.
    ///
    /// # Errors
    /// A network without input or output weights (status 3).
    pub fn new_ends(&self, network: &Artifact, options: &StartOptions) -> anyhow::Result<NewEnds> {
        let [_, channels] = network.shape("w_in").or_exit(Status::DamagedInput)?;
        let [outputs, _] = network.shape("w_out").or_exit(Status::DamagedInput)?;
        let task = self.experiment.task.channels_and_outputs();
        let is_new = |asked: bool, what: &str, found: usize, needed: usize| {
            if !asked && found != needed {
                let (file, task) = (network.path().display(), self.experiment.task.name());
                tracing::warn!("{file} has {found} {what}s, {task} {needed}: new {what} weights are drawn");
            }
            asked || found != needed
        };
        Ok(NewEnds {
            inputs: is_new(options.new_inputs, "input", channels, task.0),
            outputs: is_new(options.new_outputs, "output", outputs, task.1),
        })
    }
}

impl NewEnds {
    /// Provenance of a network that starts from `network`.
    pub fn note(self, provenance: Provenance, network: &Artifact) -> Provenance {
        let mut provenance = provenance.from(network);
        let names = [(self.inputs, "w_in"), (self.outputs, "w_out"), (self.outputs && network.has("b_out"), "b_out")];
        let drawn = names.into_iter().filter(|(is_new, _)| *is_new);
        provenance.drawn_anew = drawn.map(|(_, name)| name.into()).collect();
        provenance
    }
}
