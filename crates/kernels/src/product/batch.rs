//! Batches as blocks of trials computed together.

use std::ops::Range;

/// Maximum number of trials per block: enough for a vector, few enough for the rates to fit the nearest cache.
const WIDTHS: [usize; 3] = [16, 8, 4];

/// The trials `0..trials` in blocks as wide as leaves work for every thread; what is too few for a block is alone.
pub fn blocks(trials: usize, threads: usize) -> Vec<Range<usize>> {
    let widest = trials / threads;
    let mut blocks = Vec::new();
    let mut from = 0;
    while from < trials {
        let width = WIDTHS.into_iter().find(|width| *width <= widest.min(trials - from)).unwrap_or(1);
        blocks.push(from..from + width);
        from += width;
    }
    blocks
}

/// Evaluates an expression compiled for the number of trials side by side, as [`with_const!`](crate::with_const) does.
#[macro_export]
macro_rules! of_width {
    ($width:expr, $name:ident => $body:expr) => {
        $crate::with_const!($width, $name in [1, 4, 8, 16] => $body)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_leave_work_for_every_thread() {
        let widths = |trials, threads| blocks(trials, threads).iter().map(Range::len).collect::<Vec<_>>();
        assert_eq!(widths(1, 1), [1]);
        assert_eq!(widths(8, 1), [8]);
        assert_eq!(widths(8, 2), [4, 4]);
        assert_eq!(widths(8, 4), [1; 8]);
        assert_eq!(widths(45, 1), [16, 16, 8, 4, 1]);
        assert_eq!(blocks(45, 1).last(), Some(&(44..45)));
    }
}
