//! Adaptive leaky integrate-and-fire neuron: every spike raises the threshold, which then decays back.
//!
//! ```text
//! b_t = ρ b_{t−1} + (1−ρ) s_{t−1}        ρ = exp(−dt/τ_a)
//! U_t as for the leaky neuron
//! s_t = H(U_t − θ − β b_t)
//! ```
//!
//! β is the rise of the threshold of a neuron that spikes at every step. τ_a and β are the same for all neurons of a network,
//! or trained for each neuron, by their logarithms: both stay above 0.
//!
//! Backward, with x_t = U_t − θ − β b_t and s̄_t the gradient of the spike from outside the neuron and its reset:
//!
//! ```text
//! s̄_t ← s̄_t + (1−ρ) b̄_{t+1}
//! x̄_t = σ'(x_t) s̄_t
//! b̄_t = ρ b̄_{t+1} − β x̄_t
//! Ū_t = α_m V̄_{t+1} + x̄_t                 then as for the leaky neuron
//! β̄ = −Σ_t x̄_t b_t,   ρ̄ = Σ_t b̄_{t+1} (b_t − s_t)
//! ```
//!
//! Sources: Bellec, Salaj, Subramoney, Legenstein & Maass, *Long short-term memory and learning-to-learn in networks of
//! spiking neurons* (NeurIPS 2018), section 2; Yin, Corradi & Bohté, *Accurate and efficient time-domain classification
//! with adaptive spiking recurrent neural networks* (Nature Machine Intelligence 3:905, 2021), who train τ_a per
//! neuron.

use super::decay::MembraneDecay;
use super::dynamics::{Leaving, Membrane, Model, Neuron, Reference, ReferenceStep};
use super::leaky::{Leaky, LeakyReference};
use crate::spiking::surrogate::Derivative;
use candle_core::{DType, Device, Result, Tensor};
use mdl_data::field::{InvalidField, LARGEST, require, require_duration_ms};
use mdl_kernels::lanes::Lanes;
use mdl_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adaptation of the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adaptation {
    /// Time constant τ_a of the adaptation (ms).
    pub tau_ms: f64,
    /// Strength β: the rise of the threshold of a neuron that spikes at every step.
    pub strength: f64,
    /// Train τ_a and β of each neuron, starting from the values above.
    pub trained: bool,
}

impl Default for Adaptation {
    fn default() -> Self {
        Self { tau_ms: 200.0, strength: 1.8, trained: false }
    }
}

/// Names of the trained tensors `[N]`, ln(τ_a/ms) and ln β, and of those that readers of an artifact find beside them, τ_a (ms)
/// and β.
const TRAINED: [&str; 2] = ["log_tau_adaptation", "log_adaptation_strength"];
const DERIVED: [&str; 2] = ["tau_adaptation_ms", "adaptation_strength"];

impl Model for Adaptation {
    fn validate(&self, dt_ms: f64) -> std::result::Result<(), InvalidField> {
        require_duration_ms("tau_ms", self.tau_ms)?;
        let expected = format!("at least the step, dt_ms = {dt_ms}: the step must follow it");
        require(self.tau_ms >= dt_ms, "tau_ms", self.tau_ms, &expected)?;
        let expected = format!("a number from 0 to {LARGEST}");
        require((0.0..=LARGEST).contains(&self.strength), "strength", self.strength, &expected)?;
        let expected = format!("a number above 0 to {LARGEST}, as it is trained by its logarithm");
        require(!self.trained || self.strength > 0.0, "strength", self.strength, &expected)
    }

    fn trained(&self) -> Vec<(&'static str, f32)> {
        let values = [self.tau_ms, self.strength].map(|value| value.ln() as f32);
        if self.trained { TRAINED.into_iter().zip(values).collect() } else { Vec::new() }
    }

    fn derived(&self, trained: &[Tensor]) -> Result<Vec<(&'static str, Tensor)>> {
        DERIVED.into_iter().zip(trained).map(|(name, logarithm)| Ok((name, logarithm.exp()?))).collect()
    }

