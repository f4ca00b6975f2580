//! Synaptic currents of a run, from its synaptic traces.
//!
//! ```text
//! I_t = α_s I_{t−1} + W_in x_t + Ξ_in diag(λ) Ξ_outᵀ r_{t−1}          I_0 = 0, r_0 = 0, t = 1 … T
//! ```
//!
//! The operator keeps I only from one step to the next; here it is computed again, within rounding.

use super::population::Population;
use crate::modes::ModeParameters;
use candle_core::{Result, Tensor};

/// Synaptic currents I `[T, B, N]` of a run over signals x `[T, B, K]` with synaptic traces r `[T, B, N]`.
///
/// # Errors
/// Tensors of mismatched shapes.
pub fn currents(
    population: &Population,
    parameters: &ModeParameters,
    signals: &Tensor,
    synapses: &Tensor,
) -> Result<Tensor> {
    let (steps, trials, neurons) = synapses.dims3()?;
    let drive = signals.flatten_to(1)?.matmul(&parameters.w_in.t()?)?.reshape((steps, trials, neurons))?;
    let modes = synapses.flatten_to(1)?.matmul(&parameters.mode_out)?;
    let recurrent = modes.matmul(&parameters.scored_mode_in()?.t()?)?.reshape((steps, trials, neurons))?;
    let neuron = population.neuron();
    let alpha = neuron.alpha(neuron.tau_current_ms);
    let mut rows: Vec<Tensor> = Vec::with_capacity(steps);
    for t in 0..steps {
        let arriving = drive.get(t)?;
        rows.push(match rows.last() {
            None => arriving,
            Some(before) => (((before * alpha)? + arriving)? + recurrent.get(t - 1)?)?,
        });
    }
    Tensor::stack(&rows, 0)
}

#[cfg(test)]
mod tests {
    use super::super::neuron::SpikingNeuron;
    use super::super::{Input, run::states};
    use super::*;
    use crate::modes::ModeSizes;
    use candle_core::Device;
    use mdl_kernels::random::{Purpose, fill_normal};

    /// V_t = α_m U_{t−1} + (1 − α_m) I_t in the neurons that did not spike one step before.
    #[test]
    fn currents_move_the_membrane() -> Result<()> {
        let sizes = ModeSizes { neurons: 40, modes: 2, inputs: 2, outputs: 1 };
        let mut parameters = ModeParameters::initial(&sizes, 1)?;
        parameters.w_in = (parameters.w_in * 3.0)?;
        let mut x = vec![0f32; 60 * 3 * 2];
        fill_normal(1, Purpose::TrainingTrial, 0, 0, 1.0, &mut x);
        let signals = Tensor::from_vec(x, (60, 3, 2), &Device::Cpu)?;
        let population = Population::from(SpikingNeuron::default());
        let seen = states(&population, &parameters, &Input::Signals(signals.clone()))?;
        let found = currents(&population, &parameters, &signals, &seen.synapses)?;
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (i, v, u, s) = (values(&found)?, values(&seen.membrane)?, values(&seen.potential)?, values(&seen.spikes)?);
        assert!(s.iter().sum::<f32>() > 100.0, "a silent network tests nothing");
        let (row, alpha) = (3 * 40, (-0.1f32).exp());
        let mut compared = 0;
        for at in row..i.len() {
            if s[at - row] == 0.0 {
                let expected = alpha * u[at - row] + (1.0 - alpha) * i[at];
                assert!((v[at] - expected).abs() < 1e-4, "{at}: {} {expected}", v[at]);
                compared += 1;
            }
        }
        assert!(compared > 1000);
        Ok(())
    }
}
