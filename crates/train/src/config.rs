//! The training section of a config.

use crate::readout::ExampleReadout;
use crate::regulariser::Regulariser;
use mdl_data::field::{InvalidField, MOST_TRIALS, require, require_between, require_probability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::ops::RangeInclusive;

/// Loss of a batch: outputs o, targets z, over steps t and trials b, each error with the weight w that the task gives it. Rate networks are compared from the first step after
/// their drawn initial state on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// √Σ_t w (o − z)² of each trial, averaged over trials (Kim et al. 2019).
    L2,
    /// Σ_t w |o − z| of each trial, averaged over trials (Kim et al. 2019).
    L1,
    /// √Σ_{t,b} w (o − z)² of the whole batch (Lin & Huang 2023, contextual task).
    RootSumSquared,
    /// Mean of (o − z)² over steps and trials, weighted by w.
    MeanSquared,
    /// Cross-entropy of the softmax of the outputs: of data sets averaged over examples; of tasks over the steps whose target
    /// names a class (1 for its output, 0 for the others), weighted by w.
    CrossEntropy,
    /// Tasks: cross-entropy of the softmax of the outputs' means over those steps of each trial, averaged over trials.
    CrossEntropyOfMean,
    /// Data sets: cross-entropy applied to outputs that already passed a softmax (Lin & Huang 2023); never below 1.4612.
    CrossEntropyOfSoftmax,
}

impl Loss {
    /// Whether outputs are compared with the size of their targets; classes only ask which is the largest.
    pub fn compares_size(self) -> bool {
        matches!(self, Self::L2 | Self::L1 | Self::RootSumSquared | Self::MeanSquared)
    }

    /// Whether this is a loss of data sets.
    fn is_for_examples(self) -> bool {
        matches!(self, Self::CrossEntropy | Self::CrossEntropyOfSoftmax)
    }

    /// Whether this is a loss of tasks.
    fn is_for_trials(self) -> bool {
        self != Self::CrossEntropyOfSoftmax
    }
}

/// Learning rate schedule over the updates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Constant learning rate.
    Constant,
    /// Half a cosine from the learning rate down to `final_fraction` of it at the last update.
    Cosine {
        /// Learning rate at the end, as a fraction of that at the start.
        final_fraction: f64,
    },
    /// Multiplied by `factor` after every `every_updates` updates.
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

/// Stopping rule: both conditions must hold in one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRule {
    /// Mean loss on fresh trials must be below this.
    pub loss_below: f64,
    /// Fraction of fresh trials answered correctly must be above this.
    pub performance_above: f64,
    /// No stop before this update.
    #[serde(default)]
    pub not_before_update: u64,
}

impl StopRule {
    fn validate(self) -> Result<(), InvalidField> {
        let loss = self.loss_below;
        require(loss.is_finite() && loss > 0.0, "stop.loss_below", loss, "a number above 0")?;
        require_probability("stop.performance_above", self.performance_above)
    }
}

/// Parameters of the trained network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Parameters after the last update.
    Last,
    /// Parameters of the evaluation with the best performance and, among equals, the lowest loss.
    Best,
}

/// Easier task that is trained on before the task itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Parameters that differ from those of the task, by name.
    pub parameters: Map<String, Json>,
    /// Stopping rule, which ends the stage; none: that of the training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopRule>,
    /// Maximum number of updates; none: that of the training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_updates: Option<u64>,
}

/// The training section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Loss of a batch.
    pub loss: Loss,
    /// Data sets: output of an example, from those of its steps.
    #[serde(skip_serializing_if = "ExampleReadout::is_default")]
    pub readout: ExampleReadout,
    /// Trials per batch.
    pub batch_size: usize,
    /// Updates per batch.
    pub updates_per_batch: u64,
    /// Learning rate at the first update.
    pub learning_rate: f64,
    /// Schedule of the learning rate.
    pub schedule: Schedule,
    /// Adam's constants.
    pub adam: AdamConfig,
    /// Gradients are scaled down to this Euclidean norm, taken over all parameters; none: no clipping.
    pub clip_norm: Option<f64>,
    /// Maximum number of updates.
    pub max_updates: u64,
    /// Updates between two evaluations on fresh trials.
    pub evaluate_every: u64,
    /// Fresh trials per evaluation.
    pub evaluation_trials: usize,
    /// Parameters of the trained network.
    pub keep: Keep,
    /// Stopping rule; none: training runs to `max_updates`.
    pub stop: Option<StopRule>,
    /// Parameters that keep their initial values, by their names in an artifact, such as `w_rec`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<String>,
    /// Costs added to the loss.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regularisers: Vec<Regulariser>,
    /// Easier tasks that are trained on before the task itself, one after the other. Each ends when its stopping rule is met;
    /// if its updates run out before, training ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
}

impl Default for TrainingConfig {
    /// As published for rate networks (Kim et al. 2019), for every task except Go-NoGo, which does not stop before
    /// update 1500.
    fn default() -> Self {
        Self {
            loss: Loss::L2,
            readout: ExampleReadout::default(),
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
            frozen: Vec::new(),
            regularisers: Vec::new(),
            stages: Vec::new(),
        }
    }
}

