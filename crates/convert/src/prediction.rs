//! A scaling factor from theory: what the transfer function of the noisy LIF neuron says before any trial is run.
//!
//! A LIF unit with the input of a rate unit, bias + x in mV, fires at ν(x) Hz where the rate unit has the rate φ(x). The
//! recurrent input and the output agree on average when ν(x) = scaling factor · φ(x), so the predicted factor is the least
//! squares fit of ν on φ over the inputs that units meet, x = −4 … 4:
//!
//! ```text
//! factor = Σ_x ν(x) φ(x) / Σ_x φ(x)²
//! 1/ν(x) = t_ref + τ_m √π ∫ e^{u²} (1 + erf u) du   from (v_reset − μ)/s to (v_peak − μ)/s      (Siegert 1951)
//! μ = bias + x,   s = √2 · noise_sd / √(1 − (1 − dt/τ_m)²)
//! ```
//!
//! It knows the neuron but not the network: it is a place to start from, not a replacement of the search.

use crate::statistics::scaled_erfc;
use mdl_model::lif::{LifConfig, LifNeuron};
use mdl_model::rate::Activation;

/// Inputs over which the fit is made (mV), and their distance.
const INPUTS: f64 = 4.0;
const INPUT_STEP: f64 = 0.1;

/// Intervals of the integral.
const INTERVALS: usize = 4000;

/// Beyond this the integrand is so large that the rate is 0.
const LARGEST: f64 = 20.0;

/// The predicted scaling factor; none for a quadratic neuron or without noise, for which the formula does not hold.
pub fn predicted_factor(config: &LifConfig, activation: Activation) -> Option<f64> {
    if config.neuron != LifNeuron::Lif || config.noise_sd_mv() <= 0.0 {
        return None;
    }
    let count = (2.0 * INPUTS / INPUT_STEP).round() as usize;
    let (mut product, mut square) = (0.0, 0.0);
    for x in (0..=count).map(|k| k as f64 * INPUT_STEP - INPUTS) {
        let rate = phi(activation, x);
        product += siegert_rate_hz(config, x) * rate;
        square += rate * rate;
    }
    Some(product / square)
}

/// φ(x)
fn phi(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        Activation::Softplus => x.exp().ln_1p(),
        Activation::Relu => x.max(0.0),
    }
}

/// Firing rate (Hz) of a LIF unit whose input lies `x_mv` above the bias.
fn siegert_rate_hz(config: &LifConfig, x_mv: f64) -> f64 {
    let keep = 1.0 - config.step_ms() / config.tau_membrane_ms;
    let s = std::f64::consts::SQRT_2 * config.noise_sd_mv() / (1.0 - keep * keep).sqrt();
    let mu = config.bias_mv() + x_mv;
    let (low, high) = ((config.v_reset_mv - mu) / s, (config.v_peak_mv() - mu) / s);
    if high > LARGEST {
        return 0.0;
    }
    // e^{u²} (1 + erf u) = e^{u²} erfc(−u)
    let width = (high - low) / INTERVALS as f64;
    let integral = (0..INTERVALS).map(|k| scaled_erfc(-(low + (k as f64 + 0.5) * width))).sum::<f64>() * width;
    1000.0 / (config.refractory_ms + config.tau_membrane_ms * std::f64::consts::PI.sqrt() * integral)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::{LifNetwork, Recording, Recurrent, Simulator, Timing, TrialDraws};

    #[test]
    fn the_formula_gives_the_rate_of_simulated_units() {
        let n = 64;
        for (x, tolerance) in [(-1.0, 0.12), (0.0, 0.08), (2.0, 0.05), (10.0, 0.03)] {
            let config = LifConfig { v_initial_max_mv: -40.0, ..LifConfig::default() };
            let network = LifNetwork {
                units: n,
                inputs: 1,
                outputs: 1,
                w_in: vec![x; n],
                recurrent: Recurrent::Dense(vec![0.0; n * n]),
                w_out: vec![0.0; n],
                tau_decay_ms: vec![20.0; n],
                kinds: Vec::new(),
            };
            let timing = Timing::new(&config, 1000, 5.0).unwrap();
            let simulator = Simulator::new(&network, &config, timing).unwrap();
            let draws = TrialDraws { seed: 1, trial: 0 };
            let run = simulator.run(&[1.0; 1000], &[1.0], &draws, &Recording::default()).unwrap().remove(0);
            let simulated = run.rate_hz(5000.0).iter().sum::<f64>() / n as f64;
            let formula = siegert_rate_hz(&config, x);
            assert!(
                (simulated - formula).abs() < tolerance * simulated,
                "x = {x}: {simulated} Hz, formula {formula} Hz"
            );
        }
    }

    #[test]
    fn far_below_threshold_nothing_fires_and_quadratic_neurons_have_no_prediction() {
        let config = LifConfig::default();
        assert_eq!(siegert_rate_hz(&config, -60.0), 0.0);
        let factor = predicted_factor(&config, Activation::Sigmoid).unwrap();
        assert!((30.0..60.0).contains(&factor), "{factor}");
        let quadratic = LifConfig { neuron: LifNeuron::Qif, ..config };
        assert_eq!(predicted_factor(&quadratic, Activation::Sigmoid), None);
    }
}
