//! Leaky integrate-and-fire, as in Kim, Li & Sejnowski (PNAS 116:22811, 2019).
//!
//! ```text
//! v += dt/τ_m · (−v + I)          I = IPSC + bias + W_in u, v_peak = −40 mV, bias = v_peak
//! ```
//!
//! Its transfer function is that of [`leaky_transfer`].

use super::membrane::{Kernel, Membrane};
use mdl_data::field::InvalidField;
use mdl_kernels::real::Real;
use mdl_model::rate::siegert::leaky_transfer;
use mdl_model::rate::transfer::{Transfer, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The leaky neuron, without its own constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leaky {}

impl Membrane for Leaky {
    fn name(&self) -> &'static str {
        "leaky"
    }

    fn v_peak_mv(&self) -> f64 {
        -40.0
    }

    fn bias_mv(&self, v_peak_mv: f64) -> f64 {
        v_peak_mv
    }

    fn validate(&self, _: f64) -> Result<(), InvalidField> {
        Ok(())
    }

    fn transfer(&self, unit: &Unit) -> Option<Transfer> {
        Some(leaky_transfer(unit))
    }

    fn kernel(&self) -> Kernel {
        Kernel { number: 0, constants: [0.0; 2] }
    }

    #[inline(always)]
    fn drift<R: Real>(&self, v: R, current: R) -> R {
        -v + current
    }
}

#[cfg(test)]
mod tests {
    use crate::lif::config::LifConfig;
    use crate::lif::neurons::LifNeuron;
    use crate::lif::neurons::quadratic::Quadratic;
    use crate::testing::{regular_interval_ms, simulated};

    /// t_ref + τ_m ln((I − v_reset)/(I − v_peak)).
    #[test]
    fn the_interval_without_noise_is_that_of_the_closed_form() {
        let config = LifConfig {
            dt_ms: 0.0005,
            refractory_ms: 1.0,
            v_initial_max_mv: -65.0,
            noise_sd_mv_per_step: 0.0,
            ..LifConfig::default()
        };
        for x in [2f64, 30.0] {
            let expected = 1.0 + 10.0 * ((25.0 + x) / x).ln();
            let found = regular_interval_ms(&config, x);
            assert!((found / expected - 1.0).abs() < 1e-3, "x = {x}: {found} ms, expected {expected} ms");
        }
    }

    #[test]
    fn the_formulas_give_rate_and_regularity_of_simulated_units() {
        let transfer = LifConfig::default().transfer().unwrap();
        for (x, tolerance) in [(-1.0, 0.12), (0.0, 0.08), (2.0, 0.05), (10.0, 0.03)] {
            let (rate, cv) = simulated(&LifConfig { v_initial_max_mv: -40.0, ..LifConfig::default() }, x);
            let [formula, spread] = transfer.at(x as f32).map(f64::from);
            assert!((rate - formula).abs() < tolerance * rate, "x = {x}: {rate} Hz, formula {formula} Hz");
            let formula_cv = spread / formula.sqrt();
            assert!((cv - formula_cv).abs() < 0.15 * cv, "x = {x}: CV {cv}, formula {formula_cv}");
        }
    }

    #[test]
    fn far_below_threshold_units_fire_rarely_and_at_random() {
        let config = LifConfig::default();
        let transfer = config.transfer().unwrap();
        assert_eq!(transfer.at(-60.0), [0.0; 2]);
        assert_eq!(transfer.at(f32::NAN), [0.0; 2]);
        let [rate, spread] = transfer.at(-4.0);
        assert!(rate < 0.2 && spread / rate.sqrt() > 0.98, "{rate} Hz, CV {}", spread / rate.sqrt());
        assert_eq!(transfer.at(1e9), transfer.at(100.0), "constant beyond the table");
        assert!(LifConfig { neuron: LifNeuron::Qif(Quadratic {}), ..config.clone() }.transfer().is_none());
        assert!(LifConfig { noise_sd_mv_per_step: 0.0, ..config }.transfer().is_none());
    }
}
