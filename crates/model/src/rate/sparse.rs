//! Sparse matrices: the fastest product of each number type and processor, and the gradient of the present entries.

use super::columns::{Columns, OfTrial};
use super::listing::{Entry, Listing, TOGETHER};
use super::presence::Presence;
use super::product::{GROUP, LANES, Product, sums, windows};
use super::sliced::Sliced;
#[cfg(target_arch = "x86_64")]
use super::sliding::{self, Sliding};
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::real::Real;

/// A number type with its fastest sparse product.
pub(super) trait SparseReal: Real {
    /// The map with the weight `weight(target, source)` where `presence` (a row a target) has an entry, if it is faster on
    /// this processor than the dense one.
    fn sparse(presence: &Presence, weight: impl Fn(usize, usize) -> Self) -> Option<Box<dyn Product<Self>>>;

    /// Writes four rows as the beginnings of four columns, `length` apart.
    #[inline(always)]
    fn turn(rows: [&[Self; TILE]; TILE], length: usize, columns: &mut [Self]) {
        for i in 0..TILE {
            for (j, row) in rows.iter().enumerate() {
                columns[i * length + j] = row[i];
            }
        }
    }
}

/// Share of present entries below which the sliced product without AVX-512 is faster than the dense one.
const PLAIN_BELOW: f64 = 0.1;

impl SparseReal for f64 {
    fn sparse(presence: &Presence, weight: impl Fn(usize, usize) -> f64) -> Option<Box<dyn Product<f64>>> {
        (presence.share() < PLAIN_BELOW).then(|| Box::new(Sliced::new(presence, weight)) as _)
    }
}

impl SparseReal for f32 {
    fn sparse(presence: &Presence, weight: impl Fn(usize, usize) -> f32) -> Option<Box<dyn Product<f32>>> {
        let share = presence.share();
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            return (share < 0.5).then(|| Box::new(Sliced::new(presence, weight)) as _);
        } else if std::arch::is_x86_feature_detected!("avx2") && presence.units() <= sliding::MOST_UNITS {
            return (share < 0.25).then(|| Box::new(Sliding::new(presence, weight)) as _);
        }
        (share < PLAIN_BELOW).then(|| Box::new(Sliced::new(presence, weight)) as _)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn turn(rows: [&[f32; TILE]; TILE], length: usize, columns: &mut [f32]) {
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

/// gradient += Σ_s delta_s ratesₛᵀ at the present entries, for the deltas and rates of one trial of a block. The gradient has
/// a number for each present entry, as they are listed.
pub(super) fn accumulate_present<R: SparseReal>(
    listing: &Listing,
    steps: usize,
    [delta, rates]: &[Columns<R>; 2],
    trial: usize,
    gradient: &mut [R],
) {
    for window in windows(steps) {
        let [delta, rates] = [delta, rates].map(|columns| columns.of_trial(trial, &window));
        dispatch(
            #[inline(always)]
            || {
                // Group by group: the rates of a group stay in the nearest cache while all targets pass.
                let mut gradient = &mut gradient[..];
                for (group, (count, entries)) in listing.groups().enumerate() {
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

/// delta_targetᵀ rates_source of some entries of the group that begins with the source `first`.
#[inline(always)]
fn dots<R: SparseReal>(
    entries: &[Entry; TOGETHER],
    first: usize,
    delta: OfTrial<R>,
    rates: OfTrial<R>,
) -> [R; TOGETHER] {
    let (mut a, mut b) = ([delta.of_unit(0); TOGETHER], [rates.of_unit(0); TOGETHER]);
    for k in 0..TOGETHER {
        a[k] = delta.of_unit(entries[k].target as usize);
        b[k] = &rates.of_unit(first + entries[k].source as usize)[..a[k].len()];
    }
    let mut lanes = [[R::zero(); LANES]; TOGETHER];
    for v in 0..delta.vectors {
        for k in 0..TOGETHER {
            for l in 0..LANES {
                lanes[k][l] += a[k][v][l] * b[k][v][l];
            }
        }
    }
    sums(lanes)
}

/// Gradients of the present entries, as they are listed, as a matrix `[N, N]`; each is multiplied by `factor(source)`.
pub(super) fn spread_present<R: Real>(
    n: usize,
    listing: &Listing,
    gradients: &[R],
    factor: impl Fn(usize) -> R,
) -> Vec<R> {
    let mut matrix = vec![R::zero(); n * n];
    let mut gradients = gradients;
    for (group, (count, entries)) in listing.groups().enumerate() {
        let mine;
        (mine, gradients) = gradients.split_at(count);
        for (Entry { target, source }, gradient) in entries.as_flattened().iter().zip(mine) {
            let source = group * GROUP + *source as usize;
            matrix[*target as usize * n + source] = factor(source) * *gradient;
        }
    }
    matrix
}

/// Rows and columns that are turned over together.
const TILE: usize = 4;

/// Writes `count` rows as the beginnings of columns, `length` apart.
#[inline(always)]
pub(super) fn transpose<'a, R: SparseReal>(
    count: usize,
    row: impl Fn(usize) -> &'a [R],
    length: usize,
    columns: &mut [R],
) {
    let tiles = count - count % TILE;
    for from in (0..tiles).step_by(TILE) {
        let columns = &mut columns[from..];
        let rows: [_; TILE] = std::array::from_fn(|l| row(from + l));
        let [a, b, c, d] = rows.map(|row| row.as_chunks::<TILE>().0);
        for (tile, (((a, b), c), d)) in a.iter().zip(b).zip(c).zip(d).enumerate() {
            R::turn([a, b, c, d], length, &mut columns[tile * TILE * length..]);
        }
        for (l, row) in rows.iter().enumerate() {
            for i in a.len() * TILE..row.len() {
                columns[i * length + l] = row[i];
            }
        }
    }
    for l in tiles..count {
        for (i, value) in row(l).iter().enumerate() {
            columns[i * length + l] = *value;
        }
    }
}
