//! Cognitive tasks: what a network sees, what it should answer, and when an answer counts as correct.
//!
//! One file a task. A task is plain data read from a config; a trial is a function of (seed, purpose, index) alone.

pub mod artifact;
mod go_nogo;
mod mante;
mod xor;

pub use go_nogo::GoNoGo;
pub use mante::Mante;
pub use xor::Xor;

use crate::digits::DigitsConfig;
use crate::field::{InvalidField, require, require_duration_ms};
use mdl_kernels::random::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which network's output is judged: the published windows and rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// A trained network's own output, one value a task step.
    Trained,
    /// The output of the LIF network built from it.
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
    /// The extremes of nothing; [`Extremes::include`] adds to them.
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

/// What the output must do inside the response window for the trial to count as correct.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Response {
    /// Rise above a threshold at least once.
    Above(f64),
    /// Fall below a threshold at least once.
    Below(f64),
    /// Stay under a threshold throughout.
    Under(f64),
    /// Keep its absolute value under a threshold throughout.
    Within(f64),
}

impl Response {
    /// Whether an output with these extremes is correct. An output that is not a number never is.
    pub fn accepts(self, extremes: Extremes) -> bool {
        match self {
            Self::Above(threshold) => extremes.max > threshold,
            Self::Below(threshold) => extremes.min < threshold,
            Self::Under(threshold) => extremes.max < threshold,
            Self::Within(threshold) => extremes.max < threshold && extremes.min > -threshold,
        }
    }
}

/// A task: channels, steps, sampling of trials, target, judging.
pub trait Task: Send + Sync {
    /// Input channels K.
    fn channels(&self) -> usize;
    /// Output channels O.
    fn outputs(&self) -> usize {
        1
    }
    /// Steps T of a trial.
    fn steps(&self) -> usize;
    /// Duration of a step in milliseconds.
    fn step_ms(&self) -> f64;
    /// Names of the conditions a trial can have.
    fn conditions(&self) -> &'static [&'static str];
    /// Draws one trial into `input` `[T, K]` and `target` `[T, O]`, both zero before; returns the index of its condition.
    fn draw(&self, stream: &mut Stream, input: &mut [f32], target: &mut [f32]) -> usize;
    /// What counts as correct under a condition.
    fn response(&self, condition: usize, judged: Judged) -> Response;
    /// Steps of the response window.
    fn response_window(&self, judged: Judged) -> Range<usize>;
    /// Refuses values no trial can be made with.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the task's section.
    fn validate(&self) -> Result<(), InvalidField>;
}

/// The task section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TaskConfig {
    /// Go-NoGo: answer a pulse, keep still without one.
    #[serde(rename = "go-nogo")]
    GoNoGo(GoNoGo),
    /// Temporal exclusive-or of two pulses.
    Xor(Xor),
    /// Context-dependent integration of one of two noisy channels (Mante et al. 2013).
    Mante(Mante),
    /// Handwritten digits, or another data set of images in their format.
    Digits(DigitsConfig),
}

impl TaskConfig {
    /// Fields that a trained network cannot be judged with other values of: its time step is a part of its dynamics, and
    /// the others say what it was trained on.
    pub const FIXED: [&str; 3] = ["step_ms", "validation_examples", "augmentation"];

    /// Fields that say how an answer is judged, and do not change a trial.
    pub const JUDGING: [&str; 5] =
        ["threshold", "go_threshold", "nogo_threshold", "response_from_step", "lif_response_from_step"];

    /// The cognitive task; digits, which have examples in place of trials, are none.
    ///
    /// # Errors
    /// [`InvalidField`] for digits.
    pub fn task(&self) -> Result<&dyn Task, InvalidField> {
        match self {
            Self::GoNoGo(task) => Ok(task),
            Self::Xor(task) => Ok(task),
            Self::Mante(task) => Ok(task),
            Self::Digits(_) => {
                let expected = "go-nogo, xor or mante".into();
                Err(InvalidField { field: "task.kind".into(), found: "digits".into(), expected })
            }
        }
    }

