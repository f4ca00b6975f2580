//! Interface of a cognitive task: the distribution of its trials, and the criteria for answers.

use crate::field::{InvalidField, require, require_duration_ms};
use mdl_kernels::random::Stream;
use std::ops::Range;

/// Network whose output is evaluated: the published windows and rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Output of a trained network, one value per task step.
    Trained,
    /// Output of the LIF network made from it.
    Lif,
}

/// Largest and smallest output inside the response window of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// Largest output.
    pub max: f64,
    /// Smallest output.
    pub min: f64,
}

impl Extremes {
    /// Extremes of no outputs; [`Extremes::include`] adds to them.
    pub const EMPTY: Self = Self { max: f64::NEG_INFINITY, min: f64::INFINITY };

    /// Widens the extremes to `output`.
    #[inline(always)]
    pub fn include(&mut self, output: f64) {
        self.max = if output > self.max { output } else { self.max };
        self.min = if output < self.min { output } else { self.min };
    }

    /// The extremes of some outputs.
    pub fn of(outputs: impl IntoIterator<Item = f64>) -> Self {
        let mut extremes = Self::EMPTY;
        outputs.into_iter().for_each(|o| extremes.include(o));
        extremes
    }
}

/// Criterion inside the response window for a correct trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Response {
    /// Rise above a threshold at least once.
    Above(f64),
    /// Fall below a threshold at least once.
    Below(f64),
    /// Stay below a threshold throughout.
    Under(f64),
    /// Stay below a threshold in absolute value throughout.
    Within(f64),
}

impl Response {
    /// True if an output with these extremes is correct. An output that is not a number never is.
    pub fn accepts(self, extremes: Extremes) -> bool {
        match self {
            Self::Above(threshold) => extremes.max > threshold,
            Self::Below(threshold) => extremes.min < threshold,
            Self::Under(threshold) => extremes.max < threshold,
            Self::Within(threshold) => extremes.max < threshold && extremes.min > -threshold,
        }
    }
}

/// A task: channels, steps, sampling of trials, targets, criteria.
pub trait Task: Send + Sync {
    /// Input channels K.
    fn channels(&self) -> usize;
    /// Output channels O.
    fn outputs(&self) -> usize {
        1
    }
    /// Number of steps T of a trial.
    fn steps(&self) -> usize;
    /// Duration of a step in milliseconds.
    fn step_ms(&self) -> f64;
    /// Names of the conditions of trials.
    fn conditions(&self) -> &'static [&'static str];
    /// Draws one trial into `input` `[T, K]` and `target` `[T, O]`, both initially zero; returns the index of its
    /// condition.
    fn draw(&self, stream: &mut Stream, input: &mut [f32], target: &mut [f32]) -> usize;
    /// Fields of the criteria, which do not change a trial.
    fn judging_fields(&self) -> &'static [&'static str];
    /// Criterion for a correct answer under a condition.
    fn response(&self, condition: usize, judged: Judged) -> Response;
    /// Steps of the response window.
    fn response_window(&self, judged: Judged) -> Range<usize>;
    /// Refuses values with which no trial can be made.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the task's section.
    fn validate(&self) -> Result<(), InvalidField>;
}

/// Checks the number of steps and the step duration of every task.
pub(super) fn validate_time(steps: usize, step_ms: f64) -> Result<(), InvalidField> {
    require((2..=1_000_000).contains(&steps), "steps", steps, "2 to 1000000 steps")?;
    require_duration_ms("step_ms", step_ms)
}

/// Checks that `[from, to)` is a window inside a trial.
pub(super) fn validate_window(name: &str, [from, to]: [usize; 2], steps: usize) -> Result<(), InvalidField> {
    let expected = format!("[from, to] with from < to <= steps = {steps}");
    require(from < to && to <= steps, name, format!("[{from}, {to}]"), &expected)
}
