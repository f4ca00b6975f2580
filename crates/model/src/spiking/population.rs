//! Neurons of a network: shared constants, and constants per neuron.
//!
//! ```text
//! s_t = H(U_t − θ_i)              θ_i      threshold of neuron i
//! r_t = α_d,i r_{t−1} + κ_i h_t   α_d,i = exp(−dt/τ_d,i),  κ_i by its name in the config, from τ_d,i
//! V_t = α_m,i U_{t−1} + (1 − α_m,i) I_t    α_m,i = exp(−dt/τ_m,i), drawn or trained: [`super::time_constants`]
//! ```
//!
//! Source: the 90 networks of N = 300 published by Lin & Huang have one threshold and a decay constant per neuron, with
//! the gain dt²/(τ_d,i τ_r) in `mante/model.py` of their repository (SMNN, cf1bdec). The code that trained them is not
//! public; see docs/import.md.

use super::config::SpikingConfig;
use super::neuron::SpikingNeuron;
use super::time_constants::TimeConstants;
use candle_core::{Device, Tensor};
use mdl_artifact::{Artifact, ArtifactError};
use mdl_data::field::{InvalidField, require, require_duration_ms, require_positive};

/// Neurons of a network. Constants per neuron are `f32`, as stored in artifacts.
#[derive(Clone, Debug)]
pub struct Population {
    neuron: SpikingNeuron,
    threshold: Option<Vec<f32>>,
    tau_decay_ms: Option<Vec<f32>>,
    /// τ_m of each neuron, where it was drawn.
    tau_membrane_ms: Option<Vec<f32>>,
    trained: Vec<Tensor>,
}

impl From<SpikingNeuron> for Population {
    /// Neurons with shared constants only.
    fn from(neuron: SpikingNeuron) -> Self {
        Self { neuron, threshold: None, tau_decay_ms: None, tau_membrane_ms: None, trained: Vec::new() }
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
        Ok(Self { threshold, tau_decay_ms, ..Self::from(neuron) })
    }