    /// ρ and β.
    fn rows(&self, dt_ms: f64, trained: &[Tensor], neurons: usize, like: &Tensor) -> Result<Vec<Tensor>> {
        match trained {
            [log_tau, log_strength] => Ok(vec![(log_tau.neg()?.exp()? * -dt_ms)?.exp()?, log_strength.exp()?]),
            _ => {
                let row = |value: f64| full(value, neurons, like.dtype(), like.device());
                Ok(vec![row((-dt_ms / self.tau_ms).exp())?, row(self.strength)?])
            }
        }
    }

    fn moves_threshold(&self) -> bool {
        true
    }

    #[cfg(any(test, feature = "cuda"))]
    fn thresholds(&self, threshold: Tensor, rows: &Tensor, kept: Option<Tensor>) -> Result<Tensor> {
        let Some(b) = kept else { candle_core::bail!("the kernel kept no adaptation") };
        threshold.broadcast_add(&b.broadcast_mul(&rows.get(1)?)?)
    }

    #[cfg(any(test, feature = "cuda"))]
    fn kernel(&self) -> &'static str {
        "adaptive"
    }

    fn reference(
        &self,
        membrane: Membrane,
        leak: &Tensor,
        trained: &[Tensor],
        zero: &Tensor,
    ) -> Result<Box<dyn Reference>> {
        let rows = self.rows(membrane.dt_ms, trained, zero.dims()[1], zero)?;
        let leaky = LeakyReference::new(membrane, leak, zero);
        Ok(Box::new(AdaptiveReference { leaky, rows, adaptation: zero.clone() }))
    }
}

fn full(value: f64, neurons: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    Tensor::from_vec(vec![value; neurons], neurons, device)?.to_dtype(dtype)
}

/// Number of rows of the adaptation: ρ and β.
const OWN_ROWS: usize = 2;

/// Adaptive neurons; each has a row of ρ and one of β, before that of its membrane.
pub(in crate::spiking) struct Adaptive<R, D> {
    leaky: Leaky<R, D>,
    rows: Vec<Lanes<R>>,
}

/// U and b of sixteen neurons.
#[derive(Clone, Copy)]
pub(in crate::spiking) struct Kept<R> {
    potential: Lanes<R>,
    adaptation: Lanes<R>,
}

/// V̄_{t+1} and b̄_{t+1} of sixteen neurons.
#[derive(Clone, Copy)]
pub(in crate::spiking) struct Adjoint<R> {
    membrane: Lanes<R>,
    adaptation: Lanes<R>,
}

impl<R: Real, D> Adaptive<R, D> {
    /// ρ and β of lane group `i`.
    #[inline(always)]
    fn constants(&self, i: usize) -> (Lanes<R>, Lanes<R>) {
        (self.rows[OWN_ROWS * i], self.rows[OWN_ROWS * i + 1])
    }
}

/// 1 − ρ.
#[inline(always)]
fn complement<R: Real>(rho: Lanes<R>) -> Lanes<R> {
    Lanes::splat(R::one()) - rho
}

impl<R: Real, D: MembraneDecay<R>> Neuron<R> for Adaptive<R, D> {
    /// First step at which the neuron is free.
    type State = Lanes<R>;
    type Kept = Kept<R>;
    type Adjoint = Adjoint<R>;
    const ROWS: usize = OWN_ROWS + D::ROWS;

    fn new(membrane: Membrane, rows: Vec<Lanes<R>>) -> Self {
        let groups = || rows.chunks_exact(Self::ROWS);
        let of_membrane = groups().flat_map(|group| &group[OWN_ROWS..]).copied().collect();
        let own = groups().flat_map(|group| &group[..OWN_ROWS]).copied().collect();
        Self { leaky: Leaky::new(membrane, of_membrane), rows: own }
    }

    fn rest() -> (Lanes<R>, Kept<R>) {
        (Lanes::zero(), Kept { potential: Lanes::zero(), adaptation: Lanes::zero() })
    }

    fn adjoint() -> Adjoint<R> {
        Adjoint { membrane: Lanes::zero(), adaptation: Lanes::zero() }
    }

    #[inline(always)]
    fn potential(kept: Kept<R>) -> Lanes<R> {
        kept.potential
    }

