//! The recurrence of a trial, or of a block of trials side by side, through time and back.
//!
//! ```text
//! x_s = (1 − a) x_{s−1} + a (W r_{s−1} + d_s) + noise_s,   r_s = φ(x_s)                     s = 1 … S
//! λ_s = φ'(x_s) (∂L/∂r_s + Wᵀ (a λ_{s+1})) + (1 − a) λ_{s+1}                                 λ_s = ∂L/∂x_s
//! δ_s = a λ_s = ∂L/∂d_s,   ∂L/∂W = Σ_s δ_s r_{s−1}ᵀ,   ∂L/∂a = Σ_s λ_s (x_s − x_{s−1} − noise_s)/a
//! ```
//!
//! With spike noise ζ, W multiplies r̂ = r + √r ζ, and ∂r̂/∂r is taken as 1. A direct drive is no part of the leaky state y:
//!
//! ```text
//! y_s = (1 − a) y_{s−1} + a W r̂_{s−1} + noise_s,   x_s = y_s + d_s                           y_0 = x_0
//! λ_s = ∂L/∂y_s as above,   ∂L/∂d_s = φ'(x_s) (∂L/∂r_s + Wᵀ (a λ_{s+1})),   ∂L/∂a with y in place of x
//! ```

use super::activation::{Activation, Prepared};
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
    activation: Prepared,
    /// The drive enters x at once.
    direct: bool,
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
    /// What the units send, `[S + 1, N, trials]`, where it differs from their rates.
    sent: Option<Vec<R>>,
}

impl<R> Trajectory<R> {
    /// r̂ `[S + 1, N, trials]`
    pub(super) fn sent(&self) -> &[R] {
        self.sent.as_ref().unwrap_or(&self.r)
    }
}

/// What drives the trials of a block, each in rows of a tensor `[·, B, N]`.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a, R> {
    pub(super) initial: Rows<'a, R>,
    pub(super) drive: Rows<'a, R>,
    pub(super) noise: Option<Rows<'a, R>>,
    pub(super) spike_noise: Option<Rows<'a, R>>,
}

/// Gradients of the trials of a block.
pub(super) struct Adjoint<R> {
    /// δ `[S, N, trials]`, the gradient of the currents W r̂, and of the drive that is not direct.
    pub(super) delta: Vec<R>,
    /// Gradient of a direct drive `[S, N, trials]`.
    pub(super) drive: Vec<R>,
    /// Gradient of the leak `[trials, N]`.
    pub(super) leak: Vec<R>,
}

