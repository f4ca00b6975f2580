//! Config of a rate network.

use super::Activation;
use mdl_data::field::{
    InvalidField, LARGEST, require, require_between, require_duration_ms, require_not_negative, require_probability,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Connectivity of the units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RecurrenceConfig {
    /// One weight per pair of units (Kim et al. 2019).
    Dense(DenseConfig),
    /// A few modes, W = Ξ_in diag(λ) Ξ_outᵀ (Lin & Huang 2023).
    Modes(ModesConfig),
}

/// Dense connections: each is present with a probability, with initial weight N(0, 1)·gain/√(N·probability).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DenseConfig {
    /// Dale's principle: all outgoing weights of a unit have its sign.
    pub dale: bool,
    /// Probability that a unit is inhibitory (only under Dale's principle).
    pub inhibitory_fraction: f64,
    /// Initial probability that a connection is present.
    pub connection_probability: f64,
    /// Gain of the initial weights.
    pub gain: f64,
    /// Number of inhibitory units, starting from the first, without input from inhibitory units (somatostatin motif).
    pub somatostatin_units: usize,
}

impl Default for DenseConfig {
    fn default() -> Self {
        Self { dale: true, inhibitory_fraction: 0.2, connection_probability: 0.2, gain: 1.5, somatostatin_units: 0 }
    }
}

/// Mode connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModesConfig {
    /// Number of modes P.
    pub modes: usize,
    /// Train the scores, instead of keeping their initial values.
    #[serde(default = "yes")]
    pub train_scores: bool,
    /// Standard deviation of the initial modes; none: 1/√P.
    #[serde(default)]
    pub mode_sd: Option<f64>,
    /// Standard deviation of the initial scores; none: 1/√N.
    #[serde(default)]
    pub score_sd: Option<f64>,
}

fn yes() -> bool {
    true
}

/// Time constants of the units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TimeConstants {
    /// One per unit, trained within bounds: τ = sigmoid(θ)(max − min) + min, initially θ ~ N(0, 1).
    Trained {
        /// Lower bound (ms).
        min_ms: f64,
        /// Upper bound (ms).
        max_ms: f64,
    },
    /// The same for all units.
    Fixed {
        /// Time constant (ms).
        ms: f64,
    },
}

/// Integration of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Integration {
    /// Forward Euler: leak Δt/τ (Kim et al. 2019).
    Euler,
    /// Exact decay over a step: leak 1 − exp(−Δt/τ) (Lin & Huang 2023).
    Exponential,
}

/// Start of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Start {
    /// x_0 is random and input u_{t−1} drives x_t (Kim et al. 2019); the output of step 0 is not part of the loss.
    Drawn {
        /// Standard deviation of x_0.
        sd: f64,
    },
    /// The state is zero before the first step and input u_t drives x_t (Lin & Huang 2023).
    Zero,
}

/// Noise of the spikes by which units would send their rates: r̂ = r + cv √(r/(λ₀ Δt)) N(0, 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpikeNoise {
    /// Irregularity of the spike trains: the coefficient of variation of their intervals.
    pub cv: f64,
    /// Scaling factor λ₀ with which the network will be converted (Hz); by default that of the activation `lif`.
    pub scaling_factor: Option<f64>,
}

impl Default for SpikeNoise {
    fn default() -> Self {
        Self { cv: 0.45, scaling_factor: None }
    }
}

/// A rate network: x' = (1 − a) x + a (W φ(x) + W_in u) + noise, output W_out φ(x) + b_out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateConfig {
    /// Number of units N.
    pub neurons: usize,
    /// Connectivity of the units.
    pub recurrence: RecurrenceConfig,
    /// The activation φ.
    #[serde(default = "sigmoid")]
    pub activation: Activation,
    /// Time constants.
    #[serde(default = "published_time_constants")]
    pub time_constants: TimeConstants,
    /// Integration of a step.
    #[serde(default = "euler")]
    pub integration: Integration,
    /// Start of a trial.
    #[serde(default = "drawn")]
    pub start: Start,
    /// Standard deviation of the noise added at each step.
    #[serde(default = "tenth")]
    pub noise_sd: f64,
    /// Standard deviation of the initial input weights.
    #[serde(default = "unit")]
    pub input_sd: f64,
    /// Train the input weights.
    #[serde(default)]
    pub train_input: bool,
    /// Standard deviation of the initial output weights.
    #[serde(default = "hundredth")]
    pub output_sd: f64,
    /// Trained output bias, initially 0.
    #[serde(default = "yes")]
    pub output_bias: bool,
    /// Noise of spikes in what units send to each other; none: they send their rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spike_noise: Option<SpikeNoise>,
    /// Filter as the LIF network does: the input W_in u enters x at once, and the readout sees what units send through a
    /// low-pass filter with their time constants.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lif_filters: bool,
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn sigmoid() -> Activation {
    Activation::Sigmoid
}
fn published_time_constants() -> TimeConstants {
    TimeConstants::Trained { min_ms: 20.0, max_ms: 100.0 }
}
fn euler() -> Integration {
    Integration::Euler
}
fn drawn() -> Start {
    Start::Drawn { sd: 0.01 }
}
fn tenth() -> f64 {
    0.1
}
fn unit() -> f64 {
    1.0
}
fn hundredth() -> f64 {
    0.01
}

