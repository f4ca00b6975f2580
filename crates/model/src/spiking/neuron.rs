//! The spiking neuron: its constants, a section of a config.
//!
//! ```text
//! α_x = exp(−dt/τ_x)       for the current (s), the membrane (m), the synaptic decay (d) and rise (r)
//! ```

use super::neurons::{Membrane, NeuronModel};
use super::surrogate::Surrogate;
use super::time_constants::TimeConstants;
use mdl_data::field::{InvalidField, LARGEST, require, require_duration_ms, require_positive};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maximum number of steps of a trial, and of a refractory period.
const MOST_STEPS: u32 = 1_000_000;

/// Name of the trained tensor `[N]` of the membrane's time constants, θ, and the index of its stream of random numbers,
/// after those of the network's weights.
const THETA_MEMBRANE: (&str, u64) = ("theta_membrane", 5);

/// The synapse model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Synapse {
    /// Single exponential: r jumps by κ at a spike and decays with τ_d.
    Single,
    /// Double exponential: r rises with τ_r and decays with τ_d.
    #[default]
    Double,
}

/// The published values of the synaptic gain κ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PublishedGain {
    /// κ = dt/τ_d: the single-exponential synapse.
    DtOverDecay,
    /// κ = 1 − α_d: the double-exponential synapse of the contextual task.
    OneMinusAlphaDecay,
    /// κ = dt²/(τ_d τ_r): the double-exponential synapse of the digit task.
    DtSquaredOverDecayRise,
}

/// Synaptic gain κ: the increment of r per spike (single), or the factor of h in each step of r (double).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SynapticGain {
    /// A published value, by name.
    Published(PublishedGain),
    /// A number.
    Value(f64),
}

/// The constants of a spiking neuron. Defaults are the published values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpikingNeuron {
    /// Time step dt (ms).
    pub dt_ms: f64,
    /// Time constant τ_s of the synaptic current I (ms). 0: no filter, I is the input of the step.
    pub tau_current_ms: f64,
    /// Time constant τ_m of the membrane potential U (ms).
    pub tau_membrane_ms: f64,
    /// Decay time constant τ_d of the synapse (ms). 0, with a single-exponential synapse: no filter, r is κ times the spike
    /// of the step before.
    pub tau_decay_ms: f64,
    /// Rise time constant τ_r of a double-exponential synapse (ms).
    pub tau_rise_ms: f64,
    /// Membrane potential above which a neuron spikes.
    pub threshold: f64,
    /// Steps after a spike during which the membrane potential stays at 0.
    pub refractory_steps: u32,
    /// Synapse model.
    pub synapse: Synapse,
    /// Synaptic gain κ.
    pub gain: SynapticGain,
    /// Surrogate derivative of the spike.
    pub surrogate: Surrogate,
    /// Dynamics of the membrane potential and of the threshold.
    #[serde(skip_serializing_if = "NeuronModel::is_default")]
    pub model: NeuronModel,
    /// Time constants of the membranes: `tau_membrane_ms` for all, or one per neuron around it.
    #[serde(skip_serializing_if = "TimeConstants::is_fixed")]
    pub membrane_time_constants: TimeConstants,
}

impl Default for SpikingNeuron {
    fn default() -> Self {
        Self {
            dt_ms: 2.0,
            tau_current_ms: 10.0,
            tau_membrane_ms: 20.0,
            tau_decay_ms: 30.0,
            tau_rise_ms: 2.0,
            threshold: 1.0,
            refractory_steps: 5,
            synapse: Synapse::Double,
            gain: SynapticGain::Published(PublishedGain::OneMinusAlphaDecay),
            surrogate: Surrogate::default(),
            model: NeuronModel::default(),
            membrane_time_constants: TimeConstants::default(),
        }
    }
}

impl SpikingNeuron {
    /// Synaptic gain κ as a number.
    pub fn gain(&self) -> f64 {
        self.gain_at(self.tau_decay_ms)
    }