    /// θ + β b.
    #[inline(always)]
    fn threshold(&self, i: usize, threshold: Lanes<R>, kept: Kept<R>) -> Lanes<R> {
        threshold + self.constants(i).1 * kept.adaptation
    }

    #[inline(always)]
    fn spikes(&self, i: usize, threshold: Lanes<R>, kept: Kept<R>) -> Lanes<R> {
        kept.potential.where_above(self.threshold(i, threshold, kept), Lanes::splat(R::one()), Lanes::zero())
    }

    #[inline(always)]
    fn free_potential(&self, i: usize, before: Kept<R>, current: Lanes<R>) -> Lanes<R> {
        self.leaky.integrate(i, before.potential, current)
    }

    #[inline(always)]
    fn step(
        &self,
        i: usize,
        threshold: Lanes<R>,
        t: R,
        state: &mut Lanes<R>,
        before: Kept<R>,
        current: Lanes<R>,
    ) -> Kept<R> {
        let (rho, _) = self.constants(i);
        let raised = self.threshold(i, threshold, before);
        let spikes = self.spikes(i, threshold, before);
        let potential = self.leaky.advance(i, (before.potential, raised), t, state, before.potential, current);
        Kept { potential, adaptation: before.adaptation * rho + complement(rho) * spikes }
    }

    #[inline(always)]
    fn step_back(
        &self,
        i: usize,
        threshold: Lanes<R>,
        surrogate: &impl Derivative<R>,
        kept: Kept<R>,
        reset: Lanes<R>,
        adjoint: &mut Adjoint<R>,
        spike: Lanes<R>,
        rows: &mut [Lanes<R>],
    ) -> Leaving<R> {
        let (rho, beta) = self.constants(i);
        let (b, later) = (kept.adaptation, adjoint.adaptation);
        let spike = spike + complement(rho) * later;
        let excess = surrogate.at(kept.potential - self.threshold(i, threshold, kept)) * spike;
        rows[0] += later * (b - self.spikes(i, threshold, kept));
        rows[1] += Lanes::zero() - excess * b;
        adjoint.adaptation = rho * later - beta * excess;
        self.leaky.backward(i, kept.potential, reset, &mut adjoint.membrane, excess, &mut rows[OWN_ROWS..])
    }

    #[inline(always)]
    fn flush(_: &mut Lanes<R>, kept: &mut Kept<R>) {
        kept.potential = kept.potential.flushed();
        kept.adaptation = kept.adaptation.flushed();
    }

    #[inline(always)]
    fn flush_adjoint(adjoint: &mut Adjoint<R>) {
        adjoint.membrane = adjoint.membrane.flushed();
        adjoint.adaptation = adjoint.adaptation.flushed();
    }
}

/// The same neuron in candle operations.
struct AdaptiveReference {
    leaky: LeakyReference,
    /// ρ and β `[N]`.
    rows: Vec<Tensor>,
    adaptation: Tensor,
}

impl Reference for AdaptiveReference {
    fn step(&mut self, current: &Tensor, spikes_before: &Tensor, threshold: &Tensor) -> Result<ReferenceStep> {
        let (rho, beta) = (&self.rows[0], &self.rows[1]);
        let kept = self.adaptation.broadcast_mul(rho)?;
        self.adaptation = (kept + spikes_before.broadcast_mul(&rho.affine(-1.0, 1.0)?)?)?;
        let raised = (threshold + self.adaptation.broadcast_mul(beta)?)?;
        self.leaky.step(current, spikes_before, &raised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_values_are_named() {
        let named = |adaptation: Adaptation| adaptation.validate(2.0).unwrap_err().field;
        assert_eq!(Adaptation::default().validate(2.0), Ok(()));
        assert_eq!(named(Adaptation { tau_ms: 1.0, ..Adaptation::default() }), "tau_ms");
        assert_eq!(named(Adaptation { strength: -1.0, ..Adaptation::default() }), "strength");
        assert_eq!(named(Adaptation { strength: f64::NAN, ..Adaptation::default() }), "strength");
        let none = Adaptation { strength: 0.0, ..Adaptation::default() };
        assert_eq!((none.validate(2.0), named(Adaptation { trained: true, ..none })), (Ok(()), "strength".into()));
    }
}
