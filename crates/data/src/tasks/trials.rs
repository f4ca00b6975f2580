//! Trials of a task in memory, and the evaluation of answers.

use super::rule::{Criterion, Evaluated, Extremes, Rule, RuleSet};
use mdl_kernels::with_const;
use std::ops::Range;

/// Trials side by side, time-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trials {
    /// Steps T of the longest trial.
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
    /// Weight of each error in the loss, `[T, B, O]`, 0 beyond the end of a trial; empty where all are 1.
    pub weight: Vec<f32>,
    /// Steps of each trial, at most T, `[B]`
    pub length: Vec<usize>,
    /// Condition of each trial, `[B]`
    pub condition: Vec<usize>,
    /// Rules of each trial, `[B]`
    pub rules: Vec<Vec<Rule>>,
}

/// One trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// `[T, K]`
    pub input: Vec<f32>,
    /// `[T, O]`
    pub target: Vec<f32>,
    /// `[T, O]`; empty where all weights are 1.
    pub weight: Vec<f32>,
    /// Its steps, at most T.
    pub length: usize,
    /// Its condition.
    pub condition: usize,
    /// Its rules.
    pub rules: Vec<Rule>,
}

impl Trials {
    /// Room for `count` trials, all of which are still to be set.
    pub fn room(steps: usize, channels: usize, outputs: usize, count: usize) -> Self {
        Self {
            steps,
            count,
            channels,
            outputs,
            input: vec![0.0; steps * count * channels],
            target: vec![0.0; steps * count * outputs],
            weight: Vec::new(),
            length: vec![steps; count],
            condition: vec![0; count],
            rules: vec![Vec::new(); count],
        }
    }

    /// Sets one trial.
    pub fn set(&mut self, trial: usize, from: &Trial) {
        scatter(&from.input, self.channels, trial, self.count, &mut self.input);
        scatter(&from.target, self.outputs, trial, self.count, &mut self.target);
        if !from.weight.is_empty() {
            if self.weight.is_empty() {
                self.weight = vec![1.0; self.target.len()];
            }
            scatter(&from.weight, self.outputs, trial, self.count, &mut self.weight);
        }
        (self.length[trial], self.condition[trial]) = (from.length, from.condition);
        self.rules[trial].clone_from(&from.rules);
    }

    /// One trial.
    pub fn get(&self, trial: usize) -> Trial {
        let weight = |values: &[f32]| gather(values, self.outputs, trial, self.count);
        Trial {
            input: self.input_of(trial),
            target: self.target_of(trial),
            weight: if self.weight.is_empty() { Vec::new() } else { weight(&self.weight) },
            length: self.length[trial],
            condition: self.condition[trial],
            rules: self.rules[trial].clone(),
        }
    }

    /// Some of the trials, side by side.
    pub fn part(&self, trials: Range<usize>) -> Self {
        let mut part = Self::room(self.steps, self.channels, self.outputs, trials.len());
        trials.enumerate().for_each(|(index, trial)| part.set(index, &self.get(trial)));
        part
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
        self.at(&self.target, self.outputs, time_ms, step_ms)
    }

    /// The inputs of all trials at these times (ms), `[B, times, K]`, of a task with steps of `step_ms`.
    pub fn input_at(&self, time_ms: &[f64], step_ms: f64) -> Vec<f32> {
        self.at(&self.input, self.channels, time_ms, step_ms)
    }

    /// Duration of each trial (ms), `[B]`, for a task with steps of `step_ms`; none if all are as long as the longest may be.
    pub fn length_ms(&self, step_ms: f64) -> Option<Vec<f64>> {
        let shorter = self.length.iter().any(|length| *length < self.steps);
        shorter.then(|| self.length.iter().map(|length| *length as f64 * step_ms).collect())
    }

    /// Mean squared error of outputs `[T, B, O]`, over the values whose errors have a weight. NaN if none has.
    pub fn output_error(&self, outputs: &[f32]) -> f64 {
        let counts = |index: usize| self.weight.get(index).is_none_or(|weight| *weight > 0.0);
        let errors = outputs.iter().zip(&self.target).enumerate().filter(|(index, _)| counts(*index));
        let (sum, count) =
            errors.fold((0.0, 0.0), |(sum, count), (_, (y, z))| (sum + f64::from(y - z).powi(2), count + 1.0));
        sum / count
    }

