//! Plateau of a search: the factors that cannot be distinguished from the best one, and the choice among them.
//!
//! A factor is on the *plateau* if its performance is inside the 95 % interval of the best one, and all factors between
//! it and the best are on it, too. In a search that chooses by fidelity, it is on the plateau if it is not worse than the best
//! one, trial by trial, by more than chance.

use super::config::Select;
use mdl_data::score::Score;
use mdl_kernels::normal::normal_tail;

/// A performance lower by less than this counts as equal.
const INDIFFERENT: f64 = 0.05;

/// A scaling factor with the results of the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The factor.
    pub scaling_factor: f64,
    /// Number of trials.
    pub trials: u32,
    /// Number of trials answered correctly.
    pub correct: u32,
    /// Mean firing rate of the units (Hz).
    pub rate_hz: f64,
    /// How closely the outputs follow the target; only of a search that chooses by it.
    pub fidelity: Option<Fidelity>,
}

/// What a choice by fidelity needs to know of a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fidelity {
    /// Mean squared error of the outputs.
    pub output_error: f64,
    /// True if the factor is worse than the best one, trial by trial, by more than chance.
    pub beaten: bool,
}

impl Candidate {
    /// Fraction of correct trials.
    pub fn performance(&self) -> f64 {
        self.score().performance()
    }

    /// 95 % interval of the fraction.
    pub fn interval(&self) -> (f64, f64) {
        self.score().interval()
    }

    fn score(&self) -> Score {
        Score { trials: self.trials, correct: self.correct }
    }

    /// Mean and variance of the Jeffreys posterior of the performance.
    fn posterior(&self) -> (f64, f64) {
        let n = f64::from(self.trials) + 1.0;
        let p = (f64::from(self.correct) + 0.5) / n;
        (p, p * (1.0 - p) / (n + 1.0))
    }
}

/// Result of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// All factors tried, ascending.
    pub candidates: Vec<Candidate>,
    /// Index of the chosen factor.
    pub chosen: usize,
    /// First and last index of the plateau.
    pub plateau: (usize, usize),
}

impl Found {
    /// The chosen factor.
    pub fn chosen(&self) -> &Candidate {
        &self.candidates[self.chosen]
    }

    /// Lower bound of the probability that no factor tried is better than the chosen one by more than 0.05 (Jeffreys
    /// posteriors in normal approximation, Bonferroni over factors).
    pub fn confidence(&self) -> f64 {
        let chosen = self.chosen();
        let rivals = self.candidates.iter().enumerate().filter(|(i, _)| *i != self.chosen);
        let better = |rival: &Candidate| {
            let ((p, v), (q, w)) = (chosen.posterior(), rival.posterior());
            normal_tail((p + INDIFFERENT - q) / (v + w).sqrt())
        };
        (1.0 - rivals.map(|(_, rival)| better(rival)).sum::<f64>()).max(0.0)
    }

    /// True if a better factor may be below, or above, those tried.
    pub fn at_edge(&self) -> (bool, bool) {
        (self.plateau.0 == 0, self.plateau.1 + 1 == self.candidates.len())
    }
}

/// Finds the plateau and chooses a factor among those with the most trials, because the others have left the race. The
/// interval of the best factor is that of at least `trials` trials.
pub fn choose(candidates: &[Candidate], select: Select, trials: u32) -> Found {
    let most = candidates.iter().map(|c| c.trials).max().unwrap_or(0);
    let best = candidates.iter().filter(|c| c.trials == most).map(Candidate::performance).fold(0.0, f64::max);
    let is_best = |c: &Candidate| c.trials == most && c.performance() == best;
    let trials = most.max(trials);
    let lowest = Score { trials, correct: (best * f64::from(trials)).round() as u32 }.interval().0;
    let on = |c: &Candidate| match (select, c.fidelity) {
        (Select::Fidelity, Some(fidelity)) => c.trials == most && !fidelity.beaten,
        _ => c.trials == most && c.performance() >= lowest,
    };
    let plateau = plateau(candidates, on, is_best);
    let chosen = match select {
        Select::First => candidates.iter().position(is_best).unwrap_or(0),
        Select::Plateau | Select::Fixed => middle(candidates, plateau),
        Select::Fidelity => closest(candidates, plateau).unwrap_or_else(|| middle(candidates, plateau)),
    };
    Found { candidates: candidates.to_vec(), chosen, plateau }
}

