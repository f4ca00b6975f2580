//! Constants of LIF networks, a section of a config.
//!
//! The equations are those of Kim, Li & Sejnowski (PNAS 116:22811, 2019), as simulated by this crate. Units are part of
//! the field names. Defaults are the published values.

use super::neurons::{LifNeuron, Transfer, Unit};
use mdl_data::choice;
use mdl_data::field::{
    InvalidField, LARGEST, require, require_between, require_duration_ms, require_not_negative, require_probability,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Time step of the published networks, and reference for noise that is scaled with the time step.
const REFERENCE_DT_MS: f64 = 0.05;

/// Arithmetic of the simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LifMode {
    /// Double precision in the published order of evaluation: the reference.
    Exact,
    /// Single precision, with the refractory period counted in whole steps: statistically equivalent.
    #[default]
    Fast,
    /// The fast kernel in double precision: without noise it spikes exactly like the exact mode.
    FastDouble,
}

/// The synapse model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LifSynapse {
    /// Double exponential: rises with τ_r, decays with τ_d.
    #[default]
    Double,
    /// Single exponential: jumps, decays with τ_d.
    Single,
}

/// Units reached by an artificial stimulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields, remote = "Self")]
#[schemars(transform = choice::accept_older)]
pub enum StimulatedUnits {
    /// Every excitatory unit.
    Excitatory,
    /// Every inhibitory unit, including somatostatin units.
    Inhibitory,
    /// Every somatostatin unit.
    Somatostatin,
    /// The units listed.
    Units {
        /// Their numbers, counted from 0.
        units: Vec<usize>,
    },
}

impl Serialize for StimulatedUnits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let choice = Self::serialize(self, serde_json::value::Serializer).map_err(serde::ser::Error::custom)?;
        choice::without_kind(choice).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StimulatedUnits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let choice = serde_json::Value::deserialize(deserializer)?;
        Self::deserialize(choice::with_kind(choice)).map_err(serde::de::Error::custom)
    }
}

/// An artificial stimulation: at each step of a window, a random draw shared by all units decides whether the membrane
/// potentials of the chosen units jump by an amplitude.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stimulation {
    /// Units that it reaches.
    pub population: StimulatedUnits,
    /// Start of the window (ms).
    pub from_ms: f64,
    /// End of the window (ms).
    pub to_ms: f64,
    /// Size of a jump (mV): positive values excite, negative values inhibit.
    #[serde(default = "published_amplitude_mv")]
    pub amplitude_mv: f64,
    /// Probability of a jump per step.
    #[serde(default = "published_probability")]
    pub probability: f64,
}

fn published_amplitude_mv() -> f64 {
    0.5
}

fn published_probability() -> f64 {
    0.5
}

/// Constants of a LIF network and settings of its simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LifConfig {
    /// Arithmetic of the simulation.
    pub mode: LifMode,
    /// Neuron model.
    pub neuron: LifNeuron,
    /// Time step dt before down-sampling (ms).
    pub dt_ms: f64,
    /// Keep every n-th input sample and make each step n times as long, as in the published code.
    pub downsample: usize,
    /// Membrane time constant τ_m (ms).
    pub tau_membrane_ms: f64,
    /// Refractory period t_ref (ms).
    pub refractory_ms: f64,
    /// Potential after a spike (mV).
    pub v_reset_mv: f64,
    /// Initial potentials are uniform from `v_reset_mv` to this value (mV).
    pub v_initial_max_mv: f64,
    /// Threshold of a unit (mV); by default that of the neuron model.
    pub v_peak_mv: Option<f64>,
    /// Constant current (mV); by default that of the neuron model.
    pub bias_mv: Option<f64>,
    /// Synapse model.
    pub synapse: LifSynapse,
    /// Rise time constant τ_r of a double-exponential synapse (ms).
    pub tau_rise_ms: f64,
    /// Standard deviation of the membrane noise added at each step (mV).
    pub noise_sd_mv_per_step: f64,
    /// Scale the noise with √(step / 0.05 ms), so that a different time step gives the same diffusion.
    pub scale_noise_with_dt: bool,
    /// Use the rate network's weights from before training.
    pub use_initial_weights: bool,
    /// Artificial stimulation, if any.
    pub stimulation: Option<Stimulation>,
}

