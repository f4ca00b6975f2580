//! Go-NoGo (Kim, Li & Sejnowski 2019): respond to a pulse, do not respond without one.

use super::task::{Judged, Response, Task, validate_time, validate_window};
use crate::field::{InvalidField, require_positive, require_probability};
use mdl_kernels::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One channel. On Go trials the input is 1 during the stimulus and the target is 1 from its end onwards; otherwise
/// both are 0.
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
    /// A Go answer is correct if the output exceeds this value.
    pub go_threshold: f64,
    /// A NoGo answer is correct if the output stays below this value: in absolute value for a trained network; for a
    /// LIF network, as published, however far it falls.
    pub nogo_threshold: f64,
    /// First step of the window in which a LIF network's answer is evaluated (that of a trained network starts with the
    /// target).
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

    fn judging_fields(&self) -> &'static [&'static str] {
        &["go_threshold", "nogo_threshold", "lif_response_from_step"]
    }

    fn response(&self, condition: usize, judged: Judged) -> Response {
        match (condition, judged) {
            (1, _) => Response::Above(self.go_threshold),
            (_, Judged::Trained) => Response::Within(self.nogo_threshold),
            (_, Judged::Lif) => Response::Under(self.nogo_threshold),
        }
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

#[cfg(test)]
mod tests {
    use super::super::task::Extremes;
    use super::*;

    #[test]
    fn a_lif_network_may_answer_nogo_below_zero_and_a_trained_one_may_not() {
        let task = GoNoGo::default();
        let accepts = |judged, max, min| task.response(0, judged).accepts(Extremes { max, min });
        assert!(accepts(Judged::Lif, 0.29, -0.4) && !accepts(Judged::Trained, 0.29, -0.4));
        for judged in [Judged::Lif, Judged::Trained] {
            assert!(accepts(judged, 0.29, -0.29) && !accepts(judged, 0.3, 0.0) && !accepts(judged, f64::NAN, f64::NAN));
        }
    }
}
