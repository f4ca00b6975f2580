//! Surrogate derivatives: replacements for the derivative of the spike s = H(x), x = U − threshold.
//!
//! | surrogate | σ'(x) | its primitive σ(x) |
//! |---|---|---|
//! | fast sigmoid | 1/(1 + k\|x\|)² | x/(1 + k\|x\|) |
//! | arctan | (k/2)/(1 + (πkx/2)²) | atan(πkx/2)/π |
//! | sigmoid | k e^(−k\|x\|)/(1 + e^(−k\|x\|))² | 1/(1 + e^(−kx)) |
//! | triangular | max(0, 1 − k\|x\|) | 1/(2k) with a sign outside, x − kx\|x\|/2 inside \|x\| < 1/k |
//! | straight-through | 1 | x |
//! | multi-Gaussian | γ ((1+h) N(x; 0, w) − h N(x; w, sw) − h N(x; −w, sw)) | γ ((1+h) Φ(x/w) − h Φ((x−w)/(sw)) − h Φ((x+w)/(sw))) |
//!
//! N(x; μ, σ) is the normal density of mean μ and standard deviation σ, Φ the standard normal distribution function.
//!
//! Fast sigmoid: Zenke & Ganguli, *SuperSpike* (Neural Computation 30:1514, 2018); triangular: Bellec et al., *Long
//! short-term memory and learning-to-learn in networks of spiking neurons* (NeurIPS 2018); arctan: Fang et al. (ICCV
//! 2021); multi-Gaussian: Yin, Corradi & Bohté (Nature Machine Intelligence 3:905, 2021). The mode networks of arXiv
//! 2310.14621 use the fast sigmoid with k = 25.

use candle_core::Tensor;
use mdl_data::choice;
use mdl_data::field::{InvalidField, LARGEST, require, require_positive};
use mdl_kernels::lanes::Lanes;
use mdl_kernels::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Derivative used in place of that of the spike, with x = U − threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields, remote = "Self")]
#[schemars(transform = choice::accept_older)]
pub enum Surrogate {
    /// 1/(1 + k|x|)².
    FastSigmoid {
        /// Slope k.
        slope: f64,
    },
    /// (k/2)/(1 + (πkx/2)²).
    Arctan {
        /// Slope k.
        slope: f64,
    },
    /// k e^(−k|x|)/(1 + e^(−k|x|))².
    Sigmoid {
        /// Slope k.
        slope: f64,
    },
    /// max(0, 1 − k|x|).
    Triangular {
        /// Slope k.
        slope: f64,
    },
    /// 1.
    StraightThrough,
    /// γ ((1+h) N(x; 0, w) − h N(x; w, sw) − h N(x; −w, sw)): a bell with negative flanks, which also lowers potentials
    /// far below the threshold.
    MultiGaussian(MultiGaussian),
}

/// Shape of the multi-Gaussian surrogate. Defaults are the published values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MultiGaussian {
    /// Width w: standard deviation of the bell, and distance of the flanks.
    pub width: f64,
    /// Height h of the flanks.
    pub height: f64,
    /// Scale s: the flanks are s times as wide as the bell.
    pub scale: f64,
    /// Factor γ.
    pub factor: f64,
}

impl Default for MultiGaussian {
    fn default() -> Self {
        Self { width: 0.5, height: 0.15, scale: 6.0, factor: 0.5 }
    }
}

impl MultiGaussian {
    fn validate(&self) -> Result<(), InvalidField> {
        require_positive("width", self.width)?;
        require_positive("scale", self.scale)?;
        require_positive("factor", self.factor)?;
        require((0.0..=LARGEST).contains(&self.height), "height", self.height, &format!("a number from 0 to {LARGEST}"))
    }

    /// Height a and rate b of the bell a e^(−b x²), and of the flanks a e^(−b (x ∓ w)²).
    fn bells(&self) -> [(f64, f64); 2] {
        let bell =
            |height: f64, sd: f64| (self.factor * height / (sd * std::f64::consts::TAU.sqrt()), 1.0 / (2.0 * sd * sd));
        [bell(1.0 + self.height, self.width), bell(self.height, self.scale * self.width)]
    }
}

impl Serialize for Surrogate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let choice = Self::serialize(self, serde_json::value::Serializer).map_err(serde::ser::Error::custom)?;
        choice::without_kind(choice).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Surrogate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let choice = serde_json::Value::deserialize(deserializer)?;
        Self::deserialize(choice::with_kind(choice)).map_err(serde::de::Error::custom)
    }
}

impl Default for Surrogate {
    fn default() -> Self {
        Self::FastSigmoid { slope: 25.0 }
    }
}

