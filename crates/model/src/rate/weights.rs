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
use mdl_kernels::product::by_unit::ByUnit;
use mdl_kernels::product::common::{Product, padded};
use mdl_kernels::product::coordinates::Coordinates;
use mdl_kernels::product::dense::{Dense, accumulate_outer};
use mdl_kernels::product::low_rank::{LowRank, accumulate_low_rank, rows};
use mdl_kernels::product::pattern::Pattern;
use mdl_kernels::product::present::Runs;
use mdl_kernels::product::sparse::{SparseReal, accumulate_present, spread_present};
use mdl_kernels::product::sparse_batch::RowQuads;
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
    /// W_eff `[N, N]`, and the pattern of its present entries if they are few.
    Matrix { effective: Vec<R>, present: Option<Pattern> },
    /// A and C, `[2, N, P]`.
    LowRank { weights: Vec<R> },
}

/// Present entries, for the gradient of one trial, with its steps side by side, or of several trials side by side.
pub(super) enum List {
    One(Coordinates),
    Several(Runs),
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
                Form::Matrix { effective, present }
            }
        };
        Self { n, form }
    }

    /// True if present entries are few. Only then are blocks of trials faster than single trials.
    pub(super) fn few(&self) -> bool {
        matches!(&self.form, Form::Matrix { present: Some(_), .. })
    }

    /// Present entries of a batch in blocks of at most `width` trials, if they are few.
    pub(super) fn list(&self, batch: usize, width: usize) -> Option<List> {
        match &self.form {
            Form::Matrix { present: Some(pattern), .. } if batch == 1 => Some(List::One(Coordinates::new(pattern))),
            Form::Matrix { present: Some(pattern), .. } => Some(List::Several(Runs::new(pattern, width))),
            _ => None,
        }
    }

    /// Product W_eff r of `width` trials.
    pub(super) fn forward(&self, width: usize) -> Box<dyn Product<R>> {
        let n = self.n;
        match &self.form {
            Form::LowRank { weights } => Box::new(LowRank::forward(n, weights)),
            Form::Matrix { effective, present } => {
                product(n, width, present.as_ref(), |target, source| effective[target * n + source])
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
    pub(super) fn zero_gradient(&self, list: Option<&List>) -> Vec<R> {
        let length = match (&self.form, list) {
            (_, Some(List::One(entries))) => entries.count(),
            (_, Some(List::Several(entries))) => entries.count(),
            (Form::LowRank { weights }, None) => weights.len() / self.n * padded(self.n),
            (Form::Matrix { effective, .. }, None) => effective.len(),
        };
        vec![R::zero(); length]
    }

    /// gradient += Σ_s delta_s ratesₛᵀ as a gradient of the effective weights, for the deltas `[S, N]` and at least as many rates of
    /// a trial, in rows of `row` numbers. In blocks of several trials, [`Runs::accumulate`] does it.
    pub(super) fn accumulate_gradient(
        &self,
        list: Option<&List>,
        row: usize,
        [delta, rates]: [&[R]; 2],
        gradient: &mut [R],
    ) {
        let (n, rates) = (self.n, &rates[..delta.len()]);
        match (&self.form, list) {
            (Form::LowRank { weights }, _) => accumulate_low_rank(n, row, weights, [delta, rates], gradient),
            (Form::Matrix { .. }, Some(List::One(entries))) => {
                let steps = delta.len() / row;
                let columns = [delta, rates].map(|values| ByUnit::new(n, row, steps, values));
                accumulate_present(entries, steps, &columns, gradient);
            }
            (Form::Matrix { .. }, _) => accumulate_outer(n, row, [delta, rates], gradient),
        }
    }

    /// Gradient of the weights `raw` from that of the effective weights.
    pub(super) fn gradient_of_raw(
        &self,
        list: Option<&List>,
        recurrence: &Recurrence,
        raw: &[R],
        gradient: Vec<R>,
    ) -> Vec<R> {
        let Recurrence::Dense { sign, mask } = recurrence else { return rows(self.n, &gradient) };
        match (list, sign) {
            (Some(list), Some(sign)) => {
                // Where there is an entry, the mask is 1 and W > 0.
                let sign = |source: usize| R::constant(f64::from(sign[source]));
                match list {
                    List::One(entries) => spread_present(self.n, entries, &gradient, sign),
                    List::Several(runs) => runs.spread(self.n, &gradient, sign),
                }
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
        Some(pattern) if width > 1 => Box::new(RowQuads::new(width, pattern, weight)),
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
