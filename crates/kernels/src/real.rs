//! Number type of an operator: `f32` in use, `f64` for comparing gradients with finite differences.

use crate::random::UnitNoise;
use candle_core::{CpuStorage, Layout, Result, WithDType};
use num_traits::Float;

/// Rows and columns of the tiles in which matrices are transposed.
pub const TILE: usize = 4;

/// A floating-point type that the operators' kernels are generic over, with the fastest form of what they need.
pub trait Real:
    WithDType + Float + std::ops::AddAssign + std::ops::SubAssign + std::ops::MulAssign + std::iter::Sum
{
    /// eˣ in a vectorisable form, with the same bits on every CPU (`f32`).
    fn exp_vector(self) -> Self;

    /// eˣ, likewise, with fused multiply-add.
    fn exp_fused(self) -> Self;

    /// tanh x, with fused multiply-add.
    fn tanh_fused(self) -> Self;

    /// ln(1 + x) for 0 ≤ x ≤ 1, with fused multiply-add.
    fn ln_1p_fused(self) -> Self;

    /// Fills `out` `[N, width]` with the noise of a step, of `width` trials from `trial` onwards.
    fn fill_noise(noise: &UnitNoise, step: usize, trial: usize, width: usize, out: &mut [Self]);

    /// The whole part of a number that is not negative, as an index; 0 if it is not a number.
    fn to_index(self) -> usize;

    /// Writes the rows of a tile as the beginnings of four columns, `length` apart.
    #[inline(always)]
    fn transpose_tile(rows: [&[Self; TILE]; TILE], length: usize, columns: &mut [Self]) {
        for i in 0..TILE {
            for (j, row) in rows.iter().enumerate() {
                columns[i * length + j] = row[i];
            }
        }
    }

    /// A constant given in double precision.
    fn constant(value: f64) -> Self {
        <Self as WithDType>::from_f64(value)
    }
}

impl Real for f32 {
    // A signed number, because every vector unit converts to it.
    #[inline(always)]
    fn to_index(self) -> usize {
        self as i32 as usize
    }

    /// Relative error below 2e-7; saturates at e^±87 instead of overflowing.
    #[inline(always)]
    fn exp_vector(self) -> f32 {
        exp_by(
            self,
            #[inline(always)]
            |a, b, c| a * b + c,
        )
    }

    /// As [`exp_vector`](Real::exp_vector).
    #[inline(always)]
    fn exp_fused(self) -> f32 {
        exp_by(self, f32::mul_add)
    }

    /// Relative error below 4e-7.
    #[inline(always)]
    fn tanh_fused(self) -> f32 {
        // (1 − e^{−2|x|}) / (1 + e^{−2|x|}) cancels near 0: there, four steps of Lambert's continued fraction
        // x/(1 + x²/(3 + x²/(5 + …))).
        let z = self * self;
        let near =
            [self * z.mul_add(z.mul_add(21.0, 1260.0), 10_395.0), z.mul_add(z.mul_add(210.0 + z, 4725.0), 10_395.0)];
        let decay = (-2.0 * self.abs()).exp_fused();
        let far = [(1.0 - decay).copysign(self), 1.0 + decay];
        let [over, under] = if z < 0.4 { near } else { far };
        over / under
    }

    /// Relative error below 3e-7.
    #[inline(always)]
    fn ln_1p_fused(self) -> f32 {
        // 2 artanh(x/(2 + x)), the argument at most 1/3.
        let s = self / (2.0 + self);
        let z = s * s;
        let series = [2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 0.4, 2.0 / 3.0, 2.0];
        s * series.into_iter().fold(
            2.0 / 13.0,
            #[inline(always)]
            |sum: f32, term| sum.mul_add(z, term),
        )
    }

    #[inline(always)]
    fn fill_noise(noise: &UnitNoise, step: usize, trial: usize, width: usize, out: &mut [f32]) {
        noise.fill(step, trial, width, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn transpose_tile(rows: [&[f32; TILE]; TILE], length: usize, columns: &mut [f32]) {
        use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
        assert!(columns.len() >= (TILE - 1) * length + TILE, "four columns have room for four rows");
        // SAFETY: every x86-64 processor has SSE; each row is four numbers, and so is what is written of each column.
        unsafe {
            let [mut a, mut b, mut c, mut d] = rows.map(|row| _mm_loadu_ps(row.as_ptr()));
            _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
            for (k, column) in [a, b, c, d].into_iter().enumerate() {
                _mm_storeu_ps(columns.as_mut_ptr().add(k * length), column);
            }
        }
    }
}

impl Real for f64 {
    #[inline(always)]
    fn to_index(self) -> usize {
        self as usize
    }

    #[inline(always)]
    fn exp_vector(self) -> f64 {
        self.exp()
    }

    #[inline(always)]
    fn exp_fused(self) -> f64 {
        self.exp()
    }

    #[inline(always)]
    fn tanh_fused(self) -> f64 {
        self.tanh()
    }

    #[inline(always)]
    fn ln_1p_fused(self) -> f64 {
        self.ln_1p()
    }

    fn fill_noise(noise: &UnitNoise, step: usize, trial: usize, width: usize, out: &mut [f64]) {
        let mut single = vec![0f32; out.len()];
        noise.fill(step, trial, width, &mut single);
        out.iter_mut().zip(single).for_each(|(out, number)| *out = f64::from(number));
    }
}

/// eˣ, where `mul_add(a, b, c)` is a·b + c with one rounding or with two.
#[inline(always)]
fn exp_by(x: f32, mul_add: impl Fn(f32, f32, f32) -> f32) -> f32 {
    // x = k ln 2 + r with |r| ≤ ln 2 / 2, ln 2 split in two so that r is exact.
    let x = x.clamp(-87.0, 87.0);
    let shifted = mul_add(x, std::f32::consts::LOG2_E, 12_582_912.0);
    let k = shifted - 12_582_912.0;
    let r = mul_add(k, 2.121_944_4e-4, mul_add(k, -0.693_359_4, x));
    let series = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let p = series.into_iter().fold(
        1.0 / 5040.0,
        #[inline(always)]
        |sum, term| mul_add(r, sum, term),
    );
    // The low bits of 1.5·2²³ + k are k: 2^k without a conversion.
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}

/// Values of a contiguous tensor inside a custom operator.
///
/// # Errors
/// A tensor that is not contiguous, or not of type `R`.
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
            for found in [x.exp_vector(), x.exp_fused()] {
                assert!((f64::from(found) - exact).abs() < 2.5e-7 * exact, "exp {x}");
            }
        }
        assert!((-1e30f32).exp_vector() > 0.0 && 1e30f32.exp_vector().is_finite());
        assert!((-1e30f32).exp_fused() > 0.0 && 1e30f32.exp_fused().is_finite());
    }

    #[test]
    fn tanh_and_ln_1p_against_f64() {
        for i in -400_000..400_000 {
            let x = i as f32 * 5e-5;
            let exact = f64::from(x).tanh();
            assert!((f64::from(x.tanh_fused()) - exact).abs() <= 4e-7 * exact.abs(), "tanh {x}");
        }
        for i in 0..1_000_000 {
            let x = i as f32 * 1e-6;
            let exact = f64::from(x).ln_1p();
            assert!((f64::from(x.ln_1p_fused()) - exact).abs() <= 3e-7 * exact, "ln(1 + {x})");
        }
        assert_eq!([1e30f32.tanh_fused(), (-1e30f32).tanh_fused()], [1.0, -1.0]);
    }
}
