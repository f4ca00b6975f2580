//! Neurons of the LIF simulation, one per file. A new neuron is a file, and its lines in this one.

pub mod exponential;
mod first_passage;
pub mod leaky;
mod membrane;
pub mod quadratic;

pub use mdl_model::rate::transfer::{Transfer, Unit};
pub use membrane::Kernel;
pub(crate) use membrane::Membrane;

use mdl_data::choice;
use mdl_data::field::InvalidField;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Defines the list of neurons: the choice in the config, and `with_membrane!`.
macro_rules! neurons {
    ($d:tt, $($(#[$doc:meta])* $kind:ident = $neuron:path;)*) => {
        /// The neuron model.
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind", rename_all = "kebab-case", remote = "Self")]
        #[schemars(transform = choice::accept_older)]
        pub enum LifNeuron {
            $($(#[$doc])* $kind($neuron),)*
        }

        impl LifNeuron {
            fn membrane(&self) -> &dyn Membrane {
                match self {
                    $(Self::$kind(membrane) => membrane,)*
                }
            }
        }

        /// Evaluates an expression with a neuron as its [`Membrane`] type, compiled once per neuron.
        macro_rules! with_membrane {
            ($d neuron:expr, $d membrane:ident => $d body:expr) => {
                match $d neuron {
                    $($crate::lif::neurons::LifNeuron::$kind($d membrane) => $d body,)*
                }
            };
        }
        pub(crate) use with_membrane;
    };
}

neurons! { $,
    /// Leaky integrate-and-fire: τ_m dv/dt = I − v. By default `v_peak_mv` is −40 mV and `bias_mv` is `v_peak_mv`.
    Lif = leaky::Leaky;
    /// Quadratic integrate-and-fire: τ_m dv/dt = v² + I. By default `v_peak_mv` is 30 mV and `bias_mv` is 0.
    Qif = quadratic::Quadratic;
    /// Exponential integrate-and-fire: τ_m dv/dt = I − v + Δ_T exp((v − v_T)/Δ_T). By default `v_peak_mv` is 30 mV and
    /// `bias_mv` is `threshold_mv`.
    Eif = exponential::Exponential;
}

impl Default for LifNeuron {
    fn default() -> Self {
        Self::Lif(leaky::Leaky {})
    }
}

impl LifNeuron {
    /// Name in messages, such as "quadratic neurons".
    pub fn name(&self) -> &'static str {
        self.membrane().name()
    }

    /// Default threshold (mV).
    pub fn v_peak_mv(&self) -> f64 {
        self.membrane().v_peak_mv()
    }

    /// Default constant current (mV).
    pub fn bias_mv(&self, v_peak_mv: f64) -> f64 {
        self.membrane().bias_mv(v_peak_mv)
    }

    /// Potential above which a unit spikes without further input (mV).
    pub fn threshold_mv(&self, v_peak_mv: f64) -> f64 {
        self.membrane().threshold_mv(v_peak_mv)
    }

    /// Refuses constants with which no unit can run.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self, v_peak_mv: f64) -> Result<(), InvalidField> {
        self.membrane().validate(v_peak_mv)
    }

    /// Firing rate and its fluctuations against the input of a unit; none for a neuron without such a function, and
    /// none without noise.
    pub fn transfer(&self, unit: &Unit) -> Option<Transfer> {
        (unit.noise_sd_mv > 0.0).then(|| self.membrane().transfer(unit))?
    }

    /// The neuron on a GPU.
    pub fn kernel(&self) -> Kernel {
        self.membrane().kernel()
    }
}

/// Form in artifacts: only the name for a neuron without its own constants.
impl Serialize for LifNeuron {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let choice = Self::serialize(self, serde_json::value::Serializer).map_err(serde::ser::Error::custom)?;
        let is_name = choice.as_object().is_some_and(|choice| choice.len() == 1);
        if is_name { choice::without_kind(choice) } else { choice }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LifNeuron {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let choice = serde_json::Value::deserialize(deserializer)?;
        Self::deserialize(choice::with_kind(choice)).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neuron_is_chosen_by_kind_or_by_its_name_alone_and_kept_by_name() {
        let read = |text: &str| serde_json::from_str::<LifNeuron>(text).map_err(|error| error.to_string());
        let qif = LifNeuron::Qif(quadratic::Quadratic {});
        for text in [r#""qif""#, r#"{"kind": "qif"}"#] {
            assert_eq!(read(text), Ok(qif), "{text}");
        }
        assert_eq!(serde_json::to_string(&qif).unwrap(), r#""qif""#);
        let error = read(r#"{"kind": "hodgkin-huxley"}"#).unwrap_err();
        assert!(error.contains("hodgkin-huxley") && error.contains("`qif`"), "{error}");
        let error = read(r#"{"kind": "lif", "slope": 1}"#).unwrap_err();
        assert!(error.contains("`slope`"), "{error}");
    }
}
