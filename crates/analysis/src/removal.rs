//! Performance against the number of modes or units removed (pruning), in three orders: the least important first, the most
//! important first, and at random.
//!
//! Modes are ordered by their importance τ_μ, units by what they send, √⟨r²⟩ (|W column| + |W_out column|). Every network runs
//! the same trials with the same noise. Intervals are Wilson's, of the trials.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `removal.modes`, `removal.units` | `[X]` | U32 | numbers removed |
//! | `removal.modes_correct`, `removal.units_correct` | `[3, X]` | U32 | trials answered correctly: the least important first, the most important first, at random |
//! | `removal.trials` | `[1]` | U32 | trials of each network |

use crate::change::Change;
use crate::error::Error;
use crate::found::Found;
use crate::importance::importance;
use crate::modes::Modes;
use crate::settings::Settings;
use crate::subject::Subject;
use crate::weights::recurrent;
use mdl_artifact::Artifact;
use mdl_data::score::Score;
use mdl_kernels::random::{Purpose, Stream};
use serde_json::{Map, json};

/// Parts that are removed.
const PARTS: [f64; 6] = [0.1, 0.2, 0.3, 0.5, 0.7, 0.9];
/// Names of the orders.
const ORDERS: [&str; 3] = ["least_first", "most_first", "random"];
/// Stream of the random order among those of analyses.
const STREAM: u64 = 3 << 32;

/// Removes modes and units.
///
/// # Errors
/// [`Error`], those of running a network, and an interruption.
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let trials = subject.trials().count as u32;
    artifact.insert("removal.trials", &[1], vec![trials]);
    let intact = count(&subject.recording().correct);
    let mut summary = Map::new();
    let mut ranked = vec![("units", unit_importance(subject)?)];
    ranked.extend(Modes::of(subject.artifact())?.map(|modes| ("modes", importance(&modes))));
    for (name, values) in ranked {
        let removed = numbers(values.len());
        let mut correct = Vec::new();
        for order in orders(&values, subject.seed()) {
            for number in &removed {
                let gone = order[..*number].to_vec();
                let change = if name == "units" { Change::Units(gone) } else { Change::Modes(gone) };
                correct.push(if *number == 0 { intact } else { count(&subject.judge(&change)?) });
            }
        }
        let of_order = |k: usize| -> Vec<_> {
            let own = &correct[k * removed.len()..][..removed.len()];
            let point = |(number, correct): (&usize, &u32)| {
                let score = Score { trials, correct: *correct };
                json!({ "removed": number, "performance": score.performance(), "performance_interval": score.interval() })
            };
            removed.iter().zip(own).map(point).collect()
        };
        let orders: Map<_, _> =
            ORDERS.iter().enumerate().map(|(k, name)| ((*name).into(), of_order(k).into())).collect();
        summary.insert(name.into(), orders.into());
        artifact.insert(&format!("removal.{name}_correct"), &[ORDERS.len(), removed.len()], correct);
        artifact.insert(&format!("removal.{name}"), &[removed.len()], removed.iter().map(|n| *n as u32).collect());
    }
    Ok(Found::some(summary.into()))
}

fn count(correct: &[bool]) -> u32 {
    correct.iter().map(|correct| u32::from(*correct)).sum()
}

/// Numbers removed of `all`: none, and the parts of [`PARTS`].
fn numbers(all: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = PARTS.iter().map(|part| (part * all as f64).round() as usize).collect();
    numbers.insert(0, 0);
    numbers.dedup();
    numbers
}

/// The orders of removal.
fn orders(values: &[f64], seed: u64) -> [Vec<usize>; 3] {
    let mut ascending: Vec<usize> = (0..values.len()).collect();
    ascending.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let random = Stream::new(seed, Purpose::Analysis, STREAM).permutation(values.len());
    let descending = ascending.iter().rev().copied().collect();
    [ascending, descending, random.into_iter().map(|k| k as usize).collect()]
}

/// √⟨r²⟩ (|W column| + |W_out column|) of each unit `[N]`.
fn unit_importance<E>(subject: &dyn Subject<Error = E>) -> Result<Vec<f64>, Error> {
    let (n, recording) = (subject.units(), subject.recording());
    let w = recurrent(subject.artifact(), n)?;
    let [outputs, _] = subject.artifact().shape::<2>("w_out")?;
    let w_out = subject.artifact().values::<f32>("w_out", &[outputs, n])?;
    let mut squares = vec![0.0; n];
    for row in recording.rate.chunks_exact(n.max(1)) {
        squares.iter_mut().zip(row).for_each(|(sum, r)| *sum += f64::from(*r).powi(2));
    }
    let states = (recording.trials * recording.times).max(1) as f64;
    let column = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let sent = |j: usize| {
        let recurrent = column(&mut (0..n).map(|i| w[i * n + j]));
        recurrent + column(&mut (0..outputs).map(|o| f64::from(w_out[o * n + j])))
    };
    Ok((0..n).map(|j| (squares[j] / states).sqrt() * sent(j)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_orders() {
        assert_eq!(numbers(200), [0, 20, 40, 60, 100, 140, 180]);
        assert_eq!(numbers(3), [0, 1, 2, 3]);
        assert_eq!(numbers(1), [0, 1]);
        let [least, most, random] = orders(&[3.0, 1.0, 2.0], 1);
        assert_eq!((least, most), (vec![1, 2, 0], vec![0, 2, 1]));
        let mut sorted = random.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2]);
    }
}