impl Default for LifConfig {
    fn default() -> Self {
        Self {
            mode: LifMode::Fast,
            neuron: LifNeuron::default(),
            dt_ms: REFERENCE_DT_MS,
            downsample: 1,
            tau_membrane_ms: 10.0,
            refractory_ms: 2.0,
            v_reset_mv: -65.0,
            v_initial_max_mv: 30.0,
            v_peak_mv: None,
            bias_mv: None,
            synapse: LifSynapse::Double,
            tau_rise_ms: 2.0,
            noise_sd_mv_per_step: 0.1,
            scale_noise_with_dt: false,
            use_initial_weights: false,
            stimulation: None,
        }
    }
}

impl LifConfig {
    /// Threshold of a unit (mV).
    pub fn v_peak_mv(&self) -> f64 {
        self.v_peak_mv.unwrap_or_else(|| self.neuron.v_peak_mv())
    }

    /// Constant current (mV).
    pub fn bias_mv(&self) -> f64 {
        self.bias_mv.unwrap_or_else(|| self.neuron.bias_mv(self.v_peak_mv()))
    }

    /// Constants shared by all units.
    pub fn unit(&self) -> Unit {
        Unit {
            step_ms: self.step_ms(),
            tau_membrane_ms: self.tau_membrane_ms,
            refractory_ms: self.refractory_ms,
            v_reset_mv: self.v_reset_mv,
            v_peak_mv: self.v_peak_mv(),
            bias_mv: self.bias_mv(),
            noise_sd_mv: self.noise_sd_mv(),
        }
    }

    /// Firing rate and its fluctuations against the input of a unit; none for a neuron without such a function, and
    /// none without noise.
    pub fn transfer(&self) -> Option<Transfer> {
        self.neuron.transfer(&self.unit())
    }

    /// Duration of a simulated step, including down-sampling (ms).
    pub fn step_ms(&self) -> f64 {
        self.dt_ms * self.downsample as f64
    }

    /// Standard deviation of the noise per simulated step (mV).
    pub fn noise_sd_mv(&self) -> f64 {
        let scale = if self.scale_noise_with_dt { (self.step_ms() / REFERENCE_DT_MS).sqrt() } else { 1.0 };
        self.noise_sd_mv_per_step * scale
    }

    /// Refuses values with which no network can run.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require_duration_ms("dt_ms", self.dt_ms)?;
        require(self.downsample > 0, "downsample", self.downsample, "a whole number above 0")?;
        require_duration_ms("tau_membrane_ms", self.tau_membrane_ms)?;
        require(
            self.step_ms() <= self.tau_membrane_ms,
            "dt_ms",
            self.dt_ms,
            &format!("dt_ms · downsample of at most tau_membrane_ms = {}", self.tau_membrane_ms),
        )?;
        require_not_negative("refractory_ms", self.refractory_ms)?;
        let peak = self.v_peak_mv();
        let potential = |field, found: f64| require_between(field, found, -LARGEST, LARGEST);
        potential("v_peak_mv", peak)?;
        self.neuron.validate(peak).map_err(|e| e.within("neuron"))?;
        potential("v_reset_mv", self.v_reset_mv)?;
        potential("v_initial_max_mv", self.v_initial_max_mv)?;
        potential("bias_mv", self.bias_mv())?;
        let below_peak = format!("a number below v_peak_mv = {peak}");
        require(self.v_reset_mv < peak, "v_reset_mv", self.v_reset_mv, &below_peak)?;
        let above_reset = format!("a number of at least v_reset_mv = {}", self.v_reset_mv);
        let highest = self.v_initial_max_mv;
        require(highest >= self.v_reset_mv, "v_initial_max_mv", highest, &above_reset)?;
        if self.synapse == LifSynapse::Double {
            require_duration_ms("tau_rise_ms", self.tau_rise_ms)?;
            let expected = format!("at least the step, dt_ms · downsample = {} ms", self.step_ms());
            require(self.tau_rise_ms >= self.step_ms(), "tau_rise_ms", self.tau_rise_ms, &expected)?;
        }
        require_not_negative("noise_sd_mv_per_step", self.noise_sd_mv_per_step)?;
        self.stimulation.as_ref().map_or(Ok(()), |s| s.validate().map_err(|e| e.within("stimulation")))
    }
}

