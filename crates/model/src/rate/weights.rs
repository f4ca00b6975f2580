//! Recurrent weights in the form of a run, the products with them, and their gradient.
//!
//! ```text
//! W_eff = relu(W) diag(sign) ⊙ mask      ∂W = ∂W_eff diag(sign) ⊙ mask where W > 0, else 0
//! W_eff = W ⊙ mask                       ∂W = ∂W_eff ⊙ mask
//! W_eff = A Cᵀ                           ∂A = ∂W_eff C,  ∂C = ∂W_effᵀ A
//! ```
//!
//! Under Dale's principle a connection with W ≤ 0 has neither weight nor gradient. Trained networks keep some 6 % of
//! their connections, and only these are computed.

use super::sequence::Recurrence;
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::product::common::{Product, padded};
use mdl_kernels::product::coordinates::Coordinates;
use mdl_kernels::product::dense::{Dense, accumulate_outer};
use mdl_kernels::product::low_rank::{LowRank, accumulate_low_rank, rows};
use mdl_kernels::product::pattern::Pattern;
use mdl_kernels::product::sparse::{SparseReal, spread_present};
use mdl_kernels::product::sparse_batch::RowPairs;
use mdl_kernels::real::Real;

/// Fraction of present entries below which the gradient is computed entry by entry. It does not depend on the CPU,
/// because the two methods add in different orders.
const SPARSE_GRADIENT_BELOW: f64 = 0.5;

/// Weights of a run over `n` units.
pub(super) struct Weights<R> {
    n: usize,
    form: Form<R>,
}

enum Form<R> {
    /// W_eff `[N, N]`, and its present entries if they are few.
    Matrix { effective: Vec<R>, present: Option<Present> },
    /// A and C, `[2, N, P]`.
    LowRank { weights: Vec<R> },
}

/// Present entries as a pattern and as a list.
struct Present {
    set: Pattern,
    coordinates: Coordinates,
}

impl<R: SparseReal> Weights<R> {
    /// Prepares the weights `raw` for a run.
    pub(super) fn new(n: usize, recurrence: &Recurrence, raw: &[R]) -> Self {
        let form = match recurrence {
            Recurrence::Modes => Form::LowRank { weights: raw.to_vec() },
            Recurrence::Dense { sign, mask } => {
                let effective = effective_weights(n, sign.as_deref(), mask.as_deref(), raw);
                let few = |pattern: &Pattern| pattern.share() < SPARSE_GRADIENT_BELOW;
                let present = sign.is_some().then(|| Pattern::of_rows(n, &effective)).filter(few);
                let present = present.map(|set| Present { coordinates: Coordinates::new(&set), set });
                Form::Matrix { effective, present }
            }
        };
        Self { n, form }
    }

    /// Present entries, if they are few. Only then are blocks of trials faster than single trials.
    pub(super) fn few(&self) -> Option<&Coordinates> {
        match &self.form {
            Form::Matrix { present, .. } => present.as_ref().map(|present| &present.coordinates),
            Form::LowRank { .. } => None,
        }
    }

    /// Product W_eff r of `width` trials.
    pub(super) fn forward(&self, width: usize) -> Box<dyn Product<R>> {
        let n = self.n;
        match &self.form {
            Form::LowRank { weights } => Box::new(LowRank::forward(n, weights)),
            Form::Matrix { effective, present } => {
                let set = present.as_ref().map(|present| &present.set);
                product(n, width, set, |target, source| effective[target * n + source])
            }
        }
    }

    /// Product W_effᵀ δ of `width` trials.
    pub(super) fn adjoint(&self, width: usize) -> Box<dyn Product<R>> {
        let n = self.n;
        match &self.form {
            Form::LowRank { weights } => Box::new(LowRank::adjoint(n, weights)),
            Form::Matrix { effective, present } => {
                let columns = present.is_some().then(|| Pattern::of_columns(n, effective));
                product(n, width, columns.as_ref(), |target, source| effective[source * n + target])
            }
        }
    }

