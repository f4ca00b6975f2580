//! Activities of each unit over time, in the form needed by the gradient of sparse weights.

use super::common::windows;
use crate::lanes::{LANES, Lanes};
use crate::real::Real;
use crate::transpose::transpose;
use std::ops::Range;

/// Numbers per step that are transposed together: a cache line of each step.
const TOGETHER: usize = 16;

/// Values of a trial, unit by unit: for each window of steps `[N, steps]`, with steps padded with zeros to whole vectors.
pub struct ByUnit<R> {
    n: usize,
    values: Vec<Lanes<R>>,
}

/// One column per unit, of one window.
#[derive(Clone, Copy)]
pub struct OfWindow<'a, R> {
    values: &'a [Lanes<R>],
    /// Length of a column.
    pub vectors: usize,
}

/// Steps per window, padded.
fn length(window: &Range<usize>) -> usize {
    window.len().next_multiple_of(LANES)
}

impl<R: Real> ByUnit<R> {
    /// Of the first `steps` steps of `values` `[steps, N]` in rows of `row` numbers.
    pub fn new(n: usize, row: usize, steps: usize, values: &[R]) -> Self {
        let mut by_unit = Vec::with_capacity(n * windows(steps).map(|window| length(&window)).sum::<usize>() / LANES);
        for window in windows(steps) {
            let length = length(&window);
            let mut together = vec![R::zero(); TOGETHER * length];
            for from in (0..n).step_by(TOGETHER) {
                let to = n.min(from + TOGETHER);
                let numbers = |step| &values[(window.start + step) * row..][from..to];
                transpose(window.len(), numbers, length, &mut together);
                for column in together.chunks_exact(length).take(to - from) {
                    by_unit.extend(column.as_chunks().0.iter().map(|lanes| Lanes(*lanes)));
                }
            }
        }
        Self { n, values: by_unit }
    }

    /// The columns of a window.
    pub fn of_window(&self, window: &Range<usize>) -> OfWindow<'_, R> {
        // All windows before are full.
        OfWindow { values: &self.values[window.start * self.n / LANES..], vectors: length(window) / LANES }
    }
}

impl<'a, R> OfWindow<'a, R> {
    /// The column of a unit.
    #[inline(always)]
    pub fn of_unit(&self, unit: usize) -> &'a [Lanes<R>] {
        &self.values[unit * self.vectors..][..self.vectors]
    }
}

#[cfg(test)]
mod tests {
    use super::super::common::WINDOW;
    use super::*;

    #[test]
    fn every_value_has_its_place() {
        let (n, row, steps) = (5, 8, WINDOW + 7);
        let value = |step: usize, unit: usize| (step * row + unit) as f32 + 1.0;
        let values: Vec<f32> = (0..(steps + 1) * row).map(|at| at as f32 + 1.0).collect();
        let columns = ByUnit::new(n, row, steps, &values);
        for window in windows(steps) {
            for unit in 0..n {
                let column = Lanes::values(columns.of_window(&window).of_unit(unit));
                let expected = window.clone().map(|step| value(step, unit));
                assert_eq!(column.len(), length(&window));
                assert!(column.iter().copied().eq(expected.chain(std::iter::repeat(0.0)).take(column.len())));
            }
        }
    }
}