impl Surrogate {
    /// Refuses a slope with which no network can be trained.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside this section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        match *self {
            Self::FastSigmoid { slope }
            | Self::Arctan { slope }
            | Self::Sigmoid { slope }
            | Self::Triangular { slope } => require_positive("slope", slope),
            Self::StraightThrough => Ok(()),
            Self::MultiGaussian(shape) => shape.validate(),
        }
    }

    /// σ'(x) in candle operations.
    pub(super) fn tensor(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match *self {
            Self::FastSigmoid { slope } => x.abs()?.affine(slope, 1.0)?.sqr()?.recip(),
            Self::Arctan { slope } => {
                let y = (x * (std::f64::consts::PI * slope / 2.0))?;
                y.sqr()?.affine(1.0, 1.0)?.recip()? * (slope / 2.0)
            }
            Self::Sigmoid { slope } => {
                let sigma = ((x * -slope)?.exp()? + 1.0)?.recip()?;
                (&sigma * (1.0 - &sigma)?)? * slope
            }
            Self::Triangular { slope } => x.abs()?.affine(-slope, 1.0)?.relu(),
            Self::StraightThrough => x.ones_like(),
            Self::MultiGaussian(shape) => {
                let normal = |mean: f64, sd: f64| {
                    let exponent = ((x - mean)?.sqr()? / (-2.0 * sd * sd))?;
                    exponent.exp()? / (sd * std::f64::consts::TAU.sqrt())
                };
                let (w, flank) = (shape.width, shape.scale * shape.width);
                let flanks = ((normal(w, flank)? + normal(-w, flank)?)? * shape.height)?;
                ((normal(0.0, w)? * (1.0 + shape.height))? - flanks)? * shape.factor
            }
        }
    }

    /// Number of the surrogate in the kernels, and its shape parameters.
    #[cfg(any(test, feature = "cuda"))]
    pub(super) fn code(&self) -> (i32, [f32; 5]) {
        let slope = |slope: f64| [slope as f32, 0.0, 0.0, 0.0, 0.0];
        match *self {
            Self::FastSigmoid { slope: k } => (0, slope(k)),
            Self::Arctan { slope: k } => (1, slope(k)),
            Self::Sigmoid { slope: k } => (2, slope(k)),
            Self::Triangular { slope: k } => (3, slope(k)),
            Self::StraightThrough => (4, slope(0.0)),
            Self::MultiGaussian(shape) => {
                let [(a, b), (flank_a, flank_b)] = shape.bells();
                (5, [shape.width, a, b, flank_a, flank_b].map(|x| x as f32))
            }
        }
    }
}

/// σ' of a surrogate whose kind is known at compile time.
pub(super) trait Derivative<R> {
    /// σ'(x).
    fn at(&self, x: Lanes<R>) -> Lanes<R>;
}

/// Fast sigmoid: k.
pub(super) struct FastSigmoid<R>(pub R);
/// Arctan: k.
pub(super) struct Arctan<R>(pub R);
/// Sigmoid: k.
pub(super) struct Sigmoid<R>(pub R);
/// Triangular: k.
pub(super) struct Triangular<R>(pub R);
/// Straight-through.
pub(super) struct StraightThrough;
/// Multi-Gaussian: w, and height and rate of the bell and of the flanks.
pub(super) struct Bells<R>(R, [(R, R); 2]);

impl<R: Real> Bells<R> {
    pub(super) fn new(shape: MultiGaussian) -> Self {
        Self(R::constant(shape.width), shape.bells().map(|(a, b)| (R::constant(a), R::constant(b))))
    }
}

impl<R: Real> Derivative<R> for FastSigmoid<R> {
    #[inline(always)]
    fn at(&self, x: Lanes<R>) -> Lanes<R> {
        x.map(
            #[inline(always)]
            |x| {
                let y = R::one() + self.0 * x.abs();
                R::one() / (y * y)
            },
        )
    }
}

impl<R: Real> Derivative<R> for Arctan<R> {
    #[inline(always)]
    fn at(&self, x: Lanes<R>) -> Lanes<R> {
        let (peak, k) = (self.0 * R::constant(0.5), self.0 * R::constant(std::f64::consts::FRAC_PI_2));
        x.map(
            #[inline(always)]
            |x| {
                let y = k * x;
                peak / (R::one() + y * y)
            },
        )
    }
}

impl<R: Real> Derivative<R> for Sigmoid<R> {
    #[inline(always)]
    fn at(&self, x: Lanes<R>) -> Lanes<R> {
        x.map(
            #[inline(always)]
            |x| {
                let e = (-self.0 * x.abs()).exp_vector();
                let y = R::one() + e;
                self.0 * e / (y * y)
            },
        )
    }
}