    /// Zero gradient, for [`Weights::accumulate_gradient`].
    pub(super) fn zero_gradient(&self) -> Vec<R> {
        let length = match &self.form {
            Form::LowRank { weights } => weights.len() / self.n * padded(self.n),
            Form::Matrix { present: Some(present), .. } => present.coordinates.count(),
            Form::Matrix { effective, .. } => effective.len(),
        };
        vec![R::zero(); length]
    }

    /// gradient += Σ_s delta_s ratesₛᵀ as a gradient of the effective weights, for the deltas and rates `[S, N]` of a trial.
    /// Where present entries are [few](Self::few), [`accumulate_present`](mdl_kernels::product::sparse::accumulate_present) does it.
    pub(super) fn accumulate_gradient(&self, states: [&[R]; 2], gradient: &mut [R]) {
        match &self.form {
            Form::LowRank { weights } => accumulate_low_rank(self.n, weights, states, gradient),
            Form::Matrix { .. } => accumulate_outer(self.n, states, gradient),
        }
    }

    /// Gradient of the weights `raw` from that of the effective weights.
    pub(super) fn gradient_of_raw(&self, recurrence: &Recurrence, raw: &[R], gradient: Vec<R>) -> Vec<R> {
        let Recurrence::Dense { sign, mask } = recurrence else { return rows(self.n, &gradient) };
        match (&self.form, sign) {
            (Form::Matrix { present: Some(present), .. }, Some(sign)) => {
                // Where there is an entry, the mask is 1 and W > 0.
                spread_present(self.n, &present.coordinates, &gradient, |source| R::constant(f64::from(sign[source])))
            }
            _ => scale(self.n, sign.as_deref(), mask.as_deref(), raw, gradient),
        }
    }
}

/// Product of `width` trials with the weight `weight(target, source)`, which is zero where `pattern` has no entry.
fn product<R: SparseReal>(
    n: usize,
    width: usize,
    pattern: Option<&Pattern>,
    weight: impl Fn(usize, usize) -> R,
) -> Box<dyn Product<R>> {
    match pattern {
        Some(pattern) if width > 1 => Box::new(RowPairs::new(width, pattern, weight)),
        Some(pattern) => R::sparse(pattern, &weight).unwrap_or_else(|| Box::new(Dense::new(n, weight))),
        None => Box::new(Dense::new(n, weight)),
    }
}

/// W_eff `[N, N]`: relu(W) diag(sign) ⊙ mask, or W ⊙ mask without `sign`, from W `raw` and `mask` `[N, N]` and `sign`
/// `[N]`.
pub fn effective_weights<R: Real>(n: usize, sign: Option<&[f32]>, mask: Option<&[f32]>, raw: &[R]) -> Vec<R> {
    scale(n, sign, mask, raw, raw.to_vec())
}

/// values ⊙ mask or, with signs, values diag(sign) ⊙ mask where W > 0, else 0.
fn scale<R: Real>(n: usize, sign: Option<&[f32]>, mask: Option<&[f32]>, raw: &[R], mut values: Vec<R>) -> Vec<R> {
    let real = |x: &f32| R::constant(f64::from(*x));
    let signs: Option<Vec<R>> = sign.map(|sign| sign.iter().map(real).collect());
    dispatch(
        #[inline(always)]
        || {
            if let Some(signs) = &signs {
                for (values, raw) in values.chunks_exact_mut(n).zip(raw.chunks_exact(n)) {
                    for ((value, raw), sign) in values.iter_mut().zip(raw).zip(signs) {
                        // Not `raw > 0`, because a weight that is not a number must propagate.
                        *value = if *raw <= R::zero() { R::zero() } else { *value * *sign };
                    }
                }
            }
            if let Some(mask) = mask {
                for (value, mask) in values.iter_mut().zip(mask) {
                    *value *= real(mask);
                }
            }
        },
    );
    values
}