    /// Name of the fraction of right answers: of images the accuracy, of trials the performance.
    pub fn measure(&self) -> &'static str {
        if matches!(self, Self::Digits(_)) { "accuracy" } else { "performance" }
    }

    /// Duration of a step in milliseconds.
    pub fn step_ms(&self) -> f64 {
        match self {
            Self::Digits(digits) => digits.step_ms,
            Self::GoNoGo(GoNoGo { step_ms, .. })
            | Self::Xor(Xor { step_ms, .. })
            | Self::Mante(Mante { step_ms, .. }) => *step_ms,
        }
    }

    /// Steps T of a trial, or that an image is shown for.
    pub fn steps(&self) -> usize {
        match self {
            Self::Digits(digits) => digits.steps,
            Self::GoNoGo(task) => task.steps(),
            Self::Xor(task) => task.steps(),
            Self::Mante(task) => task.steps(),
        }
    }

    /// Input channels K and output channels O.
    pub fn channels_and_outputs(&self) -> (usize, usize) {
        match self.task() {
            Ok(task) => (task.channels(), task.outputs()),
            Err(_) => (crate::digits::idx::PIXELS, crate::digits::idx::CLASSES),
        }
    }

    /// Refuses values nothing can be trained on.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        match self {
            Self::Digits(digits) => digits.validate(),
            Self::GoNoGo(task) => task.validate(),
            Self::Xor(task) => task.validate(),
            Self::Mante(task) => task.validate(),
        }
    }
}

/// Trials side by side, time-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Trials {
    /// Steps T.
    pub steps: usize,
    /// Trials B.
    pub count: usize,
    /// Input channels K.
    pub channels: usize,
    /// Output channels O.
    pub outputs: usize,
    /// `[T, B, K]`
    pub input: Vec<f32>,
    /// `[T, B, O]`
    pub target: Vec<f32>,
    /// Condition of each trial, `[B]`
    pub condition: Vec<usize>,
}

impl Trials {
    /// Draws trials `first .. first + count` of a purpose under a seed.
    pub fn draw(task: &dyn Task, seed: u64, purpose: Purpose, first: u64, count: usize) -> Self {
        let (steps, channels, outputs) = (task.steps(), task.channels(), task.outputs());
        let mut trials = Self {
            steps,
            count,
            channels,
            outputs,
            input: vec![0.0; steps * count * channels],
            target: vec![0.0; steps * count * outputs],
            condition: Vec::with_capacity(count),
        };
        let (mut input, mut target) = (vec![0f32; steps * channels], vec![0f32; steps * outputs]);
        for b in 0..count {
            input.fill(0.0);
            target.fill(0.0);
            let mut stream = Stream::new(seed, purpose, first + b as u64);
            trials.condition.push(task.draw(&mut stream, &mut input, &mut target));
            scatter(&input, channels, b, count, &mut trials.input);
            scatter(&target, outputs, b, count, &mut trials.target);
        }
        trials
    }

    /// The input of one trial, `[T, K]`.
    pub fn input_of(&self, trial: usize) -> Vec<f32> {
        gather(&self.input, self.channels, trial, self.count)
    }

    /// The target of one trial, `[T, O]`.
    pub fn target_of(&self, trial: usize) -> Vec<f32> {
        gather(&self.target, self.outputs, trial, self.count)
    }

    /// The targets of all trials at these times (ms), `[B, times, O]`, of a task with steps of `step_ms`.
    pub fn target_at(&self, time_ms: &[f64], step_ms: f64) -> Vec<f32> {
        let step = |time: &f64| ((time / step_ms) as usize).min(self.steps - 1);
        let steps: Vec<usize> = time_ms.iter().map(step).collect();
        let row = |b: usize, t: usize| &self.target[(t * self.count + b) * self.outputs..][..self.outputs];
        (0..self.count).flat_map(|b| steps.iter().flat_map(move |t| row(b, *t))).copied().collect()
    }
}

/// Writes one trial's `[T, width]` into column `trial` of `[T, count, width]`.
fn scatter(from: &[f32], width: usize, trial: usize, count: usize, to: &mut [f32]) {
    for (row, all) in from.chunks_exact(width).zip(to.chunks_exact_mut(width * count)) {
        // A loop: rows of a few numbers are not worth the call that copies a slice.
        for (to, from) in all[trial * width..(trial + 1) * width].iter_mut().zip(row) {
            *to = *from;
        }
    }
}

