//! A LIF network as plain data.

use crate::error::{Error, Result};
use mdl_kernels::product::spike_columns::SpikeColumns;
use mdl_kernels::real::Real;
use mdl_model::rate::UnitKind;

/// The recurrent weights W, before division by the scaling factor.
#[derive(Clone, Debug, PartialEq)]
pub enum Recurrent {
    /// Effective weights `[N, N]`, row = to, column = from: signs and masks already applied.
    Dense(Vec<f64>),
    /// W = Ξ_in diag(λ) Ξ_outᵀ, simulated in this form.
    Modes {
        /// Ξ_in `[N, P]`
        mode_in: Vec<f64>,
        /// λ `[P]`
        score: Vec<f64>,
        /// Ξ_out `[N, P]`
        mode_out: Vec<f64>,
    },
}

impl Recurrent {
    /// The weights of a network of `units` units divided by `divisor`, to be multiplied with spikes.
    pub(super) fn columns<R: Real>(&self, units: usize, divisor: f64) -> SpikeColumns<R> {
        match self {
            Self::Dense(w) => SpikeColumns::of_matrix(w, units, divisor),
            Self::Modes { mode_in, score, mode_out } => SpikeColumns::of_modes(mode_in, score, mode_out, divisor),
        }
    }
}

/// A LIF network. The scaling factor is no part of it: the search varies it.
#[derive(Clone, Debug, PartialEq)]
pub struct LifNetwork {
    /// Units N.
    pub units: usize,
    /// Input channels K.
    pub inputs: usize,
    /// Outputs O.
    pub outputs: usize,
    /// W_in `[N, K]`
    pub w_in: Vec<f64>,
    /// W
    pub recurrent: Recurrent,
    /// W_out `[O, N]`
    pub w_out: Vec<f64>,
    /// τ_d `[N]` (ms)
    pub tau_decay_ms: Vec<f64>,
    /// Constant current of each unit besides that of all, `[N]` (mV); empty where units have none.
    pub bias_mv: Vec<f64>,
    /// Kind of each unit `[N]`; empty where units have none.
    pub kinds: Vec<UnitKind>,
}

impl LifNetwork {
    /// Multiplies the outgoing weights of each unit, in W and W_out, by its gain `[N]`.
    pub fn scale_outgoing(&mut self, gain: &[f64]) {
        let by_column = |w: &mut [f64]| w.iter_mut().zip(gain.iter().cycle()).for_each(|(w, gain)| *w *= gain);
        by_column(&mut self.w_out);
        match &mut self.recurrent {
            Recurrent::Dense(w) => by_column(w),
            Recurrent::Modes { score, mode_out, .. } => {
                let rows = mode_out.chunks_exact_mut(score.len().max(1));
                rows.zip(gain).for_each(|(row, gain)| row.iter_mut().for_each(|m| *m *= gain));
            }
        }
    }

    /// Number of modes P; none for a network without modes.
    pub fn modes(&self) -> Option<usize> {
        match &self.recurrent {
            Recurrent::Dense(_) => None,
            Recurrent::Modes { score, .. } => Some(score.len()),
        }
    }

    /// Mode variables Ξ_outᵀ r `[P]` of rates r `[N]`; empty for a network without modes.
    pub fn mode_variables(&self, r: &[f64]) -> Vec<f64> {
        let Recurrent::Modes { score, mode_out, .. } = &self.recurrent else { return Vec::new() };
        let mut variables = vec![0.0; score.len()];
        for (r, row) in r.iter().zip(mode_out.chunks_exact(score.len())) {
            variables.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight * r);
        }
        variables
    }

    /// Refuses mismatched arrays, and values with which no network can run.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::Value`] naming the array.
    pub fn validate(&self) -> Result<()> {
        let n = self.units;
        if n == 0 || self.inputs == 0 {
            return Err(Error::Length { name: "w_in", found: 0, expected: 1 });
        }
        matrix("w_in", &self.w_in, n * self.inputs)?;
        matrix("w_out", &self.w_out, self.outputs * n)?;
        match &self.recurrent {
            Recurrent::Dense(w) => matrix("w_rec", w, n * n)?,
            Recurrent::Modes { mode_in, score, mode_out } => {
                matrix("score", score, score.len())?;
                matrix("mode_in", mode_in, n * score.len())?;
                matrix("mode_out", mode_out, n * score.len())?;
            }
        }
        matrix("tau_ms", &self.tau_decay_ms, n)?;
        if let Some((index, &found)) = self.tau_decay_ms.iter().enumerate().find(|(_, tau)| **tau <= 0.0) {
            return Err(Error::Value { name: "tau_ms", index, found, expected: "a number above 0" });
        }
        if !self.bias_mv.is_empty() {
            matrix("bias_mv", &self.bias_mv, n)?;
        }
        let kinds = self.kinds.len();
        if kinds != 0 && kinds != n {
            return Err(Error::Length { name: "sign", found: kinds, expected: n });
        }
        Ok(())
    }
}

