//! Sweeps over a parameter of the LIF network: for each value a search for the scaling factor, then an evaluation with
//! the chosen factor on fresh trials, so that the choice does not bias the performance.

use crate::lif_task::count_correct;
use crate::search::SearchSpec;
use crate::search::trials::{Progress, TrialResults, TrialSet, rate_hz};
use mdl_data::score::{Score, Spread, wilson_interval};

/// Results of one network with one setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swept {
    /// The chosen scaling factor.
    pub scaling_factor: f64,
    /// Performance with it on fresh trials.
    pub score: Score,
    /// Mean firing rate of the units on these (Hz).
    pub rate_hz: f64,
}

/// Results of all networks with one setting. The network is the unit: trials of different networks are never pooled.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Performance of each network.
    pub performances: Vec<f64>,
    /// Their mean and standard deviation.
    pub performance: Spread,
    /// Number of networks that reached their criterion.
    pub successful: u32,
    /// Score of a single network.
    pub single: Option<Score>,
}

impl Summary {
    /// Summarises networks, each with the performance required for success.
    pub fn of<'a>(networks: impl IntoIterator<Item = (&'a Swept, f64)>) -> Self {
        let (scores, at_least): (Vec<Score>, Vec<f64>) =
            networks.into_iter().map(|(s, at_least)| (s.score, at_least)).unzip();
        let performances: Vec<f64> = scores.iter().map(Score::performance).collect();
        let successful = performances.iter().zip(&at_least).filter(|(performance, least)| performance >= least);
        Self {
            successful: successful.count() as u32,
            single: if let [score] = scores[..] { Some(score) } else { None },
            performance: Spread::of(&performances),
            performances,
        }
    }

    /// Wilson's 95 % interval of the fraction of successful networks.
    pub fn successful_interval(&self) -> (f64, f64) {
        wilson_interval(self.successful, self.performances.len() as u32)
    }
}

/// Searches, then evaluates the chosen factor on `trials` fresh trials, as far as the trial results allow.
///
/// # Errors
/// The trials that must be run before more is known.
pub fn search_and_evaluate(spec: &SearchSpec, trials: u32, results: &TrialResults) -> Progress<Swept> {
    let scaling_factor = spec.find(results)?.chosen().scaling_factor;
    let course = results.of(TrialSet::Evaluation, &[scaling_factor], 0..trials)?.remove(0);
    let score = Score { trials, correct: count_correct(course.iter().map(|result| &result.correct)) };
    Ok(Swept { scaling_factor, score, rate_hz: rate_hz(&course, spec.unit_seconds) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two networks with equal numbers of trials, one perfect and one at chance: pooled, their 200 trials would give an
    /// interval of ±0.06.
    #[test]
    fn networks_are_the_unit_and_not_their_trials() {
        let swept = |correct| Swept { scaling_factor: 30.0, score: Score { trials: 100, correct }, rate_hz: 8.0 };
        let (good, poor) = (swept(100), swept(50));
        let summary = Summary::of([(&good, 0.95), (&poor, 0.95)]);
        assert_eq!(summary.performances, [1.0, 0.5]);
        assert_eq!(summary.performance.mean, 0.75);
        assert!((summary.performance.sd.unwrap() - 0.125f64.sqrt()).abs() < 1e-15);
        assert_eq!((summary.successful, summary.successful_interval()), (1, wilson_interval(1, 2)));
        assert_eq!((summary.single, Summary::of([(&good, 0.95)]).single), (None, Some(good.score)));
        assert_eq!(Summary::of([(&good, 1.0), (&poor, 0.5)]).successful, 2, "each by its own criterion");
    }
}
