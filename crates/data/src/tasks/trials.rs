//! Trials of a task in memory, and the evaluation of answers.

use super::task::{Extremes, Judged, Task};
use mdl_kernels::random::{Purpose, Stream};

/// Several trials, time-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Trials {
    /// Number of steps T.
    pub steps: usize,
    /// Number of trials B.
    pub count: usize,
    /// Number of input channels K.
    pub channels: usize,
    /// Number of output channels O.
    pub outputs: usize,
    /// `[T, B, K]`
    pub input: Vec<f32>,
    /// `[T, B, O]`
    pub target: Vec<f32>,
    /// Condition of each trial, `[B]`
    pub condition: Vec<usize>,
}

impl Trials {
    /// Draws trials `first .. first + count` of a purpose with a seed.
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

    /// Targets of all trials at these times (ms), `[B, times, O]`, for a task with steps of `step_ms`.
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
        // A loop, because rows of a few numbers are too short for a call that copies a slice.
        for (to, from) in all[trial * width..(trial + 1) * width].iter_mut().zip(row) {
            *to = *from;
        }
    }
}

/// Reads one trial's `[T, width]` from `[T, count, width]`.
fn gather(from: &[f32], width: usize, trial: usize, count: usize) -> Vec<f32> {
    from.chunks_exact(width * count).flat_map(|all| &all[trial * width..(trial + 1) * width]).copied().collect()
}

/// True for each correct trial, given the outputs `[T, B, O]` of a trained network (first output channel).
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

#[cfg(test)]
mod tests {
    use super::super::{GoNoGo, Mante, TaskConfig, Xor};
    use super::*;
    use crate::tasks::task::Response;

    /// Every task of the list with default values.
    fn all() -> Vec<TaskConfig> {
        TaskConfig::all().into_iter().filter(|kind| kind.task().is_ok()).collect()
    }

    #[test]
    fn the_target_itself_is_a_correct_output() {
        for kind in all() {
            let task = kind.task().unwrap();
            let trials = Trials::draw(task, 1, Purpose::TrainingTrial, 0, 64);
            assert!(judge(task, &trials.target, &trials.condition).iter().all(|c| *c));
            let silent = vec![0f32; trials.target.len()];
            let correct = judge(task, &silent, &trials.condition);
            for (b, c) in correct.iter().enumerate() {
                assert_eq!(*c, matches!(task.response(trials.condition[b], Judged::Trained), Response::Within(_)));
            }
        }
    }

    #[test]
    fn conditions_are_drawn_about_equally_often() {
        for kind in all() {
            let task = kind.task().unwrap();
            let trials = Trials::draw(task, 2, Purpose::SearchTrial, 0, 4000);
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
        for kind in all() {
            let task = kind.task().unwrap();
            let many = Trials::draw(task, 1, Purpose::TrainingTrial, 10, 7);
            let one = Trials::draw(task, 1, Purpose::TrainingTrial, 13, 1);
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
