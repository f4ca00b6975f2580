//! Results of a network's trials, from which searches and sweeps are computed.
//!
//! A trial result is a function of (seed, set, trial, scaling factor), and consists of a few numbers. A search
//! is therefore a pure function of its trial results: an interrupted search requests the missing ones and ends as if it
//! had not been interrupted.

use crate::error::Result;
use mdl_artifact::Artifact;
use mdl_data::tasks::{Task, Trial};
use mdl_kernels::random::Purpose;
use std::collections::BTreeMap;
use std::ops::Range;

/// First noise index of evaluations; searches have lower ones, so no noise is used twice.
pub const FIRST_EVALUATION_DRAW: u64 = 1 << 32;

/// Purpose of trials; different sets share neither trials nor noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrialSet {
    /// The search for the scaling factor.
    Search,
    /// The evaluation of the chosen factor.
    Evaluation,
}

impl TrialSet {
    /// Stream of the trials.
    fn purpose(self) -> Purpose {
        match self {
            Self::Search => Purpose::SearchTrial,
            Self::Evaluation => Purpose::EvaluationTrial,
        }
    }

    /// One trial of the set.
    ///
    /// # Errors
    /// Those of the task.
    pub fn trial(self, task: &dyn Task, seed: u64, trial: u32) -> Result<Trial> {
        Ok(task.draw(seed, self.purpose(), u64::from(trial), 1)?.get(0))
    }

    /// Index of a trial's noise.
    pub fn draw(self, trial: u32) -> u64 {
        match self {
            Self::Search => u64::from(trial),
            Self::Evaluation => FIRST_EVALUATION_DRAW + u64::from(trial),
        }
    }
}

/// Result of one trial with one scaling factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialResult {
    /// True if the answer was correct.
    pub correct: bool,
    /// Spikes of all units, until the trial ended.
    pub spikes: u64,
    /// Fraction of the longest trial that it lasted.
    pub lasted: f64,
    /// Mean squared difference of the outputs from the target, where the loss counts it; none if it was not measured.
    pub output_error: Option<f64>,
}

/// Mean over trials of the error of the outputs; none if it was not measured in all of them.
pub fn output_error(course: &[TrialResult]) -> Option<f64> {
    let errors: Option<Vec<f64>> = course.iter().map(|result| result.output_error).collect();
    errors.filter(|errors| !errors.is_empty()).map(|errors| errors.iter().sum::<f64>() / errors.len() as f64)
}

/// Mean firing rate of the units (Hz) in trials, of which the longest would last so many unit-seconds.
pub fn rate_hz(course: &[TrialResult], unit_seconds: f64) -> f64 {
    let spikes: u64 = course.iter().map(|result| result.spikes).sum();
    let lasted: f64 = course.iter().map(|result| result.lasted).sum();
    if spikes == 0 { 0.0 } else { spikes as f64 / (unit_seconds * lasted) }
}

/// Trials that a search needs next, each with all the factors.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRequest {
    /// Set of the trials.
    pub set: TrialSet,
    /// The scaling factors.
    pub factors: Vec<f64>,
    /// The trials.
    pub trials: Range<u32>,
}

/// A known value, or the trials that must be run before more of it is known.
pub type Progress<T> = std::result::Result<T, TrialRequest>;

/// Key of a trial result: positive numbers are ordered like their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    set: TrialSet,
    factor_bits: u64,
    trial: u32,
}

/// Trial results of one network with one config.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrialResults(BTreeMap<Key, TrialResult>);

impl TrialResults {
    /// Adds a trial result.
    pub fn insert(&mut self, set: TrialSet, factor: f64, trial: u32, result: TrialResult) {
        self.0.insert(Key { set, factor_bits: factor.to_bits(), trial }, result);
    }

    /// A trial result, if it is known.
    pub fn get(&self, set: TrialSet, factor: f64, trial: u32) -> Option<TrialResult> {
        self.0.get(&Key { set, factor_bits: factor.to_bits(), trial }).copied()
    }

