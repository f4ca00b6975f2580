//! Constants of the neurons in the precision of the operator.
//!
//! Threshold, decay and gain may differ between neurons. Loops over lane groups are written for any [`Units`] and
//! compiled twice: constants shared by all neurons stay in registers, others are loaded with their lane group.

use super::population::Population;
use super::surrogate::Surrogate;
use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::real::Real;

/// Constants of a network's neurons.
pub(super) struct Constants<R> {
    pub alpha_current: R,
    pub alpha_rise: R,
    pub surrogate: Surrogate,
    pub units: PerUnit<R>,
    /// α_d and κ, if shared by all neurons.
    pub shared_decay: Option<Decay<R>>,
}

/// Decay and gain of a synapse.
#[derive(Clone, Copy)]
pub(super) struct Decay<R> {
    /// α_d.
    pub alpha: R,
    /// κ.
    pub gain: R,
}

/// Threshold, decay and gain of a neuron, or of the sixteen of a lane group.
#[derive(Clone, Copy)]
pub(super) struct Unit<V> {
    /// θ.
    pub threshold: V,
    /// α_d.
    pub alpha_decay: V,
    /// κ.
    pub gain: V,
}

/// The constants of all neurons, or those of each lane group.
pub(super) enum PerUnit<R> {
    Shared(Unit<R>),
    Own(Vec<Unit<Lanes<R>>>),
}

/// Constants of the neurons of every lane group.
pub(super) trait Units<R>: Copy {
    /// Those of lane group `i`.
    fn group(self, i: usize) -> Unit<Lanes<R>>;
}

impl<R: Real> Units<R> for Unit<R> {
    #[inline(always)]
    fn group(self, _: usize) -> Unit<Lanes<R>> {
        Unit {
            threshold: Lanes::splat(self.threshold),
            alpha_decay: Lanes::splat(self.alpha_decay),
            gain: Lanes::splat(self.gain),
        }
    }
}

impl<R: Real> Units<R> for &[Unit<Lanes<R>>] {
    #[inline(always)]
    fn group(self, i: usize) -> Unit<Lanes<R>> {
        self[i]
    }
}

/// Evaluates `$body` with `$units` bound to the [`Units`] of `$constants`: once for shared constants, once for others.
macro_rules! with_units {
    ($constants:expr, $units:ident => $body:expr) => {
        match &$constants.units {
            PerUnit::Shared(unit) => {
                let $units = *unit;
                $body
            }
            PerUnit::Own(groups) => {
                let $units = &groups[..];
                $body
            }
        }
    };
}
pub(super) use with_units;

impl<R: Real> Constants<R> {
    /// The constants of `neurons` neurons.
    pub(super) fn new(population: &Population, neurons: usize) -> Self {
        let neuron = population.neuron();
        let unit = |threshold: f64, tau_decay_ms: f64| Unit {
            threshold: R::constant(threshold),
            alpha_decay: R::constant(neuron.alpha(tau_decay_ms)),
            gain: R::constant(neuron.gain_at(tau_decay_ms)),
        };
        let (threshold, tau_decay_ms) = (population.shared_threshold(), population.shared_tau_decay_ms());
        let units = match (threshold, tau_decay_ms) {
            (Some(threshold), Some(tau_decay_ms)) => PerUnit::Shared(unit(threshold, tau_decay_ms)),
            _ => {
                let own: Vec<_> =
                    (0..neurons).map(|i| unit(population.threshold(i), population.tau_decay_ms(i))).collect();
                PerUnit::Own(own.chunks(LANES).map(group).collect())
            }
        };
        Self {
            alpha_current: R::constant(neuron.alpha(neuron.tau_current_ms)),
            alpha_rise: R::constant(neuron.alpha_rise()),
            surrogate: neuron.surrogate,
            units,
            shared_decay: tau_decay_ms.map(|tau_ms| Decay {
                alpha: R::constant(neuron.alpha(tau_ms)),
                gain: R::constant(neuron.gain_at(tau_ms)),
            }),
        }
    }
}

/// The constants of up to sixteen neurons; the lanes beyond them hold 0.
fn group<R: Real>(units: &[Unit<R>]) -> Unit<Lanes<R>> {
    let lanes = |of: fn(&Unit<R>) -> R| Lanes::load(&units.iter().map(of).collect::<Vec<_>>());
    Unit {
        threshold: lanes(|unit| unit.threshold),
        alpha_decay: lanes(|unit| unit.alpha_decay),
        gain: lanes(|unit| unit.gain),
    }
}
