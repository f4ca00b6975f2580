//! Intervals between spikes: their irregularity, the correlation of successive ones, and correlations between units.
//!
//! CV is the standard deviation of a unit's intervals over their mean, over all trials, of units with ten intervals or more. The
//! correlation between units is that of their spike counts in windows of 50 ms, after the mean of the condition at that time is
//! subtracted, over pairs of active units. Spikes of LIF networks are counted with 1 ms resolution.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `intervals.cv`, `intervals.serial_correlation` | `[N]` | F64 | of each unit; −2 for one with too few intervals |
//! | `intervals.bin_ms` | `[H]` | F64 | lower ends of the bins of a histogram, in equal logarithmic steps |
//! | `intervals.count` | `[H]` | U32 | intervals of all units in each bin |
//! | `intervals.correlation_bin` | `[40]` | F64 | lower ends of bins of correlations, from −1 to 1 |
//! | `intervals.correlation_pairs` | `[40]` | U32 | pairs of units in each |

use crate::error::Error;
use crate::found::Found;
use crate::linear::dot;
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use serde_json::json;

/// Fewest intervals of a unit.
const FEWEST: usize = 10;
/// Value of a unit with fewer.
const NONE: f64 = -2.0;
/// Bins of the histogram, per decade from 1 ms to 10 s.
const PER_DECADE: usize = 8;
const DECADES: usize = 4;
/// Window of a spike count (ms).
const WINDOW_MS: f64 = 50.0;
/// Most units whose pairs are correlated.
const MOST_UNITS: usize = 100;
/// Bins of correlations.
const BINS: usize = 40;

/// Describes the intervals between spikes.
///
/// # Errors
/// [`Error`].
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let (recording, n) = (subject.recording(), subject.units());
    if recording.spikes.is_empty() {
        return Ok(Found::none("a rate network has no spikes"));
    }
    let mut intervals: Vec<Vec<Vec<f64>>> = vec![Vec::new(); n];
    for (trial, spikes) in recording.spikes.iter().enumerate() {
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); n];
        let inside = spikes.iter().filter(|spike| spike.time_ms <= subject.duration_ms(trial));
        inside.for_each(|spike| times[spike.unit as usize].push(spike.time_ms));
        for (unit, times) in times.iter().enumerate() {
            let own: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|x| *x > 0.0).collect();
            if !own.is_empty() {
                intervals[unit].push(own);
            }
        }
    }
    let cv: Vec<f64> = intervals.iter().map(|own| variation(&own.concat())).collect();
    let serial: Vec<f64> = intervals.iter().map(|own| serial_correlation(own)).collect();
    let mut counts = vec![0u32; PER_DECADE * DECADES];
    for x in intervals.iter().flatten().flatten() {
        let bin = (x.max(1.0).log10() * PER_DECADE as f64) as usize;
        counts[bin.min(PER_DECADE * DECADES - 1)] += 1;
    }
    let pairs = correlations(subject);
    let mean = |values: &[f64]| {
        let known: Vec<f64> = values.iter().copied().filter(|x| *x > NONE).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let summary = json!({
        "cv": mean(&cv),
        "serial_correlation": mean(&serial),
        "count_correlation": mean(&pairs),
        "units": cv.iter().filter(|x| **x > NONE).count(),
    });
    let bins = counts.len();
    let lower = (0..bins).map(|k| 10f64.powf(k as f64 / PER_DECADE as f64)).collect();
    artifact.insert("intervals.cv", &[n], cv);
    artifact.insert("intervals.serial_correlation", &[n], serial);
    artifact.insert("intervals.bin_ms", &[bins], lower);
    artifact.insert("intervals.count", &[bins], counts);
    let mut histogram = vec![0u32; BINS];
    pairs.iter().for_each(|x| histogram[(((x + 1.0) / 2.0 * BINS as f64) as usize).min(BINS - 1)] += 1);
    let lower = (0..BINS).map(|k| 2.0 * k as f64 / BINS as f64 - 1.0).collect();
    artifact.insert("intervals.correlation_bin", &[BINS], lower);
    artifact.insert("intervals.correlation_pairs", &[BINS], histogram);
    Ok(Found::some(summary))
}

/// Coefficient of variation.
fn variation(intervals: &[f64]) -> f64 {
    if intervals.len() < FEWEST {
        return NONE;
    }
    let count = intervals.len() as f64;
    let mean = intervals.iter().sum::<f64>() / count;
    (intervals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt() / mean
}

/// Correlation of successive intervals of the same trial.
fn serial_correlation(trials: &[Vec<f64>]) -> f64 {
    let pairs: Vec<(f64, f64)> = trials.iter().flat_map(|own| own.windows(2).map(|pair| (pair[0], pair[1]))).collect();
    if pairs.len() < FEWEST {
        return NONE;
    }
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    correlation(&a, &b).unwrap_or(0.0)
}

/// Pearson's correlation; none if one of both does not vary.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let centred = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        x.iter().map(|x| x - mean).collect::<Vec<f64>>()
    };
    let (a, b) = (centred(a), centred(b));
    let product = (dot(&a, &a) * dot(&b, &b)).sqrt();
    (product > 1e-12).then(|| (dot(&a, &b) / product).clamp(-1.0, 1.0))
}

/// Correlations of spike counts of pairs of units.
fn correlations<E>(subject: &dyn Subject<Error = E>) -> Vec<f64> {
    let (recording, n) = (subject.recording(), subject.units());
    let longest = (0..recording.trials).map(|trial| subject.duration_ms(trial)).fold(0.0, f64::max);
    let windows = (longest / WINDOW_MS).ceil().max(1.0) as usize;
    // [N][B·windows], of whole windows.
    let mut counts = vec![vec![0.0; recording.trials * windows]; n];
    for (trial, spikes) in recording.spikes.iter().enumerate() {
        for spike in spikes.iter().filter(|spike| spike.time_ms < subject.duration_ms(trial)) {
            let window = ((spike.time_ms / WINDOW_MS) as usize).min(windows - 1);
            counts[spike.unit as usize][trial * windows + window] += 1.0;
        }
    }
    for (_, own) in subject.conditions() {
        for row in &mut counts {
            for window in 0..windows {
                let mean = own.iter().map(|trial| row[trial * windows + window]).sum::<f64>() / own.len() as f64;
                own.iter().for_each(|trial| row[trial * windows + window] -= mean);
            }
        }
    }
    let active = counts.into_iter().filter(|row| row.iter().any(|x| x.abs() > 1e-9)).take(MOST_UNITS);
    let active: Vec<Vec<f64>> = active.collect();
    let pairs = (0..active.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    pairs.filter_map(|(a, b)| correlation(&active[a], &active[b])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_and_alternating_intervals() {
        assert!(variation(&[5.0; 20]).abs() < 1e-12);
        let alternating: Vec<f64> = (0..20).map(|k| if k % 2 == 0 { 1.0 } else { 3.0 }).collect();
        assert!((variation(&alternating) - 0.5).abs() < 1e-12);
        assert!((serial_correlation(&[alternating]) + 1.0).abs() < 1e-9);
        assert_eq!((variation(&[1.0; 9]), serial_correlation(&[])), (NONE, NONE));
    }
}
