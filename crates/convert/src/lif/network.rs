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
    /// Kind of each unit `[N]`; empty where units have none.
    pub kinds: Vec<UnitKind>,
}

impl LifNetwork {
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