    /// Neurons of an untrained network, with the time constants that its config draws.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn initial(neuron: &SpikingNeuron, neurons: usize, seed: u64) -> candle_core::Result<Self> {
        let drawn = &neuron.membrane_time_constants;
        let tau_membrane_ms = match drawn {
            TimeConstants::Drawn(_) => {
                let theta = Tensor::new(neuron.theta_membrane(neurons, seed), &Device::Cpu)?;
                Some(drawn.of_theta(&theta)?.to_vec1()?)
            }
            TimeConstants::Fixed(_) | TimeConstants::Trained(_) => None,
        };
        Ok(Self { tau_membrane_ms, ..Self::from(neuron.clone()) })
    }

    /// The same neurons with membrane time constants of their own, `[N]` (ms).
    ///
    /// # Errors
    /// [`InvalidField`] naming the index of a value that no neuron can have, and neurons whose config does not draw time
    /// constants.
    pub fn with_tau_membrane_ms(self, tau_membrane_ms: Vec<f32>) -> Result<Self, InvalidField> {
        let kind = &self.neuron.membrane_time_constants;
        let expected = "network.neuron.membrane_time_constants of the kind drawn";
        require(matches!(kind, TimeConstants::Drawn(_)), "tau_membrane_ms", "time constants per neuron", expected)?;
        for (i, tau_ms) in tau_membrane_ms.iter().enumerate() {
            require_duration_ms(&format!("tau_membrane_ms[{i}]"), f64::from(*tau_ms))?;
        }
        Ok(Self { tau_membrane_ms: Some(tau_membrane_ms), ..self })
    }

    /// Neurons of a network in an artifact, whose tensors `threshold` and `tau_decay_ms` `[N]` may be missing;
    /// `tau_membrane_ms` `[N]` is there where the config draws it.
    ///
    /// # Errors
    /// [`ArtifactError::Tensor`] naming the tensor, and the index of a value that no neuron can have.
    pub fn read(artifact: &Artifact, config: &SpikingConfig) -> Result<Self, ArtifactError> {
        let own = |name: &str| {
            let values = || artifact.values::<f32>(name, &[config.neurons]).map(<[f32]>::to_vec);
            artifact.has(name).then(values).transpose()
        };
        let invalid = |error: InvalidField| artifact.tensor_error(&error.field, error.found, error.expected);
        let population = Self::new(config.neuron.clone(), own("threshold")?, own("tau_decay_ms")?).map_err(invalid)?;
        match config.neuron.membrane_time_constants {
            TimeConstants::Drawn(_) => {
                let tau_membrane_ms = artifact.values::<f32>("tau_membrane_ms", &[config.neurons])?;
                population.with_tau_membrane_ms(tau_membrane_ms.to_vec()).map_err(invalid)
            }
            TimeConstants::Fixed(_) | TimeConstants::Trained(_) => Ok(population),
        }
    }

    /// The same neurons with trained tensors `[N]` in the order of
    /// [`SpikingNeuron::trained`], which receive gradients. Without them, all neurons have
    /// the values of the config.
    pub fn with_trained(self, trained: Vec<Tensor>) -> Self {
        Self { trained, ..self }
    }

    /// The trained tensors of the neuron model, without that of the membrane.
    pub(super) fn trained_of_model(&self) -> &[Tensor] {
        &self.trained[..self.trained.len().min(self.neuron.model.trained().len())]
    }

    /// Whether all neurons have the membrane time constant of the config.
    pub(super) fn shares_membrane(&self) -> bool {
        self.neuron.membrane_time_constants.is_fixed()
    }

    /// Constants of the neuron model, and the leak of the membrane where neurons have their own, `[N]` each, with the type
    /// and device of `like`.
    pub(super) fn rows(&self, neurons: usize, like: &Tensor) -> candle_core::Result<Vec<Tensor>> {
        let model = self.neuron.model.section();
        let mut rows = model.rows(self.neuron.dt_ms, self.trained_of_model(), neurons, like)?;
        if !self.shares_membrane() {
            rows.push(self.leaks(neurons, like)?);
        }
        Ok(rows)
    }

    /// 1 − α_m of each neuron `[N]`, with the type and device of `like`.
    pub(super) fn leaks(&self, neurons: usize, like: &Tensor) -> candle_core::Result<Tensor> {
        match (&self.neuron.membrane_time_constants, self.trained.get(self.neuron.model.trained().len())) {
            (trained @ TimeConstants::Trained(_), Some(theta)) => {
                // 1 − e⁻ˣ = 2 tanh(x/2)/(1 + tanh(x/2)), without cancellation for small x = dt/τ.
                let half = (trained.of_theta(theta)?.recip()? * (self.neuron.dt_ms / 2.0))?.tanh()?;
                (half.affine(2.0, 0.0)? / half.affine(1.0, 1.0)?)?.to_dtype(like.dtype())
            }
            _ => {
                let tau_ms = |i: usize| {
                    let own = self.tau_membrane_ms.as_ref();
                    own.map_or(self.neuron.tau_membrane_ms, |tau_ms| f64::from(tau_ms[i]))
                };
                let leaks: Vec<f64> = (0..neurons).map(|i| self.neuron.leak(tau_ms(i))).collect();
                Tensor::from_vec(leaks, neurons, &Device::Cpu)?.to_dtype(like.dtype())?.to_device(like.device())
            }
        }
    }

    /// Tensors `[N]` for readers of an artifact, computed from trained ones.
    pub(super) fn derived(&self) -> candle_core::Result<Vec<(&'static str, Tensor)>> {
        let mut derived = self.neuron.model.section().derived(self.trained_of_model())?;
        let membrane = &self.neuron.membrane_time_constants;
        if let (true, Some(theta)) = (membrane.are_trained(), self.trained.get(self.neuron.model.trained().len())) {
            derived.push(("tau_membrane_ms", membrane.of_theta(theta)?));
        }
        Ok(derived)
    }

    /// Constants shared by neurons without their own.
    pub fn neuron(&self) -> &SpikingNeuron {
        &self.neuron
    }

    /// Tensors of the constants per neuron, by name.
    pub fn own(&self) -> impl Iterator<Item = (&'static str, &[f32])> {
        let tensors = [
            ("threshold", &self.threshold),
            ("tau_decay_ms", &self.tau_decay_ms),
            ("tau_membrane_ms", &self.tau_membrane_ms),
        ];
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
        let names = self.neuron.trained();
        if !self.trained.is_empty() && self.trained.len() != names.len() {
            candle_core::bail!("{} trained tensors of the neurons, expected {}", self.trained.len(), names.len())
        }
        for (name, tensor) in names.iter().zip(&self.trained) {
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
    use super::super::time_constants::Bounds;
    use super::*;
    use candle_core::Var;

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

    /// Leaks and their derivatives by θ, against 1 − exp(−dt/τ) and finite differences.
    #[test]
    fn leaks_follow_theta() -> candle_core::Result<()> {
        let bounds = Bounds { min_ms: 2.0, max_ms: 2e5, spread: 1.0 };
        let neuron =
            SpikingNeuron { membrane_time_constants: TimeConstants::Trained(bounds), ..SpikingNeuron::default() };
        let leaks = |theta: &Tensor| {
            Population::from(neuron.clone()).with_trained(vec![theta.clone()]).leaks(theta.elem_count(), theta)
        };
        let theta = Var::from_vec((-12..6).map(f64::from).collect::<Vec<_>>(), 18, &Device::Cpu)?;
        let found = leaks(theta.as_tensor())?;
        let gradients = found.sum_all()?.backward()?;
        let gradient: Vec<f64> = gradients.get(&theta).expect("gradient").to_vec1()?;
        let moved = |by: f64| leaks(&(theta.as_tensor() + by)?)?.to_vec1::<f64>();
        let (below, above) = (moved(-1e-5)?, moved(1e-5)?);
        let single: Vec<f32> = leaks(&theta.to_dtype(candle_core::DType::F32)?)?.to_vec1()?;
        for (i, leak) in found.to_vec1::<f64>()?.into_iter().enumerate() {
            let tau_ms = 2.0 + (2e5 - 2.0) / (1.0 + (12.0 - i as f64).exp());
            assert!((leak / neuron.leak(tau_ms) - 1.0).abs() < 1e-12, "{leak}");
            assert!((f64::from(single[i]) / leak - 1.0).abs() < 1e-5, "{leak}: {}", single[i]);
            let difference = (above[i] - below[i]) / 2e-5;
            assert!((gradient[i] / difference - 1.0).abs() < 1e-4, "{i}: {} {difference}", gradient[i]);
        }
        Ok(())
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
