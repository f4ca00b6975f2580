//! Parameters of a rate network: plain data, drawn, read from an artifact or written to one.

use super::config::{DenseConfig, ModesConfig, RateConfig, RecurrenceConfig, TimeConstants};
use mdl_artifact::{Artifact, ArtifactError};
use mdl_kernels::random::{Purpose, Stream, fill_normal};

/// Recurrent weights.
#[derive(Clone, Debug, PartialEq)]
pub enum RecurrentWeights {
    /// One weight per pair, row = to, column = from.
    Dense {
        /// `[N, N]`; under Dale's principle only its positive part has an effect.
        w_rec: Vec<f32>,
        /// Sign of each unit's outgoing weights, `[N]`; absent without Dale's principle.
        sign: Option<Vec<f32>>,
        /// 0 where a connection is forbidden, else 1, `[N, N]`; absent if none is forbidden.
        mask: Option<Vec<u8>>,
    },
    /// W = Ξ_in diag(λ) Ξ_outᵀ.
    Modes {
        /// Number of modes P.
        modes: usize,
        /// Ξ_in `[N, P]`
        mode_in: Vec<f32>,
        /// λ `[P]`
        score: Vec<f32>,
        /// Ξ_out `[N, P]`
        mode_out: Vec<f32>,
    },
}

/// Parameters of a rate network with N units, K input and O output channels.
#[derive(Clone, Debug, PartialEq)]
pub struct RateParameters {
    /// Units N.
    pub neurons: usize,
    /// Input channels K.
    pub channels: usize,
    /// Output channels O.
    pub outputs: usize,
    /// `[N, K]`
    pub w_in: Vec<f32>,
    /// Recurrent weights.
    pub recurrent: RecurrentWeights,
    /// θ of trained time constants, `[N]`.
    pub theta: Option<Vec<f32>>,
    /// `[O, N]`
    pub w_out: Vec<f32>,
    /// `[O]`
    pub b_out: Option<Vec<f32>>,
}

/// The tensors of a network are drawn from separate streams.
#[repr(u64)]
enum Tensor {
    InputWeights,
    RecurrentWeights,
    Presence,
    Sign,
    ModeIn,
    ModeOut,
    Score,
    Theta,
    OutputWeights,
}

fn normal(seed: u64, tensor: Tensor, sd: f64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    fill_normal(seed, Purpose::Initialisation, tensor as u64, 0, sd as f32, &mut values);
    values
}

impl RateParameters {
    /// Draws the initial parameters.
    pub fn draw(config: &RateConfig, channels: usize, outputs: usize, seed: u64) -> Self {
        let n = config.neurons;
        let recurrent = match &config.recurrence {
            RecurrenceConfig::Dense(dense) => draw_dense(dense, n, seed),
            RecurrenceConfig::Modes(modes) => draw_modes(modes, n, seed),
        };
        let trained_tau = matches!(config.time_constants, TimeConstants::Trained { .. });
        Self {
            neurons: n,
            channels,
            outputs,
            w_in: normal(seed, Tensor::InputWeights, config.input_sd, n * channels),
            recurrent,
            theta: trained_tau.then(|| normal(seed, Tensor::Theta, 1.0, n)),
            w_out: normal(seed, Tensor::OutputWeights, config.output_sd, outputs * n),
            b_out: config.output_bias.then(|| vec![0.0; outputs]),
        }
    }

    /// These parameters with the input weights, or the output weights and bias, of `other`.
    #[must_use]
    pub fn with_ends_of(mut self, other: Self, inputs: bool, outputs: bool) -> Self {
        if inputs {
            (self.channels, self.w_in) = (other.channels, other.w_in);
        }
        if outputs {
            (self.outputs, self.w_out, self.b_out) = (other.outputs, other.w_out, other.b_out);
        }
        self
    }

    /// Time constant of each unit in milliseconds, `[N]`.
    pub fn tau_ms(&self, config: &RateConfig) -> Vec<f32> {
        match (&self.theta, config.time_constants) {
            (Some(theta), TimeConstants::Trained { min_ms, max_ms }) => theta
                .iter()
                .map(|theta| (1.0 / (1.0 + (-f64::from(*theta)).exp()) * (max_ms - min_ms) + min_ms) as f32)
                .collect(),
            (_, TimeConstants::Fixed { ms } | TimeConstants::Trained { min_ms: ms, .. }) => {
                vec![ms as f32; self.neurons]
            }
        }
    }

