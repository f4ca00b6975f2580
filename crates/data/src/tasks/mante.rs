//! Context-dependent integration (Mante, Sussillo, Shenoy & Newsome 2013, as in Kim, Li & Sejnowski 2019): a context
//! cue selects which of two noisy channels to integrate.

use super::task::{Judged, Response, Task, validate_time, validate_window};
use crate::field::{InvalidField, require_not_negative, require_positive};
use mdl_kernels::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Channels 0, 1: evidence N(±offset, sd²) during the stimulus. Channels 2, 3: one-hot context throughout. Target: the
/// sign of the cued channel's offset, from the end of the stimulus onwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mante {
    /// Steps T of a trial.
    pub steps: usize,
    /// Duration of a step (ms).
    pub step_ms: f64,
    /// Stimulus: `[from, to)` in steps.
    pub stimulus_steps: [usize; 2],
    /// Magnitude of the mean evidence.
    pub offset: f64,
    /// Standard deviation of the evidence at each step.
    pub noise_sd: f64,
    /// An answer is correct if the output passes ± this value.
    pub threshold: f64,
    /// First step of the window in which a trained network's answer is evaluated.
    pub response_from_step: usize,
    /// First step of the window in which a LIF network's answer is evaluated.
    pub lif_response_from_step: usize,
}

impl Default for Mante {
    fn default() -> Self {
        Self {
            steps: 500,
            step_ms: 5.0,
            stimulus_steps: [50, 250],
            offset: 0.5,
            noise_sd: 1.0,
            threshold: 0.7,
            response_from_step: 300,
            lif_response_from_step: 260,
        }
    }
}

impl Task for Mante {
    fn channels(&self) -> usize {
        4
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn step_ms(&self) -> f64 {
        self.step_ms
    }

    fn conditions(&self) -> &'static [&'static str] {
        &["context 1, −", "context 1, +", "context 2, −", "context 2, +"]
    }

    fn draw(&self, stream: &mut Stream, input: &mut [f32], target: &mut [f32]) -> usize {
        let word = stream.below(8) as usize;
        let sign = [word & 1, word >> 1 & 1].map(|bit| if bit == 1 { 1f32 } else { -1.0 });
        let context = word >> 2;
        for t in 0..self.steps {
            input[4 * t + 2 + context] = 1.0;
            if (self.stimulus_steps[0]..self.stimulus_steps[1]).contains(&t) {
                for channel in 0..2 {
                    let noise = stream.normal() * self.noise_sd as f32;
                    input[4 * t + channel] = sign[channel] * self.offset as f32 + noise;
                }
            }
        }
        target[self.stimulus_steps[1]..].fill(sign[context]);
        2 * context + usize::from(sign[context] > 0.0)
    }

    fn judging_fields(&self) -> &'static [&'static str] {
        &["threshold", "response_from_step", "lif_response_from_step"]
    }

    fn response(&self, condition: usize, _judged: Judged) -> Response {
        if condition % 2 == 1 { Response::Above(self.threshold) } else { Response::Below(-self.threshold) }
    }

    fn response_window(&self, judged: Judged) -> Range<usize> {
        match judged {
            Judged::Trained => self.response_from_step..self.steps,
            Judged::Lif => self.lif_response_from_step..self.steps,
        }
    }

    fn validate(&self) -> Result<(), InvalidField> {
        validate_time(self.steps, self.step_ms)?;
        validate_window("stimulus_steps", self.stimulus_steps, self.steps - 1)?;
        validate_window("response_from_step", [self.response_from_step, self.steps], self.steps)?;
        validate_window("lif_response_from_step", [self.lif_response_from_step, self.steps], self.steps)?;
        require_positive("offset", self.offset)?;
        require_not_negative("noise_sd", self.noise_sd)?;
        require_positive("threshold", self.threshold)
    }
}
