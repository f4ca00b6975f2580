//! Leaky integrate-and-fire, as in Kim, Li & Sejnowski (PNAS 116:22811, 2019).
//!
//! ```text
//! v += dt/τ_m · (−v + I)          I = IPSC + bias + W_in u, v_peak = −40 mV, bias = v_peak
//! ```
//!
//! Its transfer function, under a steady input of x mV above the bias:
//!
//! ```text
//! 1/ν = t_ref + τ_m √π ∫ e^{u²} (1 + erf u) du                              u from a to b         (Siegert 1951)
//! CV² = 2π (ν τ_m)² ∫ G(u) du,   G(u) = e^{u²} ∫ e^{w²} (1 + erf w)² dw     w from −∞ to u        (Brunel 2000)
//! a = (v_reset − μ)/s,   b = (v_peak − μ)/s,   μ = bias + x,   s = √2 · noise_sd / √(1 − (1 − dt/τ_m)²)
//! ```
//!
//! Both integrands are functions of u alone, so their integrals are tabulated once, over t with u = sinh t; an input x
//! needs the differences between two entries of the table.

use super::membrane::{Kernel, Membrane, Unit};
use super::transfer::Transfer;
use crate::normal::scaled_erfc;
use mdl_data::field::InvalidField;
use mdl_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// This far below threshold, in units of s, the unit never fires.
const U_MAX: f64 = 6.0;

/// Below this u, G is taken from its expansion at −∞.
const FAR: f64 = -5.0;

/// Step of t in the table of the integrals.
const T_STEP: f64 = 0.002;

/// The table of the transfer function extends this many times v_peak − v_reset above threshold.
const REACH: f64 = 4.0;

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
        let s = unit.spread_mv();
        let threshold = unit.v_peak_mv - unit.bias_mv;
        let lowest = threshold - U_MAX * s;
        let highest = threshold + REACH * (unit.v_peak_mv - unit.v_reset_mv);
        let integrals = Integrals::new((unit.v_reset_mv - unit.bias_mv - highest) / s);
        Some(Transfer::tabulate(unit.bias_mv, [lowest, highest], |mu| {
            let (a, b) = ((unit.v_reset_mv - mu) / s, (unit.v_peak_mv - mu) / s);
            let [rate, irregularity] = [0, 1].map(|which| integrals.at(b)[which] - integrals.at(a)[which]);
            let rate = 1.0 / (unit.refractory_ms + unit.tau_membrane_ms * PI.sqrt() * rate);
            let cv = ((2.0 * PI * irregularity).sqrt() * rate * unit.tau_membrane_ms).min(1.0);
            [rate, cv]
        }))
    }

    fn kernel(&self) -> Kernel {
        Kernel { number: 0, constants: [0.0; 2] }
    }

    #[inline(always)]
    fn drift<R: Real>(&self, v: R, current: R) -> R {
        -v + current
    }
}

/// ∫ e^{u²} (1 + erf u) du and ∫ G(u) du from the lowest u on, at equidistant t.
struct Integrals {
    lowest_t: f64,
    values: Vec<[f64; 2]>,
}

impl Integrals {
    fn new(lowest_u: f64) -> Self {
        let lowest_t = lowest_u.min(FAR).asinh();
        let count = ((U_MAX.asinh() - lowest_t) / T_STEP).ceil() as usize;
        let (mut sum, mut before) = ([0.0; 2], (lowest_u, 0.0));
        let mut values = vec![sum];
        for k in 0..count {
            // Midpoint rule. e^{u²} (1 + erf u) = e^{u²} erfc(−u)
            let u = (lowest_t + (k as f64 + 0.5) * T_STEP).sinh();
            let g = inner(u, before);
            let width = T_STEP * (1.0 + u * u).sqrt();
            sum = [sum[0] + scaled_erfc(-u) * width, sum[1] + g * width];
            before = (u, g);
            values.push(sum);
        }
        Self { lowest_t, values }
    }

    fn at(&self, u: f64) -> [f64; 2] {
        let place = ((u.asinh() - self.lowest_t) / T_STEP).max(0.0);
        let index = (place as usize).min(self.values.len() - 2);
        let (low, high) = (self.values[index], self.values[index + 1]);
        [0, 1].map(|which| low[which] + (place - index as f64) * (high[which] - low[which]))
    }
}

/// G(u), from its value at a smaller u.
fn inner(u: f64, (before, g): (f64, f64)) -> f64 {
    if u < FAR {
        return -scaled_erfc(-u).powi(2) / (2.0 * u) * (1.0 - 1.5 / (u * u));
    }
    let middle = (u + before) / 2.0;
    let grown = |from: f64| (u * u - from * from).exp();
    g * grown(before) + (u - before) * grown(middle) * scaled_erfc(-middle).powi(2)
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