    /// Whether errors of outputs have a weight at these times (ms), inside their trials, `[B, times, O]`.
    pub fn counted_at(&self, time_ms: &[f64], step_ms: f64) -> Vec<bool> {
        let weight = match self.weight.is_empty() {
            true => vec![1.0; time_ms.len() * self.count * self.outputs],
            false => self.at(&self.weight, self.outputs, time_ms, step_ms),
        };
        let inside = |index: usize| {
            let (trial, time) = (index / (time_ms.len() * self.outputs), index / self.outputs % time_ms.len());
            time_ms[time] <= self.length[trial] as f64 * step_ms
        };
        weight.iter().enumerate().map(|(index, weight)| *weight > 0.0 && inside(index)).collect()
    }

    /// Values `[T, B, width]` of these trials at times (ms), `[B, times, width]`, for a task with steps of `step_ms`.
    pub fn at(&self, values: &[f32], width: usize, time_ms: &[f64], step_ms: f64) -> Vec<f32> {
        let step = |time: &f64| ((time / step_ms) as usize).min(self.steps - 1);
        let steps: Vec<usize> = time_ms.iter().map(step).collect();
        let row = |b: usize, t: usize| &values[(t * self.count + b) * width..][..width];
        (0..self.count).flat_map(|b| steps.iter().flat_map(move |t| row(b, *t))).copied().collect()
    }

    /// True if some trial has rules for a network that are in only one of the two sets.
    pub fn rule_sets_differ(&self, evaluated: Evaluated) -> bool {
        let of_one_set = |rule: &Rule| rule.set.is_some_and(|set| rule.applies(evaluated, set));
        self.rules.iter().flatten().any(of_one_set)
    }

    /// Whether trial after trial is correct under a set of rules, given the outputs `[T, B, O]` of a trained network.
    pub fn evaluate(&self, outputs: &[f32], set: RuleSet) -> Vec<bool> {
        let correct = |(b, rules): (usize, &Vec<Rule>)| {
            let criterion = Criterion::new(rules, Evaluated::Trained, set);
            let value = |t: usize, o: usize| outputs[(t * self.count + b) * self.outputs + o];
            let finite = |o: usize| criterion.windows.iter().cloned().flatten().all(|t| value(t, o).is_finite());
            (0..self.outputs).all(finite)
                && criterion.accepts(|window, o| {
                    Extremes::of(criterion.windows[window].clone().map(|t| f64::from(value(t, o))))
                })
        };
        self.rules.iter().enumerate().map(correct).collect()
    }
}

/// Writes one trial's `[T, width]` into column `trial` of `[T, count, width]`.
fn scatter(from: &[f32], width: usize, trial: usize, count: usize, to: &mut [f32]) {
    /// Rows of a width that the compiler knows, which it copies without a call.
    fn rows<const WIDTH: usize>(from: &[f32], trial: usize, count: usize, to: &mut [f32]) {
        let columns = to.as_chunks_mut::<WIDTH>().0;
        for (to, from) in columns.iter_mut().skip(trial).step_by(count).zip(from.as_chunks::<WIDTH>().0) {
            *to = *from;
        }
    }
    match width {
        1..=16 => with_const!(width, WIDTH in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] => {
            rows::<WIDTH>(from, trial, count, to)
        }),
        _ => {
            for (row, all) in from.chunks_exact(width).zip(to.chunks_exact_mut(width * count)) {
                all[trial * width..(trial + 1) * width].copy_from_slice(row);
            }
        }
    }
}

/// Reads one trial's `[T, width]` from `[T, count, width]`.
fn gather(from: &[f32], width: usize, trial: usize, count: usize) -> Vec<f32> {
    from.chunks_exact(width * count).flat_map(|all| &all[trial * width..(trial + 1) * width]).copied().collect()
}
