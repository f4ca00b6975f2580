//! Sixteen numbers side by side: of neighbouring neurons, or of as many scaling factors of one neuron.
//!
//! Kernels are written on [`Lanes`], plain loops over a fixed-size array: the compiler turns them into whatever vector
//! registers the processor has. Each lane group begins a cache line, so that no vector straddles two. Sums over neurons are
//! kept in sixteen partial sums and folded in one fixed order, so that every processor and every number of threads gives the
//! same bits. Everything is `#[inline(always)]`: it has to end inside the function compiled for the detected processor.

use crate::real::Real;
use std::ops::{Add, AddAssign, Index, IndexMut, Mul, Sub};

/// Numbers side by side in a kernel.
pub const LANES: usize = 16;

/// A lane group: sixteen numbers side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes<R>(pub [R; LANES]);

impl<R: Real> Lanes<R> {
    /// `value` in every lane.
    #[inline(always)]
    pub fn splat(value: R) -> Self {
        Self([value; LANES])
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
        for l in 0..LANES {
            out.0[l] = f(self.0[l], other.0[l]);
        }
        out
    }

    /// self · factor + sum in each lane, with one rounding.
    #[inline(always)]
    pub fn mul_add(self, factor: Self, sum: Self) -> Self {
        let mut out = sum;
        for l in 0..LANES {
            out.0[l] = self.0[l].mul_add(factor.0[l], sum.0[l]);
        }
        out
    }

    /// `yes` where the value is above `bound`, else `no`.
    #[inline(always)]
    pub fn where_above(self, bound: Self, yes: Self, no: Self) -> Self {
        let mut out = no;
        for l in 0..LANES {
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

    /// The sum of the lanes, by halves.
    #[inline(always)]
    pub fn sum(self) -> R {
        let x = halves::<R, LANES, 8>(self.0);
        let x = halves::<R, 8, 4>(x);
        let x = halves::<R, 4, 2>(x);
        x[0] + x[1]
    }

    /// The [`sum`](Self::sum) of each of several lane groups, hidden from the loop that computed them: the compiler would
    /// otherwise run that loop at a quarter of the width.
    #[inline(always)]
    pub fn sums<const K: usize>(groups: [Self; K]) -> [R; K] {
        std::hint::black_box(groups).map(
            #[inline(always)]
            |lanes| lanes.sum(),
        )
    }

    /// The numbers of neighbouring lane groups as one slice.
    #[inline(always)]
    pub fn values(groups: &[Self]) -> &[R] {
        const { assert!(size_of::<Self>() == LANES * size_of::<R>(), "a lane group has no padding") };
        // SAFETY: a lane group is its array of numbers (`repr(C)`, no padding), so the groups are that many numbers in a row.
        unsafe { std::slice::from_raw_parts(groups.as_ptr().cast(), groups.len() * LANES) }
    }

    /// [`values`](Self::values), to be changed.
    #[inline(always)]
    pub fn values_mut(groups: &mut [Self]) -> &mut [R] {
        const { assert!(size_of::<Self>() == LANES * size_of::<R>(), "a lane group has no padding") };
        // SAFETY: as in `values`; any number is valid in a lane.
        unsafe { std::slice::from_raw_parts_mut(groups.as_mut_ptr().cast(), groups.len() * LANES) }
    }

    /// Lane group `i` of a row of neurons.
    #[inline(always)]
    pub fn load_group(row: &[R], i: usize) -> Self {
        let start = i * LANES;
        Self::load(&row[start..(start + LANES).min(row.len())])
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

impl<R> Index<usize> for Lanes<R> {
    type Output = R;

    #[inline(always)]
    fn index(&self, lane: usize) -> &R {
        &self.0[lane]
    }
}

impl<R> IndexMut<usize> for Lanes<R> {
    #[inline(always)]
    fn index_mut(&mut self, lane: usize) -> &mut R {
        &mut self.0[lane]
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_taken_by_halves() {
        // Numbers whose sum depends on the order.
        let x = Lanes(std::array::from_fn(|l| if l % 8 == 0 { 1e7 - 2e7 * (l / 8) as f32 } else { 0.1 * l as f32 }));
        let eight: [f32; 8] = std::array::from_fn(|l| x[l] + x[l + 8]);
        let four: [f32; 4] = std::array::from_fn(|l| eight[l] + eight[l + 4]);
        let expected = (four[0] + four[2]) + (four[1] + four[3]);
        assert_ne!(expected, x.0.iter().sum::<f32>(), "an order that does not matter tests nothing");
        assert_eq!(x.sum(), expected);
        assert_eq!(Lanes::sums([x, Lanes::zero(), x]), [expected, 0.0, expected]);
    }

    #[test]
    fn values_are_the_lanes_in_a_row() {
        let mut groups = vec![Lanes::<f64>::zero(); 3];
        Lanes::values_mut(&mut groups).iter_mut().enumerate().for_each(|(i, x)| *x = i as f64);
        assert_eq!((groups[0][0], groups[1][2], groups[2][15]), (0.0, 18.0, 47.0));
        assert!(Lanes::values(&groups).iter().enumerate().all(|(i, x)| *x == i as f64));
        assert!(Lanes::values(&groups[..0]).is_empty());
        assert_eq!(Lanes::load_group(&Lanes::values(&groups)[..20], 1).0[3..5], [19.0, 0.0]);
    }
}
