//! The search for the scaling factor.
//!
//! Every factor meets the same trials and the same noise (common random numbers), so that factors differ by what they do
//! and not by luck. Trials run on all cores, each with all factors side by side; the result does not depend on their number.
//!
//! A factor is on the *plateau* when its performance lies inside the 95 % interval of the best one, and all factors
//! between it and the best are on it too.

use crate::behaviour::{Behaviour, Monitor};
use crate::error::Result;
use crate::statistics::wilson_interval;
use mdl_model::experiment::{SearchConfig, Select};

/// Factors that an extension adds at a time, and the most that a search tries.
const ADDED: usize = 3;
const MOST: usize = 60;

/// A scaling factor and how the network did with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The factor.
    pub scaling_factor: f64,
    /// Trials run.
    pub trials: u32,
    /// Trials answered correctly.
    pub correct: u32,
    /// Mean firing rate of the units (Hz).
    pub rate_hz: f64,
}

impl Candidate {
    /// Fraction of correct trials.
    pub fn performance(&self) -> f64 {
        f64::from(self.correct) / f64::from(self.trials.max(1))
    }

    /// Its 95 % interval.
    pub fn interval(&self) -> (f64, f64) {
        wilson_interval(self.correct, self.trials)
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// All factors tried, ascending.
    pub candidates: Vec<Candidate>,
    /// Index of the chosen one.
    pub chosen: usize,
    /// First and last index of the plateau.
    pub plateau: (usize, usize),
}

impl Found {
    /// The chosen factor.
    pub fn chosen(&self) -> &Candidate {
        &self.candidates[self.chosen]
    }

    /// Whether a better factor may lie below, or above, those that were tried.
    pub fn at_edge(&self) -> (bool, bool) {
        (self.plateau.0 == 0, self.plateau.1 + 1 == self.candidates.len())
    }
}

/// Searches for the scaling factor among `factors` (ascending, at least one) and, where the config says so, beyond.
///
/// # Errors
/// Those of the simulation, and an interruption.
pub fn search(behaviour: &Behaviour, factors: &[f64], config: &SearchConfig, monitor: &Monitor) -> Result<Found> {
    let trials = config.trials as u32;
    let mut candidates = measure(behaviour, factors, trials, monitor)?;
    loop {
        let found = choose(&candidates, config.select);
        let added = if config.extend { beyond(&found) } else { Vec::new() };
        if added.is_empty() {
            return Ok(found);
        }
        candidates.extend(measure(behaviour, &added, trials, monitor)?);
        candidates.sort_by(|a, b| a.scaling_factor.total_cmp(&b.scaling_factor));
    }
}

/// Runs every factor on the same trials.
fn measure(behaviour: &Behaviour, factors: &[f64], trials: u32, monitor: &Monitor) -> Result<Vec<Candidate>> {
    let of_trials = behaviour.search_trials(0, trials, factors, monitor, |outcomes| {
        outcomes.iter().map(|o| (u32::from(o.correct), behaviour.mean_rate_hz(&o.run))).collect::<Vec<_>>()
    })?;
    let candidate = |(f, scaling_factor): (usize, &f64)| Candidate {
        scaling_factor: *scaling_factor,
        trials,
        correct: of_trials.iter().map(|trial| trial[f].0).sum(),
        rate_hz: of_trials.iter().map(|trial| trial[f].1).sum::<f64>() / f64::from(trials.max(1)),
    };
    Ok(factors.iter().enumerate().map(candidate).collect())
}

/// Factors beyond the edges that the plateau touches; none where nothing works at all, or enough was tried.
fn beyond(found: &Found) -> Vec<f64> {
    let c = &found.candidates;
    if c[found.plateau.0].correct == 0 || c.len() < 2 || c.len() + 2 * ADDED > MOST {
        return Vec::new();
    }
    let (below, above) = found.at_edge();
    let factor = |i: usize| c[i].scaling_factor;
    let (low_step, high_step) = (factor(1) - factor(0), factor(c.len() - 1) - factor(c.len() - 2));
    let lower = (1..=ADDED).map(|k| factor(0) - low_step * k as f64).filter(|f| below && *f > 0.0);
    let higher = (1..=ADDED).map(|k| factor(c.len() - 1) + high_step * k as f64).filter(|_| above);
    lower.chain(higher).collect()
}

/// Finds the plateau and chooses a factor.
fn choose(candidates: &[Candidate], select: Select) -> Found {
    let best = candidates.iter().map(Candidate::performance).fold(0.0, f64::max);
    let is_best = |c: &Candidate| c.performance() == best;
    let plateau = plateau(candidates, best);
    let chosen = match select {
        Select::First => candidates.iter().position(is_best).unwrap_or(0),
        Select::Plateau => middle(candidates, plateau),
    };
    Found { candidates: candidates.to_vec(), chosen, plateau }
}

/// The longest run of factors that holds a best one and none that is worse than it beyond chance.
fn plateau(candidates: &[Candidate], best: f64) -> (usize, usize) {
    let lowest = candidates.iter().filter(|c| c.performance() == best).map(|c| c.interval().0).fold(1.0, f64::min);
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for i in (0..candidates.len()).filter(|i| candidates[*i].performance() >= lowest) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == i => *last = i,
            _ => runs.push((i, i)),
        }
    }
    let has_best = |(first, last): &(usize, usize)| candidates[*first..=*last].iter().any(|c| c.performance() == best);
    runs.into_iter().rev().filter(has_best).max_by_key(|(first, last)| last - first).unwrap_or((0, 0))
}

