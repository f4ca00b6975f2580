//! Leaky integrate-and-fire neuron with a refractory period.
//!
//! ```text
//! V_t = α_m U_{t−1} + (1−α_m) I_t
//! U_t = g_t (1 − s_{t−1}) V_t            g_t = 0 for the refractory steps after a spike, else 1
//! s_t = H(U_t − θ)
//! ```
//!
//! Backward, with m_t = 1 if the neuron was free and c_t = g_t V_t; g_t is a constant:
//!
//! ```text
//! Ū_t = α_m V̄_{t+1} + σ'(U_t − θ) s̄_t
//! V̄_t = m_t Ū_t,   Ī_t ← (1−α_m) V̄_t,   s̄_{t−1} ← −c_t Ū_t
//! ```
//!
//! α_m is the same for all neurons, or one per neuron: [`super::decay`].
//!
//! The reset factor 1 − s_{t−1} silences the step after a spike for any refractory period, so the periods 0 and 1
//! differ only in their gradients. Source: Lin & Huang, *Spiking mode-based neural networks* (arXiv 2310.14621).

use super::decay::MembraneDecay;
use super::dynamics::{Leaving, Membrane, Model, Neuron, Reference, ReferenceStep};
use crate::spiking::surrogate::Derivative;
use candle_core::{Result, Tensor};
use mdl_kernels::lanes::Lanes;
use mdl_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The leaky neuron has only the constants of every neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leak {}

impl Model for Leak {
    #[cfg(any(test, feature = "cuda"))]
    fn kernel(&self) -> &'static str {
        "leaky"
    }

    fn reference(&self, membrane: Membrane, leak: &Tensor, _: &[Tensor], zero: &Tensor) -> Result<Box<dyn Reference>> {
        Ok(Box::new(LeakyReference::new(membrane, leak, zero)))
    }
}

/// Leaky integrate-and-fire neurons.
pub(in crate::spiking) struct Leaky<R, D> {
    decay: D,
    /// Number of steps for which a spike silences the neuron.
    silent_steps: R,
}

impl<R: Real, D: MembraneDecay<R>> Leaky<R, D> {
    /// U_t, where `spiked` is above `threshold` for neurons that spiked at step t − 1.
    #[inline(always)]
    pub(super) fn advance(
        &self,
        i: usize,
        (spiked, threshold): (Lanes<R>, Lanes<R>),
        t: R,
        refractory_until: &mut Lanes<R>,
        before: Lanes<R>,
        current: Lanes<R>,
    ) -> Lanes<R> {
        let until = Lanes::splat(t + self.silent_steps);
        let (now, held) = (Lanes::splat(t), Lanes::splat(-R::zero()));
        *refractory_until = spiked.where_above(threshold, until, *refractory_until);
        refractory_until.where_above(now, held, self.integrate(i, before, current) + Lanes::zero())
    }

    /// V_t.
    #[inline(always)]
    pub(super) fn integrate(&self, i: usize, before: Lanes<R>, current: Lanes<R>) -> Lanes<R> {
        self.decay.kept(i, before) + self.decay.entering(i, current)
    }

    /// Gradients that leave the neuron; `spike` is the part of Ū_t through the spike. Adds that of the decay to `rows`.
    #[inline(always)]
    pub(super) fn backward(
        &self,
        i: usize,
        potential: Lanes<R>,
        reset: Lanes<R>,
        adjoint: &mut Lanes<R>,
        spike: Lanes<R>,
        rows: &mut [Lanes<R>],
    ) -> Leaving<R> {
        let later = *adjoint;
        let of_potential = self.decay.kept(i, later) + spike;
        *adjoint = potential.zip(
            of_potential,
            #[inline(always)]
            |u, x| if u == R::zero() && u.is_sign_negative() { R::zero() } else { x },
        );
        self.decay.add_gradient(i, potential, later, *adjoint, rows);
        Leaving { current: self.decay.entering(i, *adjoint), reset: reset * of_potential }
    }
}

