//! The recurrence of one trial through time, forward and backward.
//!
//! ```text
//! x_s = (1 − a) x_{s−1} + a (W r_{s−1} + d_s) + noise_s,   r_s = φ(x_s)                     s = 1 … S
//! λ_s = φ'(x_s) (∂L/∂r_s + Wᵀ (a λ_{s+1})) + (1 − a) λ_{s+1}                                 λ_s = ∂L/∂x_s
//! δ_s = a λ_s = ∂L/∂d_s,   ∂L/∂W = Σ_s δ_s r_{s−1}ᵀ,   ∂L/∂a = Σ_s λ_s (x_s − x_{s−1} − noise_s)/a
//! ```

use super::Activation;
use super::product::{LANES, Product, lanes, padded};
use crate::real::Real;
use mdl_data::simd::dispatch;
use std::borrow::Cow;

/// One trial's rows of a tensor `[·, B, N]`.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, R> {
    pub(super) values: &'a [R],
    pub(super) batch: usize,
    pub(super) trial: usize,
    pub(super) n: usize,
}

impl<'a, R: Real> Rows<'a, R> {
    pub(super) fn row(&self, step: usize) -> &'a [R] {
        &self.values[(step * self.batch + self.trial) * self.n..][..self.n]
    }

    /// The rows before step `end` without those of other trials, `[end, N]`.
    pub(super) fn before(&self, end: usize) -> Cow<'a, [R]> {
        match self.batch {
            1 => Cow::Borrowed(&self.values[..end * self.n]),
            _ => Cow::Owned((0..end).flat_map(|step| self.row(step)).copied().collect()),
        }
    }
}

/// What a run does at every step.
pub(super) struct Sweep<R> {
    pub(super) n: usize,
    pub(super) steps: usize,
    activation: Activation,
    /// Leak a, padded with zeros.
    leak: Vec<[R; LANES]>,
}

/// States and rates of one trial, `[S + 1, N]` each.
pub(super) struct Trajectory<R> {
    pub(super) x: Vec<R>,
    pub(super) r: Vec<R>,
}

/// Gradients of one trial.
pub(super) struct Adjoint<R> {
    /// δ `[S, N]`, the gradient of the drive.
    pub(super) delta: Vec<R>,
    /// Gradient of the leak `[N]`.
    pub(super) leak: Vec<R>,
}

impl<R: Real> Sweep<R> {
    pub(super) fn new(activation: Activation, steps: usize, leak: &[R]) -> Self {
        let n = leak.len();
        let leak = (0..padded(n) / LANES).map(|k| lanes(leak, k)).collect();
        Self { n, steps, activation, leak }
    }

    fn zeros(&self) -> Vec<[R; LANES]> {
        vec![[R::zero(); LANES]; self.leak.len()]
    }

    /// Runs a trial from `initial` `[N]`.
    pub(super) fn forward(
        &self,
        product: &dyn Product<R>,
        initial: &[R],
        drive: Rows<R>,
        noise: Option<Rows<R>>,
    ) -> Trajectory<R> {
        let capacity = (self.steps + 1) * self.n;
        let mut states = Trajectory { x: Vec::with_capacity(capacity), r: Vec::with_capacity(capacity) };
        let (mut x, mut r, mut current) = (self.zeros(), self.zeros(), self.zeros());
        x.as_flattened_mut()[..self.n].copy_from_slice(initial);
        for (x, r) in x.iter().zip(&mut r) {
            *r = self.activation.rates(*x);
        }
        for step in 0..=self.steps {
            if step > 0 {
                current.as_flattened_mut()[..self.n].copy_from_slice(drive.row(step - 1));
                product.accumulate(r.as_flattened(), current.as_flattened_mut());
                self.advance(&current, noise.map_or(&[], |noise| noise.row(step - 1)), &mut x, &mut r);
            }
            states.x.extend_from_slice(&x.as_flattened()[..self.n]);
            states.r.extend_from_slice(&r.as_flattened()[..self.n]);
        }
        states
    }

    /// One step of all units; an empty noise is none.
    fn advance(&self, current: &[[R; LANES]], noise: &[R], x: &mut [[R; LANES]], r: &mut [[R; LANES]]) {
        dispatch(
            #[inline(always)]
            || {
                for (k, leak) in self.leak.iter().enumerate() {
                    let (current, noise, mut next) = (&current[k], lanes(noise, k), x[k]);
                    for l in 0..LANES {
                        next[l] = (R::one() - leak[l]) * next[l] + leak[l] * current[l] + noise[l];
                    }
                    (x[k], r[k]) = (next, self.activation.rates(next));
                }
            },
        );
    }

    /// Differentiates a trial: `x` and `r` are its states, `outer` is ∂L/∂r.
    pub(super) fn backward(
        &self,
        adjoint: &dyn Product<R>,
        [x, r, outer]: [Rows<R>; 3],
        noise: Option<Rows<R>>,
    ) -> Adjoint<R> {
        let n = self.n;
        let mut gradient = Adjoint { delta: vec![R::zero(); self.steps * n], leak: Vec::new() };
        let (mut lambda, mut delta, mut of_leak) = (self.zeros(), self.zeros(), self.zeros());
        let mut of_rates = self.zeros();
        for step in (1..=self.steps).rev() {
            of_rates.as_flattened_mut()[..n].copy_from_slice(outer.row(step));
            if step < self.steps {
                adjoint.accumulate(delta.as_flattened(), of_rates.as_flattened_mut());
            }
            let noise = noise.map_or(&[][..], |noise| noise.row(step - 1));
            let states = [x.row(step), r.row(step), x.row(step - 1), noise];
            self.retreat(states, &of_rates, [&mut lambda, &mut delta, &mut of_leak]);
            gradient.delta[(step - 1) * n..step * n].copy_from_slice(&delta.as_flattened()[..n]);
        }
        for (of_leak, leak) in of_leak.as_flattened().iter().zip(self.leak.as_flattened()).take(n) {
            gradient.leak.push(*of_leak / *leak);
        }
        gradient
    }

    /// λ, δ and the gradient of the leak (times a) one step back.
    fn retreat(
        &self,
        [x, r, before, noise]: [&[R]; 4],
        of_rates: &[[R; LANES]],
        [lambda, delta, of_leak]: [&mut Vec<[R; LANES]>; 3],
    ) {
        dispatch(
            #[inline(always)]
            || {
                for (k, leak) in self.leak.iter().enumerate() {
                    let (x, before, noise, mut next) = (lanes(x, k), lanes(before, k), lanes(noise, k), lambda[k]);
                    let slope = self.activation.slopes(x, lanes(r, k));
                    for l in 0..LANES {
                        next[l] = slope[l] * of_rates[k][l] + (R::one() - leak[l]) * next[l];
                        delta[k][l] = leak[l] * next[l];
                        of_leak[k][l] += next[l] * (x[l] - before[l] - noise[l]);
                    }
                    lambda[k] = next;
                }
            },
        );
    }
}
