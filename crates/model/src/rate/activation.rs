//! The activation φ of a rate network and its derivative.
//!
//! ```text
//! sigmoid    r = 1/(1 + e⁻ˣ)               φ' = r (1 − r)
//! tanh       r = tanh x                    φ' = 1 − r²
//! softplus   r = min(ln(1 + eˣ), 20)       φ' = 1/(1 + e⁻ˣ) below 20, else 0
//! relu       r = min(max(x, 0), 20)        φ' = 1 for 0 < r < 20, else 0
//! lif        r = ν(x)/λ₀                   φ' = ν'(x)/λ₀                        of a table, linear between its entries
//! ```

use super::lif_activation::{LifActivation, LifTable};
use candle_core::{Result, Tensor};
use mdl_data::choice;
use mdl_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// Maximum rate of the unbounded activations.
const CEILING: f64 = 20.0;

/// The activation φ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields, remote = "Self")]
#[schemars(transform = choice::accept_older)]
pub enum Activation {
    /// 1/(1 + e⁻ˣ)
    Sigmoid,
    /// tanh x
    Tanh,
    /// ln(1 + eˣ), at most 20
    Softplus,
    /// max(x, 0), at most 20
    Relu,
    /// ν(x)/λ₀, the firing rate of a leaky integrate-and-fire neuron with noise, for conversion with the factor λ₀.
    Lif(LifActivation),
}

/// Form in artifacts: only the name for an activation without constants.
impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let choice = Self::serialize(self, serde_json::value::Serializer).map_err(serde::ser::Error::custom)?;
        let is_name = choice.as_object().is_some_and(|choice| choice.len() == 1);
        if is_name { choice::without_kind(choice) } else { choice }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let choice = serde_json::Value::deserialize(deserializer)?;
        Self::deserialize(choice::with_kind(choice)).map_err(serde::de::Error::custom)
    }
}

impl Activation {
    /// Maximum rate.
    pub fn largest_rate(self) -> f64 {
        match self {
            Self::Sigmoid | Self::Tanh => 1.0,
            Self::Softplus | Self::Relu => CEILING,
            Self::Lif(lif) => lif.table().largest_rate(),
        }
    }

    /// φ of every element, in candle operations.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Sigmoid => candle_nn::ops::sigmoid(x),
            Self::Tanh => x.tanh(),
            // ln(1 + eˣ) = max(x, 0) + ln(1 + e^{−|x|}) does not overflow.
            Self::Softplus => (rectified(x)? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?.minimum(CEILING),
            Self::Relu => rectified(x)?.minimum(CEILING),
            Self::Lif(lif) => lif.table().apply(x),
        }
    }

    /// The activation as a function of many numbers in double precision.
    pub fn curve(self) -> Curve {
        Curve(self.prepared())
    }

    /// The activation made ready for many steps.
    pub(super) fn prepared(self) -> Prepared {
        match self {
            Self::Sigmoid => Prepared::Sigmoid,
            Self::Tanh => Prepared::Tanh,
            Self::Softplus => Prepared::Softplus,
            Self::Relu => Prepared::Relu,
            Self::Lif(lif) => Prepared::Lif(lif.table()),
        }
    }
}

/// An activation in double precision, outside of a run.
#[derive(Debug)]
pub struct Curve(Prepared);

impl Curve {
    /// r ← φ(x).
    pub fn rates(&self, x: &[f64], r: &mut [f64]) {
        self.0.rates(x, r);
    }

    /// r ← φ(x) and slope ← φ'(x).
    pub fn rates_and_slopes(&self, x: &[f64], r: &mut [f64], slope: &mut [f64]) {
        self.0.rates(x, r);
        slope.fill(1.0);
        self.0.times_slopes(x, r, slope);
    }
}

/// An activation with its table, if it has one.
#[derive(Debug)]
pub(super) enum Prepared {
    Sigmoid,
    Tanh,
    Softplus,
    Relu,
    Lif(Arc<LifTable>),
}

