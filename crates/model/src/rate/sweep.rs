//! The recurrence of a trial, or of some side by side, through time; backward one by one.
//!
//! ```text
//! x_s = (1 − a) x_{s−1} + a (W r_{s−1} + d_s) + noise_s,   r_s = φ(x_s)                     s = 1 … S
//! λ_s = φ'(x_s) (∂L/∂r_s + Wᵀ (a λ_{s+1})) + (1 − a) λ_{s+1}                                 λ_s = ∂L/∂x_s
//! δ_s = a λ_s = ∂L/∂d_s,   ∂L/∂W = Σ_s δ_s r_{s−1}ᵀ,   ∂L/∂a = Σ_s λ_s (x_s − x_{s−1} − noise_s)/a
//! ```

use super::Activation;
use super::aligned::Aligned;
use super::product::{Product, padded};
use super::readout::Outer;
use super::sparse::{SparseReal, TILE, transpose_tile};
use mdl_data::simd::dispatch;
use std::borrow::Cow;

/// The rows that some trials side by side have in a tensor `[·, B, N]`.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, R> {
    pub(super) values: &'a [R],
    pub(super) batch: usize,
    /// The first of the trials.
    pub(super) trial: usize,
    pub(super) n: usize,
}

impl<'a, R: SparseReal> Rows<'a, R> {
    /// The row of the first trial.
    pub(super) fn row(&self, step: usize) -> &'a [R] {
        &self.values[(step * self.batch + self.trial) * self.n..][..self.n]
    }

    /// The rows of `trials` trials as `[N, trials]`.
    fn load(&self, step: usize, trials: usize, to: &mut [R]) {
        if trials == 1 {
            return to[..self.n].copy_from_slice(self.row(step));
        }
        let rows = &self.values[(step * self.batch + self.trial) * self.n..][..trials * self.n];
        for (tile, rows) in rows.chunks(TILE * self.n).enumerate() {
            transpose_tile(self.n, trials, rows, &mut to[tile * TILE..]);
        }
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
    /// Trials side by side.
    trials: usize,
    /// Leak a of every unit of every trial, `[N, trials]`, padded with zeros.
    leak: Aligned<R>,
}

/// States and rates of the trials, `[S + 1, trials, N]` each.
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

impl<R: SparseReal> Sweep<R> {
    /// A sweep over `trials` trials side by side.
    pub(super) fn new(activation: Activation, steps: usize, leak: &[R], trials: usize) -> Self {
        let mut leaks = Aligned::full(R::zero(), padded(leak.len() * trials));
        for (unit, leak) in leaks.chunks_exact_mut(trials).zip(leak) {
            unit.fill(*leak);
        }
        Self { n: leak.len(), steps, activation, trials, leak: leaks }
    }

    fn zeros(&self) -> Aligned<R> {
        Aligned::full(R::zero(), self.leak.len())
    }

    /// Runs the trials from `initial` `[1, B, N]`.
    pub(super) fn forward(
        &self,
        product: &dyn Product<R>,
        initial: Rows<R>,
        drive: Rows<R>,
        noise: Option<Rows<R>>,
    ) -> Trajectory<R> {
        let capacity = (self.steps + 1) * self.n * self.trials;
        let mut states = Trajectory { x: Vec::with_capacity(capacity), r: Vec::with_capacity(capacity) };
        let (mut x, mut r, mut current, mut disturbance) = (self.zeros(), self.zeros(), self.zeros(), self.zeros());
        initial.load(0, self.trials, &mut x);
        self.activation.rates(&x, &mut r);
        for step in 0..=self.steps {
            if step > 0 {
                drive.load(step - 1, self.trials, &mut current);
                product.accumulate(&r, &mut current);
                let noise = match noise {
                    Some(noise) if self.trials == 1 => noise.row(step - 1),
                    Some(noise) => {
                        noise.load(step - 1, self.trials, &mut disturbance);
                        &disturbance
                    }
                    None => &disturbance,
                };
                self.advance(&current, noise, &mut x, &mut r);
            }
            self.append(&x, &mut states.x);
            self.append(&r, &mut states.r);
        }
        states
    }

    /// Appends `[N, trials]` as `[trials, N]`.
    fn append(&self, units: &[R], to: &mut Vec<R>) {
        let (n, trials) = (self.n, self.trials);
        if trials == 1 {
            return to.extend_from_slice(&units[..n]);
        }
        let from = to.len();
        to.resize(from + n * trials, R::zero());
        for (tile, units) in units[..n * trials].chunks(TILE * trials).enumerate() {
            transpose_tile(trials, n, units, &mut to[from + tile * TILE..]);
        }
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

    /// Differentiates a trial: `x` and `r` are its states.
    pub(super) fn backward(
        &self,
        adjoint: &dyn Product<R>,
        [x, r]: [Rows<R>; 2],
        outer: Outer<R>,
        noise: Option<Rows<R>>,
    ) -> Adjoint<R> {
        let n = self.n;
        let mut gradient = Adjoint { delta: vec![R::zero(); self.steps * n], leak: vec![R::zero(); n] };
        let (mut lambda, mut delta, mut of_rates) = (self.zeros(), self.zeros(), self.zeros());
        let still = self.zeros();
        for step in (1..=self.steps).rev() {
            outer.load(step, &mut of_rates[..n]);
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