impl Stimulation {
    fn validate(&self) -> Result<(), InvalidField> {
        require_not_negative("from_ms", self.from_ms)?;
        let after = format!("a number above from_ms = {}", self.from_ms);
        require(self.to_ms.is_finite() && self.to_ms > self.from_ms, "to_ms", self.to_ms, &after)?;
        require_between("amplitude_mv", self.amplitude_mv, -LARGEST, LARGEST)?;
        require_probability("probability", self.probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::neurons::quadratic::Quadratic;

    #[test]
    fn threshold_and_bias_follow_the_neuron() {
        let lif = LifConfig::default();
        assert_eq!((lif.v_peak_mv(), lif.bias_mv()), (-40.0, -40.0));
        let qif = LifConfig { neuron: LifNeuron::Qif(Quadratic {}), ..lif.clone() };
        assert_eq!((qif.v_peak_mv(), qif.bias_mv()), (30.0, 0.0));
        let raised = LifConfig { v_peak_mv: Some(-45.0), ..lif };
        assert_eq!((raised.v_peak_mv(), raised.bias_mv()), (-45.0, -45.0));
    }

    #[test]
    fn noise_is_scaled_with_the_time_step_only_if_asked() {
        let doubled = LifConfig { downsample: 4, ..LifConfig::default() };
        assert_eq!(doubled.noise_sd_mv(), 0.1);
        let scaled = LifConfig { scale_noise_with_dt: true, ..doubled };
        assert!((scaled.noise_sd_mv() - 0.2).abs() < 1e-15);
    }

    #[test]
    fn the_default_is_valid_and_impossible_values_are_named() {
        let default = LifConfig::default;
        assert_eq!(default().validate(), Ok(()));
        let named = |config: LifConfig| config.validate().unwrap_err().field;
        assert_eq!(named(LifConfig { dt_ms: 0.0, ..default() }), "dt_ms");
        assert_eq!(named(LifConfig { downsample: 0, ..default() }), "downsample");
        assert_eq!(named(LifConfig { downsample: 1000, ..default() }), "dt_ms");
        assert_eq!(named(LifConfig { tau_membrane_ms: f64::NAN, ..default() }), "tau_membrane_ms");
        assert_eq!(named(LifConfig { v_reset_mv: -30.0, ..default() }), "v_reset_mv");
        assert_eq!(named(LifConfig { tau_rise_ms: 0.0, ..default() }), "tau_rise_ms");
        assert_eq!(named(LifConfig { noise_sd_mv_per_step: -0.1, ..default() }), "noise_sd_mv_per_step");
        let backwards = Stimulation {
            population: StimulatedUnits::Excitatory,
            from_ms: 50.0,
            to_ms: 10.0,
            amplitude_mv: 0.5,
            probability: 0.5,
        };
        assert_eq!(named(LifConfig { stimulation: Some(backwards), ..default() }), "stimulation.to_ms");
    }

    #[test]
    fn json_names_stimulated_units_and_refuses_unknown_fields() {
        let of = |population: &str| {
            let text = format!(r#"{{"stimulation": {{"population": {population}, "from_ms": 25, "to_ms": 75}}}}"#);
            serde_json::from_str::<LifConfig>(&text).map(|config| config.stimulation.unwrap())
        };
        let units = StimulatedUnits::Units { units: vec![0, 3] };
        for (text, expected) in [
            (r#"{"kind": "units", "units": [0, 3]}"#, &units),
            (r#"{"units": [0, 3]}"#, &units),
            (r#"{"kind": "inhibitory"}"#, &StimulatedUnits::Inhibitory),
            (r#""inhibitory""#, &StimulatedUnits::Inhibitory),
        ] {
            let stimulation = of(text).unwrap();
            assert_eq!((&stimulation.population, stimulation.probability), (expected, 0.5), "{text}");
        }
        assert_eq!(serde_json::to_string(&units).unwrap(), r#"{"units":[0,3]}"#, "as artifacts keep it");
        let error = of(r#"{"kind": "unit", "units": [0]}"#).unwrap_err().to_string();
        assert!(error.contains("unit") && error.contains("excitatory"), "{error}");
        let error = serde_json::from_str::<LifConfig>(r#"{"refractory": 2}"#).unwrap_err().to_string();
        assert!(error.contains("`refractory`"), "{error}");
    }
}