impl<R: Real> Recurrent<R> {
    /// The recurrence over `trials` trials side by side.
    pub(super) fn new(activation: Activation, direct: bool, steps: usize, leak: &[R], trials: usize) -> Self {
        let mut leaks = vec![Lanes::zero(); padded(leak.len() * trials) / LANES];
        for (unit, leak) in Lanes::values_mut(&mut leaks).chunks_exact_mut(trials).zip(leak) {
            unit.fill(*leak);
        }
        Self { n: leak.len(), steps, activation: activation.prepared(), direct, trials, leak: leaks }
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

    /// Runs the trials; states are kept where the way back needs them, or where they are `wanted`.
    pub(super) fn forward(&self, product: &dyn Product<R>, inputs: Inputs<R>, wanted: bool) -> Trajectory<R> {
        let (row, trials) = (self.row(), self.trials);
        let Inputs { initial, drive, noise, spike_noise } = inputs;
        let room = |steps: usize| Vec::with_capacity(steps * row);
        let kept = (wanted || self.activation.slopes_need_states()).then(|| room(self.steps + 1));
        let sent = spike_noise.map(|_| room(self.steps + 1));
        let mut states = Trajectory { r: room(self.steps + 1), leak_terms: room(self.steps), x: kept, sent };
        let mut rows = self.zeros();
        let [x, r, leak_terms, current, disturbance] = rows.each_mut().map(|row| Lanes::values_mut(row));
        let mut further = self.zeros();
        let [y, direct, jitter, noisy] = further.each_mut().map(|row| Lanes::values_mut(row));
        initial.load(0, trials, x);
        y.copy_from_slice(x);
        self.activation.rates(x, r);
        for step in 0..=self.steps {
            if step > 0 {
                if self.direct {
                    current.fill(R::zero());
                    drive.load(step - 1, trials, direct);
                } else {
                    drive.load(step - 1, trials, current);
                }
                product.accumulate(if spike_noise.is_some() { noisy } else { r }, current);
                if let Some(noise) = noise {
                    noise.load(step - 1, trials, disturbance);
                }
                if self.direct {
                    self.advance_directly([current, disturbance, direct], [y, x, r, leak_terms]);
                } else {
                    self.advance(current, disturbance, [x, r, leak_terms]);
                }
                states.leak_terms.extend_from_slice(&leak_terms[..row]);
            }
            states.r.extend_from_slice(&r[..row]);
            if let Some(states) = &mut states.x {
                states.extend_from_slice(&x[..row]);
            }
            if let (Some(spike_noise), Some(sent)) = (spike_noise, &mut states.sent) {
                spike_noise.load(step, trials, jitter);
                add_spike_noise(r, jitter, noisy);
                sent.extend_from_slice(&noisy[..row]);
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
                self.leak_towards(current, noise, x, leak_terms);
                self.activation.rates(x, r);
            },
        );
    }

    /// One step of all units whose drive enters x at once.
    fn advance_directly(&self, [current, noise, drive]: [&[R]; 3], states: [&mut [R]; 4]) {
        let [y, x, r, leak_terms] = states;
        dispatch(
            #[inline(always)]
            || {
                self.leak_towards(current, noise, y, leak_terms);
                for ((x, y), drive) in x.iter_mut().zip(&*y).zip(drive) {
                    *x = *y + *drive;
                }
                self.activation.rates(x, r);
            },
        );
    }

    /// The leaky state one step on, and how far it moved without the noise.
    #[inline(always)]
    fn leak_towards(&self, current: &[R], noise: &[R], state: &mut [R], leak_terms: &mut [R]) {
        let inputs = self.leak().iter().zip(current.iter().zip(noise));
        for ((x, moved), (leak, (current, noise))) in state.iter_mut().zip(leak_terms).zip(inputs) {
            let next = (R::one() - *leak) * *x + *leak * *current + *noise;
            *moved = next - *x - *noise;
            *x = next;
        }
    }

    /// Differentiates the trials, which went through `states`; the gradient of a direct drive only where it is `driven`.
    pub(super) fn backward(
        &self,
        adjoint: &dyn Product<R>,
        states: &Trajectory<R>,
        outer: Outer<R>,
        driven: bool,
    ) -> Adjoint<R> {
        let (row, trials) = (self.row(), self.trials);
        let mut deltas = vec![R::zero(); self.steps * row];
        let mut drive = vec![R::zero(); if self.direct && driven { self.steps * row } else { 0 }];
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
            if !drive.is_empty() {
                drive[before.clone()].copy_from_slice(&of_rates[..row]);
            }
            deltas[before].copy_from_slice(&delta[..row]);
        }
        for (of_leak, leak) in of_leak[..row].iter_mut().zip(self.leak()) {
            *of_leak /= *leak;
        }
        Adjoint { delta: deltas, drive, leak: by_trial(self.n, trials, of_leak[..row].to_vec()) }
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

/// sent ← r + √r ζ
fn add_spike_noise<R: Real>(r: &[R], spike_noise: &[R], sent: &mut [R]) {
    dispatch(
        #[inline(always)]
        || {
            for ((sent, r), noise) in sent.iter_mut().zip(r).zip(spike_noise) {
                *sent = *r + r.sqrt() * *noise;
            }
        },
    );
}
