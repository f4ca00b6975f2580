//! The equations of a fixed point: F(z) = 0 with its derivative.
//!
//! ```text
//! dense     z = x [N]                          F = −x + W φ(x) + I
//! modes     z = κ [P], x = A κ + I             F = −κ + Cᵀ φ(A κ + I)          A = Ξ_in diag(λ), C = Ξ_out
//! ```
//!
//! I = W_in u is constant. A fixed point x of a mode network has κ = Cᵀ φ(x), so the P equations of the modes have the same
//! solutions as the N equations of the units. The speed of any z is that of its units, q = ½ |−x + W φ(x) + I|².

use crate::linear::{dot, times, times_transposed};
use crate::rate_model::{RateModel, Weights};

/// The equations of the fixed points of a network under an input.
#[derive(Debug)]
pub struct System<'a> {
    /// The network.
    pub model: &'a RateModel,
    /// I = W_in u `[N]`
    pub drive: Vec<f64>,
}

impl<'a> System<'a> {
    /// Equations under the constant input u `[K]`.
    pub fn new(model: &'a RateModel, u: &[f64]) -> Self {
        Self { model, drive: model.drive(u) }
    }

    /// Number of equations and unknowns: P for a network with fewer modes than units, else N.
    pub fn size(&self) -> usize {
        self.reduced().map_or(self.model.units, |(modes, ..)| modes)
    }

    /// P, A and C of a network with fewer modes than units.
    fn reduced(&self) -> Option<(usize, &'a [f64], &'a [f64])> {
        match &self.model.weights {
            Weights::Modes { modes, into, out } if *modes < self.model.units => Some((*modes, into, out)),
            _ => None,
        }
    }

    /// x of z.
    pub fn state(&self, z: &[f64]) -> Vec<f64> {
        let Some((_, into, _)) = self.reduced() else { return z.to_vec() };
        let mut x = times(into, z);
        x.iter_mut().zip(&self.drive).for_each(|(x, drive)| *x += drive);
        x
    }

    /// z of the rates r `[N]` that units send: of the next state x = W r + I.
    pub fn coordinates(&self, r: &[f64]) -> Vec<f64> {
        if let Some((modes, _, out)) = self.reduced() {
            return times_transposed(out, modes, r);
        }
        let mut x = self.model.recurrent(r);
        x.iter_mut().zip(&self.drive).for_each(|(x, drive)| *x += drive);
        x
    }

    /// F(z).
    pub fn residual(&self, z: &[f64]) -> Vec<f64> {
        match self.reduced() {
            Some((modes, _, out)) => {
                let mut f = times_transposed(out, modes, &self.model.rates(&self.state(z)));
                f.iter_mut().zip(z).for_each(|(f, z)| *f -= z);
                f
            }
            None => self.model.rest(z, &self.drive),
        }
    }

    /// dF/dz `[size, size]`.
    pub fn jacobian(&self, z: &[f64]) -> Vec<f64> {
        let slopes = self.model.slopes(&self.state(z));
        let n = self.size();
        let mut jacobian = match (&self.model.weights, self.reduced()) {
            (_, Some(_)) => self.model.between_modes(&slopes).unwrap_or_default(),
            (Weights::Dense(w), None) => {
                w.chunks_exact(n).flat_map(|row| row.iter().zip(&slopes).map(|(w, s)| w * s)).collect()
            }
            (Weights::Modes { modes, into, out }, None) => {
                let entry =
                    |i: usize, j: usize| dot(&into[i * modes..][..*modes], &out[j * modes..][..*modes]) * slopes[j];
                (0..n * n).map(|k| entry(k / n, k % n)).collect()
            }
        };
        (0..n).for_each(|i| jacobian[i * n + i] -= 1.0);
        jacobian
    }

    /// dF/ds `[size]` where the drive changes by s times `direction` `[N]`.
    pub fn derivative_along(&self, z: &[f64], direction: &[f64]) -> Vec<f64> {
        let Some((modes, _, out)) = self.reduced() else { return direction.to_vec() };
        let slopes = self.model.slopes(&self.state(z));
        let changes: Vec<f64> = slopes.iter().zip(direction).map(|(slope, change)| slope * change).collect();
        times_transposed(out, modes, &changes)
    }

    /// q = ½ |−x + W φ(x) + I|² of the units at z.
    pub fn speed(&self, z: &[f64]) -> f64 {
        let rest = self.model.rest(&self.state(z), &self.drive);
        dot(&rest, &rest) / 2.0
    }
}
