//! The search for the scaling factor.
//!
//! Every factor is tested with the same trials and the same noise (common random numbers), so that differences between
//! factors are not due to chance. A search is a pure function of the results of its trials ([`trials`]); it requests
//! the missing ones.
//!
//! In a *race*, a factor gets no further trials and leaves the plateau if it is worse than the best so far, on the
//! trials of both, by more than two standard deviations of the trials on which they differ. The race ends when a fixed
//! fraction of the full grid's trials is spent. Fewer trials do not widen the plateau: the interval is that of the best
//! factor after as many trials as in the full grid. A *refinement* adds the midpoints around the plateau. A search that
//! *starts* from the prediction begins with the factors of the predicted plateau and their neighbours, and continues
//! along the grid while its own plateau touches the edge of those tried.

pub mod checkpoint;
mod config;
mod plateau;
pub mod queue;
pub mod sweep;
pub mod trials;

use config::LEAST_FACTOR;
pub use config::{SearchConfig, SearchStart, Select};
pub use plateau::{Candidate, Fidelity, Found, choose};

use crate::conversion::Conversion;
use crate::error::Result;
use crate::lif::LifNetwork;
use crate::lif_task::{LifTask, count_correct};
use crate::prediction::predict;
use mdl_data::field::require;
use trials::{Progress, TrialResult, TrialResults, TrialSet, output_error, rate_hz};

/// Number of factors added at a time beyond an edge, and maximum number of factors in a search.
const ADDED: usize = 3;
const MOST: usize = 60;

/// Number of rounds of a race if no factor drops out, and maximum fraction of the full grid's trials.
const ROUNDS: u32 = 10;
const RACE_SHARE: f64 = 0.4;

/// The network on the task of a search, ready to run its trials.
///
/// # Errors
/// Those of [`LifTask::new`].
pub fn lif_task<'a>(conversion: &Conversion<'a>, network: &'a LifNetwork) -> Result<LifTask<'a>> {
    let lif_task = LifTask::new(network, conversion.lif, conversion.task.task()?, conversion.seed)?;
    Ok(if conversion.search.select == Select::Fidelity { lif_task.with_output_errors() } else { lif_task })
}

/// Specification of a search.
#[derive(Clone, Debug)]
pub struct SearchSpec<'a> {
    /// Factors of the grid, ascending, at least one.
    pub grid: Vec<f64>,
    /// Factors of the grid to start with.
    pub start: std::ops::Range<usize>,
    /// Settings of the search.
    pub config: &'a SearchConfig,
    /// Unit-seconds of the longest trial: its spikes divided by this are the mean firing rate of the units (Hz).
    pub unit_seconds: f64,
}

impl<'a> SearchSpec<'a> {
    /// Search that a config specifies for its network.
    ///
    /// # Errors
    /// The config of another kind of network, or a start from the prediction if there is none.
    pub fn new(conversion: &Conversion<'a>, network: &LifNetwork, lif_task: &LifTask) -> Result<Self> {
        let grid = conversion.grid()?;
        let start = match conversion.search.start {
            SearchStart::Grid => 0..grid.len(),
            SearchStart::Predicted => {
                let predicted = predict(network, conversion)?;
                let expected = "grid: quadratic neurons, and those without noise, have no prediction";
                require(predicted.is_some(), "search.start", "predicted", expected)?;
                let (first, last) = predicted.map_or((0, grid.len() - 1), |found| found.plateau);
                first.saturating_sub(1)..(last + 2).min(grid.len())
            }
        };
        Ok(Self { grid, start, config: conversion.search, unit_seconds: lif_task.unit_seconds() })
    }

    /// Maximum number of trial results needed if the search stays where it starts and is not refined.
    pub fn expected_results(&self) -> u64 {
        self.start.len() as u64 * u64::from(self.config.trials)
    }

