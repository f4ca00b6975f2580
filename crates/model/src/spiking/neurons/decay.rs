//! Decay of the membrane potential: the same for all neurons, or one per neuron.
//!
//! ```text
//! V_t = α U_{t−1} + (1−α) I_t            α = exp(−dt/τ_m)
//! ```
//!
//! A neuron's own constant is its leak l = 1−α, which single precision holds more precisely than α. Its gradient is
//!
//! ```text
//! l̄ = Σ_t V̄_t (I_t − U_{t−1}) = Σ_t V̄_t (V_t − U_{t−1})/l = Σ_t U_t (V̄_t − V̄_{t+1})/l
//! ```
//!
//! The last form needs no I_t: V̄_t = 0 where the neuron is reset or held, and U_t = V_t elsewhere.

use super::dynamics::Membrane;
use mdl_kernels::lanes::Lanes;
use mdl_kernels::real::Real;

/// Decay of the membrane potentials of the neurons of every lane group.
pub(in crate::spiking) trait MembraneDecay<R: Real>: Send + Sync + Sized + 'static {
    /// Number of rows of constants with gradients: 1 if every neuron has its own leak, else 0.
    const ROWS: usize;

    /// The decay of a network; `leaks` `[lane groups]` is empty where all neurons share α of `membrane`.
    fn new(membrane: Membrane, leaks: Vec<Lanes<R>>) -> Self;

    /// α x of lane group `i`.
    fn kept(&self, i: usize, x: Lanes<R>) -> Lanes<R>;

    /// (1−α) x of lane group `i`.
    fn entering(&self, i: usize, x: Lanes<R>) -> Lanes<R>;

    /// Adds the share of a step to l̄, `rows` `[ROWS]`: from U_t, V̄_{t+1} and V̄_t.
    fn add_gradient(&self, i: usize, potential: Lanes<R>, later: Lanes<R>, now: Lanes<R>, rows: &mut [Lanes<R>]);
}

/// One α for all neurons.
pub(in crate::spiking) struct Shared<R> {
    alpha: R,
    one_minus_alpha: R,
}

impl<R: Real> MembraneDecay<R> for Shared<R> {
    const ROWS: usize = 0;

    fn new(membrane: Membrane, _: Vec<Lanes<R>>) -> Self {
        Self { alpha: R::constant(membrane.alpha), one_minus_alpha: R::constant(1.0 - membrane.alpha) }
    }

    #[inline(always)]
    fn kept(&self, _: usize, x: Lanes<R>) -> Lanes<R> {
        x * self.alpha
    }

    #[inline(always)]
    fn entering(&self, _: usize, x: Lanes<R>) -> Lanes<R> {
        x * self.one_minus_alpha
    }

    #[inline(always)]
    fn add_gradient(&self, _: usize, _: Lanes<R>, _: Lanes<R>, _: Lanes<R>, _: &mut [Lanes<R>]) {}
}

/// The leak of each neuron.
pub(in crate::spiking) struct PerNeuron<R>(Vec<Factors<R>>);

/// Factors of sixteen neurons.
struct Factors<R> {
    alpha: Lanes<R>,
    leak: Lanes<R>,
    /// 1/l.
    inverse: Lanes<R>,
}

impl<R: Real> MembraneDecay<R> for PerNeuron<R> {
    const ROWS: usize = 1;

    fn new(_: Membrane, leaks: Vec<Lanes<R>>) -> Self {
        let factors = |leak: Lanes<R>| Factors {
            alpha: Lanes::splat(R::one()) - leak,
            leak,
            // The lanes beyond N hold 0, as does all else that they enter.
            inverse: leak.map(|leak| if leak > R::zero() { R::one() / leak } else { R::zero() }),
        };
        Self(leaks.into_iter().map(factors).collect())
    }

    #[inline(always)]
    fn kept(&self, i: usize, x: Lanes<R>) -> Lanes<R> {
        x * self.0[i].alpha
    }

    #[inline(always)]
    fn entering(&self, i: usize, x: Lanes<R>) -> Lanes<R> {
        x * self.0[i].leak
    }

    #[inline(always)]
    fn add_gradient(&self, i: usize, potential: Lanes<R>, later: Lanes<R>, now: Lanes<R>, rows: &mut [Lanes<R>]) {
        rows[0] += potential * (now - later) * self.0[i].inverse;
    }
}
