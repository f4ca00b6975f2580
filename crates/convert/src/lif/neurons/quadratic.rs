//! Quadratic integrate-and-fire (Ermentrout & Kopell, SIAM J. Appl. Math. 46:233, 1986), as in Kim, Li & Sejnowski (2019).
//!
//! ```text
//! v += dt/τ_m · (v² + I)          I = IPSC + bias + W_in u, v_peak = 30 mV, bias = 0
//! ```

use super::membrane::{Kernel, Membrane};
use mdl_data::field::InvalidField;
use mdl_kernels::real::Real;
use mdl_model::rate::transfer::{Transfer, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The quadratic neuron, without its own constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quadratic {}

impl Membrane for Quadratic {
    fn name(&self) -> &'static str {
        "quadratic"
    }

    fn v_peak_mv(&self) -> f64 {
        30.0
    }

    fn bias_mv(&self, _: f64) -> f64 {
        0.0
    }

    fn validate(&self, _: f64) -> Result<(), InvalidField> {
        Ok(())
    }

    fn transfer(&self, _: &Unit) -> Option<Transfer> {
        None
    }

    fn kernel(&self) -> Kernel {
        Kernel { number: 1, constants: [0.0; 2] }
    }

    #[inline(always)]
    fn drift<R: Real>(&self, v: R, current: R) -> R {
        v * v + current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::config::LifConfig;
    use crate::lif::neurons::LifNeuron;
    use crate::testing::regular_interval_ms;

    /// τ_m ∫ dv/(v² + I) = τ_m/√I · (atan(v_peak/√I) − atan(v_reset/√I)) from v_reset to v_peak.
    #[test]
    fn the_interval_without_noise_is_that_of_the_closed_form() {
        let config = LifConfig {
            neuron: LifNeuron::Qif(Quadratic {}),
            dt_ms: 0.0005,
            refractory_ms: 0.0,
            v_initial_max_mv: -65.0,
            noise_sd_mv_per_step: 0.0,
            ..LifConfig::default()
        };
        for current in [4f64, 100.0] {
            let root = current.sqrt();
            let expected = 10.0 / root * ((30.0 / root).atan() - (-65.0 / root).atan());
            let found = regular_interval_ms(&config, current);
            assert!((found / expected - 1.0).abs() < 5e-3, "I = {current}: {found} ms, expected {expected} ms");
        }
    }
}
