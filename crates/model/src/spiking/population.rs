//! Neurons of a network: shared constants, and constants per neuron.
//!
//! ```text
//! s_t = H(U_t − θ_i)              θ_i      threshold of neuron i
//! r_t = α_d,i r_{t−1} + κ_i h_t   α_d,i = exp(−dt/τ_d,i),  κ_i by its name in the config, from τ_d,i
//! ```
//!
//! Source: the 90 networks of N = 300 published by Lin & Huang have one threshold and a decay constant per neuron, with
//! the gain dt²/(τ_d,i τ_r) in `mante/model.py` of their repository (SMNN, cf1bdec). The code that trained them is not
//! public; see docs/import.md.

use super::config::SpikingConfig;
use super::neuron::SpikingNeuron;
use candle_core::Tensor;
use mdl_artifact::{Artifact, ArtifactError};
use mdl_data::field::{InvalidField, require, require_positive};

/// Neurons of a network. Constants per neuron are `f32`, as stored in artifacts.
#[derive(Clone, Debug)]
pub struct Population {
    neuron: SpikingNeuron,
    threshold: Option<Vec<f32>>,
    tau_decay_ms: Option<Vec<f32>>,
    trained: Vec<Tensor>,
}

impl From<SpikingNeuron> for Population {
    /// Neurons with shared constants only.
    fn from(neuron: SpikingNeuron) -> Self {
        Self { neuron, threshold: None, tau_decay_ms: None, trained: Vec::new() }
    }
}

impl Population {
    /// Neurons with individual thresholds `[N]` and decay time constants `[N]`; `None` if they share that of `neuron`.
    ///
    /// # Errors
    /// [`InvalidField`] naming the tensor and the index of a value that no neuron can have.
    pub fn new(
        neuron: SpikingNeuron,
        threshold: Option<Vec<f32>>,
        tau_decay_ms: Option<Vec<f32>>,
    ) -> Result<Self, InvalidField> {
        for (i, threshold) in threshold.iter().flatten().enumerate() {
            require_positive(&format!("threshold[{i}]"), f64::from(*threshold))?;
        }
        for (i, tau_ms) in tau_decay_ms.iter().flatten().enumerate() {
            let field = format!("tau_decay_ms[{i}]");
            require_positive(&field, f64::from(*tau_ms))?;
            let gain = neuron.gain_at(f64::from(*tau_ms)) as f32;
            let expected = format!("a time constant whose gain is above 0 and finite, not {gain}");
            require(gain.is_finite() && gain > 0.0, &field, tau_ms, &expected)?;
        }
        Ok(Self { neuron, threshold, tau_decay_ms, trained: Vec::new() })
    }

    /// Neurons of a network in an artifact, whose tensors `threshold` and `tau_decay_ms` `[N]` may be missing.
    ///
    /// # Errors
    /// [`ArtifactError::Tensor`] naming the tensor, and the index of a value that no neuron can have.
    pub fn read(artifact: &Artifact, config: &SpikingConfig) -> Result<Self, ArtifactError> {
        let own = |name: &str| {
            let values = || artifact.values::<f32>(name, &[config.neurons]).map(<[f32]>::to_vec);
            artifact.has(name).then(values).transpose()
        };
        Self::new(config.neuron.clone(), own("threshold")?, own("tau_decay_ms")?)
            .map_err(|error| artifact.tensor_error(&error.field, error.found, error.expected))
    }

    /// The same neurons with trained tensors `[N]` in the order of
    /// [`NeuronModel::trained`](super::NeuronModel::trained), which receive gradients. Without them, all neurons have
    /// the values of the config.
    pub fn with_trained(self, trained: Vec<Tensor>) -> Self {
        Self { trained, ..self }
    }

    /// The trained tensors.
    pub(super) fn trained(&self) -> &[Tensor] {
        &self.trained
    }

    /// Constants of the neuron model, `[N]` each, with the type and device of `like`.
    pub(super) fn rows(&self, neurons: usize, like: &Tensor) -> candle_core::Result<Vec<Tensor>> {
        self.neuron.model.section().rows(self.neuron.dt_ms, &self.trained, neurons, like)
    }

