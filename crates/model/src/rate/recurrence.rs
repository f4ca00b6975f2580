//! The recurrence of a trial, or of a block of trials side by side, through time and back.
//!
//! ```text
//! x_s = x_{s−1} + a (W r_{s−1} + d_s − x_{s−1}) + noise_s,   r_s = φ(x_s)                     s = 1 … S
//! λ_s = φ'(x_s) (∂L/∂r_s + Wᵀ (a λ_{s+1})) + (1 − a) λ_{s+1}                                 λ_s = ∂L/∂x_s
//! δ_s = a λ_s = ∂L/∂d_s,   ∂L/∂W = Σ_s δ_s r_{s−1}ᵀ,   ∂L/∂a = Σ_s λ_s (W r_{s−1} + d_s − x_{s−1})
//! ```
//!
//! With spike noise ζ, W multiplies r̂ = r + √r ζ, and ∂r̂/∂r is taken as 1. A direct drive is no part of the leaky state y:
//!
//! ```text
//! y_s = y_{s−1} + a (W r̂_{s−1} − y_{s−1}) + noise_s,   x_s = y_s + d_s                        y_0 = x_0
//! λ_s = ∂L/∂y_s as above,   ∂L/∂d_s = φ'(x_s) (∂L/∂r_s + Wᵀ (a λ_{s+1})),   ∂L/∂a with y in place of x, without d
//! ```
//!
//! States of a step are a row `[N, trials]`, padded with zeros to whole cache lines.

use super::activation::{Activation, Prepared};
use super::inputs::Inputs;
use super::readout::{Outer, read};
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::memory::{Buffer, Pool};
use mdl_kernels::product::common::{Product, padded};
use mdl_kernels::product::present::{Runs, WINDOW, turn_window};
use mdl_kernels::real::Real;
use std::ops::Range;
use std::sync::Arc;

/// What a run does at every step.
pub(super) struct Recurrent<R> {
    pub(super) n: usize,
    pub(super) steps: usize,
    activation: Prepared,
    /// The drive enters x at once.
    direct: bool,
    /// Trials side by side.
    pub(super) trials: usize,
    /// Numbers of a step, padded.
    pub(super) row: usize,
    /// Leak a of every unit of every trial, and 1 − a.
    leak: Vec<Lanes<R>>,
    keep: Vec<Lanes<R>>,
}

/// What the trials of a block went through, side by side.
pub(super) struct Trajectory<R: Real> {
    /// Rates `[S + 1, row]`.
    pub(super) r: Buffer<R>,
    /// Distance of the leaky state from its input, W r̂ + d − x, `[S, row]`.
    distance: Buffer<R>,
    /// States `[S + 1, row]`, where they are kept.
    pub(super) x: Option<Buffer<R>>,
    /// What the units send, `[S + 1, row]`, where it differs from their rates.
    sent: Option<Buffer<R>>,
}

impl<R: Real> Trajectory<R> {
    /// r̂ `[S + 1, row]`
    pub(super) fn sent(&self) -> &[R] {
        self.sent.as_ref().unwrap_or(&self.r)
    }
}

/// Gradients that are wanted besides those of leak and readout.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Entries of the weights whose gradient is computed on the way back.
    pub(super) entries: Option<&'a Runs>,
    /// The δ of all steps.
    pub(super) deltas: bool,
    /// Gradient of a direct drive.
    pub(super) drive: bool,
}

/// Gradients of the trials of a block.
pub(super) struct Adjoint<R: Real> {
    /// Numbers of a row.
    pub(super) row: usize,
    /// δ `[S, row]`, the gradient of the currents W r̂, and of the drive that is not direct; the last steps to be computed if not
    /// all are wanted.
    pub(super) delta: Buffer<R>,
    /// Gradient of a direct drive `[S, row]`.
    pub(super) drive: Option<Buffer<R>>,
    /// Gradient of the leak `[N, trials]`.
    pub(super) leak: Vec<R>,
    /// Gradient of W_out `[O, N, trials]`.
    pub(super) w_out: Vec<R>,
    /// Gradient of the entries `[entries, trials]`, of each part in turn.
    pub(super) entries: Option<Buffer<R>>,
}

impl<R: Real> Recurrent<R> {
    /// The recurrence over `trials` trials side by side.
    pub(super) fn new(activation: Activation, direct: bool, steps: usize, leak: &[R], trials: usize) -> Self {
        let row = padded(leak.len() * trials);
        let (mut leaks, mut keeps) = (vec![Lanes::zero(); row / LANES], vec![Lanes::zero(); row / LANES]);
        let units = Lanes::values_mut(&mut leaks).chunks_exact_mut(trials);
        for ((unit, keep), leak) in units.zip(Lanes::values_mut(&mut keeps).chunks_exact_mut(trials)).zip(leak) {
            unit.fill(*leak);
            keep.fill(R::one() - *leak);
        }
        let activation = activation.prepared();
        Self { n: leak.len(), steps, activation, direct, trials, row, leak: leaks, keep: keeps }
    }

