//! The recurrence of a trial, or of a block of trials side by side, through time and back.
//!
//! ```text
//! x_s = (1 − a) x_{s−1} + a (W r_{s−1} + d_s) + noise_s,   r_s = φ(x_s)                     s = 1 … S
//! λ_s = φ'(x_s) (∂L/∂r_s + Wᵀ (a λ_{s+1})) + (1 − a) λ_{s+1}                                 λ_s = ∂L/∂x_s
//! δ_s = a λ_s = ∂L/∂d_s,   ∂L/∂W = Σ_s δ_s r_{s−1}ᵀ,   ∂L/∂a = Σ_s λ_s (x_s − x_{s−1} − noise_s)/a
//! ```

use super::activation::Activation;
use super::readout::Outer;
use super::rows::{Rows, by_trial};
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::product::common::{Product, padded};
use mdl_kernels::real::Real;

/// What a run does at every step.
pub(super) struct Recurrent<R> {
    pub(super) n: usize,
    pub(super) steps: usize,
    activation: Activation,
    /// Trials side by side.
    pub(super) trials: usize,
    /// Leak a of every unit of every trial, `[N, trials]`, padded with zeros.
    leak: Vec<Lanes<R>>,
}

/// What the trials of a block went through, side by side.
pub(super) struct Trajectory<R> {
    /// Rates `[S + 1, N, trials]`.
    pub(super) r: Vec<R>,
    /// What the leak had its part in, x_s − x_{s−1} − noise_s, `[S, N, trials]`.
    leak_terms: Vec<R>,
    /// States `[S + 1, N, trials]`, where they are kept.
    pub(super) x: Option<Vec<R>>,
}

/// Gradients of the trials of a block.
pub(super) struct Adjoint<R> {
    /// δ `[S, N, trials]`, the gradient of the drive.
    pub(super) delta: Vec<R>,
    /// Gradient of the leak `[trials, N]`.
    pub(super) leak: Vec<R>,
}

impl<R: Real> Recurrent<R> {
    /// The recurrence over `trials` trials side by side.
    pub(super) fn new(activation: Activation, steps: usize, leak: &[R], trials: usize) -> Self {
        let mut leaks = vec![Lanes::zero(); padded(leak.len() * trials) / LANES];
        for (unit, leak) in Lanes::values_mut(&mut leaks).chunks_exact_mut(trials).zip(leak) {
            unit.fill(*leak);
        }
        Self { n: leak.len(), steps, activation, trials, leak: leaks }
    }

    #[inline(always)]
    fn leak(&self) -> &[R] {
        Lanes::values(&self.leak)
    }

    fn zeros<const K: usize>(&self) -> [Vec<Lanes<R>>; K] {
        std::array::from_fn(|_| vec![Lanes::zero(); self.leak.len()])
    }

    /// Numbers of a step.
    fn row(&self) -> usize {
        self.n * self.trials
    }

    /// Runs the trials from `initial` `[1, B, N]`; states are kept where the way back needs them, or where they are `wanted`.
    pub(super) fn forward(
        &self,
        product: &dyn Product<R>,
        initial: Rows<R>,
        drive: Rows<R>,
        noise: Option<Rows<R>>,
        wanted: bool,
    ) -> Trajectory<R> {
        let (row, trials) = (self.row(), self.trials);
        let room = |steps: usize| Vec::with_capacity(steps * row);
        let kept = (wanted || self.activation.slopes_need_states()).then(|| room(self.steps + 1));
        let mut states = Trajectory { r: room(self.steps + 1), leak_terms: room(self.steps), x: kept };
        let mut rows = self.zeros();
        let [x, r, leak_terms, current, disturbance] = rows.each_mut().map(|row| Lanes::values_mut(row));
        initial.load(0, trials, x);
        self.activation.rates(x, r);
        for step in 0..=self.steps {
            if step > 0 {
                drive.load(step - 1, trials, current);
                product.accumulate(r, current);
                if let Some(noise) = noise {
                    noise.load(step - 1, trials, disturbance);
                }
                self.advance(current, disturbance, [x, r, leak_terms]);
                states.leak_terms.extend_from_slice(&leak_terms[..row]);
            }
            states.r.extend_from_slice(&r[..row]);
            if let Some(states) = &mut states.x {
                states.extend_from_slice(&x[..row]);
            }
        }
        states
    }

    /// One step of all units.
    fn advance(&self, current: &[R], noise: &[R], states: [&mut [R]; 3]) {
        let [x, r, leak_terms] = states;
        dispatch(
            #[inline(always)]
            || {
                let inputs = self.leak().iter().zip(current.iter().zip(noise));
                for ((x, moved), (leak, (current, noise))) in x.iter_mut().zip(&mut *leak_terms).zip(inputs) {
                    let next = (R::one() - *leak) * *x + *leak * *current + *noise;
                    *moved = next - *x - *noise;
                    *x = next;
                }
                self.activation.rates(x, r);
            },
        );
    }

    /// Differentiates the trials, which went through `states`.
    pub(super) fn backward(&self, adjoint: &dyn Product<R>, states: &Trajectory<R>, outer: Outer<R>) -> Adjoint<R> {
        let (row, trials) = (self.row(), self.trials);
        let mut deltas = vec![R::zero(); self.steps * row];
        let mut rows = self.zeros();
        let [lambda, delta, of_rates, of_leak] = rows.each_mut().map(|row| Lanes::values_mut(row));
        for step in (1..=self.steps).rev() {
            outer.load(step, trials, &mut of_rates[..row]);
            if step < self.steps {
                adjoint.accumulate(delta, of_rates);
            }
            let (now, before) = (step * row..(step + 1) * row, (step - 1) * row..step * row);
            let x = states.x.as_ref().map_or(&[][..], |x| &x[now.clone()]);
            let states = [x, &states.r[now], &states.leak_terms[before.clone()]];
            self.step_back(states, &mut of_rates[..row], [lambda, delta, of_leak]);
            deltas[before].copy_from_slice(&delta[..row]);
        }
        for (of_leak, leak) in of_leak[..row].iter_mut().zip(self.leak()) {
            *of_leak /= *leak;
        }
        Adjoint { delta: deltas, leak: by_trial(self.n, trials, of_leak[..row].to_vec()) }
    }

    /// λ, δ and the gradient of the leak (times a) one step back.
    fn step_back(&self, states: [&[R]; 3], of_rates: &mut [R], gradients: [&mut [R]; 3]) {
        let ([x, r, leak_terms], [lambda, delta, of_leak]) = (states, gradients);
        dispatch(
            #[inline(always)]
            || {
                self.activation.times_slopes(x, r, of_rates);
                let units = lambda.iter_mut().zip(&mut *delta).zip(&*of_rates).zip(self.leak());
                for (((lambda, delta), of_state), leak) in units {
                    *lambda = *of_state + (R::one() - *leak) * *lambda;
                    *delta = *leak * *lambda;
                }
                for ((of_leak, lambda), moved) in of_leak.iter_mut().zip(&*lambda).zip(leak_terms) {
                    *of_leak += *lambda * *moved;
                }
            },
        );
    }
}
