//! The recurrence of a trial, or of a block of trials side by side, through time and back.
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
use super::sparse::{SparseReal, transpose};
use mdl_data::simd::dispatch;

/// The rows that some trials side by side have in a tensor `[·, B, N]`.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, R> {
    pub(super) values: &'a [R],
    pub(super) batch: usize,
    /// The first of the trials.
    pub(super) trial: usize,
    pub(super) n: usize,
}

impl<'a, R> Rows<'a, R> {
    /// The row of the first trial.
    pub(super) fn row(&self, step: usize) -> &'a [R] {
        self.rows(step, 1)
    }

    /// The rows of `trials` trials, `[trials, N]`.
    pub(super) fn rows(&self, step: usize, trials: usize) -> &'a [R] {
        &self.values[(step * self.batch + self.trial) * self.n..][..trials * self.n]
    }
}

impl<R: SparseReal> Rows<'_, R> {
    /// The rows of `trials` trials as `[N, trials]`.
    pub(super) fn load(&self, step: usize, trials: usize, to: &mut [R]) {
        if trials == 1 {
            return to[..self.n].copy_from_slice(self.row(step));
        }
        transpose(trials, |trial| &self.rows(step, trials)[trial * self.n..][..self.n], trials, to);
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

/// Gradients of the trials, trial by trial.
pub(super) struct Adjoint<R> {
    /// δ `[trials, S, N]`, the gradient of the drive.
    pub(super) delta: Vec<R>,
    /// Gradient of the leak `[trials, N]`.
    pub(super) leak: Vec<R>,
}

/// Gradients of one trial.
#[derive(Clone, Copy)]
pub(super) struct Trial<'a, R> {
    /// δ `[S, N]`, the gradient of the drive.
    pub(super) delta: &'a [R],
    /// Gradient of the leak `[N]`.
    pub(super) leak: &'a [R],
}

impl<R> Adjoint<R> {
    /// Trial by trial, for `n` units.
    pub(super) fn trials(&self, n: usize) -> impl Iterator<Item = Trial<'_, R>> {
        let steps = self.delta.len() / self.leak.len();
        self.leak.chunks_exact(n).enumerate().map(move |(trial, leak)| {
            let delta = &self.delta[trial * steps * n..][..steps * n];
            Trial { delta, leak }
        })
    }
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
        let from = to.len();
        to.resize(from + n * trials, R::zero());
        self.store(units, n, &mut to[from..]);
    }

    /// Writes `[N, trials]` as the rows of the trials, `length` apart.
    fn store(&self, units: &[R], length: usize, to: &mut [R]) {
        let (n, trials) = (self.n, self.trials);
        if trials == 1 {
            return to[..n].copy_from_slice(&units[..n]);
        }
        transpose(n, |unit| &units[unit * trials..][..trials], length, to);
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

    /// Differentiates the trials: `x` and `r` are their states.
    pub(super) fn backward(
        &self,
        adjoint: &dyn Product<R>,
        [x, r]: [Rows<R>; 2],
        outer: Outer<R>,
        noise: Option<Rows<R>>,
    ) -> Adjoint<R> {
        let (n, trials, steps) = (self.n, self.trials, self.steps);
        let mut deltas = vec![R::zero(); steps * n * trials];
        let (mut lambda, mut delta, mut of_rates, mut of_leak) =
            (self.zeros(), self.zeros(), self.zeros(), self.zeros());
        let (mut now, mut before, mut rates, mut disturbance) =
            (self.zeros(), self.zeros(), self.zeros(), self.zeros());
        x.load(steps, trials, &mut now);
        for step in (1..=steps).rev() {
            outer.load(step, trials, &mut of_rates[..n * trials]);
            if step < steps {
                adjoint.accumulate(&delta, &mut of_rates);
            }
            let states = if trials == 1 {
                let noise = noise.map_or(&disturbance[..n], |noise| noise.row(step - 1));
                [x.row(step), r.row(step), x.row(step - 1), noise]
            } else {
                x.load(step - 1, trials, &mut before);
                r.load(step, trials, &mut rates);
                if let Some(noise) = noise {
                    noise.load(step - 1, trials, &mut disturbance);
                }
                [&now[..n * trials], &rates, &before, &disturbance]
            };
            self.retreat(states, &mut of_rates[..n * trials], [&mut lambda, &mut delta, &mut of_leak]);
            self.store(&delta, steps * n, &mut deltas[(step - 1) * n..]);
            std::mem::swap(&mut now, &mut before);
        }
        let mut leak = vec![R::zero(); n * trials];
        self.store(&of_leak, n, &mut leak);
        let leaks = self.leak.chunks_exact(trials).map(|unit| unit[0]);
        for of_leak in leak.chunks_exact_mut(n) {
            of_leak.iter_mut().zip(leaks.clone()).for_each(|(gradient, leak)| *gradient /= leak);
        }
        Adjoint { delta: deltas, leak }
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
