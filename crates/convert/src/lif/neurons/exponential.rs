//! Exponential integrate-and-fire (Fourcaud-Trocmé, Hansel, van Vreeswijk & Brunel, J. Neurosci. 23:11628, 2003).
//!
//! ```text
//! v += dt/τ_m · (−v + I + Δ_T exp((v − v_T)/Δ_T))          I = IPSC + bias + W_in u
//! ```
//!
//! v_T is the onset of the spike: dv/dt is smallest there, and without noise a unit fires if I exceeds v_T − Δ_T. I
//! includes the resting potential; unless the config sets it, the bias is v_T, as the bias of the leaky neuron is its
//! threshold. Δ_T is the sharpness of the spike: for Δ_T → 0 the neuron becomes the leaky one with threshold v_T. Above
//! v_T the potential diverges, and v_peak only cuts it off: from v_T + kΔ_T onwards, k ≥ 2, the time to infinity is
//! less than τ_m e^{1−k}.
//!
//! The exponent is limited to 60, above which any step passes v_peak, so that nothing overflows.
//!
//! The transfer function has no closed form; it is computed from the moments of the first passage time
//! (`first_passage.rs`).

use super::first_passage;
use super::membrane::{Kernel, Membrane};
use mdl_data::field::{InvalidField, LARGEST, require, require_between};
use mdl_kernels::real::Real;
use mdl_model::rate::transfer::{Transfer, Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maximum exponent.
const LARGEST_EXPONENT: f64 = 60.0;

/// Smallest and largest Δ_T (mV): single precision resolves the potentials over which the current grows, and no current
/// overflows.
const SLOPE_FACTORS_MV: [f64; 2] = [0.01, 1e3];

/// The table of the transfer function extends this many s below the current at which firing starts, and to this many
/// times v_T − v_reset above it.
const BELOW: f64 = 6.0;
const REACH: f64 = 4.0;

/// Constants of the exponential neuron.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exponential {
    /// Onset potential v_T of the spike (mV).
    pub threshold_mv: f64,
    /// Slope factor Δ_T, the sharpness of the spike (mV).
    pub slope_factor_mv: f64,
}

impl Default for Exponential {
    fn default() -> Self {
        Self { threshold_mv: -40.0, slope_factor_mv: 2.0 }
    }
}

impl Exponential {
    /// Current above which a unit fires without noise (mV).
    fn rheobase_mv(&self) -> f64 {
        self.threshold_mv - self.slope_factor_mv
    }
}

