//! Steps of a LIF network in relation to the steps (input samples) of a task.
//!
//! A sample lasts m = round(sample duration / dt) steps. Step i = 1 … n reads sample round(i/m), with halves rounded
//! away from zero, so the first sample lasts half as long as the others, as in the published code. Down-sampling by d
//! keeps every d-th sample and makes each step d times as long.

use crate::lif::config::LifConfig;
use mdl_data::field::{InvalidField, require};
use std::ops::{Range, RangeInclusive};

/// Above this number of steps there is no noise: the counter of the random stream would wrap.
const MAX_STEPS: usize = 1 << 30;

/// Relation between the steps of a LIF network and the samples of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Number of steps n of a trial.
    pub steps: usize,
    /// Duration of a step (ms), including down-sampling.
    pub step_ms: f64,
    /// Number of steps m per sample.
    pub steps_per_sample: usize,
    /// Every `downsample`-th sample is read.
    pub downsample: usize,
}

impl Timing {
    /// Timing of trials of `samples` samples of `sample_ms` each.
    ///
    /// # Errors
    /// [`InvalidField`] if a sample is not an integer number of steps, or a trial has too few or too many steps.
    pub fn new(config: &LifConfig, samples: usize, sample_ms: f64) -> Result<Self, InvalidField> {
        let ratio = sample_ms / config.dt_ms;
        let per_sample = ratio.round();
        let whole = per_sample >= 1.0 && (ratio - per_sample).abs() < 1e-6 * per_sample;
        let expected = format!("a whole fraction of the task's step, {sample_ms} ms");
        require(whole, "dt_ms", config.dt_ms, &expected)?;
        let kept = samples / config.downsample;
        require(kept > 0, "downsample", config.downsample, &format!("at most the task's {samples} steps"))?;
        let few = per_sample * kept as f64 <= MAX_STEPS as f64;
        require(few, "dt_ms", config.dt_ms, &format!("at most {MAX_STEPS} steps per trial"))?;
        // An integer within the bound.
        let per_sample = per_sample as usize;
        Ok(Self {
            steps: per_sample * kept,
            step_ms: config.step_ms(),
            steps_per_sample: per_sample,
            downsample: config.downsample,
        })
    }

    /// Kept sample that step `step` (counted from 1) reads.
    #[inline(always)]
    pub fn kept_sample(&self, step: usize) -> usize {
        (step + self.steps_per_sample / 2) / self.steps_per_sample
    }

    /// Steps inside a window of samples `[from, to)`.
    pub fn window(&self, samples: Range<usize>) -> RangeInclusive<usize> {
        let step = |sample: usize| (sample * self.steps_per_sample / self.downsample).clamp(1, self.steps);
        step(samples.start)..=step(samples.end)
    }

    /// Last step of a trial of so many samples.
    pub fn last_step(&self, samples: usize) -> usize {
        *self.window(0..samples).end()
    }

    /// First step at or after `time_ms`.
    pub fn step_at(&self, time_ms: f64) -> usize {
        (time_ms / self.step_ms).round() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_lasts_49_steps_and_the_others_100() {
        let timing = Timing::new(&LifConfig::default(), 200, 5.0).unwrap();
        assert_eq!(timing.steps, 20_000);
        let sample = |i| timing.kept_sample(i);
        assert_eq!((sample(1), sample(49), sample(50), sample(149), sample(150)), (0, 0, 1, 1, 2));
        assert_eq!((sample(19_949), sample(19_950), sample(20_000)), (199, 200, 200));
        assert_eq!(timing.window(100..200), 10_000..=20_000);
        assert_eq!((timing.last_step(120), timing.last_step(200)), (12_000, 20_000));
        assert_eq!(timing.step_at(25.0), 500);
    }

    #[test]
    fn a_sample_must_be_whole_steps() {
        let config = LifConfig { dt_ms: 0.3, ..LifConfig::default() };
        assert_eq!(Timing::new(&config, 200, 5.0).unwrap_err().field, "dt_ms");
        let config = LifConfig { downsample: 300, ..LifConfig::default() };
        assert_eq!(Timing::new(&config, 200, 5.0).unwrap_err().field, "downsample");
    }
}
