//! Sixteen neurons side by side.
//!
//! Kernels are written on [`Lanes`], plain loops over a fixed-size array: the compiler turns them into whatever vector
//! registers the processor has. Sums over neurons are kept in sixteen partial sums and folded in one fixed order, so
//! that every processor and every number of threads gives the same bits. Everything is `#[inline(always)]`: it has to end
//! inside the function compiled for the detected processor.

use crate::real::Real;
use std::ops::{Add, AddAssign, Mul, Sub};

/// The values of sixteen neighbouring neurons.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes<R>(pub [R; 16]);

impl<R: Real> Lanes<R> {
    /// Neurons side by side.
    pub const COUNT: usize = 16;

    /// `value` in every lane.
    #[inline(always)]
    pub fn splat(value: R) -> Self {
        Self([value; 16])
    }

    /// Zero in every lane.
    #[inline(always)]
    pub fn zero() -> Self {
        Self::splat(R::zero())
    }

    /// `f` of each lane.
    #[inline(always)]
    pub fn map(self, f: impl Fn(R) -> R) -> Self {
        let mut out = self;
        for x in &mut out.0 {
            *x = f(*x);
        }
        out
    }

    /// `f` of each pair of lanes.
    #[inline(always)]
    pub fn zip(self, other: Self, f: impl Fn(R, R) -> R) -> Self {
        let mut out = self;
        for l in 0..Self::COUNT {
            out.0[l] = f(self.0[l], other.0[l]);
        }
        out
    }

    /// `yes` where the value is above `bound`, else `no`.
    #[inline(always)]
    pub fn where_above(self, bound: Self, yes: Self, no: Self) -> Self {
        let mut out = no;
        for l in 0..Self::COUNT {
            out.0[l] = if self.0[l] > bound.0[l] { yes.0[l] } else { no.0[l] };
        }
        out
    }

    /// Zero for values close to subnormal numbers; zeros keep their sign.
    #[inline(always)]
    pub fn flushed(self) -> Self {
        let tiny = R::min_positive_value() * R::constant(f64::from(1u32 << 26));
        self.map(
            #[inline(always)]
            |x| if x.abs() < tiny && x != R::zero() { R::zero() } else { x },
        )
    }

    /// The sum over the neurons, by halves.
    #[inline(always)]
    pub fn sum(self) -> R {
        let x = halves::<R, 16, 8>(self.0);
        let x = halves::<R, 8, 4>(x);
        let x = halves::<R, 4, 2>(x);
        x[0] + x[1]
    }

    /// Cell `i` of a row of neurons.
    #[inline(always)]
    pub fn load_group(row: &[R], i: usize) -> Self {
        let start = i * Self::COUNT;
        Self::load(&row[start..(start + Self::COUNT).min(row.len())])
    }

    /// The values of up to sixteen neurons; the lanes beyond them are 0.
    #[inline(always)]
    pub fn load(values: &[R]) -> Self {
        match values.try_into() {
            Ok(full) => Self(full),
            Err(_) => {
                let mut out = Self::zero();
                out.0[..values.len()].copy_from_slice(values);
                out
            }
        }
    }
}

/// The sum of the two halves of `x`.
#[inline(always)]
fn halves<R: Real, const M: usize, const H: usize>(x: [R; M]) -> [R; H] {
    let mut sums = [R::zero(); H];
    for l in 0..H {
        sums[l] = x[l] + x[l + H];
    }
    sums
}

impl<R: Real> Add for Lanes<R> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| a + b,
        )
    }
}

impl<R: Real> Sub for Lanes<R> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| a - b,
        )
    }
}

impl<R: Real> Mul for Lanes<R> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| a * b,
        )
    }
}

impl<R: Real> Mul<R> for Lanes<R> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: R) -> Self {
        self.map(
            #[inline(always)]
            |a| a * factor,
        )
    }
}

impl<R: Real> AddAssign for Lanes<R> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
