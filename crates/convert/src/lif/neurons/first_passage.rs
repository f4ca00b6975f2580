//! Rate and regularity of any integrate-and-fire neuron under white noise, from its first passage time.
//!
//! ```text
//! τ_m dv = f(v) dt + s √τ_m dW                                              D = s²/2
//! D T″ + f T′ = −τ_m,   D V″ + f V′ = −2D T′²                                T, V = 0 at v_peak,  T′, V′ = 0 at −∞
//! 1/ν = t_ref + T,   CV = ν √V                                               T, V at v_reset
//! ```
//!
//! T and V are the mean and the variance of the time from v to v_peak. The equation of V follows from that of the mean
//! square (Gardiner, *Handbook of Stochastic Methods*, section 5.2); its sums have no cancellation. f is constant on
//! each cell of a grid, so that −T′ is known in closed form from its value below, and the scheme is stable for large f
//! (Richardson, Phys. Rev. E 76:021919, 2007).

use mdl_model::rate::transfer::Unit;

/// Cells per standard deviation of the potential, and the maximum number of cells.
const CELLS_PER_SD: f64 = 10.0;
const MOST_CELLS: f64 = 4000.0;

/// The grid starts this many s below the lower of the reset and the equilibrium of the leak.
const BELOW: f64 = 4.0;

/// Rate (1/ms) and coefficient of variation of the intervals of a unit under a current μ (mV) with this drift f(v).
pub(super) fn rate_and_cv(unit: &Unit, mu: f64, drift: impl Fn(f64) -> f64) -> [f64; 2] {
    let (s, tau) = (unit.spread_mv(), unit.tau_membrane_ms);
    let d = s * s / 2.0;
    let lowest = unit.v_reset_mv.min(mu) - BELOW * s;
    let range = unit.v_peak_mv - lowest;
    let count = (range / d.sqrt() * CELLS_PER_SD).ceil().min(MOST_CELLS) as usize;
    let h = range / count as f64;
    // −T′ after a cell of drift f and source q, from its value before: D g′ = q − f g.
    let f: Vec<f64> = (0..count).map(|k| drift(lowest + (k as f64 + 0.5) * h)).collect();
    let after = |g: f64, k: usize, q: f64| {
        let a = f[k] * h / d;
        let grown = if a.abs() < 1e-9 { h / d } else { -(-a).exp_m1() / f[k] };
        g * (-a).exp() + q * grown
    };
    let slopes = |source: &dyn Fn(usize) -> f64| {
        let mut g = vec![0.0; count + 1];
        (0..count).for_each(|k| g[k + 1] = after(g[k], k, source(k)));
        g
    };
    // T at the nodes, by the trapezoidal rule from v_peak down.
    let times = |g: &[f64]| {
        let mut t = vec![0.0; count + 1];
        (0..count).rev().for_each(|k| t[k] = t[k + 1] + h * (g[k] + g[k + 1]) / 2.0);
        t
    };
    let slope = slopes(&|_| tau);
    let mean = times(&slope);
    let variance = times(&slopes(&|k| d * (slope[k] + slope[k + 1]).powi(2) / 2.0));
    let place = (unit.v_reset_mv - lowest) / h;
    let (k, part) = (place as usize, place.fract());
    let at_reset = |t: &[f64]| t[k] + part * (t[k + 1] - t[k]);
    let (mean, variance) = (at_reset(&mean), at_reset(&variance));
    if !mean.is_finite() {
        return [0.0, 1.0];
    }
    let rate = 1.0 / (unit.refractory_ms + mean);
    // No bounds for rare spikes, because such spikes are independent.
    [rate, if variance.is_finite() { (rate * variance.sqrt()).min(1.0) } else { 1.0 }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::config::LifConfig;

    /// Formulas of Siegert and Brunel, for the drift for which they hold.
    #[test]
    fn a_leaky_membrane_fires_as_its_formulas_say() {
        let config = LifConfig::default();
        let (unit, formulas) = (config.unit(), config.transfer().unwrap());
        for x in [-2f32, -1.0, 0.0, 2.0, 10.0, 50.0] {
            let mu = unit.bias_mv + f64::from(x);
            let [rate, cv] = rate_and_cv(&unit, mu, |v| mu - v);
            let [expected, spread] = formulas.at(x).map(f64::from);
            let expected_cv = spread / expected.sqrt();
            assert!((1000.0 * rate / expected - 1.0).abs() < 5e-3, "x = {x}: {} Hz, {expected} Hz", 1000.0 * rate);
            assert!((cv / expected_cv - 1.0).abs() < 1e-2, "x = {x}: CV {cv}, {expected_cv}");
        }
    }

    #[test]
    fn what_never_fires_has_rate_zero() {
        let unit = Unit { noise_sd_mv: 1e-4, ..LifConfig::default().unit() };
        assert_eq!(rate_and_cv(&unit, -60.0, |v| -60.0 - v), [0.0, 1.0]);
    }
}
