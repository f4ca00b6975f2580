//! A task: trials that are drawn, and what counts as a correct answer to each.

use super::rule::{Evaluated, Rule, RuleSet};
use super::trials::Trials;
use mdl_kernels::random::Purpose;
use std::ops::Range;

/// Why no trial can be drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {message}", line.map(|line| format!(", line {line}")).unwrap_or_default())]
pub struct TaskError {
    /// The file of the task.
    pub file: String,
    /// The line, counted from 1, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// A task: channels, steps, sampling of trials with their targets, weights and rules.
pub trait Task: Send + Sync {
    /// Names of the input channels, `[K]`.
    fn inputs(&self) -> &[String];
    /// Names of the output channels, `[O]`.
    fn output_names(&self) -> &[String];
    /// Input channels K.
    fn channels(&self) -> usize {
        self.inputs().len()
    }
    /// Output channels O.
    fn outputs(&self) -> usize {
        self.output_names().len()
    }
    /// Steps T of the longest trial.
    fn steps(&self) -> usize;
    /// Duration of a step in milliseconds.
    fn step_ms(&self) -> f64;
    /// Names of the conditions that a trial can have.
    fn conditions(&self) -> &[String];
    /// The rules that answers are judged by.
    fn rule_set(&self) -> RuleSet;
    /// Draws trials `first .. first + count` of a purpose under a seed.
    ///
    /// # Errors
    /// [`TaskError`]: the task's own code fails.
    fn draw(&self, seed: u64, purpose: Purpose, first: u64, count: usize) -> Result<Trials, TaskError>;
    /// Number of different trials of a purpose; none where any number can be drawn.
    fn available(&self, _purpose: Purpose) -> Option<u64> {
        None
    }
    /// A trial of each condition that could be found, one after the other.
    fn examples(&self) -> &Trials;

    /// The steps in which the answer of a network is judged in any of the example trials; none without a rule.
    fn response_window(&self, evaluated: Evaluated) -> Option<Range<usize>> {
        around(self.examples().rules.iter().flatten(), evaluated, self.rule_set())
    }

    /// Beginning and end of the steps in which the answer to each trial is judged (ms), `[B, 2]`, twice 0 for one without a
    /// rule; none if they are those of [`Self::response_window`] in all trials.
    fn response_ms(&self, trials: &Trials, evaluated: Evaluated) -> Option<Vec<f64>> {
        let of_trial = |rules: &Vec<Rule>| around(rules.iter(), evaluated, self.rule_set());
        let own: Vec<Option<Range<usize>>> = trials.rules.iter().map(of_trial).collect();
        let common = self.response_window(evaluated);
        let ms = |range: Option<Range<usize>>| {
            let range = range.unwrap_or_default();
            [range.start, range.end].map(|step| step as f64 * self.step_ms())
        };
        own.iter().any(|own| *own != common).then(|| own.into_iter().flat_map(ms).collect())
    }
}

/// From the first to the last step in which rules that apply judge an answer.
fn around<'r>(rules: impl Iterator<Item = &'r Rule>, evaluated: Evaluated, set: RuleSet) -> Option<Range<usize>> {
    let windows = rules.filter(|rule| rule.applies(evaluated, set)).map(|rule| rule.window.clone());
    windows.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
}
