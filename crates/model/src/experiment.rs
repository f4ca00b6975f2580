//! The config of an experiment: one JSON file that every stage reads, plain data.
//!
//! Each section is documented where it is defined. Unknown fields are refused; [`Experiment::validate`] refuses impossible values.

use crate::lif::LifConfig;
use crate::rate::config::RateConfig;
use crate::spiking::config::SpikingConfig;
use mdl_data::field::{InvalidField, require, require_not_negative, require_positive, require_probability};
use mdl_data::tasks::TaskConfig;
use mdl_stage::config::{ConfigError, apply_overrides, parse, read_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// Why an experiment cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// The config cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A value is impossible.
    #[error("config {origin}: {field}")]
    Invalid {
        /// Where the config came from.
        origin: String,
        /// Which field, and why.
        field: InvalidField,
    },
}

/// A whole experiment: what is trained on which task, how, and how it is turned into spikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Location of the JSON Schema, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Name of the experiment; runs are kept under it.
    pub name: String,
    /// Seed of every random number.
    #[serde(default = "one")]
    pub seed: u64,
    /// What the network is trained on.
    pub task: TaskConfig,
    /// The network.
    pub network: NetworkConfig,
    /// How it is trained.
    #[serde(default)]
    pub training: TrainingConfig,
    /// The LIF network made from it.
    #[serde(default)]
    pub lif: LifConfig,
    /// The search for the scaling factor.
    #[serde(default)]
    pub search: SearchConfig,
    /// How the finished network is judged.
    #[serde(default)]
    pub evaluation: EvaluationConfig,
}

fn one() -> u64 {
    1
}

impl Experiment {
    /// Reads a config file, with overrides from the command line, and checks it.
    ///
    /// # Errors
    /// Any [`ExperimentError`].
    pub fn load(path: &Path, overrides: &[String], seed: Option<u64>) -> Result<Self, ExperimentError> {
        Self::from_json(read_json(path)?, overrides, seed, &path.display().to_string())
    }

    /// Takes the config out of an artifact, with overrides from the command line; `origin` names it in messages.
    ///
    /// # Errors
    /// Any [`ExperimentError`].
    pub fn from_json(
        mut config: Value,
        overrides: &[String],
        seed: Option<u64>,
        origin: &str,
    ) -> Result<Self, ExperimentError> {
        apply_overrides(&mut config, overrides)?;
        let mut experiment: Self = parse(config, origin)?;
        experiment.seed = seed.unwrap_or(experiment.seed);
        let invalid = |field| ExperimentError::Invalid { origin: origin.into(), field };
        experiment.validate().map_err(invalid)?;
        Ok(experiment)
    }

    /// The config that a trained network is judged by: its artifact's, with overrides from the command line. With a
    /// config file, task, LIF network, search and evaluation are the file's; network, training, name and seed stay.
    ///
    /// # Errors
    /// Any [`ExperimentError`].
    pub fn of_artifact(
        artifact: Value,
        file: Option<&Path>,
        overrides: &[String],
        seed: Option<u64>,
        origin: &str,
    ) -> Result<Self, ExperimentError> {
        let Some(file) = file else { return Self::from_json(artifact, overrides, seed, origin) };
        let Self { name, seed: trained_with, network, training, .. } = Self::from_json(artifact, &[], None, origin)?;
        let judged = Self { name, seed: trained_with, network, training, ..Self::load(file, &[], None)? };
        Self::from_json(judged.to_json(), overrides, seed, &file.display().to_string())
    }

    /// The resolved config as an artifact holds it.
    ///
    /// # Panics
    /// Never: every section is plain data.
    pub fn to_json(&self) -> Value {
        let resolved = Self { schema: None, ..self.clone() };
        serde_json::to_value(resolved).expect("plain data is JSON")
    }

    /// Refuses values no stage can run with.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field by its full path.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require(!self.name.is_empty(), "name", "an empty name", "a name")?;
        let section = |name: &'static str| move |e: InvalidField| e.within(name);
        self.task.validate().map_err(section("task"))?;
        let step_ms = self.task.step_ms();
        match &self.network {
            NetworkConfig::Rate(rate) => rate.validate().and_then(|()| rate.validate_step(step_ms)),
            NetworkConfig::Spiking(spiking) => spiking.validate(step_ms),
        }
        .map_err(section("network"))?;
        self.training.validate(matches!(self.task, TaskConfig::Digits(_))).map_err(section("training"))?;
        self.lif.validate().map_err(section("lif"))?;
        self.search.validate().map_err(section("search"))?;
        self.evaluation.validate().map_err(section("evaluation"))
    }
}