impl<R: Real> Derivative<R> for Triangular<R> {
    #[inline(always)]
    fn at(&self, x: Lanes<R>) -> Lanes<R> {
        x.map(
            #[inline(always)]
            |x| {
                let y = R::one() - self.0 * x.abs();
                if y > R::zero() { y } else { R::zero() }
            },
        )
    }
}

impl<R: Real> Derivative<R> for StraightThrough {
    #[inline(always)]
    fn at(&self, _: Lanes<R>) -> Lanes<R> {
        Lanes::splat(R::one())
    }
}

impl<R: Real> Derivative<R> for Bells<R> {
    #[inline(always)]
    fn at(&self, x: Lanes<R>) -> Lanes<R> {
        let Self(w, [(a, b), (flank_a, flank_b)]) = *self;
        x.map(
            #[inline(always)]
            |x| {
                let (below, above) = (x + w, x - w);
                let flanks = (-flank_b * below * below).exp_vector() + (-flank_b * above * above).exp_vector();
                a * (-b * x * x).exp_vector() - flank_a * flanks
            },
        )
    }
}

/// Evaluates `$body` with `$sigma` bound to the [`Derivative`] of `$surrogate`, once per kind.
macro_rules! with_derivative {
    ($surrogate:expr, $sigma:ident => $body:expr) => {{
        use $crate::spiking::surrogate::{Arctan, Bells, FastSigmoid, Sigmoid, StraightThrough, Surrogate, Triangular};
        match $surrogate {
            Surrogate::FastSigmoid { slope } => {
                let $sigma = FastSigmoid(R::constant(slope));
                $body
            }
            Surrogate::Arctan { slope } => {
                let $sigma = Arctan(R::constant(slope));
                $body
            }
            Surrogate::Sigmoid { slope } => {
                let $sigma = Sigmoid(R::constant(slope));
                $body
            }
            Surrogate::Triangular { slope } => {
                let $sigma = Triangular(R::constant(slope));
                $body
            }
            Surrogate::StraightThrough => {
                let $sigma = StraightThrough;
                $body
            }
            Surrogate::MultiGaussian(shape) => {
                let $sigma = Bells::new(shape);
                $body
            }
        }
    }};
}
pub(super) use with_derivative;

#[cfg(test)]
mod tests {
    use super::*;

    /// Primitive of the table, written independently of the derivative.
    fn primitive(surrogate: Surrogate, x: f64) -> f64 {
        match surrogate {
            Surrogate::FastSigmoid { slope: k } => x / (1.0 + k * x.abs()),
            Surrogate::Arctan { slope: k } => (std::f64::consts::FRAC_PI_2 * k * x).atan() / std::f64::consts::PI,
            Surrogate::Sigmoid { slope: k } => 1.0 / (1.0 + (-k * x).exp()),
            Surrogate::Triangular { slope: k } if x.abs() > 1.0 / k => x.signum() / (2.0 * k),
            Surrogate::Triangular { slope: k } => x - k * x * x.abs() / 2.0,
            Surrogate::StraightThrough => x,
            Surrogate::MultiGaussian(MultiGaussian { width: w, height: h, scale: s, factor }) => {
                let phi = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
                factor * ((1.0 + h) * phi(x / w) - h * (phi((x - w) / (s * w)) + phi((x + w) / (s * w))))
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_the_primitives() {
        let slope = 3.0;
        for surrogate in [
            Surrogate::default(),
            Surrogate::FastSigmoid { slope },
            Surrogate::Arctan { slope },
            Surrogate::Sigmoid { slope },
            Surrogate::Triangular { slope },
            Surrogate::StraightThrough,
            Surrogate::MultiGaussian(MultiGaussian::default()),
            Surrogate::MultiGaussian(MultiGaussian { width: 0.3, height: 0.4, scale: 2.0, factor: 1.0 }),
        ] {
            for i in -40..40 {
                let (x, step) = (f64::from(i) * 0.05 + 0.013, 1e-6);
                type R = f64;
                let derivative = with_derivative!(surrogate, sigma => sigma.at(Lanes::splat(x))).0[3];
                let expected = (primitive(surrogate, x + step) - primitive(surrogate, x - step)) / (2.0 * step);
                assert!((derivative - expected).abs() < 1e-7, "{surrogate:?} at {x}");
                let tensor = surrogate.tensor(&Tensor::new(&[x], &candle_core::Device::Cpu).unwrap()).unwrap();
                let tensor = tensor.to_vec1::<f64>().unwrap()[0];
                assert!((tensor - derivative).abs() < 1e-12, "{surrogate:?} at {x}: {tensor} in candle operations");
            }
        }
    }
}