    #[inline(always)]
    fn leak(&self) -> &[R] {
        Lanes::values(&self.leak)
    }

    fn zeros<const K: usize>(&self) -> [Vec<Lanes<R>>; K] {
        std::array::from_fn(|_| vec![Lanes::zero(); self.leak.len()])
    }

    /// Place of a step's row.
    fn at(&self, step: usize) -> Range<usize> {
        step * self.row..(step + 1) * self.row
    }

    /// Runs the trials, whose outputs `[S + 1, trials, O]` are read with `w_out` `[O, N]`, if it has any; states are kept where the
    /// way back needs them, or where they are `wanted`.
    pub(super) fn forward(
        &self,
        product: &dyn Product<R>,
        inputs: &Inputs<R>,
        wanted: bool,
        (w_out, outputs): (&[R], &mut [R]),
        pool: &Arc<Pool<R>>,
    ) -> Trajectory<R> {
        let (row, trials) = (self.row, self.trials);
        let room = |steps: usize| pool.buffer(steps * row);
        let mut states = Trajectory {
            r: room(self.steps + 1),
            distance: room(self.steps),
            x: (wanted || self.activation.slopes_need_states()).then(|| room(self.steps + 1)),
            sent: inputs.spike_noise.map(|_| room(self.steps + 1)),
        };
        let mut rows = self.zeros();
        let [state, x, current, disturbance, drive] = rows.each_mut().map(|row| Lanes::values_mut(row));
        let mut signals = inputs.signals(trials);
        inputs.initial.load(0, trials, state);
        x.copy_from_slice(state);
        for step in 0..=self.steps {
            if step > 0 {
                if self.direct {
                    current.fill(R::zero());
                    inputs.load_drive(step - 1, trials, &mut signals, drive);
                } else {
                    inputs.load_drive(step - 1, trials, &mut signals, current);
                }
                product.accumulate(&states.sent()[self.at(step - 1)], current);
                inputs.load_noise(step - 1, trials, &mut disturbance[..self.n * trials]);
                let distance = &mut states.distance[self.at(step - 1)];
                self.advance([current, disturbance, drive], [state, x, distance, &mut states.r[self.at(step)]]);
            } else {
                self.start(x, &mut states.r[self.at(0)]);
            }
            if let Some(states) = &mut states.x {
                states[self.at(step)].copy_from_slice(if self.direct { x } else { state });
            }
            if let (Some(spike_noise), Some(sent)) = (inputs.spike_noise, &mut states.sent) {
                spike_noise.load(step, trials, disturbance);
                add_spike_noise(&states.r[self.at(step)], disturbance, &mut sent[self.at(step)]);
                disturbance.fill(R::zero());
            }
            if !w_out.is_empty() {
                let of_step = w_out.len() / self.n * trials;
                let outputs = &mut outputs[step * of_step..][..of_step];
                read(self.n, w_out, trials, &states.r[self.at(step)], outputs);
            }
        }
        states
    }

    /// Rates of the first states.
    fn start(&self, x: &[R], r: &mut [R]) {
        dispatch(
            #[inline(always)]
            || self.activation.rates(x, r),
        );
    }

    /// One step of all units. `x` is another than `state` only for a direct drive.
    fn advance(&self, [current, noise, drive]: [&[R]; 3], [state, x, distance, r]: [&mut [R]; 4]) {
        dispatch(
            #[inline(always)]
            || {
                let inputs = self.leak().iter().zip(current.iter().zip(noise));
                for ((x, distance), (leak, (current, noise))) in state.iter_mut().zip(&mut *distance).zip(inputs) {
                    *distance = *current - *x;
                    *x = leak.mul_add(*distance, *x) + *noise;
                }
                if self.direct {
                    for ((x, y), drive) in x.iter_mut().zip(&*state).zip(drive) {
                        *x = *y + *drive;
                    }
                    self.activation.rates(x, r);
                } else {
                    self.activation.rates(state, r);
                }
            },
        );
    }