impl TrainingConfig {
    /// Refuses values that nothing can run with; `examples` says whether those of a data set are trained on.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self, examples: bool) -> Result<(), InvalidField> {
        let (fits, expected) = match examples {
            true => (self.loss.is_for_examples(), "cross-entropy or cross-entropy-of-softmax"),
            false => {
                let all = "l2, l1, root-sum-squared, mean-squared, cross-entropy or cross-entropy-of-mean";
                (self.loss.is_for_trials(), all)
            }
        };
        require(fits, "loss", format!("{:?}", self.loss), expected)?;
        let readout = format!("{:?}", self.readout);
        require(examples || self.readout.is_default(), "readout", readout, "none: tasks have a target at every step")?;
        let trials = |field, found: usize| {
            let fits = u32::try_from(found).is_ok_and(|found| (1..=MOST_TRIALS).contains(&found));
            require(fits, field, found, &format!("1 to {MOST_TRIALS}"))
        };
        trials("batch_size", self.batch_size)?;
        require(self.updates_per_batch > 0, "updates_per_batch", self.updates_per_batch, "at least 1")?;
        require_between("learning_rate", self.learning_rate, 1e-30, 1e30)?;
        match self.schedule {
            Schedule::Constant => {}
            Schedule::Cosine { final_fraction } => require_probability("schedule.final_fraction", final_fraction)?,
            Schedule::Step { every_updates, factor } => {
                require(every_updates > 0, "schedule.every_updates", every_updates, "at least 1")?;
                require_between("schedule.factor", factor, 1e-6, 10.0)?;
            }
        }
        // In single precision, a larger value rounds to 1.
        let below_one = |field, x: f64| require_between(field, x, 0.0, 0.999_999);
        below_one("adam.beta1", self.adam.beta1)?;
        below_one("adam.beta2", self.adam.beta2)?;
        require_between("adam.epsilon", self.adam.epsilon, 1e-30, 1.0)?;
        let positive = |field, x: f64| require(x.is_finite() && x > 0.0, field, x, "a number above 0");
        self.clip_norm.map_or(Ok(()), |norm| positive("clip_norm", norm))?;
        require(self.max_updates > 0, "max_updates", self.max_updates, "at least 1")?;
        require(self.evaluate_every > 0, "evaluate_every", self.evaluate_every, "at least 1")?;
        trials("evaluation_trials", self.evaluation_trials)?;
        self.stop.map_or(Ok(()), StopRule::validate)?;
        require(!examples || self.stages.is_empty(), "stages", self.stages.len(), "no stages for a data set")?;
        self.stages.iter().enumerate().try_for_each(|(i, stage)| {
            let updates = stage.max_updates.unwrap_or(self.max_updates);
            let valid = require(updates > 0, "max_updates", updates, "at least 1");
            valid.and(stage.stop.map_or(Ok(()), StopRule::validate)).map_err(|e| e.within(&format!("stages.{i}")))
        })
    }

    /// Maximum number of updates of all stages together.
    pub fn total_updates(&self) -> u64 {
        let stages = self.stages.iter().map(|stage| stage.max_updates.unwrap_or(self.max_updates));
        stages.fold(self.max_updates, u64::saturating_add)
    }

    /// Refuses frozen parameters that the network does not have, and a network without any other trained parameter.
    /// `parameters` are the names of its parameters, and whether they are trained.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate_frozen(&self, parameters: &[(&str, bool)]) -> Result<(), InvalidField> {
        let names = |which: &[(&str, bool)]| which.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        for (i, frozen) in self.frozen.iter().enumerate() {
            let known = parameters.iter().any(|(name, _)| name == frozen);
            require(known, &format!("frozen.{i}"), frozen, &format!("one of {}", names(parameters)))?;
            require(!self.frozen[..i].contains(frozen), &format!("frozen.{i}"), frozen, "each parameter once")?;
        }
        let trained: Vec<_> = parameters.iter().copied().filter(|(_, trained)| *trained).collect();
        let left = trained.iter().any(|(name, _)| !self.frozen.iter().any(|frozen| frozen == name));
        let expected = format!("at least one parameter to train, of {}", names(&trained));
        require(left, "frozen", self.frozen.join(", "), &expected)
    }

    /// Refuses costs that a network with these parameters cannot have; `signed` says whether its units are excitatory or
    /// inhibitory, and `rates` which mean rates they can have.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate_regularisers(
        &self,
        parameters: &[(&str, bool)],
        signed: bool,
        rates: RangeInclusive<f64>,
    ) -> Result<(), InvalidField> {
        let is_frozen = |name: &str| self.frozen.iter().any(|frozen| frozen == name);
        let parameters: Vec<_> =
            parameters.iter().map(|(name, trained)| (*name, *trained && !is_frozen(name))).collect();
        self.regularisers.iter().enumerate().try_for_each(|(i, regulariser)| {
            regulariser.validate(&parameters, signed, &rates).map_err(|e| e.within(&format!("regularisers.{i}")))
        })
    }

    /// Whether the gradient depends on rates, which are then kept for every step.
    pub fn needs_rates(&self) -> bool {
        self.regularisers.iter().any(Regulariser::needs_rates)
    }
}
