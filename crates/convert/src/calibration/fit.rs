//! Scaling factor λ and bias b of every unit, by least squares.
//!
//! ```text
//! before any run   Σ (φ(x) − a ν(x + b))²                       least over a = 1/λ and b, on the rate network's states x
//! after a run      e  = F φ(x) − a r                            x = IPSC + W_in u and r of the LIF network,
//!                  J  = [a F ν'(x + b), F ν(x + b)]             F the filter of its synapse
//!                  (JᵀJ + μ diag JᵀJ) [δb, δa]ᵀ = Jᵀe,  b += δb,  a += δa
//! ```
//!
//! ν is the transfer function of the LIF neuron, in Hz. For a given b the best a is Σ φν / Σ ν², so that only b is
//! searched for. After a run, each unit is compared with φ of the input that it had, not with the rate network: a unit does not
//! make up for wrong inputs, which are the matter of the units that send them. Otherwise all units correct the same error at
//! once, and the network diverges. J does not contain r: least squares on r itself would lower a by the variance of the spikes
//! in r. The correction ends where e is orthogonal to J.

use super::states::States;
use crate::lif::neurons::Transfer;
use rayon::prelude::*;

/// 1/λ stays within this factor of that of the network.
const MOST_RATIO: f64 = 4.0;
/// Distance between two biases of the first pass (mV).
const COARSE_MV: f64 = 0.5;
/// Refinements of the best of them, each to a fraction 0.618 of the interval.
const REFINEMENTS: usize = 16;
/// Half the distance over which ν' is measured (mV).
const NEAR_MV: f32 = 0.25;
/// Damping μ of a correction, and its largest change of a bias (mV).
const DAMPING: f64 = 0.1;
const LONGEST_STEP_MV: f64 = 2.0;
/// Values of a unit in the first fit.
const POINTS: usize = 4096;

/// Scaling factors and biases of all units.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// λ_i `[N]` (Hz)
    pub scaling_factor: Vec<f64>,
    /// b_i `[N]` (mV)
    pub bias_mv: Vec<f64>,
}

impl Units {
    /// All units as in a network with this scaling factor.
    pub fn uniform(units: usize, scaling_factor: f64) -> Self {
        Self { scaling_factor: vec![scaling_factor; units], bias_mv: vec![0.0; units] }
    }
}

/// Limits of a fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Scaling factor of the network.
    pub scaling_factor: f64,
    pub most_bias_mv: f64,
}

impl Limits {
    fn of_a(&self, a: f64) -> f64 {
        a.clamp(1.0 / (MOST_RATIO * self.scaling_factor), MOST_RATIO / self.scaling_factor)
    }

    fn of_b(&self, b: f64) -> f64 {
        b.clamp(-self.most_bias_mv, self.most_bias_mv)
    }
}

/// Fits all units to the states of the rate network.
pub(super) fn to_states(states: &States, transfer: &Transfer, limits: &Limits) -> Units {
    let every = (states.rows() / POINTS).max(1);
    let fitted = (0..states.units).into_par_iter().map(|unit| {
        let points: Vec<(f32, f64)> = states.of_unit(unit).step_by(every).map(|(x, phi)| (x, f64::from(phi))).collect();
        unit_to_points(&points, transfer, limits)
    });
    let (scaling_factor, bias_mv) = fitted.unzip();
    Units { scaling_factor, bias_mv }
}

/// λ and b of a unit from points (x, φ).
fn unit_to_points(points: &[(f32, f64)], transfer: &Transfer, limits: &Limits) -> (f64, f64) {
    let at = |b: f64| {
        let (mut nn, mut pn) = (0.0, 0.0);
        for (x, phi) in points {
            let rate = f64::from(transfer.at(x + b as f32)[0]);
            nn += rate * rate;
            pn += phi * rate;
        }
        let a = limits.of_a(if nn > 0.0 { pn / nn } else { 1.0 / limits.scaling_factor });
        // Σ (φ − aν)² without Σ φ², which is the same for all b.
        (a * (a * nn - 2.0 * pn), a)
    };
    let most = limits.most_bias_mv;
    let steps = (most / COARSE_MV).ceil() as i32;
    let coarse = (-steps..=steps).map(|k| limits.of_b(f64::from(k) * COARSE_MV));
    // Of equal ones, the smallest bias.
    let better = |a: &f64, b: &f64| at(*a).0.total_cmp(&at(*b).0).then(a.abs().total_cmp(&b.abs()));
    let Some(best) = coarse.min_by(better) else { return (limits.scaling_factor, 0.0) };
    let b = golden(limits.of_b(best - COARSE_MV), limits.of_b(best + COARSE_MV), |b| at(b).0);
    let b = if at(b).0 < at(best).0 { b } else { best };
    (1.0 / at(b).1, b)
}

