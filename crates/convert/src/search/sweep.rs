//! Sweeps over a parameter of the LIF network: for each of its values a search for the scaling factor, then an evaluation
//! with the chosen factor on fresh trials, so that the choice does not flatter the performance.

use crate::behaviour::count_correct;
use crate::search::Question;
use crate::search::trials::{Answers, Known, TrialSet};
use mdl_data::score::Score;

/// What one network did with one setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swept {
    /// The chosen scaling factor.
    pub scaling_factor: f64,
    /// Performance with it on fresh trials.
    pub score: Score,
    /// Mean firing rate of the units on these (Hz).
    pub rate_hz: f64,
}

/// Searches, then evaluates the chosen factor on `trials` fresh trials, as far as the answers tell.
///
/// # Errors
/// The trials that must be run before more is known.
pub fn search_and_evaluate(question: &Question, trials: u32, answers: &Answers) -> Known<Swept> {
    let scaling_factor = question.find(answers)?.chosen().scaling_factor;
    let course = answers.of(TrialSet::Evaluation, &[scaling_factor], 0..trials)?.remove(0);
    let score = Score { trials, correct: count_correct(course.iter().map(|answer| &answer.correct)) };
    let spikes: u64 = course.iter().map(|answer| answer.spikes).sum();
    let rate_hz = spikes as f64 / (question.unit_seconds * f64::from(trials.max(1)));
    Ok(Swept { scaling_factor, score, rate_hz })
}
