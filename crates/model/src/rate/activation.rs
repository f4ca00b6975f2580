//! The activation φ of a rate network and its derivative.
//!
//! ```text
//! sigmoid    r = 1/(1 + e⁻ˣ)               φ' = r (1 − r)
//! tanh       r = tanh x                    φ' = 1 − r²
//! softplus   r = min(ln(1 + eˣ), 20)       φ' = 1/(1 + e⁻ˣ) below 20, else 0
//! relu       r = min(max(x, 0), 20)        φ' = 1 for 0 < x < 20, else 0
//! ```

use crate::real::Real;
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest rate of the unbounded activations.
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
    /// φ of every element, in candle's own operations.
    ///
    /// # Errors
    /// Those of candle.
    pub fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Sigmoid => candle_nn::ops::sigmoid(x),
            Self::Tanh => x.tanh(),
            // ln(1 + eˣ) = max(x, 0) + ln(1 + e^{−|x|}) does not overflow.
            Self::Softplus => (rectified(x)? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?.minimum(CEILING),
            Self::Relu => rectified(x)?.minimum(CEILING),
        }
    }

    /// φ of some elements.
    #[inline(always)]
    pub(super) fn rates<R: Real, const L: usize>(self, x: [R; L]) -> [R; L] {
        let ceiling = R::constant(CEILING);
        match self {
            Self::Sigmoid => x.map(
                #[inline(always)]
                |x| sigmoid(x),
            ),
            Self::Tanh => x.map(
                #[inline(always)]
                |x| x.tanh_vector(),
            ),
            Self::Softplus => x.map(
                #[inline(always)]
                |x| smaller(larger(x, R::zero()) + (-x.abs()).exp_vector().ln_1p_vector(), ceiling),
            ),
            Self::Relu => x.map(
                #[inline(always)]
                |x| smaller(larger(x, R::zero()), ceiling),
            ),
        }
    }

    /// φ' of some elements x with rates r = φ(x).
    #[inline(always)]
    pub(super) fn slopes<R: Real, const L: usize>(self, x: [R; L], r: [R; L]) -> [R; L] {
        let (zero, one, ceiling) = (R::zero(), R::one(), R::constant(CEILING));
        let mut slope = r;
        for l in 0..L {
            slope[l] = match self {
                Self::Sigmoid => r[l] * (one - r[l]),
                Self::Tanh => one - r[l] * r[l],
                Self::Softplus => {
                    if r[l] < ceiling {
                        sigmoid(x[l])
                    } else {
                        zero
                    }
                }
                Self::Relu => {
                    if x[l] > zero && x[l] < ceiling {
                        one
                    } else {
                        zero
                    }
                }
            };
        }
        slope
    }
}

/// max(x, 0) with derivative 0 at 0 (that of candle's own relu is 1 there).
pub(super) fn rectified(x: &Tensor) -> Result<Tensor> {
    x * x.gt(0.0)?.to_dtype(x.dtype())?
}

#[inline(always)]
fn sigmoid<R: Real>(x: R) -> R {
    R::one() / (R::one() + (-x).exp_vector())
}

/// The larger of two numbers, the first if it is not a number.
#[inline(always)]
fn larger<R: Real>(a: R, b: R) -> R {
    if a < b { b } else { a }
}

/// The smaller of two numbers, the first if it is not a number.
#[inline(always)]
fn smaller<R: Real>(a: R, b: R) -> R {
    if a > b { b } else { a }
}
