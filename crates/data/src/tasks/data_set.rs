//! Interface of a data set of labelled examples: its sizes, its files, and the input of an example.

use crate::encode::Intensities;
use crate::error::DataError;
use crate::field::InvalidField;
use crate::files::Source;
use crate::spikes::SpikeInput;
use std::path::PathBuf;

/// A data set as described in a config: channels, classes, steps, files and splits.
pub trait DataSet: Send + Sync {
    /// Input channels K.
    fn channels(&self) -> usize;
    /// Names of the classes; a network has one output per class.
    fn classes(&self) -> &'static [&'static str];
    /// Number of steps T per example.
    fn steps(&self) -> usize;
    /// Duration of a step in milliseconds.
    fn step_ms(&self) -> f64;
    /// Kind of input.
    fn drive(&self) -> Drive;
    /// Number of examples in its files, for estimates before they are read.
    fn size(&self) -> Size;
    /// Fields besides the step that cannot be changed for the evaluation of a trained network.
    fn fixed_fields(&self) -> &'static [&'static str];
    /// Existing files of the data set.
    fn files(&self) -> Vec<PathBuf>;
    /// Refuses values with which no example can be shown.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the section.
    fn validate(&self) -> Result<(), InvalidField>;
    /// Reads the training and validation examples.
    ///
    /// # Errors
    /// Files that are missing, damaged, or from another data set.
    fn load_training(&self) -> Result<Split, DataError>;
    /// Reads the test examples.
    ///
    /// # Errors
    /// As for [`DataSet::load_training`].
    fn load_test(&self) -> Result<Box<dyn Examples>, DataError>;
}

/// Kind of input of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// Spikes, stored or drawn.
    Spikes,
    /// Analogue signals.
    Signals,
}

/// Size of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Number of examples in the training files, including validation.
    pub training: usize,
    /// Number of test examples.
    pub test: usize,
    /// Size of an example with its label in memory (bytes).
    pub example_bytes: usize,
}

/// Training and validation examples.
pub struct Split {
    /// Examples for training.
    pub training: Box<dyn Examples>,
    /// Examples for evaluation during training.
    pub validation: Box<dyn Examples>,
}

/// Labelled examples in memory.
pub trait Examples: Send + Sync {
    /// Class of each example.
    fn labels(&self) -> &[u8];

    /// Number of examples.
    fn count(&self) -> usize {
        self.labels().len()
    }

    /// Files from which they were read.
    fn sources(&self) -> &[Source];

    /// Input of a batch of these examples, one presentation each.
    ///
    /// # Errors
    /// Values that no network accepts.
    fn input(&self, examples: &[usize], presentation: &Presentation) -> Result<BatchInput, DataError>;

    /// The example as an image, if it is one.
    fn picture(&self, _example: usize) -> Option<Picture> {
        None
    }
}

/// Presentation of a batch of examples. Random numbers for an example are a function of the seed and its key.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'a> {
    /// Seed of all random numbers.
    pub seed: u64,
    /// A key per example, different for each presentation.
    pub keys: &'a [u64],
    /// True if the network is trained on them; only then they may be augmented.
    pub in_training: bool,
}

/// Input of a batch: B examples of T steps over K channels.
#[derive(Clone, Debug)]
pub enum BatchInput {
    /// Intensities from which spikes are drawn.
    Intensities(Intensities),
    /// Stored spikes.
    Spikes(SpikeInput),
    /// Analogue signals.
    Signals(Signals),
}

/// Analogue signals of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Signals {
    /// Steps T.
    pub steps: usize,
    /// Examples B.
    pub examples: usize,
    /// Channels K.
    pub channels: usize,
    /// `[T, B, K]`
    pub values: Vec<f32>,
}

/// An example as an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Number of pixels per row, and number of rows.
    pub side: usize,
    /// Intensities from 0 (black) to 1, row by row.
    pub pixels: Vec<f32>,
}