/// The network section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NetworkConfig {
    /// A rate network.
    Rate(RateConfig),
    /// A spiking mode network, trained directly.
    Spiking(SpikingConfig),
}

/// Loss of a batch: outputs o, targets z, over steps t and trials b. Rate networks are compared from the first step after
/// their drawn initial state on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// √Σ_t (o − z)² of each trial, averaged over trials (Kim et al. 2019).
    L2,
    /// Σ_t |o − z| of each trial, averaged over trials (Kim et al. 2019).
    L1,
    /// √Σ_{t,b} (o − z)² of the whole batch (Lin & Huang 2023, contextual task).
    RootSumSquared,
    /// Mean of (o − z)² over steps and trials.
    MeanSquared,
    /// Digits: cross-entropy of the softmax of the outputs, averaged over examples.
    CrossEntropy,
    /// Digits: cross-entropy applied to outputs that already passed a softmax (Lin & Huang 2023); never below 1.4612.
    CrossEntropyOfSoftmax,
}

impl Loss {
    /// Whether this is a loss of digits, whose targets are classes.
    pub fn is_for_classes(self) -> bool {
        matches!(self, Self::CrossEntropy | Self::CrossEntropyOfSoftmax)
    }
}

/// How the learning rate changes over the updates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The same throughout.
    Constant,
    /// Half a cosine from the learning rate down to `final_fraction` of it at the last update.
    Cosine {
        /// Learning rate at the end, as a fraction of that at the start.
        final_fraction: f64,
    },
    /// Multiplied by `factor` every `every_updates` updates.
    Step {
        /// Updates between two steps.
        every_updates: u64,
        /// Factor of each step.
        factor: f64,
    },
}

/// Adam (Kingma & Ba 2015).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdamConfig {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// When training has succeeded: both conditions on one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRule {
    /// Mean loss on fresh trials must be below this.
    pub loss_below: f64,
    /// Fraction of fresh trials answered correctly must be above this.
    pub performance_above: f64,
    /// Never stop before this update.
    #[serde(default)]
    pub not_before_update: u64,
}

/// Which parameters a training ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Those of the last update.
    Last,
    /// Those of the evaluation with the best performance, of equals the one with the lowest loss.
    Best,
}

/// The training section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Loss of a batch.
    pub loss: Loss,
    /// Trials a batch.
    pub batch_size: usize,
    /// Updates made on each batch before the next one is drawn.
    pub updates_per_batch: u64,
    /// Learning rate at the first update.
    pub learning_rate: f64,
    /// How it changes.
    pub schedule: Schedule,
    /// Adam's constants.
    pub adam: AdamConfig,
    /// Gradients are scaled down to this Euclidean norm (all parameters together); none: no clipping.
    pub clip_norm: Option<f64>,
    /// Training ends here at the latest.
    pub max_updates: u64,
    /// Updates between two evaluations on fresh trials.
    pub evaluate_every: u64,
    /// Fresh trials an evaluation.
    pub evaluation_trials: usize,
    /// Which parameters the training ends with.
    pub keep: Keep,
    /// When training has succeeded; none: it runs to `max_updates`.
    pub stop: Option<StopRule>,
}

impl Default for TrainingConfig {
    /// As published for rate networks (Kim et al. 2019), for every task but Go-NoGo, which is not stopped before update 1500.
    fn default() -> Self {
        Self {
            loss: Loss::L2,
            batch_size: 1,
            updates_per_batch: 1,
            learning_rate: 0.01,
            schedule: Schedule::Constant,
            adam: AdamConfig::default(),
            clip_norm: None,
            max_updates: 6000,
            evaluate_every: 100,
            evaluation_trials: 100,
            keep: Keep::Last,
            stop: Some(StopRule { loss_below: 7.0, performance_above: 0.95, not_before_update: 0 }),
        }
    }
}