impl Membrane for Exponential {
    fn name(&self) -> &'static str {
        "exponential"
    }

    fn v_peak_mv(&self) -> f64 {
        30.0
    }

    fn bias_mv(&self, _: f64) -> f64 {
        self.threshold_mv
    }

    fn threshold_mv(&self, _: f64) -> f64 {
        self.threshold_mv
    }

    fn validate(&self, v_peak_mv: f64) -> Result<(), InvalidField> {
        require_between("threshold_mv", self.threshold_mv, -LARGEST, LARGEST)?;
        let [least, most] = SLOPE_FACTORS_MV;
        require_between("slope_factor_mv", self.slope_factor_mv, least, most)?;
        let below_peak = format!("a number below lif.v_peak_mv = {v_peak_mv}");
        require(self.threshold_mv < v_peak_mv, "threshold_mv", self.threshold_mv, &below_peak)
    }

    fn transfer(&self, unit: &Unit) -> Option<Transfer> {
        let lowest = self.rheobase_mv() - unit.bias_mv - BELOW * unit.spread_mv();
        let highest = self.rheobase_mv() - unit.bias_mv + REACH * (self.threshold_mv - unit.v_reset_mv).abs();
        let of_current = |mu| first_passage::rate_and_cv(unit, mu, |v| self.drift(v, mu));
        Some(Transfer::tabulate(unit.bias_mv, [lowest, highest], of_current))
    }

    fn kernel(&self) -> Kernel {
        Kernel { number: 2, constants: [self.threshold_mv, self.slope_factor_mv] }
    }

    #[inline(always)]
    fn drift<R: Real>(&self, v: R, current: R) -> R {
        let [threshold, slope, largest] = [self.threshold_mv, self.slope_factor_mv, LARGEST_EXPONENT].map(R::constant);
        let exponent = (v - threshold) / slope;
        let exponent = if exponent < largest { exponent } else { largest };
        (-v + current) + slope * exponent.exp_vector()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::config::{LifConfig, LifMode};
    use crate::lif::neurons::LifNeuron;
    use crate::lif::{Recording, Simulator, Timing, TrialDraws};
    use crate::testing::{network, regular_interval_ms, simulated};

    fn config(exponential: Exponential) -> LifConfig {
        LifConfig { neuron: LifNeuron::Eif(exponential), ..LifConfig::default() }
    }

    /// ∫ τ_m dv/(I − v + Δ_T exp((v − v_T)/Δ_T)) from v_reset to v_peak, I = v_T + x, by `scipy.integrate.quad` to 1e-12.
    #[test]
    fn the_interval_without_noise_is_the_integral() {
        let config =
            LifConfig { dt_ms: 0.0005, refractory_ms: 0.0, v_initial_max_mv: -65.0, ..config(Exponential::default()) };
        for (x, expected) in
            [(-1.5, 93.47908379279164), (0.0, 46.520562015479136), (10.0, 16.28351016794739), (40.0, 6.436013859174606)]
        {
            let found = regular_interval_ms(&config, x);
            assert!((found / expected - 1.0).abs() < 2e-3, "x = {x}: {found} ms, expected {expected} ms");
        }
    }

    /// τ_m ln((I − v_reset)/(I − v_T)), of the leaky neuron.
    #[test]
    fn a_sharp_spike_is_a_threshold() {
        let sharp = Exponential { slope_factor_mv: 0.01, ..Exponential::default() };
        let config = LifConfig { dt_ms: 0.0005, refractory_ms: 0.0, v_initial_max_mv: -65.0, ..config(sharp) };
        for x in [2f64, 30.0] {
            let expected = 10.0 * ((25.0 + x) / x).ln();
            let found = regular_interval_ms(&config, x);
            assert!((found / expected - 1.0).abs() < 2e-2, "x = {x}: {found} ms, expected {expected} ms");
        }
    }

    #[test]
    fn rate_and_regularity_of_simulated_units_are_those_of_the_transfer_function() {
        let config = LifConfig { v_initial_max_mv: -40.0, ..config(Exponential::default()) };
        let transfer = config.transfer().unwrap();
        for (x, tolerance) in [(-3.0, 0.08), (-2.0, 0.05), (0.0, 0.03), (10.0, 0.03), (50.0, 0.03)] {
            let (rate, cv) = simulated(&config, x);
            let [expected, spread] = transfer.at(x as f32).map(f64::from);
            assert!((rate / expected - 1.0).abs() < tolerance, "x = {x}: {rate} Hz, expected {expected} Hz");
            let expected_cv = spread / expected.sqrt();
            assert!((cv / expected_cv - 1.0).abs() < 0.15, "x = {x}: CV {cv}, expected {expected_cv}");
        }
        assert_eq!(transfer.at(-60.0), [0.0; 2]);
    }

    /// The smallest and largest constants, potentials far above the peak at the start, jumps, no refractory period.
    #[test]
    fn nothing_overflows() {
        let network = network(20);
        for slope_factor_mv in [SLOPE_FACTORS_MV[0], 2.0, SLOPE_FACTORS_MV[1]] {
            for mode in [LifMode::Exact, LifMode::Fast, LifMode::FastDouble] {
                let neuron = Exponential { slope_factor_mv, ..Exponential::default() };
                let config = LifConfig {
                    mode,
                    refractory_ms: 0.0,
                    v_initial_max_mv: LARGEST,
                    v_peak_mv: Some(LARGEST),
                    noise_sd_mv_per_step: 1e3,
                    ..config(neuron)
                };
                let timing = Timing::new(&config, 2, 5.0).unwrap();
                let recording = Recording { end_state: true, ..Recording::default() };
                let draws = TrialDraws { seed: 1, trial: 0 };
                let simulator = Simulator::new(&network, &config, timing).unwrap();
                let run = simulator.run(&[1.0, 1.0], &[1.0], &draws, &recording).unwrap().remove(0);
                assert!(run.spike_count.iter().sum::<u32>() > 0, "{slope_factor_mv} {mode:?}");
                assert!(run.end.unwrap().v_mv.iter().all(|v| v.is_finite()), "{slope_factor_mv} {mode:?}");
            }
        }
    }

    #[test]
    fn impossible_constants_are_named() {
        let named = |neuron| config(neuron).validate().unwrap_err();
        let default = Exponential::default;
        assert_eq!(config(default()).validate(), Ok(()));
        assert_eq!(named(Exponential { slope_factor_mv: 0.0, ..default() }).field, "neuron.slope_factor_mv");
        assert_eq!(named(Exponential { threshold_mv: f64::NAN, ..default() }).field, "neuron.threshold_mv");
        let error = named(Exponential { threshold_mv: 30.0, ..default() });
        assert_eq!((&*error.field, &*error.expected), ("neuron.threshold_mv", "a number below lif.v_peak_mv = 30"));
    }

    #[test]
    fn constants_are_kept_beside_the_kind() {
        let read = |text: &str| serde_json::from_str::<LifNeuron>(text).unwrap();
        let eif = LifNeuron::Eif(Exponential::default());
        let kept = r#"{"kind":"eif","slope_factor_mv":2.0,"threshold_mv":-40.0}"#;
        assert_eq!([read(r#""eif""#), read(r#"{"kind": "eif"}"#), read(kept)], [eif; 3]);
        assert_eq!(serde_json::to_string(&eif).unwrap(), kept);
    }
}