    /// Constants shared by neurons without their own.
    pub fn neuron(&self) -> &SpikingNeuron {
        &self.neuron
    }

    /// Tensors of the constants per neuron, by name.
    pub fn own(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let tensors = [("threshold", &self.threshold), ("tau_decay_ms", &self.tau_decay_ms)];
        tensors.into_iter().filter_map(|(name, values)| Some((name, values.as_deref()?)))
    }

    /// Threshold of neuron `i`.
    pub fn threshold(&self, i: usize) -> f64 {
        self.threshold.as_ref().map_or(self.neuron.threshold, |values| f64::from(values[i]))
    }

    /// Decay time constant τ_d of neuron `i` (ms).
    pub fn tau_decay_ms(&self, i: usize) -> f64 {
        self.tau_decay_ms.as_ref().map_or(self.neuron.tau_decay_ms, |values| f64::from(values[i]))
    }

    /// Decay time constant of all neurons, if it is the same.
    pub(super) fn shared_tau_decay_ms(&self) -> Option<f64> {
        shared(self.tau_decay_ms.as_deref(), self.neuron.tau_decay_ms)
    }

    /// Threshold of all neurons, if it is the same.
    pub(super) fn shared_threshold(&self) -> Option<f64> {
        shared(self.threshold.as_deref(), self.neuron.threshold)
    }

    /// Refuses constants for another number of neurons.
    pub(super) fn fits(&self, neurons: usize) -> candle_core::Result<()> {
        let names = self.neuron.model.trained();
        if !self.trained.is_empty() && self.trained.len() != names.len() {
            candle_core::bail!("{} trained tensors of the neurons, expected {}", self.trained.len(), names.len())
        }
        for ((name, _), tensor) in names.iter().zip(&self.trained) {
            if tensor.dims() != [neurons] {
                candle_core::bail!("{name} has shape {:?}, expected [{neurons}]", tensor.dims())
            }
        }
        match self.own().find(|(_, values)| values.len() != neurons) {
            None => Ok(()),
            Some((name, values)) => {
                candle_core::bail!("{name} has shape [{}], expected [{neurons}]", values.len())
            }
        }
    }
}

/// Value shared by all neurons, either without individual values or with equal ones.
fn shared(own: Option<&[f32]>, common: f64) -> Option<f64> {
    match own {
        None => Some(common),
        Some([first, rest @ ..]) if rest.iter().all(|value| value == first) => Some(f64::from(*first)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_values_are_named_with_their_index() {
        let neuron = SpikingNeuron::default;
        let error = |threshold: Option<Vec<f32>>, tau: Option<Vec<f32>>| {
            Population::new(neuron(), threshold, tau).unwrap_err().to_string()
        };
        assert!(error(Some(vec![1.0, 0.0]), None).contains("threshold[1]: found 0, expected a number from"));
        assert!(error(None, Some(vec![30.0, 20.0, -1.0])).contains("tau_decay_ms[2]: found -1"));
        assert!(error(None, Some(vec![f32::NAN])).contains("tau_decay_ms[0]: found NaN"));
        // 1 − exp(−2/τ) of such a slow synapse is 0.
        assert!(error(None, Some(vec![30.0, 1e30])).contains("tau_decay_ms[1]"));
    }

    #[test]
    fn equal_values_are_a_shared_one_and_the_gain_follows_the_decay() {
        let population = Population::new(SpikingNeuron::default(), Some(vec![0.5; 3]), Some(vec![20.0, 30.0, 40.0]));
        let population = population.unwrap();
        assert_eq!((population.shared_threshold(), population.shared_tau_decay_ms()), (Some(0.5), None));
        assert_eq!((population.threshold(2), population.tau_decay_ms(2)), (0.5, 40.0));
        assert_eq!(population.neuron().gain_at(40.0), 1.0 - (-2.0f64 / 40.0).exp());
        let error = population.fits(4).unwrap_err().to_string();
        assert!(error.contains("threshold has shape [3], expected [4]"), "{error}");
        assert!(population.fits(3).is_ok());
    }
}
