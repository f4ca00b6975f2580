//! Means and covariances of rates.

use crate::linear::dot;
use crate::subject::Recording;
use mdl_kernels::dispatch::dispatch;

/// Mean `[N]` and covariance `[N, N]` of the rates of a recording over trials and time, of every `every`-th state.
pub fn covariance(recording: &Recording, every: usize) -> (Vec<f64>, Vec<f64>) {
    let n = recording.units;
    let states = recording.rate.chunks_exact(n.max(1)).step_by(every.max(1));
    let count = states.len().max(1) as f64;
    let mut mean = vec![0.0; n];
    states.clone().for_each(|row| mean.iter_mut().zip(row).for_each(|(mean, r)| *mean += f64::from(*r) / count));
    covariance_of(states.map(|row| row.iter().zip(&mean).map(|(r, mean)| f64::from(*r) - mean).collect()), n)
        .map_or_else(|| (mean.clone(), vec![0.0; n * n]), |covariance| (mean.clone(), covariance))
}

/// Mean product `[N, N]` of deviations `[N]`; none without any.
pub fn covariance_of(deviations: impl Iterator<Item = Vec<f64>>, n: usize) -> Option<Vec<f64>> {
    // Blocks of deviations, transposed, so that sums run over contiguous numbers and the matrix is written once a block.
    const BLOCK: usize = 256;
    let mut sums = vec![0.0; n * n];
    let mut block: Vec<Vec<f64>> = Vec::with_capacity(BLOCK);
    let mut count = 0usize;
    let mut flush = |block: &mut Vec<Vec<f64>>| {
        let columns: Vec<Vec<f64>> = (0..n).map(|i| block.iter().map(|row| row[i]).collect()).collect();
        dispatch(
            #[inline(always)]
            || {
                for i in 0..n {
                    for j in 0..=i {
                        sums[i * n + j] += dot(&columns[i], &columns[j]);
                    }
                }
            },
        );
        block.clear();
    };
    for deviation in deviations {
        count += 1;
        block.push(deviation);
        if block.len() == BLOCK {
            flush(&mut block);
        }
    }
    flush(&mut block);
    if count == 0 {
        return None;
    }
    for i in 0..n {
        for j in 0..=i {
            sums[i * n + j] /= count as f64;
            sums[j * n + i] = sums[i * n + j];
        }
    }
    Some(sums)
}