/// The factor of the plateau nearest to its middle, of two equally near ones the better, else the smaller.
fn middle(candidates: &[Candidate], (first, last): (usize, usize)) -> usize {
    let centre = (candidates[first].scaling_factor + candidates[last].scaling_factor) / 2.0;
    let distance = |i: &usize| (candidates[*i].scaling_factor - centre).abs();
    let order = |a: &usize, b: &usize| {
        distance(a).total_cmp(&distance(b)).then(candidates[*b].correct.cmp(&candidates[*a].correct))
    };
    (first..=last).min_by(order).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(correct: &[u32]) -> Vec<Candidate> {
        let one = |(i, c): (usize, &u32)| Candidate {
            scaling_factor: 20.0 + 5.0 * i as f64,
            trials: 100,
            correct: *c,
            rate_hz: 1.0,
        };
        correct.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_middle_of_the_plateau_is_chosen() {
        let found = choose(&candidates(&[60, 97, 98, 100, 97, 99, 80, 10]), Select::Plateau);
        assert_eq!((found.plateau, found.chosen), ((1, 5), 3));
        assert_eq!(found.at_edge(), (false, false));
        assert_eq!(choose(&found.candidates, Select::First).chosen, 3);
    }

    #[test]
    fn the_published_rule_takes_the_smallest_of_equals() {
        let found = choose(&candidates(&[90, 100, 99, 100, 100]), Select::First);
        assert_eq!(found.chosen, 1);
        assert_eq!(found.at_edge(), (false, true));
    }

    #[test]
    fn an_isolated_good_factor_does_not_join_a_plateau() {
        let found = choose(&candidates(&[100, 50, 100, 98, 99, 40]), Select::Plateau);
        assert_eq!((found.plateau, found.chosen), ((2, 4), 3));
        let found = choose(&candidates(&[97, 98, 97, 97, 50, 100]), Select::Plateau);
        assert_eq!(found.plateau, (5, 5), "a run without a best factor is no plateau");
    }

    #[test]
    fn an_even_plateau_gives_its_better_middle() {
        let found = choose(&candidates(&[98, 98, 99, 99, 10]), Select::Plateau);
        assert_eq!((found.plateau, found.chosen), ((0, 3), 2));
    }

    #[test]
    fn extension_goes_beyond_the_edges_that_the_plateau_touches() {
        let found = choose(&candidates(&[98, 98, 50, 0]), Select::Plateau);
        assert_eq!(beyond(&found), [15.0, 10.0, 5.0]);
        assert!(beyond(&choose(&candidates(&[0, 0, 0]), Select::Plateau)).is_empty());
        let found = choose(&candidates(&[0, 98, 98]), Select::Plateau);
        assert_eq!(beyond(&found), [35.0, 40.0, 45.0]);
    }
}