impl Prepared {
    /// r ← φ(x).
    #[inline(always)]
    pub(super) fn rates<R: Real>(&self, x: &[R], r: &mut [R]) {
        let ceiling = R::constant(CEILING);
        let pairs = r.iter_mut().zip(x);
        match self {
            Self::Sigmoid => pairs.for_each(
                #[inline(always)]
                |(r, x)| *r = sigmoid(*x),
            ),
            Self::Tanh => pairs.for_each(
                #[inline(always)]
                |(r, x)| *r = x.tanh_fused(),
            ),
            Self::Softplus => pairs.for_each(
                #[inline(always)]
                |(r, x)| {
                    let log = (-x.abs()).exp_fused().ln_1p_fused();
                    *r = smaller(larger(*x, R::zero()) + log, ceiling);
                },
            ),
            Self::Relu => pairs.for_each(
                #[inline(always)]
                |(r, x)| *r = smaller(larger(*x, R::zero()), ceiling),
            ),
            Self::Lif(table) => pairs.for_each(
                #[inline(always)]
                |(r, x)| *r = table.at(*x),
            ),
        }
    }

    /// True if φ'(x) needs x in addition to r = φ(x).
    pub(super) fn slopes_need_states(&self) -> bool {
        matches!(self, Self::Softplus | Self::Lif(_))
    }

    /// slope ← slope · φ'(x), where r = φ(x); x is only read if [`slopes_need_states`](Self::slopes_need_states).
    #[inline(always)]
    pub(super) fn times_slopes<R: Real>(&self, x: &[R], r: &[R], slope: &mut [R]) {
        let (zero, one, ceiling) = (R::zero(), R::one(), R::constant(CEILING));
        let pairs = slope.iter_mut().zip(r);
        match self {
            Self::Sigmoid => pairs.for_each(
                #[inline(always)]
                |(slope, r)| *slope *= *r * (one - *r),
            ),
            Self::Tanh => pairs.for_each(
                #[inline(always)]
                |(slope, r)| *slope *= one - *r * *r,
            ),
            Self::Softplus => pairs.zip(x).for_each(
                #[inline(always)]
                |((slope, r), x)| *slope = if *r < ceiling { *slope * sigmoid(*x) } else { zero },
            ),
            Self::Relu => pairs.for_each(
                #[inline(always)]
                |(slope, r)| *slope = if *r > zero && *r < ceiling { *slope } else { zero },
            ),
            Self::Lif(table) => slope.iter_mut().zip(x).for_each(
                #[inline(always)]
                |(slope, x)| *slope *= table.slope_at(*x),
            ),
        }
    }
}

/// max(x, 0) with derivative 0 at 0 (candle's own relu has 1 there).
pub(super) fn rectified(x: &Tensor) -> Result<Tensor> {
    x * x.gt(0.0)?.to_dtype(x.dtype())?
}

#[inline(always)]
fn sigmoid<R: Real>(x: R) -> R {
    R::one() / (R::one() + (-x).exp_fused())
}

/// The larger of two numbers, or the first if it is not a number.
#[inline(always)]
pub(super) fn larger<R: Real>(a: R, b: R) -> R {
    if a < b { b } else { a }
}

/// The smaller of two numbers, or the first if it is not a number.
#[inline(always)]
pub(super) fn smaller<R: Real>(a: R, b: R) -> R {
    if a > b { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activation_is_chosen_by_kind_or_by_its_name_alone_and_kept_by_name() {
        let read = |text: &str| serde_json::from_str::<Activation>(text).map_err(|error| error.to_string());
        for text in [r#""sigmoid""#, r#"{"kind": "sigmoid"}"#] {
            assert_eq!(read(text), Ok(Activation::Sigmoid), "{text}");
        }
        assert_eq!(serde_json::to_string(&Activation::Sigmoid).unwrap(), r#""sigmoid""#);
        let lif = Activation::Lif(LifActivation { scaling_factor: 40.0, ..LifActivation::default() });
        assert_eq!(read(r#"{"kind": "lif", "scaling_factor": 40}"#), Ok(lif));
        assert_eq!(read(&serde_json::to_string(&lif).unwrap()), Ok(lif));
        let error = read(r#""sigmoidal""#).unwrap_err();
        assert!(error.contains("sigmoidal") && error.contains("`sigmoid`") && error.contains("`lif`"), "{error}");
        let error = read(r#"{"kind": "lif", "slope": 1}"#).unwrap_err();
        assert!(error.contains("`slope`"), "{error}");
    }
}
