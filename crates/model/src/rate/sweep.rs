//! The recurrence of one trial through time, forward and backward.
//!
//! ```text
//! x_s = (1 − a) x_{s−1} + a (W r_{s−1} + d_s) + noise_s,   r_s = φ(x_s)                     s = 1 … S
//! λ_s = φ'(x_s) (∂L/∂r_s + Wᵀ (a λ_{s+1})) + (1 − a) λ_{s+1}                                 λ_s = ∂L/∂x_s
//! δ_s = a λ_s = ∂L/∂d_s,   ∂L/∂W = Σ_s δ_s r_{s−1}ᵀ,   ∂L/∂a = Σ_s λ_s (x_s − x_{s−1} − noise_s)/a
//! ```

use super::Activation;
use super::aligned::Aligned;
use super::product::{Product, padded};
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
    leak: Aligned<R>,
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
        let mut padded_leak = Aligned::full(R::zero(), padded(leak.len()));
        padded_leak[..leak.len()].copy_from_slice(leak);
        Self { n: leak.len(), steps, activation, leak: padded_leak }
    }

    fn zeros(&self) -> Aligned<R> {
        Aligned::full(R::zero(), self.leak.len())
    }

    /// Runs a trial from `initial` `[N]`.
    pub(super) fn forward(
        &self,
        product: &dyn Product<R>,
        initial: &[R],
        drive: Rows<R>,
        noise: Option<Rows<R>>,
    ) -> Trajectory<R> {
        let n = self.n;
        let capacity = (self.steps + 1) * n;
        let mut states = Trajectory { x: Vec::with_capacity(capacity), r: Vec::with_capacity(capacity) };
        let (mut x, mut r, mut current, mut disturbance) = (self.zeros(), self.zeros(), self.zeros(), self.zeros());
        x[..n].copy_from_slice(initial);
        self.activation.rates(&x, &mut r);
        for step in 0..=self.steps {
            if step > 0 {
                current[..n].copy_from_slice(drive.row(step - 1));
                product.accumulate(&r, &mut current);
                if let Some(noise) = noise {
                    disturbance[..n].copy_from_slice(noise.row(step - 1));
                }
                self.advance(&current, &disturbance, &mut x, &mut r);
            }
            states.x.extend_from_slice(&x[..n]);
            states.r.extend_from_slice(&r[..n]);
        }
        states
    }

    /// One step of all units.
    fn advance(&self, current: &[R], noise: &[R], x: &mut [R], r: &mut [R]) {
        dispatch(
            #[inline(always)]
            || {
                for ((x, leak), (current, noise)) in x.iter_mut().zip(&*self.leak).zip(current.iter().zip(noise)) {
                    *x = (R::one() - *leak) * *x + *leak * *current + *noise;
                }
                self.activation.rates(x, r);
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
        let mut gradient = Adjoint { delta: vec![R::zero(); self.steps * n], leak: vec![R::zero(); n] };
        let (mut lambda, mut delta, mut of_rates) = (self.zeros(), self.zeros(), self.zeros());
        let still = self.zeros();
        for step in (1..=self.steps).rev() {
            of_rates[..n].copy_from_slice(outer.row(step));
            if step < self.steps {
                adjoint.accumulate(&delta, &mut of_rates);
            }
            let noise = noise.map_or(&still[..n], |noise| noise.row(step - 1));
            let states = [x.row(step), r.row(step), x.row(step - 1), noise];
            self.retreat(states, &mut of_rates[..n], [&mut lambda[..n], &mut delta[..n], &mut gradient.leak]);
            gradient.delta[(step - 1) * n..step * n].copy_from_slice(&delta[..n]);
        }
        gradient.leak.iter_mut().zip(&*self.leak).for_each(|(gradient, leak)| *gradient /= *leak);
        gradient
    }

    /// λ, δ and the gradient of the leak (times a) one step back.
    fn retreat(&self, states: [&[R]; 4], of_rates: &mut [R], gradients: [&mut [R]; 3]) {
        let ([x, r, before, noise], [lambda, delta, of_leak]) = (states, gradients);
        dispatch(
            #[inline(always)]
            || {
                self.activation.times_slopes(x, r, of_rates);
                let units = lambda.iter_mut().zip(&mut *delta).zip(&*of_rates).zip(&*self.leak);
                for (((lambda, delta), of_state), leak) in units {
                    *lambda = *of_state + (R::one() - *leak) * *lambda;
                    *delta = *leak * *lambda;
                }
                let moves = x.iter().zip(before).zip(noise);
                for ((of_leak, lambda), ((x, before), noise)) in of_leak.iter_mut().zip(&*lambda).zip(moves) {
                    *of_leak += *lambda * (*x - *before - *noise);
                }
            },
        );
    }
}