    /// Differentiates the trials, which went through `states`.
    pub(super) fn backward(
        &self,
        adjoint: &dyn Product<R>,
        states: &Trajectory<R>,
        outer: Outer<R>,
        wanted: Wanted,
        pool: &Arc<Pool<R>>,
    ) -> Adjoint<R> {
        let (row, trials) = (self.row, self.trials);
        let mut delta = pool.buffer(if wanted.deltas { self.steps } else { WINDOW } * row);
        let mut drive = (self.direct && wanted.drive).then(|| pool.buffer(self.steps * row));
        let mut windows = Windows::new(self, wanted.entries, &outer, pool);
        let mut rows = self.zeros();
        let [lambda, of_rates, of_leak] = rows.each_mut().map(|row| Lanes::values_mut(row));
        let place = |step: usize| self.at(if wanted.deltas { step - 1 } else { (step - 1) % WINDOW });
        for step in (0..=self.steps).rev() {
            if step % WINDOW == 0 {
                // The steps behind, and the rates of this one: in the last window, these alone.
                let deltas = (step + 1..self.steps.min(step + WINDOW) + 1).map(|step| &delta[place(step)]);
                windows.add(self, step, deltas, states, &outer);
            }
            if step == 0 {
                break;
            }
            outer.load(step, trials, of_rates);
            if step < self.steps {
                adjoint.accumulate(&delta[place(step + 1)], of_rates);
            }
            let x = states.x.as_ref().map_or(&[][..], |x| &x[self.at(step)]);
            let of_step = [x, &states.r[self.at(step)], &states.distance[self.at(step - 1)]];
            self.step_back(of_step, of_rates, [lambda, &mut delta[place(step)], of_leak]);
            if let Some(drive) = &mut drive {
                drive[self.at(step - 1)].copy_from_slice(of_rates);
            }
        }
        let Windows { w_out, entries, .. } = windows;
        Adjoint { row, delta, drive, leak: of_leak[..self.n * trials].to_vec(), w_out, entries }
    }

    /// λ, δ and the gradient of the leak one step back.
    fn step_back(&self, states: [&[R]; 3], of_rates: &mut [R], gradients: [&mut [R]; 3]) {
        let ([x, r, distance], [lambda, delta, of_leak]) = (states, gradients);
        dispatch(
            #[inline(always)]
            || {
                self.activation.times_slopes(x, r, of_rates);
                let constants = self.leak().iter().zip(Lanes::values(&self.keep));
                let units = lambda.iter_mut().zip(&mut *delta).zip(&*of_rates).zip(constants);
                for (((lambda, delta), of_state), (leak, keep)) in units {
                    *lambda = keep.mul_add(*lambda, *of_state);
                    *delta = *leak * *lambda;
                }
                for ((of_leak, lambda), distance) in of_leak.iter_mut().zip(&*lambda).zip(distance) {
                    *of_leak = lambda.mul_add(*distance, *of_leak);
                }
            },
        );
    }
}

/// Gradients that are computed in windows of eight steps on the way back, while the rates are in the cache.
struct Windows<'a, R: Real> {
    runs: Option<&'a Runs>,
    /// δ and r̂ of a window, turned.
    turned: Option<[Buffer<R>; 2]>,
    entries: Option<Buffer<R>>,
    w_out: Vec<R>,
}

impl<'a, R: Real> Windows<'a, R> {
    fn new(recurrent: &Recurrent<R>, runs: Option<&'a Runs>, outer: &Outer<R>, pool: &Arc<Pool<R>>) -> Self {
        let (n, trials) = (recurrent.n, recurrent.trials);
        let outputs = match outer {
            Outer::Rates(_) => 0,
            Outer::Outputs { w_out, .. } => w_out.len(),
        };
        let entries = runs.map(|runs| {
            let mut entries = pool.buffer(runs.count() * trials);
            entries.fill(R::zero());
            entries
        });
        Self {
            runs,
            turned: runs.map(|_| [(); 2].map(|()| pool.buffer(n * WINDOW * trials))),
            entries,
            w_out: vec![R::zero(); outputs * trials],
        }
    }

    /// Adds the gradients of the window from `step` onwards: the rates of its steps, and the δ of those after them.
    fn add<'b>(
        &mut self,
        recurrent: &Recurrent<R>,
        step: usize,
        deltas: impl ExactSizeIterator<Item = &'b [R]>,
        states: &Trajectory<R>,
        outer: &Outer<R>,
    ) where
        R: 'b,
    {
        let Recurrent { n, trials, row, .. } = *recurrent;
        let count = deltas.len();
        let outputs = (recurrent.steps + 1 - step).min(WINDOW);
        outer.add_to_readout(step, trials, row, &states.r[step * row..][..outputs * row], &mut self.w_out);
        if let (Some(runs), Some([delta, rates]), Some(entries)) = (self.runs, &mut self.turned, &mut self.entries)
            && count > 0
        {
            turn_window(n, trials, deltas, delta);
            turn_window(n, trials, states.sent()[step * row..][..count * row].chunks_exact(row), rates);
            runs.accumulate(trials, [delta, rates], entries);
        }
    }
}

/// sent ← r + √r ζ
fn add_spike_noise<R: Real>(r: &[R], spike_noise: &[R], sent: &mut [R]) {
    dispatch(
        #[inline(always)]
        || {
            for ((sent, r), noise) in sent.iter_mut().zip(r).zip(spike_noise) {
                *sent = r.sqrt().mul_add(*noise, *r);
            }
        },
    );
}