impl<R: Real, D: MembraneDecay<R>> Neuron<R> for Leaky<R, D> {
    /// First step at which the neuron is free.
    type State = Lanes<R>;
    /// U.
    type Kept = Lanes<R>;
    /// V̄_{t+1}.
    type Adjoint = Lanes<R>;
    const ROWS: usize = D::ROWS;

    fn new(membrane: Membrane, rows: Vec<Lanes<R>>) -> Self {
        Self { decay: D::new(membrane, rows), silent_steps: R::constant(f64::from(membrane.refractory_steps.max(1))) }
    }

    fn rest() -> (Lanes<R>, Lanes<R>) {
        (Lanes::zero(), Lanes::zero())
    }

    fn adjoint() -> Lanes<R> {
        Lanes::zero()
    }

    #[inline(always)]
    fn potential(kept: Lanes<R>) -> Lanes<R> {
        kept
    }

    #[inline(always)]
    fn spikes(&self, _: usize, threshold: Lanes<R>, kept: Lanes<R>) -> Lanes<R> {
        kept.where_above(threshold, Lanes::splat(R::one()), Lanes::zero())
    }

    #[inline(always)]
    fn free_potential(&self, i: usize, before: Lanes<R>, current: Lanes<R>) -> Lanes<R> {
        self.integrate(i, before, current)
    }

    #[inline(always)]
    fn step(
        &self,
        i: usize,
        threshold: Lanes<R>,
        t: R,
        state: &mut Lanes<R>,
        before: Lanes<R>,
        current: Lanes<R>,
    ) -> Lanes<R> {
        self.advance(i, (before, threshold), t, state, before, current)
    }

    #[inline(always)]
    fn step_back(
        &self,
        i: usize,
        threshold: Lanes<R>,
        surrogate: &impl Derivative<R>,
        kept: Lanes<R>,
        reset: Lanes<R>,
        adjoint: &mut Lanes<R>,
        spike: Lanes<R>,
        rows: &mut [Lanes<R>],
    ) -> Leaving<R> {
        self.backward(i, kept, reset, adjoint, surrogate.at(kept - threshold) * spike, rows)
    }

    #[inline(always)]
    fn flush(_: &mut Lanes<R>, kept: &mut Lanes<R>) {
        *kept = kept.flushed();
    }

    #[inline(always)]
    fn flush_adjoint(adjoint: &mut Lanes<R>) {
        *adjoint = adjoint.flushed();
    }
}

/// The same neuron in candle operations.
pub(super) struct LeakyReference {
    refractory_steps: u32,
    /// 1 − α_m `[N]`.
    leak: Tensor,
    potential: Tensor,
    /// Remaining refractory steps.
    wait: Tensor,
}

impl LeakyReference {
    /// Neurons at rest, `[B, N]` like `zero`.
    pub(super) fn new(membrane: Membrane, leak: &Tensor, zero: &Tensor) -> Self {
        let Membrane { refractory_steps, .. } = membrane;
        Self { refractory_steps, leak: leak.clone(), potential: zero.clone(), wait: zero.clone() }
    }
}

impl Reference for LeakyReference {
    fn step(&mut self, current: &Tensor, spikes_before: &Tensor, threshold: &Tensor) -> Result<ReferenceStep> {
        let begun = self.wait.affine(0.0, f64::from(self.refractory_steps))?;
        self.wait = spikes_before.detach().gt(0f64)?.where_cond(&begun, &(&self.wait - 1.0)?.relu()?)?;
        let free = self.wait.eq(0f64)?.to_dtype(current.dtype())?;
        let kept = self.potential.broadcast_mul(&self.leak.affine(-1.0, 1.0)?)?;
        let v = (kept + current.broadcast_mul(&self.leak)?)?;
        self.potential = ((1.0 - spikes_before)?.mul(&v)? * free)?;
        let excess = (&self.potential - threshold)?;
        Ok(ReferenceStep { free_potential: v, potential: self.potential.clone(), excess })
    }
}