    /// Best factor according to the trial results.
    ///
    /// # Errors
    /// The trials that must be run before more is known.
    pub fn find(&self, results: &TrialResults) -> Progress<Found> {
        let config = self.config;
        let factors = &self.grid[self.start.clone()];
        let trials = config.trials;
        let mut candidates =
            if config.race { self.race(results, factors)? } else { self.measure(results, factors, trials)? };
        // A factor that joins a race at the end needs as many trials as those still in it.
        let trials = candidates.iter().map(|c| c.trials).max().unwrap_or(trials);
        // By default, a search grows to at most twice its grid.
        let most = if config.extend == Some(true) { MOST } else { 2 * self.grid.len() };
        let mut refined = !config.refine || config.select == Select::Fixed;
        loop {
            if config.select == Select::Fidelity {
                self.compare(results, &mut candidates)?;
            }
            let found = choose(&candidates, config.select, config.trials);
            let mut added = self.along_the_grid(&found);
            if added.is_empty() && config.extends() {
                added = beyond(&found, most);
            }
            if added.is_empty() && !refined {
                added = between(&found);
                refined = true;
            }
            if added.is_empty() {
                return Ok(found);
            }
            candidates.extend(self.measure(results, &added, trials)?);
            candidates.sort_by(|a, b| a.scaling_factor.total_cmp(&b.scaling_factor));
        }
    }

    /// Next factors of the grid beyond the edges that the plateau touches.
    fn along_the_grid(&self, found: &Found) -> Vec<f64> {
        let (below, above) = found.at_edge();
        let c = &found.candidates;
        let (first, last) = (c[0].scaling_factor, c[c.len() - 1].scaling_factor);
        let lower = self.grid.iter().rev().filter(|f| below && **f < first).take(ADDED);
        let higher = self.grid.iter().filter(|f| above && **f > last).take(ADDED);
        lower.chain(higher).copied().collect()
    }

    /// Compares factors that have had the same trials with the best of them, trial by trial.
    fn compare(&self, results: &TrialResults, candidates: &mut [Candidate]) -> Progress<()> {
        let most = candidates.iter().map(|c| c.trials).max().unwrap_or(0);
        let course = |c: &Candidate| Ok(results.of(TrialSet::Search, &[c.scaling_factor], 0..most)?.swap_remove(0));
        let in_full: Vec<usize> = (0..candidates.len()).filter(|i| candidates[*i].trials == most).collect();
        let courses: Vec<_> = in_full.iter().map(|i| course(&candidates[*i])).collect::<Progress<_>>()?;
        let Some(best) = courses.iter().max_by_key(|course| correct(course)) else { return Ok(()) };
        for (i, course) in in_full.iter().zip(&courses) {
            let beaten = is_beaten(course, best);
            candidates[*i].fidelity = output_error(course).map(|output_error| Fidelity { output_error, beaten });
        }
        Ok(())
    }

    /// Tests every factor on the same trials.
    fn measure(&self, results: &TrialResults, factors: &[f64], trials: u32) -> Progress<Vec<Candidate>> {
        let courses = results.of(TrialSet::Search, factors, 0..trials)?;
        Ok(courses.iter().zip(factors).map(|(course, factor)| self.candidate(*factor, course)).collect())
    }

    /// Tests factors in rounds, dropping those that are clearly worse.
    fn race(&self, results: &TrialResults, factors: &[f64]) -> Progress<Vec<Candidate>> {
        let trials = self.config.trials;
        let mut courses: Vec<Vec<TrialResult>> = vec![Vec::new(); factors.len()];
        let mut running: Vec<usize> = (0..factors.len()).collect();
        let budget = RACE_SHARE * factors.len() as f64 * f64::from(trials);
        let (mut done, mut spent) = (0, 0.0);
        loop {
            let round = trials.div_ceil(ROUNDS).min(trials - done);
            let cost = f64::from(round) * running.len() as f64;
            // The first round is run in any case, because a race of few trials has no other.
            if round == 0 || (done > 0 && spent + cost > budget) {
                break;
            }
            let chosen: Vec<f64> = running.iter().map(|f| factors[*f]).collect();
            let finished = results.of(TrialSet::Search, &chosen, done..done + round)?;
            running.iter().zip(finished).for_each(|(f, course)| courses[*f].extend(course));
            (done, spent) = (done + round, spent + cost);
            if let Some(best) = running.iter().copied().max_by_key(|f| correct(&courses[*f])) {
                running.retain(|f| !is_beaten(&courses[*f], &courses[best]));
            }
        }
        Ok(courses.iter().zip(factors).map(|(course, factor)| self.candidate(*factor, course)).collect())
    }