/// Longest run of good factors that includes a best one.
fn plateau(
    candidates: &[Candidate],
    is_good: impl Fn(&Candidate) -> bool,
    is_best: impl Fn(&Candidate) -> bool,
) -> (usize, usize) {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for i in (0..candidates.len()).filter(|i| is_good(&candidates[*i])) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == i => *last = i,
            _ => runs.push((i, i)),
        }
    }
    let has_best = |(first, last): &(usize, usize)| candidates[*first..=*last].iter().any(&is_best);
    runs.into_iter().rev().filter(has_best).max_by_key(|(first, last)| last - first).unwrap_or((0, 0))
}

/// Factor of the plateau nearest to its middle; of two equally near ones the better, otherwise the smaller.
fn middle(candidates: &[Candidate], (first, last): (usize, usize)) -> usize {
    let centre = (candidates[first].scaling_factor + candidates[last].scaling_factor) / 2.0;
    let distance = |i: &usize| (candidates[*i].scaling_factor - centre).abs();
    let order = |a: &usize, b: &usize| {
        distance(a).total_cmp(&distance(b)).then(candidates[*b].correct.cmp(&candidates[*a].correct))
    };
    (first..=last).min_by(order).unwrap_or(first)
}

/// Factor of the plateau whose outputs have the least error; none where errors are not known.
fn closest(candidates: &[Candidate], (first, last): (usize, usize)) -> Option<usize> {
    let error = |i: usize| Some(candidates.get(i)?.fidelity?.output_error);
    let known: Option<Vec<(usize, f64)>> = (first..=last).map(|i| Some((i, error(i)?))).collect();
    known?.into_iter().min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::candidates;

    #[test]
    fn fidelity_takes_the_least_error_of_the_factors_that_are_not_beaten() {
        let with = |candidates: Vec<Candidate>, errors: [(f64, bool); 5]| -> Vec<Candidate> {
            let fidelity = |(output_error, beaten)| Some(Fidelity { output_error, beaten });
            candidates.into_iter().zip(errors).map(|(c, of)| Candidate { fidelity: fidelity(of), ..c }).collect()
        };
        let errors = [(0.1, true), (0.4, false), (0.3, false), (0.2, false), (0.1, true)];
        let found = choose(&with(candidates(&[80, 97, 100, 85, 70]), errors), Select::Fidelity, 100);
        assert_eq!((found.plateau, found.chosen), ((1, 3), 3));
        let unknown = choose(&candidates(&[80, 97, 100, 97, 70]), Select::Fidelity, 100);
        assert_eq!((unknown.plateau, unknown.chosen), ((1, 3), 2), "without errors, the middle");
    }

    #[test]
    fn the_middle_of_the_plateau_is_chosen() {
        let found = choose(&candidates(&[60, 97, 98, 100, 97, 99, 80, 10]), Select::Plateau, 100);
        assert_eq!((found.plateau, found.chosen), ((1, 5), 3));
        assert_eq!(found.at_edge(), (false, false));
        assert_eq!(choose(&found.candidates, Select::First, 100).chosen, 3);
    }

    #[test]
    fn the_published_rule_takes_the_smallest_of_equals() {
        let found = choose(&candidates(&[90, 100, 99, 100, 100]), Select::First, 100);
        assert_eq!(found.chosen, 1);
        assert_eq!(found.at_edge(), (false, true));
    }

    #[test]
    fn fewer_trials_do_not_widen_the_plateau() {
        let raced: Vec<Candidate> =
            candidates(&[50, 49, 49, 48, 47]).into_iter().map(|c| Candidate { trials: 50, ..c }).collect();
        assert_eq!(choose(&raced, Select::Plateau, 50).plateau, (0, 4));
        assert_eq!(choose(&raced, Select::Plateau, 100).plateau, (0, 2));
    }

    #[test]
    fn an_isolated_good_factor_does_not_join_a_plateau() {
        let found = choose(&candidates(&[100, 50, 100, 98, 99, 40]), Select::Plateau, 100);
        assert_eq!((found.plateau, found.chosen), ((2, 4), 3));
        let found = choose(&candidates(&[97, 98, 97, 97, 50, 100]), Select::Plateau, 100);
        assert_eq!(found.plateau, (5, 5), "a run without a best factor is no plateau");
    }

    #[test]
    fn an_even_plateau_gives_its_better_middle() {
        let found = choose(&candidates(&[98, 98, 99, 99, 10]), Select::Plateau, 100);
        assert_eq!((found.plateau, found.chosen), ((0, 3), 2));
    }

    #[test]
    fn confidence_grows_with_the_distance_of_the_rivals() {
        let clear = choose(&candidates(&[10, 100, 10]), Select::Plateau, 100).confidence();
        let close = choose(&candidates(&[95, 96, 97, 95]), Select::Plateau, 100).confidence();
        assert!(clear > 0.999 && close < clear && close > 0.5, "{clear} {close}");
    }
}
