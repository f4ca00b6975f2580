//! The transfer function of the noisy LIF neuron: how fast and how regularly it fires under a steady input.
//!
//! ```text
//! 1/ν = t_ref + τ_m √π ∫ e^{u²} (1 + erf u) du                              u from a to b         (Siegert 1951)
//! CV² = 2π (ν τ_m)² ∫ G(u) du,   G(u) = e^{u²} ∫ e^{w²} (1 + erf w)² dw     w from −∞ to u        (Brunel 2000)
//! a = (v_reset − μ)/s,   b = (v_peak − μ)/s,   μ = bias + x,   s = √2 · noise_sd / √(1 − (1 − dt/τ_m)²)
//! ```
//!
//! Both integrands are functions of u alone, so their integrals are tabulated once, over t with u = sinh t, and an input x
//! takes the differences between two places of that table.

use super::normal::scaled_erfc;
use crate::lif::config::{LifConfig, LifNeuron};
use std::f64::consts::{PI, SQRT_2};

/// So far below threshold, in units of s, nothing fires.
const U_MAX: f64 = 6.0;

/// Below this u, G is taken from its expansion at −∞.
const FAR: f64 = -5.0;

/// Step of t in the table of the integrals.
const T_STEP: f64 = 0.002;

/// Inputs of the table, which reaches this many times v_peak − v_reset above threshold.
const INPUTS: usize = 4096;
const REACH: f64 = 4.0;

/// Firing rate and its fluctuations against the input of a unit.
#[derive(Debug)]
pub struct Transfer {
    lowest_mv: f32,
    per_mv: f32,
    /// ν (Hz) and CV √ν at ascending inputs.
    table: Vec<[f32; 2]>,
}

impl Transfer {
    /// The transfer function of a neuron; none of a quadratic one or without noise, for which the formulas do not hold.
    pub fn new(config: &LifConfig) -> Option<Self> {
        if config.neuron != LifNeuron::Lif || config.noise_sd_mv() <= 0.0 {
            return None;
        }
        let keep = 1.0 - config.step_ms() / config.tau_membrane_ms;
        let s = SQRT_2 * config.noise_sd_mv() / (1.0 - keep * keep).sqrt();
        let threshold = config.v_peak_mv() - config.bias_mv();
        let lowest = threshold - U_MAX * s;
        let highest = threshold + REACH * (config.v_peak_mv() - config.v_reset_mv);
        let step = (highest - lowest) / (INPUTS - 1) as f64;
        let integrals = Integrals::new((config.v_reset_mv - config.bias_mv() - highest) / s);
        let entry = |k: usize| {
            let mu = config.bias_mv() + lowest + step * k as f64;
            let (a, b) = ((config.v_reset_mv - mu) / s, (config.v_peak_mv() - mu) / s);
            let [rate, irregularity] = [0, 1].map(|which| integrals.at(b)[which] - integrals.at(a)[which]);
            let rate = 1.0 / (config.refractory_ms + config.tau_membrane_ms * PI.sqrt() * rate);
            let cv = ((2.0 * PI * irregularity).sqrt() * rate * config.tau_membrane_ms).min(1.0);
            [1000.0 * rate, cv * (1000.0 * rate).sqrt()].map(|x| x as f32)
        };
        Some(Self { lowest_mv: lowest as f32, per_mv: (1.0 / step) as f32, table: (0..INPUTS).map(entry).collect() })
    }

    /// ν (Hz) and CV √ν of a unit whose input lies `x_mv` above the bias.
    #[inline(always)]
    pub fn at(&self, x_mv: f32) -> [f32; 2] {
        let place = (x_mv - self.lowest_mv) * self.per_mv;
        if place.is_nan() || place <= 0.0 {
            return [0.0; 2];
        }
        let index = (place as usize).min(INPUTS - 2);
        let part = (place - index as f32).min(1.0);
        let (low, high) = (self.table[index], self.table[index + 1]);
        [low[0] + part * (high[0] - low[0]), low[1] + part * (high[1] - low[1])]
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
    use super::*;
    use crate::lif::{LifNetwork, Recording, Recurrent, Simulator, Timing, TrialDraws};

    /// Rate (Hz) and coefficient of variation of the intervals of simulated units.
    fn simulated(x_mv: f64) -> (f64, f64) {
        let (n, samples) = (64, 2000);
        let config = LifConfig { v_initial_max_mv: -40.0, ..LifConfig::default() };
        let network = LifNetwork {
            units: n,
            inputs: 1,
            outputs: 1,
            w_in: vec![x_mv; n],
            recurrent: Recurrent::Dense(vec![0.0; n * n]),
            w_out: vec![0.0; n],
            tau_decay_ms: vec![20.0; n],
            kinds: Vec::new(),
        };
        let timing = Timing::new(&config, samples, 5.0).unwrap();
        let simulator = Simulator::new(&network, &config, timing).unwrap();
        let recording = Recording { spikes: true, ..Recording::default() };
        let draws = TrialDraws { seed: 1, trial: 0 };
        let run = simulator.run(&vec![1.0; samples], &[1.0], &draws, &recording).unwrap().remove(0);
        let mut intervals = Vec::new();
        for unit in 0..n as u32 {
            let steps: Vec<u32> = run.spikes.iter().filter(|s| s.unit == unit).map(|s| s.step).collect();
            intervals.extend(steps.windows(2).map(|w| f64::from(w[1] - w[0])));
        }
        let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
        let variance = intervals.iter().map(|i| (i - mean).powi(2)).sum::<f64>() / intervals.len() as f64;
        (run.spikes.len() as f64 / (n as f64 * 10.0), variance.sqrt() / mean)
    }

    #[test]
    fn the_formulas_give_rate_and_regularity_of_simulated_units() {
        let transfer = Transfer::new(&LifConfig::default()).unwrap();
        for (x, tolerance) in [(-1.0, 0.12), (0.0, 0.08), (2.0, 0.05), (10.0, 0.03)] {
            let (rate, cv) = simulated(x);
            let [formula, spread] = transfer.at(x as f32).map(f64::from);
            assert!((rate - formula).abs() < tolerance * rate, "x = {x}: {rate} Hz, formula {formula} Hz");
            let formula_cv = spread / formula.sqrt();
            assert!((cv - formula_cv).abs() < 0.15 * cv, "x = {x}: CV {cv}, formula {formula_cv}");
        }
    }

    #[test]
    fn far_below_threshold_units_fire_rarely_and_at_random() {
        let config = LifConfig::default();
        let transfer = Transfer::new(&config).unwrap();
        assert_eq!(transfer.at(-60.0), [0.0; 2]);
        assert_eq!(transfer.at(f32::NAN), [0.0; 2]);
        let [rate, spread] = transfer.at(-4.0);
        assert!(rate < 0.2 && spread / rate.sqrt() > 0.98, "{rate} Hz, CV {}", spread / rate.sqrt());
        assert_eq!(transfer.at(1e9), transfer.at(100.0), "constant beyond the table");
        assert!(Transfer::new(&LifConfig { neuron: LifNeuron::Qif, ..config.clone() }).is_none());
        assert!(Transfer::new(&LifConfig { noise_sd_mv_per_step: 0.0, ..config }).is_none());
    }
}
