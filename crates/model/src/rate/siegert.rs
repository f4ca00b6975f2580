//! Firing rate of a leaky integrate-and-fire neuron under a steady input x (mV above the bias) and membrane noise.
//!
//! ```text
//! 1/ν = t_ref + τ_m √π ∫ e^{u²} (1 + erf u) du                              u from a to b         (Siegert 1951)
//! CV² = 2π (ν τ_m)² ∫ G(u) du,   G(u) = e^{u²} ∫ e^{w²} (1 + erf w)² dw     w from −∞ to u        (Brunel 2000)
//! a = (v_reset − μ)/s,   b = (v_peak − μ)/s,   μ = bias + x,   s = √2 · noise_sd / √(1 − (1 − dt/τ_m)²)
//! ```
//!
//! Both integrands are functions of u alone, so their integrals are tabulated once, over t with u = sinh t; an input x
//! needs the differences between two entries of the table.

use super::transfer::{Transfer, Unit};
use mdl_kernels::normal::scaled_erfc;
use std::f64::consts::PI;

/// This far below threshold, in units of s, the unit never fires.
const U_MAX: f64 = 6.0;

/// Below this u, G is taken from its expansion at −∞.
const FAR: f64 = -5.0;

/// Step of t in the table of the integrals.
const T_STEP: f64 = 0.002;

/// The table of the transfer function extends this many times v_peak − v_reset above threshold.
const REACH: f64 = 4.0;

/// Transfer function of a leaky unit with noise.
pub fn leaky_transfer(unit: &Unit) -> Transfer {
    let s = unit.spread_mv();
    let threshold = unit.v_peak_mv - unit.bias_mv;
    let lowest = threshold - U_MAX * s;
    let highest = threshold + REACH * (unit.v_peak_mv - unit.v_reset_mv);
    let integrals = Integrals::new((unit.v_reset_mv - unit.bias_mv - highest) / s);
    Transfer::tabulate(unit.bias_mv, [lowest, highest], |mu| {
        let (a, b) = ((unit.v_reset_mv - mu) / s, (unit.v_peak_mv - mu) / s);
        let [rate, irregularity] = [0, 1].map(|which| integrals.at(b)[which] - integrals.at(a)[which]);
        let rate = 1.0 / (unit.refractory_ms + unit.tau_membrane_ms * PI.sqrt() * rate);
        let cv = ((2.0 * PI * irregularity).sqrt() * rate * unit.tau_membrane_ms).min(1.0);
        [rate, cv]
    })
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
