//! Rows written as columns.

use crate::real::{Real, TILE};

/// Writes `count` rows as the beginnings of columns, `length` apart.
#[inline(always)]
pub fn transpose<'a, R: Real>(count: usize, row: impl Fn(usize) -> &'a [R], length: usize, columns: &mut [R]) {
    let tiles = count - count % TILE;
    for from in (0..tiles).step_by(TILE) {
        let columns = &mut columns[from..];
        let rows: [_; TILE] = std::array::from_fn(|l| row(from + l));
        let [a, b, c, d] = rows.map(|row| row.as_chunks::<TILE>().0);
        for (tile, (((a, b), c), d)) in a.iter().zip(b).zip(c).zip(d).enumerate() {
            R::transpose_tile([a, b, c, d], length, &mut columns[tile * TILE * length..]);
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
