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
//! The reset factor 1 − s_{t−1} silences the step after a spike for any refractory period, so the periods 0 and 1
//! differ only in their gradients. Source: Lin & Huang, *Spiking mode-based neural networks* (arXiv 2310.14621).

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

    fn reference(&self, membrane: Membrane, _: &[Tensor], zero: &Tensor) -> Result<Box<dyn Reference>> {
        Ok(Box::new(LeakyReference::new(membrane, zero)))
    }
}

/// Leaky integrate-and-fire neurons.
pub(in crate::spiking) struct Leaky<R> {
    alpha: R,
    one_minus_alpha: R,
    /// Number of steps for which a spike silences the neuron.
    silent_steps: R,
}

impl<R: Real> Leaky<R> {
    /// U_t, where `spiked` is above `threshold` for neurons that spiked at step t − 1.
    #[inline(always)]
    pub(super) fn advance(
        &self,
        (spiked, threshold): (Lanes<R>, Lanes<R>),
        t: R,
        refractory_until: &mut Lanes<R>,
        before: Lanes<R>,
        current: Lanes<R>,
    ) -> Lanes<R> {
        let until = Lanes::splat(t + self.silent_steps);
        let (now, held) = (Lanes::splat(t), Lanes::splat(-R::zero()));
        *refractory_until = spiked.where_above(threshold, until, *refractory_until);
        refractory_until.where_above(now, held, self.integrate(before, current) + Lanes::zero())
    }

    /// V_t.
    #[inline(always)]
    pub(super) fn integrate(&self, before: Lanes<R>, current: Lanes<R>) -> Lanes<R> {
        before * self.alpha + current * self.one_minus_alpha
    }

    /// Gradients that leave the neuron; `spike` is the part of Ū_t through the spike.
    #[inline(always)]
    pub(super) fn backward(
        &self,
        potential: Lanes<R>,
        reset: Lanes<R>,
        adjoint: &mut Lanes<R>,
        spike: Lanes<R>,
    ) -> Leaving<R> {
        let of_potential = *adjoint * self.alpha + spike;
        *adjoint = potential.zip(
            of_potential,
            #[inline(always)]
            |u, x| if u == R::zero() && u.is_sign_negative() { R::zero() } else { x },
        );
        Leaving { current: *adjoint * self.one_minus_alpha, reset: reset * of_potential }
    }
}

impl<R: Real> Neuron<R> for Leaky<R> {
    /// First step at which the neuron is free.
    type State = Lanes<R>;
    /// U.
    type Kept = Lanes<R>;
    /// V̄_{t+1}.
    type Adjoint = Lanes<R>;
    const ROWS: usize = 0;

    fn new(membrane: Membrane, _: Vec<Lanes<R>>) -> Self {
        Self {
            alpha: R::constant(membrane.alpha),
            one_minus_alpha: R::constant(1.0 - membrane.alpha),
            silent_steps: R::constant(f64::from(membrane.refractory_steps.max(1))),
        }
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
    fn free_potential(&self, before: Lanes<R>, current: Lanes<R>) -> Lanes<R> {
        self.integrate(before, current)
    }

    #[inline(always)]
    fn step(
        &self,
        _: usize,
        threshold: Lanes<R>,
        t: R,
        state: &mut Lanes<R>,
        before: Lanes<R>,
        current: Lanes<R>,
    ) -> Lanes<R> {
        self.advance((before, threshold), t, state, before, current)
    }

    #[inline(always)]
    fn step_back(
        &self,
        _: usize,
        threshold: Lanes<R>,
        surrogate: &impl Derivative<R>,
        kept: Lanes<R>,
        reset: Lanes<R>,
        adjoint: &mut Lanes<R>,
        spike: Lanes<R>,
        _: &mut [Lanes<R>],
    ) -> Leaving<R> {
        self.backward(kept, reset, adjoint, surrogate.at(kept - threshold) * spike)
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
    membrane: Membrane,
    potential: Tensor,
    /// Remaining refractory steps.
    wait: Tensor,
}

impl LeakyReference {
    /// Neurons at rest, `[B, N]` like `zero`.
    pub(super) fn new(membrane: Membrane, zero: &Tensor) -> Self {
        Self { membrane, potential: zero.clone(), wait: zero.clone() }
    }
}

impl Reference for LeakyReference {
    fn step(&mut self, current: &Tensor, spikes_before: &Tensor, threshold: &Tensor) -> Result<ReferenceStep> {
        let Membrane { alpha, refractory_steps, .. } = self.membrane;
        let begun = self.wait.affine(0.0, f64::from(refractory_steps))?;
        self.wait = spikes_before.detach().gt(0f64)?.where_cond(&begun, &(&self.wait - 1.0)?.relu()?)?;
        let free = self.wait.eq(0f64)?.to_dtype(current.dtype())?;
        let v = ((&self.potential * alpha)? + (current * (1.0 - alpha))?)?;
        self.potential = ((1.0 - spikes_before)?.mul(&v)? * free)?;
        let excess = (&self.potential - threshold)?;
        Ok(ReferenceStep { free_potential: v, potential: self.potential.clone(), excess })
    }
}