    /// Adds the parameters to an artifact, with `prefix` before each name.
    pub fn write(&self, artifact: &mut Artifact, prefix: &str) {
        let (n, k, o) = (self.neurons, self.channels, self.outputs);
        let mut put = |name: &str, shape: &[usize], values: &[f32]| {
            artifact.insert(&format!("{prefix}{name}"), shape, values.to_vec());
        };
        put("w_in", &[n, k], &self.w_in);
        put("w_out", &[o, n], &self.w_out);
        if let Some(b_out) = &self.b_out {
            put("b_out", &[o], b_out);
        }
        if let Some(theta) = &self.theta {
            put("theta", &[n], theta);
        }
        match &self.recurrent {
            RecurrentWeights::Modes { modes, mode_in, score, mode_out } => {
                put("mode_in", &[n, *modes], mode_in);
                put("mode_out", &[n, *modes], mode_out);
                put("score", &[*modes], score);
            }
            RecurrentWeights::Dense { w_rec, sign, mask } => {
                put("w_rec", &[n, n], w_rec);
                if let Some(sign) = sign {
                    put("sign", &[n], sign);
                }
                if let Some(mask) = mask {
                    artifact.insert(&format!("{prefix}mask"), &[n, n], mask.clone());
                }
            }
        }
    }

    /// Reads the parameters from an artifact, with `prefix` before each name, and checks every shape against the
    /// config.
    ///
    /// # Errors
    /// [`ArtifactError::Tensor`] naming the tensor.
    pub fn read(artifact: &Artifact, config: &RateConfig, prefix: &str) -> Result<Self, ArtifactError> {
        let name = |name: &str| format!("{prefix}{name}");
        let n = config.neurons;
        let [_, channels] = artifact.shape(&name("w_in"))?;
        let [outputs, _] = artifact.shape(&name("w_out"))?;
        let get = |tensor: &str, shape: &[usize]| artifact.values::<f32>(&name(tensor), shape).map(<[f32]>::to_vec);
        let recurrent = match &config.recurrence {
            RecurrenceConfig::Modes(ModesConfig { modes, .. }) => RecurrentWeights::Modes {
                modes: *modes,
                mode_in: get("mode_in", &[n, *modes])?,
                score: get("score", &[*modes])?,
                mode_out: get("mode_out", &[n, *modes])?,
            },
            RecurrenceConfig::Dense(dense) => {
                let mask = name("mask");
                RecurrentWeights::Dense {
                    w_rec: get("w_rec", &[n, n])?,
                    sign: dense.dale.then(|| get("sign", &[n])).transpose()?,
                    mask: artifact
                        .has(&mask)
                        .then(|| artifact.values(&mask, &[n, n]).map(<[u8]>::to_vec))
                        .transpose()?,
                }
            }
        };
        let trained_tau = matches!(config.time_constants, TimeConstants::Trained { .. });
        Ok(Self {
            neurons: n,
            channels,
            outputs,
            w_in: get("w_in", &[n, channels])?,
            recurrent,
            theta: trained_tau.then(|| get("theta", &[n])).transpose()?,
            w_out: get("w_out", &[outputs, n])?,
            b_out: config.output_bias.then(|| get("b_out", &[outputs])).transpose()?,
        })
    }
}

fn draw_dense(config: &DenseConfig, n: usize, seed: u64) -> RecurrentWeights {
    let expected_inputs = n as f64 * config.connection_probability;
    let sd = if expected_inputs > 0.0 { config.gain / expected_inputs.sqrt() } else { 0.0 };
    let mut w_rec = normal(seed, Tensor::RecurrentWeights, sd, n * n);
    let mut presence = Stream::new(seed, Purpose::Initialisation, Tensor::Presence as u64);
    for w in &mut w_rec {
        let present = presence.uniform() < config.connection_probability;
        *w = match (present, config.dale) {
            (false, _) => 0.0,
            (true, true) => w.abs(),
            (true, false) => *w,
        };
    }
    let mut draw = Stream::new(seed, Purpose::Initialisation, Tensor::Sign as u64);
    let sign = config.dale.then(|| {
        (0..n).map(|_| if draw.uniform() < config.inhibitory_fraction { -1.0 } else { 1.0 }).collect::<Vec<f32>>()
    });
    let mask = sign.as_ref().filter(|_| config.somatostatin_units > 0).map(|sign| {
        let inhibitory = |unit: &usize| sign[*unit] < 0.0;
        let mut mask = vec![1; n * n];
        for to in (0..n).filter(inhibitory).take(config.somatostatin_units) {
            (0..n).filter(inhibitory).for_each(|from| mask[to * n + from] = 0);
        }
        mask
    });
    RecurrentWeights::Dense { w_rec, sign, mask }
}

fn draw_modes(config: &ModesConfig, n: usize, seed: u64) -> RecurrentWeights {
    let modes = config.modes;
    let mode_sd = config.mode_sd.unwrap_or(1.0 / (modes as f64).sqrt());
    let score_sd = config.score_sd.unwrap_or(1.0 / (n as f64).sqrt());
    RecurrentWeights::Modes {
        modes,
        mode_in: normal(seed, Tensor::ModeIn, mode_sd, n * modes),
        score: normal(seed, Tensor::Score, score_sd, modes),
        mode_out: normal(seed, Tensor::ModeOut, mode_sd, n * modes),
    }
}