/// Reads one trial's `[T, width]` from `[T, count, width]`.
fn gather(from: &[f32], width: usize, trial: usize, count: usize) -> Vec<f32> {
    from.chunks_exact(width * count).flat_map(|all| &all[trial * width..(trial + 1) * width]).copied().collect()
}

/// Whether trial after trial is correct, given the outputs `[T, B, O]` of a trained network (first output channel).
pub fn judge(task: &dyn Task, outputs: &[f32], conditions: &[usize]) -> Vec<bool> {
    let (count, width) = (conditions.len(), task.outputs());
    let window = task.response_window(Judged::Trained);
    let correct = |(b, condition): (usize, &usize)| {
        let in_window = window.clone().map(|t| f64::from(outputs[(t * count + b) * width]));
        let finite = window.clone().all(|t| outputs[(t * count + b) * width].is_finite());
        finite && task.response(*condition, Judged::Trained).accepts(Extremes::of(in_window))
    };
    conditions.iter().enumerate().map(correct).collect()
}

/// Checks the steps and the step duration every task has.
fn validate_time(steps: usize, step_ms: f64) -> Result<(), InvalidField> {
    require((2..=1_000_000).contains(&steps), "steps", steps, "2 to 1000000 steps")?;
    require_duration_ms("step_ms", step_ms)
}

/// Checks that `[from, to)` is a window inside a trial.
fn validate_window(name: &str, [from, to]: [usize; 2], steps: usize) -> Result<(), InvalidField> {
    let expected = format!("[from, to] with from < to <= steps = {steps}");
    require(from < to && to <= steps, name, format!("[{from}, {to}]"), &expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [Box<dyn Task>; 3] {
        [Box::new(GoNoGo::default()), Box::new(Xor::default()), Box::new(Mante::default())]
    }

    #[test]
    fn the_target_itself_is_a_correct_output() {
        for task in all() {
            let trials = Trials::draw(task.as_ref(), 1, Purpose::TrainingTrial, 0, 64);
            assert!(judge(task.as_ref(), &trials.target, &trials.condition).iter().all(|c| *c));
            let silent = vec![0f32; trials.target.len()];
            let correct = judge(task.as_ref(), &silent, &trials.condition);
            for (b, c) in correct.iter().enumerate() {
                assert_eq!(*c, matches!(task.response(trials.condition[b], Judged::Trained), Response::Within(_)));
            }
        }
    }

    #[test]
    fn conditions_are_drawn_about_equally_often() {
        for task in all() {
            let trials = Trials::draw(task.as_ref(), 2, Purpose::SearchTrial, 0, 4000);
            let kinds = task.conditions().len();
            for kind in 0..kinds {
                let count = trials.condition.iter().filter(|c| **c == kind).count() as f64;
                let p = 1.0 / kinds as f64;
                assert!((count - 4000.0 * p).abs() < 5.0 * (4000.0 * p * (1.0 - p)).sqrt(), "{kind}: {count}");
            }
        }
    }

    #[test]
    fn a_trial_does_not_depend_on_its_batch() {
        for task in all() {
            let many = Trials::draw(task.as_ref(), 1, Purpose::TrainingTrial, 10, 7);
            let one = Trials::draw(task.as_ref(), 1, Purpose::TrainingTrial, 13, 1);
            assert_eq!(many.input_of(3), one.input);
            assert_eq!(many.target_of(3), one.target);
            assert_eq!(many.condition[3], one.condition[0]);
        }
    }

    #[test]
    fn not_a_number_is_never_correct() {
        let task = GoNoGo::default();
        let mut output = vec![0f32; task.steps];
        output[150] = f32::NAN;
        assert_eq!(judge(&task, &output, &[0]), [false]);
        assert_eq!(judge(&task, &output, &[1]), [false]);
    }

    #[test]
    fn impossible_values_are_named() {
        let task = Mante { stimulus_steps: [250, 50], ..Mante::default() };
        assert_eq!(task.validate().unwrap_err().field, "stimulus_steps");
        assert_eq!(GoNoGo { steps: 0, ..GoNoGo::default() }.validate().unwrap_err().field, "steps");
        assert_eq!(Xor { step_ms: f64::NAN, ..Xor::default() }.validate().unwrap_err().field, "step_ms");
    }
}