    /// Number of trial results.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are no results.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Results of `trials` with each of the factors, `[factors][trials]`.
    ///
    /// # Errors
    /// The request, if a result is not known.
    pub fn of(&self, set: TrialSet, factors: &[f64], trials: Range<u32>) -> Progress<Vec<Vec<TrialResult>>> {
        let course = |factor: &f64| trials.clone().map(|trial| self.get(set, *factor, trial)).collect();
        let known: Option<Vec<Vec<TrialResult>>> = factors.iter().map(course).collect();
        known.ok_or_else(|| TrialRequest { set, factors: factors.to_vec(), trials })
    }

    /// Factors of a request for which a trial has no result yet.
    pub fn missing(&self, request: &TrialRequest, trial: u32) -> Vec<f64> {
        request.factors.iter().copied().filter(|factor| self.get(request.set, *factor, trial).is_none()).collect()
    }
}

/// Adds the trial results of several searches to an artifact:
///
/// | tensor | shape | type | content |
/// |---|---|---|---|
/// | `answer.search` | `[A]` | U32 | number of the search |
/// | `answer.evaluation` | `[A]` | U8 | 0 for a trial of the search, 1 for one of the evaluation |
/// | `answer.scaling_factor` | `[A]` | F64 | scaling factor |
/// | `answer.trial` | `[A]` | U32 | trial |
/// | `answer.correct` | `[A]` | U8 | 1 if it was answered correctly |
/// | `answer.spikes` | `[A]` | I64 | spikes of all units |
/// | `answer.lasted` | `[A]` | F64 | fraction of the longest trial that it lasted; absent where this is 1 for all |
/// | `answer.output_error` | `[A]` | F64 | mean squared error of the outputs; absent where it is not measured for all |
pub fn write(searches: &[TrialResults], artifact: &mut Artifact) {
    let rows: Vec<(u32, &Key, &TrialResult)> = searches
        .iter()
        .enumerate()
        .flat_map(|(search, results)| results.0.iter().map(move |(key, result)| (search as u32, key, result)))
        .collect();
    let shape = [rows.len()];
    artifact.insert("answer.search", &shape, rows.iter().map(|row| row.0).collect());
    let evaluation = |set| u8::from(set == TrialSet::Evaluation);
    artifact.insert("answer.evaluation", &shape, rows.iter().map(|row| evaluation(row.1.set)).collect());
    let factor = |row: &(u32, &Key, &TrialResult)| f64::from_bits(row.1.factor_bits);
    artifact.insert("answer.scaling_factor", &shape, rows.iter().map(factor).collect());
    artifact.insert("answer.trial", &shape, rows.iter().map(|row| row.1.trial).collect());
    artifact.insert("answer.correct", &shape, rows.iter().map(|row| u8::from(row.2.correct)).collect());
    artifact.insert("answer.spikes", &shape, rows.iter().map(|row| row.2.spikes as i64).collect());
    if rows.iter().any(|row| row.2.lasted < 1.0) {
        artifact.insert("answer.lasted", &shape, rows.iter().map(|row| row.2.lasted).collect());
    }
    let errors: Option<Vec<f64>> = rows.iter().map(|row| row.2.output_error).collect();
    if let Some(errors) = errors.filter(|errors| !errors.is_empty()) {
        artifact.insert("answer.output_error", &shape, errors);
    }
}