    /// Synaptic gain κ of a neuron whose synapse decays with `tau_decay_ms`, on which the published values depend.
    pub fn gain_at(&self, tau_decay_ms: f64) -> f64 {
        match self.gain {
            SynapticGain::Published(PublishedGain::DtOverDecay) => self.dt_ms / tau_decay_ms,
            SynapticGain::Published(PublishedGain::OneMinusAlphaDecay) => 1.0 - self.alpha(tau_decay_ms),
            SynapticGain::Published(PublishedGain::DtSquaredOverDecayRise) => {
                self.dt_ms * self.dt_ms / (tau_decay_ms * self.tau_rise_ms)
            }
            SynapticGain::Value(value) => value,
        }
    }

    /// Decay factor exp(−dt/τ) per step.
    pub fn alpha(&self, tau_ms: f64) -> f64 {
        (-self.dt_ms / tau_ms).exp()
    }

    /// Decay factor α_r of the rising variable h. A single-exponential synapse has α_r = 0, so that h is the spike of
    /// the previous step and one recurrence covers both.
    pub fn alpha_rise(&self) -> f64 {
        match self.synapse {
            Synapse::Single => 0.0,
            Synapse::Double => self.alpha(self.tau_rise_ms),
        }
    }

    /// Names of the tensors `[N]` trained with the network: those of the model, then θ of the membrane.
    pub fn trained(&self) -> Vec<&'static str> {
        let of_model = self.model.trained().into_iter().map(|(name, _)| name);
        let of_membrane = self.membrane_time_constants.are_trained().then_some(THETA_MEMBRANE.0);
        of_model.chain(of_membrane).collect()
    }

    /// Initial values `[N]` of these tensors.
    pub fn initial(&self, neurons: usize, seed: u64) -> Vec<Vec<f32>> {
        let of_model = self.model.trained().into_iter().map(|(_, value)| vec![value; neurons]);
        let of_membrane = self.membrane_time_constants.are_trained().then(|| self.theta_membrane(neurons, seed));
        of_model.chain(of_membrane).collect()
    }

    /// Initial θ of the membranes, `[N]`.
    pub(super) fn theta_membrane(&self, neurons: usize, seed: u64) -> Vec<f32> {
        self.membrane_time_constants.initial(self.tau_membrane_ms, neurons, seed, THETA_MEMBRANE.1)
    }

    /// Leak 1 − exp(−dt/τ) per step, precise for slow decays, too.
    pub(super) fn leak(&self, tau_ms: f64) -> f64 {
        -(-self.dt_ms / tau_ms).exp_m1()
    }

    /// Constants of the membrane.
    pub(super) fn membrane(&self) -> Membrane {
        let Self { dt_ms, refractory_steps, .. } = *self;
        Membrane { dt_ms, alpha: self.alpha(self.tau_membrane_ms), refractory_steps }
    }

    /// Refuses values with which no network can run.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require_duration_ms("dt_ms", self.dt_ms)?;
        let expected = format!("at least the step, dt_ms = {}: the step must follow it", self.dt_ms);
        let time_constant = |field, tau_ms: f64| {
            require_duration_ms(field, tau_ms)?;
            require(tau_ms >= self.dt_ms, field, tau_ms, &expected)
        };
        let filter = |field, tau_ms: f64| if tau_ms == 0.0 { Ok(()) } else { time_constant(field, tau_ms) };
        filter("tau_current_ms", self.tau_current_ms)?;
        time_constant("tau_membrane_ms", self.tau_membrane_ms)?;
        match self.synapse {
            Synapse::Single => {
                filter("tau_decay_ms", self.tau_decay_ms)?;
                require_duration_ms("tau_rise_ms", self.tau_rise_ms)?;
            }
            Synapse::Double => {
                time_constant("tau_decay_ms", self.tau_decay_ms)?;
                time_constant("tau_rise_ms", self.tau_rise_ms)?;
            }
        }
        require_positive("threshold", self.threshold)?;
        let steps = self.refractory_steps;
        require(steps <= MOST_STEPS, "refractory_steps", steps, &format!("0 to {MOST_STEPS} steps"))?;
        let gain = self.gain();
        let expected = format!("a number above 0, at most {LARGEST}, or a published value by name");
        require(gain > 0.0 && gain <= LARGEST, "gain", gain, &expected)?;
        self.surrogate.validate().map_err(|error| error.within("surrogate"))?;
        self.model.validate(self.dt_ms).map_err(|error| error.within("model"))?;
        let median = ("neuron.tau_membrane_ms", self.tau_membrane_ms);
        let membrane = self.membrane_time_constants.validate(median, self.dt_ms);
        membrane.map_err(|error| error.within("membrane_time_constants"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::neurons::Adaptation;
    use super::super::time_constants::Bounds;
    use super::*;

    /// As configs are read: by way of a value.
    fn read_json<T: serde::de::DeserializeOwned>(text: &str) -> serde_json::Result<T> {
        serde_json::from_value(serde_json::from_str(text)?)
    }

    #[test]
    fn a_leaky_neuron_is_not_named() {
        let stored = serde_json::to_string(&SpikingNeuron::default()).unwrap();
        assert!(!stored.contains("model") && !stored.contains("time_constants"), "as artifacts keep it: {stored}");
        let read = |model: &str| read_json::<SpikingNeuron>(&format!(r#"{{"model": {model}}}"#));
        assert_eq!(read(r#"{"kind": "leaky"}"#).unwrap(), SpikingNeuron::default());
        let adaptation = Adaptation { trained: true, ..Adaptation::default() };
        let adaptive = read(r#"{"kind": "adaptive", "trained": true}"#).unwrap();
        assert_eq!(adaptive.model, NeuronModel::Adaptive(adaptation));
        assert_eq!(read(&serde_json::to_string(&adaptive.model).unwrap()).unwrap(), adaptive);
        for (model, word) in [
            (r#"{"kind": "leaky", "tau_ms": 3}"#, "`tau_ms`"),
            (r#"{"kind": "adaptive", "tau": 3}"#, "`tau`"),
            (r#"{"kind": "adaptve"}"#, "`adaptive`"),
        ] {
            let error = read(model).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn membrane_time_constants_per_neuron_are_named() {
        let read = |section: &str| read_json::<SpikingNeuron>(&format!(r#"{{"membrane_time_constants": {section}}}"#));
        assert_eq!(read(r#"{"kind": "fixed"}"#).unwrap(), SpikingNeuron::default());
        let drawn = read(r#"{"kind": "drawn", "max_ms": 50}"#).unwrap();
        let bounds = Bounds { max_ms: 50.0, ..Bounds::default() };
        assert_eq!(drawn.membrane_time_constants, TimeConstants::Drawn(bounds));
        let stored = serde_json::to_string(&drawn).unwrap();
        assert_eq!(read_json::<SpikingNeuron>(&stored).unwrap(), drawn, "{stored}");
        for (section, word) in [
            (r#"{"kind": "fixed", "min_ms": 3}"#, "`min_ms`"),
            (r#"{"kind": "trained", "min": 3}"#, "`min`"),
            (r#"{"kind": "train"}"#, "`trained`"),
        ] {
            let error = read(section).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let error = SpikingNeuron { tau_membrane_ms: 60.0, ..drawn }.validate().unwrap_err().to_string();
        assert!(error.starts_with("membrane_time_constants.max_ms: found 50, expected above neuron.tau_m"), "{error}");
    }

    #[test]
    fn gains_by_name_and_by_number() {
        let with = |gain: &str| read_json::<SpikingNeuron>(&format!(r#"{{"gain": {gain}}}"#)).unwrap().gain();
        assert_eq!(with(r#""dt-over-decay""#), 2.0 / 30.0);
        assert_eq!(with(r#""one-minus-alpha-decay""#), 1.0 - (-2.0f64 / 30.0).exp());
        assert_eq!(with(r#""dt-squared-over-decay-rise""#), 4.0 / 60.0);
        assert_eq!(with("0.25"), 0.25);
    }

    #[test]
    fn the_default_is_valid_and_impossible_values_are_named() {
        let default = SpikingNeuron::default;
        assert_eq!(default().validate(), Ok(()));
        let named = |neuron: SpikingNeuron| neuron.validate().unwrap_err().field;
        assert_eq!(named(SpikingNeuron { dt_ms: f64::NAN, ..default() }), "dt_ms");
        assert_eq!(named(SpikingNeuron { tau_current_ms: 1.0, ..default() }), "tau_current_ms");
        assert_eq!(named(SpikingNeuron { tau_decay_ms: 0.0, ..default() }), "tau_decay_ms");
        assert_eq!(named(SpikingNeuron { tau_membrane_ms: -1.0, ..default() }), "tau_membrane_ms");
        assert_eq!(named(SpikingNeuron { tau_decay_ms: f64::INFINITY, ..default() }), "tau_decay_ms");
        assert_eq!(named(SpikingNeuron { tau_rise_ms: 0.0, ..default() }), "tau_rise_ms");
        assert_eq!(named(SpikingNeuron { threshold: 0.0, ..default() }), "threshold");
        assert_eq!(named(SpikingNeuron { gain: SynapticGain::Value(0.0), ..default() }), "gain");
        let flat = Surrogate::FastSigmoid { slope: 0.0 };
        assert_eq!(named(SpikingNeuron { surrogate: flat, ..default() }), "surrogate.slope");
        let slow = NeuronModel::Adaptive(Adaptation { tau_ms: 0.0, ..Adaptation::default() });
        assert_eq!(named(SpikingNeuron { model: slow, ..default() }), "model.tau_ms");
    }

    #[test]
    fn time_constants_of_0_take_filters_away() {
        let neuron = SpikingNeuron {
            tau_current_ms: 0.0,
            tau_decay_ms: 0.0,
            synapse: Synapse::Single,
            ..SpikingNeuron::default()
        };
        assert_eq!(neuron.validate(), Ok(()));
        assert_eq!((neuron.alpha(neuron.tau_decay_ms), neuron.gain()), (0.0, 1.0));
        let by_decay = SynapticGain::Published(PublishedGain::DtOverDecay);
        assert_eq!(SpikingNeuron { gain: by_decay, ..neuron }.validate().unwrap_err().field, "gain");
    }

    #[test]
    fn json_names_the_surrogate_and_refuses_unknown_fields() {
        for surrogate in [r#"{"kind": "arctan", "slope": 2}"#, r#"{"arctan": {"slope": 2}}"#] {
            let neuron: SpikingNeuron = read_json(&format!(r#"{{"surrogate": {surrogate}}}"#)).unwrap();
            assert_eq!(neuron.surrogate, Surrogate::Arctan { slope: 2.0 });
        }
        let refused = |surrogate: &str| {
            let text = format!(r#"{{"surrogate": {surrogate}}}"#);
            read_json::<SpikingNeuron>(&text).unwrap_err().to_string()
        };
        assert!(refused(r#"{"kind": "arctan"}"#).contains("`slope`"));
        assert!(refused(r#"{"kind": "arctan", "slope": 2, "width": 1}"#).contains("`width`"));
        assert!(refused(r#"{"arktan": {"slope": 2}}"#).contains("`arctan`"));
        let stored = serde_json::to_string(&Surrogate::default()).unwrap();
        assert_eq!(stored, r#"{"fast-sigmoid":{"slope":25.0}}"#, "as artifacts keep it");
        let text = r#"{"synapse": "single", "refractory_steps": 0}"#;
        let neuron: SpikingNeuron = read_json(text).unwrap();
        assert_eq!((neuron.synapse, neuron.refractory_steps), (Synapse::Single, 0));
        let error = read_json::<SpikingNeuron>(r#"{"tau_ms": 2}"#).unwrap_err().to_string();
        assert!(error.contains("`tau_ms`"), "{error}");
    }
}
