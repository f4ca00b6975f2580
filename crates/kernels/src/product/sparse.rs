//! Sparse matrices: the fastest product for each number type and CPU, and the gradient of the present entries.

use super::by_unit::{ByUnit, OfWindow};
use super::common::{GROUP, Product, windows};
use super::coordinates::{Coordinates, Entry, TOGETHER};
use super::pattern::Pattern;
#[cfg(target_arch = "x86_64")]
use super::sparse_avx2::{self, WindowedEllpack};
use super::sparse_avx512::SlicedEllpack;
use crate::dispatch::dispatch;
use crate::lanes::Lanes;
use crate::real::Real;

/// A number type with its fastest sparse product.
pub trait SparseReal: Real {
    /// The map with the weight `weight(target, source)` where `pattern` (a row a target) has an entry, if it is faster on
    /// this processor than the dense one.
    fn sparse(pattern: &Pattern, weight: impl Fn(usize, usize) -> Self) -> Option<Box<dyn Product<Self>>>;
}

/// Fraction of present entries below which the sliced product without AVX-512 is faster than the dense one.
const PLAIN_BELOW: f64 = 0.1;

impl SparseReal for f64 {
    fn sparse(pattern: &Pattern, weight: impl Fn(usize, usize) -> f64) -> Option<Box<dyn Product<f64>>> {
        (pattern.share() < PLAIN_BELOW).then(|| Box::new(SlicedEllpack::new(pattern, weight)) as _)
    }
}

impl SparseReal for f32 {
    fn sparse(pattern: &Pattern, weight: impl Fn(usize, usize) -> f32) -> Option<Box<dyn Product<f32>>> {
        let share = pattern.share();
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            return (share < 0.5).then(|| Box::new(SlicedEllpack::new(pattern, weight)) as _);
        } else if sparse_avx2::runs_here() && pattern.units() <= sparse_avx2::MOST_UNITS {
            return (share < 0.25).then(|| Box::new(WindowedEllpack::new(pattern, weight)) as _);
        }
        (share < PLAIN_BELOW).then(|| Box::new(SlicedEllpack::new(pattern, weight)) as _)
    }
}

/// gradient += Σ_s delta_s ratesₛᵀ at the present entries, for the deltas and rates of one trial. The gradient has a number for
/// each present entry, as they are listed.
pub fn accumulate_present<R: SparseReal>(
    coordinates: &Coordinates,
    steps: usize,
    [delta, rates]: &[ByUnit<R>; 2],
    gradient: &mut [R],
) {
    for window in windows(steps) {
        let [delta, rates] = [delta, rates].map(|columns| columns.of_window(&window));
        dispatch(
            #[inline(always)]
            || {
                // Group by group, so that the rates of a group stay in the nearest cache for all targets.
                let mut gradient = &mut gradient[..];
                for (group, (count, entries)) in coordinates.groups().enumerate() {
                    let mine;
                    (mine, gradient) = std::mem::take(&mut gradient).split_at_mut(count);
                    for (gradient, entries) in mine.chunks_mut(TOGETHER).zip(entries) {
                        let dots = dots(entries, group * GROUP, delta, rates);
                        gradient.iter_mut().zip(dots).for_each(|(gradient, dot)| *gradient += dot);
                    }
                }
            },
        );
    }
}

/// delta_targetᵀ rates_source of some entries of the group that starts at the source `first`.
#[inline(always)]
fn dots<R: SparseReal>(
    entries: &[Entry; TOGETHER],
    first: usize,
    delta: OfWindow<R>,
    rates: OfWindow<R>,
) -> [R; TOGETHER] {
    let (mut a, mut b) = ([delta.of_unit(0); TOGETHER], [rates.of_unit(0); TOGETHER]);
    for k in 0..TOGETHER {
        a[k] = delta.of_unit(entries[k].target as usize);
        b[k] = &rates.of_unit(first + entries[k].source as usize)[..a[k].len()];
    }
    let mut sums = [Lanes::zero(); TOGETHER];
    for v in 0..delta.vectors {
        for k in 0..TOGETHER {
            sums[k] = a[k][v].mul_add(b[k][v], sums[k]);
        }
    }
    Lanes::sums(sums)
}

/// Converts gradients of the present entries, in list order, to a matrix `[N, N]`, each multiplied by `factor(source)`.
pub fn spread_present<R: Real>(
    n: usize,
    coordinates: &Coordinates,
    gradients: &[R],
    factor: impl Fn(usize) -> R,
) -> Vec<R> {
    let mut matrix = vec![R::zero(); n * n];
    let mut gradients = gradients;
    for (group, (count, entries)) in coordinates.groups().enumerate() {
        let mine;
        (mine, gradients) = gradients.split_at(count);
        for (Entry { target, source }, gradient) in entries.as_flattened().iter().zip(mine) {
            let source = group * GROUP + *source as usize;
            matrix[*target as usize * n + source] = factor(source) * *gradient;
        }
    }
    matrix
}
