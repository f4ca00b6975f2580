//! A task: trials that are drawn, and what counts as a correct answer to each.

use super::rule::{Evaluated, RuleSet};
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
        let rules = self.examples().rules.iter().flatten().filter(|rule| rule.applies(evaluated, self.rule_set()));
        rules.map(|rule| rule.window.clone()).reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
    }
}
