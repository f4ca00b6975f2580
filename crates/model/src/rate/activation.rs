//! The activation φ of a rate network and its derivative.
//!
//! ```text
//! sigmoid    r = 1/(1 + e⁻ˣ)               φ' = r (1 − r)
//! tanh       r = tanh x                    φ' = 1 − r²
//! softplus   r = min(ln(1 + eˣ), 20)       φ' = 1/(1 + e⁻ˣ) below 20, else 0
//! relu       r = min(max(x, 0), 20)        φ' = 1 for 0 < r < 20, else 0
//! ```

use candle_core::{Result, Tensor};
use mdl_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maximum rate of the unbounded activations.
const CEILING: f64 = 20.0;

/// The activation φ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// 1/(1 + e⁻ˣ)
    Sigmoid,
    /// tanh x
    Tanh,
    /// ln(1 + eˣ), at most 20
    Softplus,
    /// max(x, 0), at most 20
    Relu,
}

impl Activation {
    /// Maximum rate.
    pub fn largest_rate(self) -> f64 {
        match self {
            Self::Sigmoid | Self::Tanh => 1.0,
            Self::Softplus | Self::Relu => CEILING,
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
        }
    }

    /// r ← φ(x).
    #[inline(always)]
    pub(super) fn rates<R: Real>(self, x: &[R], r: &mut [R]) {
        let ceiling = R::constant(CEILING);
        let pairs = r.iter_mut().zip(x);
        match self {
            Self::Sigmoid => pairs.for_each(
                #[inline(always)]
                |(r, x)| *r = sigmoid(*x),
            ),
            Self::Tanh => pairs.for_each(
                #[inline(always)]
                |(r, x)| *r = x.tanh_vector(),
            ),
            Self::Softplus => pairs.for_each(
                #[inline(always)]
                |(r, x)| {
                    let log = (-x.abs()).exp_vector().ln_1p_vector();
                    *r = smaller(larger(*x, R::zero()) + log, ceiling);
                },
            ),
            Self::Relu => pairs.for_each(
                #[inline(always)]
                |(r, x)| *r = smaller(larger(*x, R::zero()), ceiling),
            ),
        }
    }

    /// True if φ'(x) needs x in addition to r = φ(x).
    pub(super) fn slopes_need_states(self) -> bool {
        self == Self::Softplus
    }

    /// slope ← slope · φ'(x), where r = φ(x); x is only read if [`slopes_need_states`](Self::slopes_need_states).
    #[inline(always)]
    pub(super) fn times_slopes<R: Real>(self, x: &[R], r: &[R], slope: &mut [R]) {
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
        }
    }
}

/// max(x, 0) with derivative 0 at 0 (candle's own relu has 1 there).
pub(super) fn rectified(x: &Tensor) -> Result<Tensor> {
    x * x.gt(0.0)?.to_dtype(x.dtype())?
}

#[inline(always)]
fn sigmoid<R: Real>(x: R) -> R {
    R::one() / (R::one() + (-x).exp_vector())
}

/// The larger of two numbers, or the first if it is not a number.
#[inline(always)]
fn larger<R: Real>(a: R, b: R) -> R {
    if a < b { b } else { a }
}

/// The smaller of two numbers, or the first if it is not a number.
#[inline(always)]
fn smaller<R: Real>(a: R, b: R) -> R {
    if a > b { b } else { a }
}