/// Refuses an array of another length, or with a value that is not finite.
fn matrix(name: &'static str, values: &[f64], expected: usize) -> Result<()> {
    if values.len() != expected {
        return Err(Error::Length { name, found: values.len(), expected });
    }
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Error::Value { name, index, found: values[index], expected: "a finite number" }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::config::{LifConfig, LifMode};
    use crate::lif::{Recording, Simulator, Timing, TrialDraws};
    use crate::testing::network;

    /// A bias is an input that never changes.
    #[test]
    fn a_bias_of_a_unit_is_a_constant_input() {
        let n = 20;
        let bias: Vec<f64> = (0..n).map(|i| f64::from(i as u32) - 8.0).collect();
        let with_input = LifNetwork { w_in: bias.clone(), ..network(n) };
        let with_bias = LifNetwork { w_in: vec![0.0; n], bias_mv: bias, ..network(n) };
        for mode in [LifMode::Exact, LifMode::Fast, LifMode::FastDouble] {
            let config = LifConfig { mode, ..LifConfig::default() };
            let run = |network: &LifNetwork| {
                let timing = Timing::new(&config, 20, 5.0).unwrap();
                let draws = TrialDraws { seed: 1, trial: 0 };
                let recording = Recording { spikes: true, ..Recording::default() };
                let simulator = Simulator::new(network, &config, timing).unwrap();
                simulator.run(&[1.0; 20], &[20.0], &draws, &recording).unwrap().remove(0).spikes
            };
            let spikes = run(&with_bias);
            assert_eq!(spikes, run(&with_input), "{mode:?}");
            assert_ne!(spikes, run(&LifNetwork { bias_mv: Vec::new(), ..with_bias.clone() }), "{mode:?}");
        }
    }

    #[test]
    fn gains_multiply_what_a_unit_sends() {
        let gain = [2.0, 3.0];
        let dense = Recurrent::Dense(vec![1.0, 2.0, 3.0, 4.0]);
        let modes = Recurrent::Modes { mode_in: vec![1.0; 4], score: vec![1.0; 2], mode_out: vec![1.0, 2.0, 3.0, 4.0] };
        let scaled = |recurrent: Recurrent| {
            let mut network = LifNetwork { w_out: vec![1.0, 1.0, 5.0, 5.0], recurrent, ..network(2) };
            network.scale_outgoing(&gain);
            assert_eq!(network.w_out, [2.0, 3.0, 10.0, 15.0]);
            network.recurrent
        };
        assert_eq!(scaled(dense), Recurrent::Dense(vec![2.0, 6.0, 6.0, 12.0]));
        let Recurrent::Modes { mode_in, mode_out, .. } = scaled(modes) else { panic!("modes stay modes") };
        assert_eq!((mode_in, mode_out), (vec![1.0; 4], vec![2.0, 4.0, 9.0, 12.0]));
    }

    #[test]
    fn biases_that_do_not_fit_are_named() {
        let named = |bias_mv: Vec<f64>| LifNetwork { bias_mv, ..network(3) }.validate().map_err(|e| e.to_string());
        assert_eq!(named(vec![1.0; 3]), Ok(()));
        assert!(named(vec![1.0; 2]).unwrap_err().contains("bias_mv: found 2 values, expected 3"));
        assert!(named(vec![f64::NAN; 3]).unwrap_err().contains("bias_mv[0]"));
    }
}
