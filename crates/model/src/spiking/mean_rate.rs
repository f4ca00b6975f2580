//! Mean firing rates that gradients can be taken of.
//!
//! The synapse is a linear filter of the spikes, h_t = α_r h_{t−1} + s_{t−1}, r_t = α_d r_{t−1} + κ h_t. Its inverse counts
//! them from the traces r_0 … r_{T−1}:
//!
//! ```text
//! Σ_{t=0}^{T−2} s_t = (r_{T−1} + (1 − α_d − α_r) r_{T−2} + (1 − α_d)(1 − α_r) Σ_{t=0}^{T−3} r_t) / κ
//! ```
//!
//! The gradient of this sum, taken back through the filter, is 1 at every spike, and that of the surrogate from there on. No
//! operator needs to know about it, on the CPU or on a GPU. The spikes of the last step reach no synapse, and are not counted.

use super::population::Population;
use candle_core::{Result, Tensor};

/// Mean rate of each unit in each trial (Hz), `[B, N]`, over all steps but the last, from synaptic traces r `[T, B, N]`.
///
/// # Errors
/// Errors of candle.
pub fn mean_rates_hz(population: &Population, synapses: &Tensor) -> Result<Tensor> {
    let (steps, trials, neurons) = synapses.dims3()?;
    if steps < 2 {
        return Tensor::zeros((trials, neurons), synapses.dtype(), synapses.device());
    }
    let neuron = population.neuron();
    let seconds = (steps - 1) as f64 * neuron.dt_ms / 1e3;
    let alpha_r = neuron.alpha_rise();
    let row = |share: &dyn Fn(f64) -> f64| -> Vec<f64> {
        let taus_ms = (0..neurons).map(|i| population.tau_decay_ms(i));
        taus_ms.map(|tau_ms| share(neuron.alpha(tau_ms)) / (neuron.gain_at(tau_ms) * seconds)).collect()
    };
    let last = row(&|_| 1.0);
    let last_but_one = row(&|alpha_d| 1.0 - alpha_d - alpha_r);
    let earlier = row(&|alpha_d| (1.0 - alpha_d) * (1.0 - alpha_r));
    let mut factors = earlier.repeat(steps - 2);
    factors.extend(last_but_one.into_iter().chain(last));
    let factors = Tensor::from_vec(factors, (steps, 1, neurons), synapses.device())?.to_dtype(synapses.dtype())?;
    synapses.broadcast_mul(&factors)?.sum(0)
}
