//! Rows written as columns.

use crate::real::Real;

/// Rows and columns that are turned over together.
const TILE: usize = 4;

/// A number type with its fastest transposition.
pub trait Transposed: Real {
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

impl Transposed for f64 {}

impl Transposed for f32 {
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

/// Writes `count` rows as the beginnings of columns, `length` apart.
#[inline(always)]
pub fn transpose<'a, R: Transposed>(count: usize, row: impl Fn(usize) -> &'a [R], length: usize, columns: &mut [R]) {
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