    fn candidate(&self, scaling_factor: f64, course: &[TrialResult]) -> Candidate {
        let trials = course.len() as u32;
        let rate_hz = rate_hz(course, self.unit_seconds);
        Candidate { scaling_factor, trials, correct: correct(course), rate_hz, fidelity: None }
    }
}

fn correct(course: &[TrialResult]) -> u32 {
    count_correct(course.iter().map(|result| &result.correct))
}

/// True if a course is worse than `best`, trial by trial, by more than two standard deviations.
pub(crate) fn is_beaten(course: &[TrialResult], best: &[TrialResult]) -> bool {
    let differ = |a: bool, b: bool| best.iter().zip(course).filter(|(x, y)| (x.correct, y.correct) == (a, b)).count();
    let (lost, won) = (differ(true, false) as f64, differ(false, true) as f64);
    lost - won > 2.0 * (lost + won).sqrt()
}

/// Midpoints around the plateau.
fn between(found: &Found) -> Vec<f64> {
    let c = &found.candidates;
    let (first, last) = (found.plateau.0.saturating_sub(1), (found.plateau.1 + 1).min(c.len() - 1));
    (first..last).map(|i| (c[i].scaling_factor + c[i + 1].scaling_factor) / 2.0).collect()
}

/// Factors beyond the edges that the plateau touches; none if no factor works at all, or enough were tried.
fn beyond(found: &Found, most: usize) -> Vec<f64> {
    let c = &found.candidates;
    if c[found.plateau.0].correct == 0 || c.len() < 2 || c.len() + 2 * ADDED > most {
        return Vec::new();
    }
    let (below, above) = found.at_edge();
    let factor = |i: usize| c[i].scaling_factor;
    let (low_step, high_step) = (factor(1) - factor(0), factor(c.len() - 1) - factor(c.len() - 2));
    let lower = (1..=ADDED).map(|k| factor(0) - low_step * k as f64).filter(|f| below && *f >= LEAST_FACTOR);
    let higher = (1..=ADDED).map(|k| factor(c.len() - 1) + high_step * k as f64).filter(|_| above);
    lower.chain(higher).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::candidates;

    #[test]
    fn who_left_the_race_is_on_no_plateau() {
        let mut raced = candidates(&[97, 99, 98, 20]);
        raced[0] = Candidate { trials: 20, correct: 19, ..raced[0] };
        let found = choose(&raced, Select::Plateau, 100);
        assert_eq!(found.plateau, (1, 2));
        assert_eq!(between(&found), [22.5, 27.5, 32.5]);
    }

    #[test]
    fn a_course_is_beaten_only_beyond_chance() {
        let course = |correct: &[u8]| -> Vec<TrialResult> {
            correct
                .iter()
                .map(|c| TrialResult { correct: *c == 1, spikes: 0, lasted: 1.0, output_error: None })
                .collect()
        };
        let best = course(&[1; 10]);
        assert!(!is_beaten(&course(&[1, 1, 1, 1, 1, 1, 0, 0, 0, 0]), &best));
        assert!(is_beaten(&course(&[1, 1, 1, 1, 1, 0, 0, 0, 0, 0]), &best));
        assert!(!is_beaten(&best, &best));
    }

    /// Runs a search to its end with `performance(factor)` of the trials answered correctly; also returns the trials
    /// per factor.
    fn searched(
        config: &SearchConfig,
        start: std::ops::Range<usize>,
        performance: fn(f64) -> u32,
    ) -> (Found, Vec<f64>) {
        let grid: Vec<f64> = (0..12).map(|k| 20.0 + 5.0 * f64::from(k)).collect();
        let spec = SearchSpec { grid, start, config, unit_seconds: 1.0 };
        let (mut results, mut met) = (TrialResults::default(), Vec::new());
        loop {
            let request = match spec.find(&results) {
                Ok(found) => return (found, met),
                Err(request) => request,
            };
            for trial in request.trials.clone() {
                for factor in results.missing(&request, trial) {
                    let correct = trial * 37 % 100 < performance(factor);
                    let output_error = Some((factor - 50.0).powi(2));
                    results.insert(
                        request.set,
                        factor,
                        trial,
                        TrialResult { correct, spikes: 1, lasted: 1.0, output_error },
                    );
                    met.push(factor);
                }
            }
        }
    }

    /// A plateau from 40 to 55.
    fn hill(factor: f64) -> u32 {
        if (40.0..=55.0).contains(&factor) { 98 } else { 50 }
    }

    #[test]
    fn a_search_that_starts_wrong_goes_along_the_grid_until_its_plateau_ends() {
        let config = SearchConfig::default();
        let (full, met) = searched(&config, 0..12, hill);
        assert_eq!((full.chosen().scaling_factor, met.len()), (45.0, 1200));
        for start in [4..8, 0..6, 7..12] {
            let (found, met) = searched(&config, start, hill);
            let plateau = |f: &Found| [f.plateau.0, f.plateau.1].map(|at| f.candidates[at].scaling_factor);
            assert_eq!((plateau(&found), found.chosen().scaling_factor), ([40.0, 55.0], 45.0));
            assert!(met.len() < 1200, "{}", met.len());
        }
        let (nothing, met) = searched(&config, 4..6, |_| 0);
        assert_eq!((nothing.candidates.len(), met.len()), (12, 1200), "where nothing works, all is tried");
    }

    #[test]
    fn fidelity_chooses_the_closest_factor_of_the_plateau() {
        let config = SearchConfig { select: Select::Fidelity, ..SearchConfig::default() };
        let (found, met) = searched(&config, 0..12, hill);
        assert_eq!((found.chosen().scaling_factor, met.len()), (50.0, 1200));
        let (raced, _) = searched(&SearchConfig { race: true, refine: true, ..config }, 0..12, hill);
        assert_eq!(raced.chosen().scaling_factor, 50.0);
    }

    #[test]
    fn what_joins_a_race_late_meets_as_many_trials_as_its_rivals() {
        let config = SearchConfig { race: true, refine: true, ..SearchConfig::default() };
        let (found, _) = searched(&config, 0..12, |factor| if factor < 70.0 { 98 } else { 50 });
        let most = found.candidates.iter().map(|c| c.trials).max();
        let refined = found.candidates.iter().filter(|c| c.scaling_factor % 5.0 != 0.0).map(|c| c.trials);
        assert!(refined.clone().count() > 5 && refined.clone().all(|trials| Some(trials) == most));
        assert!(most < Some(100) && found.chosen().trials == most.unwrap());
    }

    #[test]
    fn extension_goes_beyond_the_edges_that_the_plateau_touches() {
        let found = choose(&candidates(&[98, 98, 50, 0]), Select::Plateau, 100);
        assert_eq!(beyond(&found, MOST), [15.0, 10.0, 5.0]);
        assert!(beyond(&choose(&candidates(&[0, 0, 0]), Select::Plateau, 100), MOST).is_empty());
        let found = choose(&candidates(&[0, 98, 98]), Select::Plateau, 100);
        assert_eq!(beyond(&found, MOST), [35.0, 40.0, 45.0]);
        assert!(beyond(&found, 5).is_empty());
    }
}