/// The least value of a function with one minimum inside of an interval, by golden sections.
fn golden(mut low: f64, mut high: f64, value: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let inner = |low: f64, high: f64| (high - ratio * (high - low), low + ratio * (high - low));
    let (mut left, mut right) = inner(low, high);
    let (mut at_left, mut at_right) = (value(left), value(right));
    for _ in 0..REFINEMENTS {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = inner(low, high).0;
            at_left = value(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = inner(low, high).1;
            at_right = value(right);
        }
    }
    (low + high) / 2.0
}

/// Sums over trials and times for the correction of one unit.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    bb: f64,
    ba: f64,
    aa: f64,
    be: f64,
    ae: f64,
}

/// Correction of all units after runs of the LIF network.
pub(super) struct Correction<'a> {
    transfer: &'a Transfer,
    units: &'a Units,
    /// Fraction of r and of its filtered inputs that is left after a sample `[N]`
    kept: Vec<f64>,
    sums: Vec<Sums>,
}

/// Filtered functions of the states of one unit.
#[derive(Clone, Copy, Debug, Default)]
struct Filtered {
    phi: f64,
    rate: f64,
    slope: f64,
}

impl<'a> Correction<'a> {
    /// For units with these decay times, and samples of `sample_ms`.
    pub fn new(transfer: &'a Transfer, units: &'a Units, tau_decay_ms: &[f64], sample_ms: f64) -> Self {
        let kept = tau_decay_ms.iter().map(|tau| (-sample_ms / tau).exp()).collect();
        Self { transfer, units, kept, sums: vec![Sums::default(); tau_decay_ms.len()] }
    }

    /// Adds a trial: x, φ(x) and r of the LIF network, each `[times, N]`.
    pub fn add(&mut self, x: &[f32], phi: &[f32], r: &[f64]) {
        let n = self.kept.len();
        let mut filtered = vec![Filtered::default(); n];
        for ((x, phi), r) in x.chunks_exact(n).zip(phi.chunks_exact(n)).zip(r.chunks_exact(n)) {
            for i in 0..n {
                let (f, kept) = (&mut filtered[i], self.kept[i]);
                let (a, input) = (1.0 / self.units.scaling_factor[i], x[i] + self.units.bias_mv[i] as f32);
                let rate_at = |input| f64::from(self.transfer.at(input)[0]);
                let slope = (rate_at(input + NEAR_MV) - rate_at(input - NEAR_MV)) / (2.0 * f64::from(NEAR_MV));
                let follow = |filtered: &mut f64, value: f64| *filtered = kept * *filtered + (1.0 - kept) * value;
                follow(&mut f.phi, f64::from(phi[i]));
                follow(&mut f.rate, rate_at(input));
                follow(&mut f.slope, a * slope);
                let (error, sums) = (f.phi - a * r[i], &mut self.sums[i]);
                sums.bb += f.slope * f.slope;
                sums.ba += f.slope * f.rate;
                sums.aa += f.rate * f.rate;
                sums.be += f.slope * error;
                sums.ae += f.rate * error;
            }
        }
    }

