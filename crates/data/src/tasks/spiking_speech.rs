//! Spoken words as spikes of a model of the cochlea: the Spiking Heidelberg Digits (SHD) and the Spiking Speech Commands
//! (SSC), Cramer, Stradmann, Schemmel & Zenke 2022 (arXiv 1910.07407).
//!
//! ```text
//! k = ⌊K unit / 700⌋        s = ⌊t / dt⌋ < T        x_s[k] = 1 if at least one event falls there
//! ```

use super::data_set::{DataSet, Drive, Examples, Size, Split};
use crate::error::DataError;
use crate::events::heidelberg::{Part, SpeechDataset, UNITS};
use crate::events::{Clock, Events, MOST_STEPS, Shown, SpeechAugmentation};
use crate::field::{InvalidField, require, require_duration_ms};
use mdl_kernels::random::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The task section of a config for training on spoken words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpikingSpeech {
    /// The data set.
    pub dataset: SpeechDataset,
    /// Directory of its HDF5 files, or the one given to tonic; none: artifacts/data/ and the name of the data set.
    pub directory: Option<PathBuf>,
    /// Refuse files with another number of examples than the data set has; false accepts any files of the same format.
    pub verify: bool,
    /// Examples of SHD's training file held out for validation, the same ones for every seed. SSC has a file of validation
    /// examples, and does not use this number.
    pub validation_examples: usize,
    /// Channels K, each the union of neighbouring units of the 700 of the recordings.
    pub channels: usize,
    /// Number of time steps T; later events are left out.
    pub steps: usize,
    /// Duration of a step in milliseconds.
    pub step_ms: f64,
    /// Random changes of training examples, drawn for each presentation.
    pub augmentation: SpeechAugmentation,
}

impl Default for SpikingSpeech {
    /// SHD with 1000 validation examples, on 140 channels, for 250 steps of 4 ms.
    fn default() -> Self {
        Self {
            dataset: SpeechDataset::Shd,
            directory: None,
            verify: true,
            validation_examples: 1000,
            channels: 140,
            steps: 250,
            step_ms: 4.0,
            augmentation: SpeechAugmentation::default(),
        }
    }
}

impl SpikingSpeech {
    fn directory(&self) -> PathBuf {
        self.directory.clone().unwrap_or_else(|| self.dataset.default_directory())
    }

    fn read(&self, part: Part, stretch: f64) -> Result<Events, DataError> {
        let clock = Clock::new(self.steps, self.step_ms, stretch);
        self.dataset.read(part, &self.directory(), clock, self.verify)
    }

    fn shown(&self, events: Events) -> Box<dyn Examples> {
        let channel_of = (0..UNITS).map(|unit| (unit * self.channels / UNITS) as u16).collect();
        let (steps, channels, augmentation) = (self.steps, self.channels, self.augmentation);
        Box::new(Shown { events, steps, channels, channel_of, augmentation })
    }

    fn validate_split(&self, examples: usize) -> Result<(), InvalidField> {
        let expected = format!("fewer than the {examples} examples of the training file");
        require(self.validation_examples < examples, "validation_examples", self.validation_examples, &expected)
    }
}

impl DataSet for SpikingSpeech {
    fn channels(&self) -> usize {
        self.channels
    }

    fn classes(&self) -> &'static [&'static str] {
        self.dataset.classes()
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

    /// With at most one event per 4 bytes of the files.
    fn size(&self) -> Size {
        let (training, test) = (self.dataset.examples(Part::Training), self.dataset.examples(Part::Test));
        let file = self.dataset.find(Part::Training, &self.directory());
        let bytes = file.and_then(|file| file.metadata().ok()).map_or(0, |file| file.len() as usize);
        Size { training, test, example_bytes: bytes.div_ceil(training) + 9 }
    }

    fn fixed_fields(&self) -> &'static [&'static str] {
        &["validation_examples", "augmentation"]
    }

    fn files(&self) -> Vec<PathBuf> {
        let directory = self.directory();
        self.dataset.files().iter().filter_map(|part| self.dataset.find(*part, &directory)).collect()
    }

    fn validate(&self) -> Result<(), InvalidField> {
        require((1..=UNITS).contains(&self.channels), "channels", self.channels, &format!("1 to {UNITS}"))?;
        require((1..=MOST_STEPS).contains(&self.steps), "steps", self.steps, &format!("1 to {MOST_STEPS} steps"))?;
        require_duration_ms("step_ms", self.step_ms)?;
        self.augmentation.validate().map_err(|e| e.within("augmentation"))?;
        require(self.validation_examples > 0, "validation_examples", self.validation_examples, "at least 1")?;
        if self.verify { self.validate_split(self.dataset.examples(Part::Training)) } else { Ok(()) }
    }

    fn load_training(&self) -> Result<Split, DataError> {
        let training = self.read(Part::Training, self.augmentation.stretch)?;
        if self.dataset == SpeechDataset::Ssc {
            let validation = self.read(Part::Validation, 0.0)?;
            return Ok(Split { training: self.shown(training), validation: self.shown(validation) });
        }
        let count = training.count();
        self.validate_split(count)?;
        let mut order = Stream::new(0, Purpose::Shuffle, u64::MAX).permutation(count);
        let (kept, validation) = order.split_at_mut(count - self.validation_examples);
        kept.sort_unstable();
        validation.sort_unstable();
        let validation = self.shown(training.select(validation));
        Ok(Split { training: self.shown(training.select(kept)), validation })
    }

    fn load_test(&self) -> Result<Box<dyn Examples>, DataError> {
        Ok(self.shown(self.read(Part::Test, 0.0)?))
    }
}
