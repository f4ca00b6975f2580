//! A data set of labelled examples: its sizes, its files, and the input that an example is shown as.

use crate::encode::Intensities;
use crate::error::DataError;
use crate::field::InvalidField;
use crate::files::Source;
use crate::spikes::SpikeInput;
use std::path::PathBuf;

/// A data set as a config describes it: channels, classes, steps, files, and the splits in them.
pub trait DataSet: Send + Sync {
    /// Input channels K.
    fn channels(&self) -> usize;
    /// Names of the classes; a network has one output for each.
    fn classes(&self) -> &'static [&'static str];
    /// Steps T that an example is shown for.
    fn steps(&self) -> usize;
    /// Duration of a step in milliseconds.
    fn step_ms(&self) -> f64;
    /// What examples drive a network with.
    fn drive(&self) -> Drive;
    /// How many examples its files hold, for estimates before they are read.
    fn size(&self) -> Size;
    /// Fields besides the step that a trained network cannot be judged with other values of.
    fn fixed_fields(&self) -> &'static [&'static str];
    /// The files of the data set that are in place.
    fn files(&self) -> Vec<PathBuf>;
    /// Refuses values no example can be shown with.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the section.
    fn validate(&self) -> Result<(), InvalidField>;
    /// Reads the examples to train on and those to validate with.
    ///
    /// # Errors
    /// Files that are missing, damaged, or of another data set.
    fn load_training(&self) -> Result<Split, DataError>;
    /// Reads the test examples.
    ///
    /// # Errors
    /// As [`DataSet::load_training`].
    fn load_test(&self) -> Result<Box<dyn Examples>, DataError>;
}

/// What examples drive a network with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// Spikes, stored or drawn.
    Spikes,
    /// Analogue signals.
    Signals,
}

/// The size of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Examples in the training files, validation included.
    pub training: usize,
    /// Test examples.
    pub test: usize,
    /// Bytes of an example with its label, as it is held in memory.
    pub example_bytes: usize,
}

/// Examples to train on and to validate with.
pub struct Split {
    /// Examples to train on.
    pub training: Box<dyn Examples>,
    /// Examples on which training is judged while it runs.
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

    /// The files that they were read from.
    fn sources(&self) -> &[Source];

    /// The input of a batch of these examples, one presentation each.
    ///
    /// # Errors
    /// Values that no network can be shown.
    fn input(&self, examples: &[usize], presentation: &Presentation) -> Result<BatchInput, DataError>;

    /// The example as an image, where it is one.
    fn picture(&self, _example: usize) -> Option<Picture> {
        None
    }
}

/// How a batch of examples is shown. Whatever is drawn for an example is a function of the seed and its key.
#[derive(Clone, Copy, Debug)]
pub struct Presentation<'a> {
    /// Seed of all that is drawn.
    pub seed: u64,
    /// A key for each example: another presentation has another one.
    pub keys: &'a [u64],
    /// Whether the network is trained on them: only then they may be augmented.
    pub in_training: bool,
}

/// The input of a batch: B examples of T steps over K channels.
#[derive(Clone, Debug)]
pub enum BatchInput {
    /// Spikes to be drawn from intensities.
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
    /// Pixels in a row, and rows.
    pub side: usize,
    /// Intensities from 0 (black) to 1, row by row.
    pub pixels: Vec<f32>,
}
