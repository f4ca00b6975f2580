//! The number type of an operator: `f32` in use, `f64` where gradients are checked against finite differences.

use candle_core::{CpuStorage, Layout, Result, WithDType};
use num_traits::Float;

/// A floating-point type that the operators' kernels are generic over.
pub trait Real:
    WithDType + Float + std::ops::AddAssign + std::ops::SubAssign + std::ops::MulAssign + std::iter::Sum
{
    /// eˣ in a form that the compiler can vectorise, with the same bits on every processor (`f32`).
    fn exp_vector(self) -> Self;

    /// A constant given in double precision.
    fn constant(value: f64) -> Self {
        <Self as WithDType>::from_f64(value)
    }
}

impl Real for f32 {
    /// Relative error below 2e-7; saturates at e^±87 instead of overflowing.
    #[inline(always)]
    fn exp_vector(self) -> f32 {
        // x = k ln 2 + r with |r| ≤ ln 2 / 2, ln 2 split in two so that r is exact.
        let x = self.clamp(-87.0, 87.0);
        let k = (x * std::f32::consts::LOG2_E + 12_582_912.0) - 12_582_912.0;
        let r = x - k * 0.693_359_4 + k * 2.121_944_4e-4;
        let p = 1.0
            + r * (1.0
                + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r / 5040.0))))));
        p * f32::from_bits(((k as i32 + 127) << 23) as u32)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn exp_vector(self) -> f64 {
        self.exp()
    }
}

/// The values of a contiguous tensor inside a custom operator.
///
/// # Errors
/// A tensor that is not contiguous, or of another type than `R`.
pub fn contiguous<'a, R: Real>(storage: &'a CpuStorage, layout: &Layout, what: &str) -> Result<&'a [R]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<R>()?[start..end]),
        None => candle_core::bail!("{what} must be contiguous, found strides {:?}", layout.stride()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_against_f64() {
        for i in -870_000..870_000 {
            let x = i as f32 * 1e-4;
            let exact = f64::from(x).exp();
            assert!((f64::from(x.exp_vector()) - exact).abs() < 2.5e-7 * exact, "exp {x}");
        }
        assert!((-1e30f32).exp_vector() > 0.0 && 1e30f32.exp_vector().is_finite());
    }
}