/// Reads the trial results of `searches` searches.
///
/// # Errors
/// A tensor that is missing, does not match the others, or has impossible values.
pub fn read(artifact: &Artifact, searches: usize) -> Result<Vec<TrialResults>> {
    let shape = artifact.shape::<1>("answer.search")?;
    let search = artifact.values::<u32>("answer.search", &shape)?;
    let evaluation = artifact.values::<u8>("answer.evaluation", &shape)?;
    let factor = artifact.values::<f64>("answer.scaling_factor", &shape)?;
    let trial = artifact.values::<u32>("answer.trial", &shape)?;
    let correct = artifact.values::<u8>("answer.correct", &shape)?;
    let spikes = artifact.values::<i64>("answer.spikes", &shape)?;
    let all_lasted = vec![1.0; shape[0]];
    let lasted = match artifact.has("answer.lasted") {
        true => artifact.values::<f64>("answer.lasted", &shape)?,
        false => &all_lasted,
    };
    let errors = match artifact.has("answer.output_error") {
        true => Some(artifact.values::<f64>("answer.output_error", &shape)?),
        false => None,
    };
    let refused = |name, found: String, expected: &str| Err(artifact.tensor_error(name, found, expected.into()).into());
    let mut all = vec![TrialResults::default(); searches];
    for i in 0..shape[0] {
        let Some(results) = all.get_mut(search[i] as usize) else {
            return refused("answer.search", search[i].to_string(), &format!("0 to {}", searches.saturating_sub(1)));
        };
        if factor[i] <= 0.0 {
            return refused("answer.scaling_factor", factor[i].to_string(), "numbers above 0");
        }
        if spikes[i] < 0 {
            return refused("answer.spikes", spikes[i].to_string(), "numbers of at least 0");
        }
        if !(lasted[i] > 0.0 && lasted[i] <= 1.0) {
            return refused("answer.lasted", lasted[i].to_string(), "fractions above 0, up to 1");
        }
        let set = if evaluation[i] == 0 { TrialSet::Search } else { TrialSet::Evaluation };
        let output_error = errors.map(|errors| errors[i]);
        if output_error.is_some_and(|error| error < 0.0) {
            let found = output_error.unwrap_or_default().to_string();
            return refused("answer.output_error", found, "numbers of at least 0");
        }
        let (correct, spikes, lasted) = (correct[i] != 0, spikes[i] as u64, lasted[i]);
        let result = TrialResult { correct, spikes, lasted, output_error };
        results.insert(set, factor[i], trial[i], result);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdl_artifact::{Kind, Provenance};

    fn some() -> TrialResults {
        let mut results = TrialResults::default();
        for trial in 0..3 {
            results.insert(
                TrialSet::Search,
                20.0,
                trial,
                TrialResult { correct: trial == 1, spikes: 7 + u64::from(trial), lasted: 1.0, output_error: Some(0.5) },
            );
        }
        let long = TrialResult { correct: true, spikes: 1 << 40, lasted: 0.25, output_error: Some(2.0) };
        results.insert(TrialSet::Evaluation, 22.5, 0, long);
        results
    }

    #[test]
    fn rates_are_over_the_time_that_trials_lasted() {
        let result = |spikes, lasted| TrialResult { correct: true, spikes, lasted, output_error: None };
        assert_eq!(rate_hz(&[result(30, 1.0), result(15, 0.5)], 10.0), 3.0);
        assert_eq!(rate_hz(&[], 10.0), 0.0);
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        let results = some();
        let known = results.of(TrialSet::Search, &[20.0], 0..3).unwrap();
        assert_eq!(known[0].iter().map(|a| a.correct).collect::<Vec<_>>(), [false, true, false]);
        let request = results.of(TrialSet::Search, &[20.0, 25.0], 0..4).unwrap_err();
        assert_eq!(request, TrialRequest { set: TrialSet::Search, factors: vec![20.0, 25.0], trials: 0..4 });
        assert_eq!(results.missing(&request, 2), [25.0]);
        assert_eq!(results.missing(&request, 3), [20.0, 25.0]);
    }

    #[test]
    fn answers_survive_a_file_and_impossible_ones_are_named() {
        let searches = vec![some(), TrialResults::default(), some()];
        let mut artifact = Artifact::new(Kind::Checkpoint, serde_json::json!({}), Provenance::new("test", None, 1));
        write(&searches, &mut artifact);
        assert_eq!(read(&artifact, 3).unwrap(), searches);
        assert!(read(&artifact, 2).unwrap_err().to_string().contains("answer.search"));
        artifact.insert("answer.lasted", &[8], vec![2.0; 8]);
        assert!(read(&artifact, 3).unwrap_err().to_string().contains("answer.lasted"));
        artifact.insert("answer.scaling_factor", &[8], vec![-1.0; 8]);
        assert!(read(&artifact, 3).unwrap_err().to_string().contains("answer.scaling_factor"));
    }
}