    /// The corrected units.
    pub fn corrected(&self, limits: &Limits) -> Units {
        let unit = |(i, s): (usize, &Sums)| {
            let (a, b) = (1.0 / self.units.scaling_factor[i], self.units.bias_mv[i]);
            let (bb, aa) = ((1.0 + DAMPING) * s.bb, (1.0 + DAMPING) * s.aa);
            let determinant = bb * aa - s.ba * s.ba;
            if determinant <= 0.0 {
                return (1.0 / a, b);
            }
            let delta_b = (aa * s.be - s.ba * s.ae) / determinant;
            let delta_a = (bb * s.ae - s.ba * s.be) / determinant;
            let b = limits.of_b(b + delta_b.clamp(-LONGEST_STEP_MV, LONGEST_STEP_MV));
            (1.0 / limits.of_a(a + delta_a), b)
        };
        let (scaling_factor, bias_mv) = self.sums.iter().enumerate().map(unit).unzip();
        Units { scaling_factor, bias_mv }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::config::LifConfig;

    const LIMITS: Limits = Limits { scaling_factor: 50.0, most_bias_mv: 10.0 };

    /// Points that a unit of another factor and bias answers exactly.
    #[test]
    fn a_known_factor_and_bias_are_found() {
        let transfer = LifConfig::default().transfer().unwrap();
        for (lambda, bias) in [(35.0, 2.3), (80.0, -4.1)] {
            let phi = |x: f32| f64::from(transfer.at(x + bias as f32)[0]) / lambda;
            let points: Vec<(f32, f64)> = (-200..200).map(|k| k as f32 * 0.1).map(|x| (x, phi(x))).collect();
            let (found, found_bias) = unit_to_points(&points, &transfer, &LIMITS);
            assert!((found - lambda).abs() < 1e-2 * lambda && (found_bias - bias).abs() < 0.02, "{found} {found_bias}");
        }
    }

    #[test]
    fn limits_hold_and_a_silent_unit_stays_as_it_is() {
        let transfer = LifConfig::default().transfer().unwrap();
        let silent: Vec<(f32, f64)> = (0..100).map(|_| (-80.0, 0.0)).collect();
        assert_eq!(unit_to_points(&silent, &transfer, &LIMITS), (50.0, 0.0));
        let large: Vec<(f32, f64)> = (0..100).map(|k| (k as f32 * 0.1, 1e3)).collect();
        assert_eq!(unit_to_points(&large, &transfer, &LIMITS).0, 50.0 / MOST_RATIO);
        let far: Vec<(f32, f64)> = (0..100).map(|k| (-60.0 + k as f32 * 0.01, 0.01 * f64::from(k))).collect();
        let (_, bias) = unit_to_points(&far, &transfer, &LIMITS);
        assert!(bias.abs() <= 10.0, "{bias}");
    }

    #[test]
    fn the_golden_section_finds_a_minimum() {
        assert!((golden(-1.0, 1.0, |x| (x - 0.3).powi(2)) - 0.3).abs() < 1e-3);
        assert!((golden(-1.0, 1.0, |x| x) + 1.0).abs() < 1e-3);
    }

    /// A unit whose r is the filtered rate of another input is corrected until it follows φ.
    #[test]
    fn corrections_end_where_the_units_follow_their_activation() {
        let transfer = LifConfig::default().transfer().unwrap();
        let (times, tau_ms, sample_ms) = (400, 30.0, 5.0);
        let x: Vec<f32> = (0..times).map(|t| 6.0 * (t as f32 * 0.05).sin()).collect();
        // The unit fires as if its input were 1.5 mV higher, and the rate network is ν(x)/40.
        let phi: Vec<f32> = x.iter().map(|x| transfer.at(*x)[0] / 40.0).collect();
        let mut units = Units::uniform(1, 50.0);
        for _ in 0..12 {
            let (kept, mut r) = (f64::exp(-sample_ms / tau_ms), vec![0.0]);
            for x in &x {
                let rate = f64::from(transfer.at(x + 1.5 + units.bias_mv[0] as f32)[0]);
                r.push(kept * r[r.len() - 1] + (1.0 - kept) * rate);
            }
            let mut correction = Correction::new(&transfer, &units, &[tau_ms], sample_ms);
            correction.add(&x, &phi, &r[1..]);
            units = correction.corrected(&LIMITS);
        }
        assert!((units.bias_mv[0] + 1.5).abs() < 0.05, "{units:?}");
        assert!((units.scaling_factor[0] - 40.0).abs() < 0.5, "{units:?}");
    }
}
