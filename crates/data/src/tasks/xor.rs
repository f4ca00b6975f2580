//! Temporal exclusive-or (Kim, Li & Sejnowski 2019): do two successive pulses have the same sign?

use super::task::{Judged, Response, Task, validate_time, validate_window};
use crate::field::{InvalidField, require, require_positive};
use mdl_kernels::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Two channels with one pulse of ±1 each, one after the other; the target is +1 if the signs agree and −1 if they
/// differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Xor {
    /// Steps T of a trial.
    pub steps: usize,
    /// Duration of a step (ms).
    pub step_ms: f64,
    /// Pulse of channel 1: `[from, to)` in steps.
    pub first_pulse_steps: [usize; 2],
    /// Pulse of channel 2: `[from, to)` in steps.
    pub second_pulse_steps: [usize; 2],
    /// Steps in which the target is ±1: `[from, to)`; it is 0 elsewhere.
    pub target_steps: [usize; 2],
    /// An answer is correct if the output passes ± this value.
    pub threshold: f64,
    /// First step of the window in which an answer is evaluated.
    pub response_from_step: usize,
}

impl Default for Xor {
    fn default() -> Self {
        Self {
            steps: 300,
            step_ms: 5.0,
            first_pulse_steps: [50, 100],
            second_pulse_steps: [110, 160],
            target_steps: [170, 270],
            threshold: 0.7,
            response_from_step: 200,
        }
    }
}

impl Task for Xor {
    fn channels(&self) -> usize {
        2
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn step_ms(&self) -> f64 {
        self.step_ms
    }

    fn conditions(&self) -> &'static [&'static str] {
        &["different", "same"]
    }

    fn draw(&self, stream: &mut Stream, input: &mut [f32], target: &mut [f32]) -> usize {
        let mut pulse = |channel: usize, [from, to]: [usize; 2]| {
            let sign = if stream.below(2) == 0 { -1.0 } else { 1.0 };
            (from..to).for_each(|t| input[2 * t + channel] = sign);
            sign
        };
        let product = pulse(0, self.first_pulse_steps) * pulse(1, self.second_pulse_steps);
        target[self.target_steps[0]..self.target_steps[1]].fill(product);
        usize::from(product > 0.0)
    }

    fn judging_fields(&self) -> &'static [&'static str] {
        &["threshold", "response_from_step"]
    }

    fn response(&self, condition: usize, _judged: Judged) -> Response {
        if condition == 1 { Response::Above(self.threshold) } else { Response::Below(-self.threshold) }
    }

    fn response_window(&self, _judged: Judged) -> Range<usize> {
        self.response_from_step..self.steps
    }

    fn validate(&self) -> Result<(), InvalidField> {
        validate_time(self.steps, self.step_ms)?;
        validate_window("first_pulse_steps", self.first_pulse_steps, self.steps)?;
        validate_window("second_pulse_steps", self.second_pulse_steps, self.steps)?;
        validate_window("target_steps", self.target_steps, self.steps)?;
        require_positive("threshold", self.threshold)?;
        require(
            self.response_from_step < self.target_steps[1],
            "response_from_step",
            self.response_from_step,
            "a step before the end of target_steps",
        )
    }
}
