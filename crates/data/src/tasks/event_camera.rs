//! Recordings of event cameras: N-MNIST (Orchard et al. 2015) and DVS128 Gesture (Amir et al. 2017).
//!
//! ```text
//! k = (p ⌈S/q⌉ + ⌊y/q⌋) ⌈S/q⌉ + ⌊x/q⌋     polarity p, sensor of S × S pixels, of which q × q share a channel
//! s = ⌊t / dt⌋ < T                         x_s[k] = 1 if at least one event falls there
//! ```

use super::data_set::{DataSet, Drive, Examples, Size, Split};
use crate::error::DataError;
use crate::events::camera::CameraRecordings;
use crate::events::{CameraAugmentation, Clock, Events, MOST_STEPS, Shown};
use crate::field::{InvalidField, require, require_duration_ms};
use mdl_kernels::random::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a recording in memory, for estimates: 4 for each of its events.
const RECORDING_BYTES: [usize; 2] = [17_000, 1_500_000];

/// The task section of a config for training on recordings of an event camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventCamera {
    /// The recordings.
    pub recordings: CameraRecordings,
    /// Directory of the files as unpacked from their archives; none: artifacts/data/ and the name of the recordings.
    pub directory: Option<PathBuf>,
    /// Recordings for training that are held out for validation, the same ones for every seed.
    pub validation_examples: usize,
    /// Pixels along each side of the squares that share a channel.
    pub pool_pixels: usize,
    /// Number of time steps T; later events are left out.
    pub steps: usize,
    /// Duration of a step in milliseconds.
    pub step_ms: f64,
    /// Random changes of training recordings, drawn for each presentation.
    pub augmentation: CameraAugmentation,
}

impl Default for EventCamera {
    /// N-MNIST with 5000 validation examples, on 17 × 17 × 2 channels, for 150 steps of 2 ms.
    fn default() -> Self {
        Self {
            recordings: CameraRecordings::NMnist,
            directory: None,
            validation_examples: 5000,
            pool_pixels: 2,
            steps: 150,
            step_ms: 2.0,
            augmentation: CameraAugmentation::default(),
        }
    }
}

impl EventCamera {
    fn read(&self, training: bool, stretch: f64) -> Result<Events, DataError> {
        let directory = self.directory.clone().unwrap_or_else(|| self.recordings.default_directory());
        self.recordings.read(training, &directory, Clock::new(self.steps, self.step_ms, stretch))
    }

    /// Channels along each side.
    fn across(&self) -> usize {
        self.recordings.side().div_ceil(self.pool_pixels)
    }

    fn shown(&self, events: Events) -> Box<dyn Examples> {
        let (side, across, pool) = (self.recordings.side(), self.across(), self.pool_pixels);
        let channel = |unit: usize| {
            let (polarity, y, x) = (unit / (side * side), unit / side % side, unit % side);
            ((polarity * across + y / pool) * across + x / pool) as u16
        };
        let channel_of: Arc<[u16]> = (0..2 * side * side).map(channel).collect();
        let (steps, channels) = (self.steps, self.channels());
        Box::new(Shown { events, steps, channels, channel_of, augmentation: self.augmentation.on(side) })
    }
}

impl DataSet for EventCamera {
    fn channels(&self) -> usize {
        2 * self.across() * self.across()
    }

    fn classes(&self) -> &'static [&'static str] {
        self.recordings.classes()
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn step_ms(&self) -> f64 {
        self.step_ms
    }

    fn drive(&self) -> Drive {
        Drive::Spikes
    }

    fn size(&self) -> Size {
        let [training, test] = self.recordings.examples();
        Size { training, test, example_bytes: RECORDING_BYTES[self.recordings as usize] }
    }

    fn fixed_fields(&self) -> &'static [&'static str] {
        &["validation_examples", "augmentation"]
    }

    /// None: recordings are many small files, in folders of their own.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn validate(&self) -> Result<(), InvalidField> {
        let side = self.recordings.side();
        require((1..=side).contains(&self.pool_pixels), "pool_pixels", self.pool_pixels, &format!("1 to {side}"))?;
        require((1..=MOST_STEPS).contains(&self.steps), "steps", self.steps, &format!("1 to {MOST_STEPS} steps"))?;
        require_duration_ms("step_ms", self.step_ms)?;
        require(self.validation_examples > 0, "validation_examples", self.validation_examples, "at least 1")?;
        self.augmentation.validate().map_err(|e| e.within("augmentation"))
    }

    fn load_training(&self) -> Result<Split, DataError> {
        let training = self.read(true, self.augmentation.stretch)?;
        let count = training.count();
        let expected = format!("fewer than the {count} recordings for training");
        require(self.validation_examples < count, "validation_examples", self.validation_examples, &expected)?;
        let mut order = Stream::new(0, Purpose::Shuffle, u64::MAX).permutation(count);
        let (kept, validation) = order.split_at_mut(count - self.validation_examples);
        kept.sort_unstable();
        validation.sort_unstable();
        let validation = self.shown(training.select(validation));
        Ok(Split { training: self.shown(training.select(kept)), validation })
    }

    fn load_test(&self) -> Result<Box<dyn Examples>, DataError> {
        Ok(self.shown(self.read(false, 0.0)?))
    }
}