impl RateConfig {
    /// Refuses values with which no network can be made.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the network's section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require((1..=100_000).contains(&self.neurons), "neurons", self.neurons, "1 to 100000 units")?;
        match &self.recurrence {
            RecurrenceConfig::Dense(dense) => dense.validate(self.neurons),
            RecurrenceConfig::Modes(modes) => modes.validate(),
        }
        .map_err(|e| e.within("recurrence"))?;
        match self.time_constants {
            TimeConstants::Fixed { ms } => require_duration_ms("time_constants.ms", ms)?,
            TimeConstants::Trained { min_ms, max_ms } => {
                require_duration_ms("time_constants.min_ms", min_ms)?;
                require_duration_ms("time_constants.max_ms", max_ms)?;
                let expected = format!("more than min_ms = {min_ms}");
                require(max_ms.is_finite() && max_ms > min_ms, "time_constants.max_ms", max_ms, &expected)?;
            }
        }
        if let Start::Drawn { sd } = self.start {
            require_not_negative("start.sd", sd)?;
        }
        require_not_negative("noise_sd", self.noise_sd)?;
        require_not_negative("input_sd", self.input_sd)?;
        require_not_negative("output_sd", self.output_sd)?;
        if let Activation::Lif(lif) = &self.activation {
            lif.validate().map_err(|e| e.within("activation"))?;
        }
        self.validate_spike_noise().map_err(|e| e.within("spike_noise"))
    }

    fn validate_spike_noise(&self) -> Result<(), InvalidField> {
        let Some(SpikeNoise { cv, scaling_factor }) = self.spike_noise else { return Ok(()) };
        require_between("cv", cv, 0.0, 10.0)?;
        let rates = "network.activation lif, sigmoid, softplus or relu, whose rates are not negative";
        require(self.activation != Activation::Tanh, "cv", cv, rates)?;
        let found = scaling_factor.map_or("none".to_owned(), |factor| factor.to_string());
        match self.activation {
            Activation::Lif(lif) => {
                let expected = format!("none, or that of the activation, {}", lif.scaling_factor);
                require(scaling_factor.is_none_or(|own| own == lif.scaling_factor), "scaling_factor", found, &expected)
            }
            _ => {
                let expected =
                    "a number from 0.001 to 1e9: the factor with which the network will be converted, such as 50";
                let fits = scaling_factor.is_some_and(|factor| (1e-3..=LARGEST).contains(&factor));
                require(fits, "scaling_factor", found, expected)
            }
        }
    }

    /// The scaling factor λ₀ for which the network is trained, if it is trained for one.
    pub fn scaling_factor(&self) -> Option<f64> {
        match (self.activation, self.spike_noise) {
            (Activation::Lif(lif), _) => Some(lif.scaling_factor),
            (_, spike_noise) => spike_noise?.scaling_factor,
        }
    }

    /// Names of the parameters, as in an artifact, and whether they are trained.
    pub fn parameters(&self) -> Vec<(&'static str, bool)> {
        let recurrent = match &self.recurrence {
            RecurrenceConfig::Dense(_) => vec![("w_rec", true)],
            RecurrenceConfig::Modes(_) => {
                vec![("mode_in", true), ("score", self.trains_scores()), ("mode_out", true)]
            }
        };
        let theta = matches!(self.time_constants, TimeConstants::Trained { .. }).then_some(("theta", true));
        let b_out = self.output_bias.then_some(("b_out", true));
        let ends = [("w_in", self.train_input), ("w_out", true)];
        ends.into_iter().chain(recurrent).chain(theta).chain(b_out).collect()
    }

    /// True if there are mode scores to train.
    pub(super) fn trains_scores(&self) -> bool {
        matches!(&self.recurrence, RecurrenceConfig::Modes(modes) if modes.train_scores)
    }

    /// Refuses a step longer than the shortest time constant, for which forward Euler is unstable.
    ///
    /// # Errors
    /// [`InvalidField`] naming the time constants.
    pub fn validate_step(&self, step_ms: f64) -> Result<(), InvalidField> {
        let (field, shortest) = match self.time_constants {
            TimeConstants::Fixed { ms } => ("time_constants.ms", ms),
            TimeConstants::Trained { min_ms, .. } => ("time_constants.min_ms", min_ms),
        };
        let ok = self.integration == Integration::Exponential || shortest >= step_ms;
        require(ok, field, shortest, &format!("at least the task's step of {step_ms} ms"))
    }
}

impl DenseConfig {
    fn validate(&self, neurons: usize) -> Result<(), InvalidField> {
        require_probability("inhibitory_fraction", self.inhibitory_fraction)?;
        require_probability("connection_probability", self.connection_probability)?;
        require_not_negative("gain", self.gain)?;
        let som = self.somatostatin_units;
        require(som == 0 || self.dale, "somatostatin_units", som, "0 without Dale's principle")?;
        require(som <= neurons, "somatostatin_units", som, &format!("at most neurons = {neurons}"))
    }
}

impl ModesConfig {
    fn validate(&self) -> Result<(), InvalidField> {
        require((1..=10_000).contains(&self.modes), "modes", self.modes, "1 to 10000 modes")?;
        self.mode_sd.map_or(Ok(()), |sd| require_not_negative("mode_sd", sd))?;
        self.score_sd.map_or(Ok(()), |sd| require_not_negative("score_sd", sd))
    }
}
