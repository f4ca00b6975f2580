//! Go-NoGo (Kim, Li & Sejnowski 2019): a pulse asks for an answer, no pulse for none.

use super::{Judged, Response, Task, validate_time, validate_window};
use crate::field::{InvalidField, require_positive, require_probability};
use crate::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One channel; on Go trials 1 during the stimulus and target 1 from its end on, else 0 throughout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GoNoGo {
    /// Steps T of a trial.
    pub steps: usize,
    /// Duration of a step (ms).
    pub step_ms: f64,
    /// Stimulus on Go trials: `[from, to)` in steps.
    pub stimulus_steps: [usize; 2],
    /// Probability of a Go trial.
    pub go_probability: f64,
    /// A Go answer is correct when the output exceeds this.
    pub go_threshold: f64,
    /// A NoGo answer is correct when the output's absolute value stays under this.
    pub nogo_threshold: f64,
    /// First step of the window in which a LIF network's answer is judged (the trained network's begins with the target).
    pub lif_response_from_step: usize,
}

impl Default for GoNoGo {
    fn default() -> Self {
        Self {
            steps: 200,
            step_ms: 5.0,
            stimulus_steps: [50, 75],
            go_probability: 0.5,
            go_threshold: 0.7,
            nogo_threshold: 0.3,
            lif_response_from_step: 100,
        }
    }
}

impl Task for GoNoGo {
    fn channels(&self) -> usize {
        1
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn step_ms(&self) -> f64 {
        self.step_ms
    }

    fn conditions(&self) -> &'static [&'static str] {
        &["NoGo", "Go"]
    }

    fn draw(&self, stream: &mut Stream, input: &mut [f32], target: &mut [f32]) -> usize {
        let go = stream.uniform() < self.go_probability;
        if go {
            input[self.stimulus_steps[0]..self.stimulus_steps[1]].fill(1.0);
            target[self.stimulus_steps[1]..].fill(1.0);
        }
        usize::from(go)
    }

    fn response(&self, condition: usize) -> Response {
        if condition == 1 { Response::Above(self.go_threshold) } else { Response::Within(self.nogo_threshold) }
    }

    fn response_window(&self, judged: Judged) -> Range<usize> {
        match judged {
            Judged::Trained => self.stimulus_steps[1]..self.steps,
            Judged::Lif => self.lif_response_from_step..self.steps,
        }
    }

    fn validate(&self) -> Result<(), InvalidField> {
        validate_time(self.steps, self.step_ms)?;
        validate_window("stimulus_steps", self.stimulus_steps, self.steps - 1)?;
        validate_window("lif_response_from_step", [self.lif_response_from_step, self.steps], self.steps)?;
        require_probability("go_probability", self.go_probability)?;
        require_positive("go_threshold", self.go_threshold)?;
        require_positive("nogo_threshold", self.nogo_threshold)
    }
}
