//! Sparse matrices: the fastest product of each number type and processor, and the gradient of the present entries.

use super::aligned::Aligned;
use super::presence::{Entry, Presence};
use super::product::{GROUP, LANES, Product, sums, windows};
use super::sliced::Sliced;
#[cfg(target_arch = "x86_64")]
use super::sliding::Sliding;
use super::sweep::Rows;
use crate::real::Real;
use mdl_data::simd::dispatch;
use std::ops::Range;

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
        } else if std::arch::is_x86_feature_detected!("avx2") {
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

/// Entries whose gradients are taken side by side.
const TOGETHER: usize = 4;

/// gradient += Σ_s delta_s ratesₛᵀ at the present entries, for deltas and rates `[N]` of `steps` steps. The gradient has a
/// number for each present entry, group of sources by group, in a group target by target.
pub(super) fn accumulate_present<R: SparseReal>(
    presence: &Presence,
    steps: usize,
    [delta, rates]: [Rows<R>; 2],
    gradient: &mut [R],
) {
    let mut entries = Vec::new();
    for window in windows(steps) {
        let vectors = window.len().div_ceil(LANES);
        let [delta, rates] = [delta, rates].map(|rows| padded_columns(rows, window.clone(), vectors));
        let (delta, rates) = (delta.as_chunks().0, rates.as_chunks().0);
        dispatch(
            #[inline(always)]
            || {
                // Group by group: the rates of a group stay in the nearest cache while all targets pass.
                let mut gradient = &mut gradient[..];
                for (group, rates) in rates.chunks(GROUP * vectors).enumerate() {
                    let count = presence.list_group(group, TOGETHER, &mut entries);
                    let mine;
                    (mine, gradient) = std::mem::take(&mut gradient).split_at_mut(count);
                    for (gradient, entries) in mine.chunks_mut(TOGETHER).zip(entries.as_chunks().0) {
                        let dots = dots(entries, vectors, delta, rates);
                        gradient.iter_mut().zip(dots).for_each(|(gradient, dot)| *gradient += dot);
                    }
                }
            },
        );
    }
}

/// delta_targetᵀ rates_source of some entries: the columns of targets and sources are `vectors` long.
#[inline(always)]
fn dots<R: Real>(
    entries: &[Entry; TOGETHER],
    vectors: usize,
    delta: &[[R; LANES]],
    rates: &[[R; LANES]],
) -> [R; TOGETHER] {
    let (mut a, mut b) = ([delta; TOGETHER], [rates; TOGETHER]);
    for k in 0..TOGETHER {
        a[k] = &delta[entries[k].target as usize * vectors..][..vectors];
        b[k] = &rates[entries[k].source as usize * vectors..][..vectors];
    }
    let mut lanes = [[R::zero(); LANES]; TOGETHER];
    for v in 0..vectors {
        for k in 0..TOGETHER {
            for l in 0..LANES {
                lanes[k][l] += a[k][v][l] * b[k][v][l];
            }
        }
    }
    sums(lanes)
}

/// Gradients of the present entries, in the order of [`accumulate_present`], as a matrix `[N, N]`; each is multiplied by
/// `factor(source)`.
pub(super) fn spread_present<R: Real>(presence: &Presence, gradients: &[R], factor: impl Fn(usize) -> R) -> Vec<R> {
    let n = presence.units();
    let mut matrix = vec![R::zero(); n * n];
    let mut gradients = gradients.iter();
    for group in 0..presence.groups() {
        for target in 0..n {
            presence.each_entry_of(target, group, |source| {
                matrix[target * n + source] = factor(source) * *gradients.next().expect("one each");
            });
        }
    }
    matrix
}

/// Rows `steps` of `rows` as columns `[N, S]`, padded with zeros to `vectors` vectors.
fn padded_columns<R: SparseReal>(rows: Rows<R>, steps: Range<usize>, vectors: usize) -> Aligned<R> {
    let length = vectors * LANES;
    let mut columns = Aligned::full(R::zero(), rows.n * length);
    transpose(steps.len(), |step| rows.row(steps.start + step), length, &mut columns);
    columns
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