impl TrainingConfig {
    fn validate(&self, digits: bool) -> Result<(), InvalidField> {
        let expected = if digits {
            "cross-entropy or cross-entropy-of-softmax"
        } else {
            "l2, l1, root-sum-squared or mean-squared"
        };
        require(self.loss.is_for_classes() == digits, "loss", format!("{:?}", self.loss), expected)?;
        require(self.batch_size > 0, "batch_size", self.batch_size, "at least 1")?;
        require(self.updates_per_batch > 0, "updates_per_batch", self.updates_per_batch, "at least 1")?;
        require_positive("learning_rate", self.learning_rate)?;
        match self.schedule {
            Schedule::Constant => {}
            Schedule::Cosine { final_fraction } => require_probability("schedule.final_fraction", final_fraction)?,
            Schedule::Step { every_updates, factor } => {
                require(every_updates > 0, "schedule.every_updates", every_updates, "at least 1")?;
                require_positive("schedule.factor", factor)?;
            }
        }
        let below_one = |field, x: f64| require((0.0..1.0).contains(&x), field, x, "a number from 0 to below 1");
        below_one("adam.beta1", self.adam.beta1)?;
        below_one("adam.beta2", self.adam.beta2)?;
        require_positive("adam.epsilon", self.adam.epsilon)?;
        self.clip_norm.map_or(Ok(()), |norm| require_positive("clip_norm", norm))?;
        require(self.max_updates > 0, "max_updates", self.max_updates, "at least 1")?;
        require(self.evaluate_every > 0, "evaluate_every", self.evaluate_every, "at least 1")?;
        require(self.evaluation_trials > 0, "evaluation_trials", self.evaluation_trials, "at least 1")?;
        self.stop.map_or(Ok(()), |stop| {
            require_positive("stop.loss_below", stop.loss_below)?;
            require_probability("stop.performance_above", stop.performance_above)
        })
    }
}

/// Which factor of the grid is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The middle of the best plateau: the run of factors that cannot be told from the best one.
    Plateau,
    /// The smallest factor of the best performance (Kim et al. 2019).
    First,
}

/// Where a search begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SearchStart {
    /// With every factor of the grid.
    #[default]
    Grid,
    /// With those that the network in mean field succeeds with and their neighbours; further factors of the grid follow
    /// while the plateau touches the edge of those tried.
    Predicted,
}

/// The search section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchConfig {
    /// Scaling factors to try, ascending; none: 20, 25, …, 75 for sigmoid networks, 4, 6, …, 26 for softplus and relu.
    pub factors: Option<Vec<f64>>,
    /// Trials a factor.
    pub trials: usize,
    /// Where the search begins.
    pub start: SearchStart,
    /// Which factor is chosen.
    pub select: Select,
    /// Add factors beyond the edge of the grid while the best one stands there.
    pub extend: bool,
    /// Give no further trials to factors that are beaten, and spend at most 40 % of the trials of the full grid.
    pub race: bool,
    /// Halve the step around the plateau in the end.
    pub refine: bool,
    /// Performance that the chosen factor must reach for the search to have succeeded.
    pub performance_at_least: f64,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            factors: None,
            trials: 100,
            start: SearchStart::Grid,
            select: Select::Plateau,
            extend: false,
            race: false,
            refine: false,
            performance_at_least: 0.95,
        }
    }
}

impl SearchConfig {
    fn validate(&self) -> Result<(), InvalidField> {
        if let Some(factors) = &self.factors {
            let ascending = factors.windows(2).all(|w| w[0] < w[1]);
            let positive = factors.iter().all(|f| f.is_finite() && *f > 0.0);
            let ok = !factors.is_empty() && ascending && positive;
            require(ok, "factors", format!("{factors:?}"), "numbers above 0, ascending, at least one")?;
        }
        require(self.trials > 0, "trials", self.trials, "at least 1")?;
        require_probability("performance_at_least", self.performance_at_least)
    }
}

/// The evaluation section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Fresh trials.
    pub trials: usize,
    /// Trials of which spikes are kept and drawn.
    pub recorded_trials: usize,
    /// Units whose membrane potential is kept and drawn.
    pub recorded_units: Vec<usize>,
    /// Interval between kept outputs (ms).
    pub record_every_ms: f64,
    /// Interval between kept membrane potentials (ms); a LIF network's `lif.dt_ms` keeps those of every step. Potentials of
    /// spiking networks are kept at every step.
    pub record_potentials_every_ms: f64,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            trials: 100,
            recorded_trials: 4,
            recorded_units: vec![0, 1, 2],
            record_every_ms: 5.0,
            record_potentials_every_ms: 1.0,
        }
    }
}

impl EvaluationConfig {
    fn validate(&self) -> Result<(), InvalidField> {
        require(self.trials > 0, "trials", self.trials, "at least 1")?;
        require_positive("record_every_ms", self.record_every_ms)?;
        require_positive("record_potentials_every_ms", self.record_potentials_every_ms)?;
        require_not_negative("recorded_trials", self.recorded_trials as f64)
    }
}
