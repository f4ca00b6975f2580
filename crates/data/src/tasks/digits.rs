//! Images shown as a whole, with one channel per pixel: Bernoulli spikes whose probability is the intensity of the
//! pixel (Lin & Huang, arXiv 2310.14621).

use super::data_set::{BatchInput, DataSet, Drive, Examples, Picture, Presentation, Size, Split};
use crate::digits::idx::{CLASS_NAMES, PIXELS, SIDE};
use crate::digits::{Augmentation, Dataset, ImageFiles, Images, TEST_IMAGES, TRAINING_IMAGES};
use crate::encode::Intensities;
use crate::error::DataError;
use crate::field::{InvalidField, require, require_duration_ms};
use crate::files::Source;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The task section of a config for training on digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Digits {
    /// The data set.
    pub dataset: Dataset,
    /// Directory of the four files, plain or .gz, or torchvision's root; none: artifacts/data/ and the name of the data
    /// set.
    pub directory: Option<PathBuf>,
    /// Refuse files that do not belong to the data set, by their SHA-256; false accepts any images in the same format.
    pub verify: bool,
    /// Examples of the training file held out for validation, the same ones for every seed.
    pub validation_examples: usize,
    /// Number of steps T per image.
    pub steps: usize,
    /// Duration of a step in milliseconds.
    pub step_ms: f64,
    /// Random changes of training images, drawn for each presentation.
    pub augmentation: Augmentation,
}

impl Default for Digits {
    /// MNIST for 50 steps of 2 ms (Lin & Huang 2023), with 5000 validation examples.
    fn default() -> Self {
        Self {
            dataset: Dataset::Mnist,
            directory: None,
            verify: true,
            validation_examples: 5000,
            steps: 50,
            step_ms: 2.0,
            augmentation: Augmentation::default(),
        }
    }
}

impl Digits {
    /// Files of the data set.
    pub fn image_files(&self) -> ImageFiles<'_> {
        let Self { dataset, directory, verify, validation_examples, .. } = self;
        let (dataset, directory) = (*dataset, directory.as_deref());
        ImageFiles { dataset, directory, verify: *verify, validation_examples: *validation_examples }
    }

    fn shown(&self, images: Images) -> Box<dyn Examples> {
        Box::new(ShownDigits { images, steps: self.steps, augmentation: self.augmentation })
    }
}

impl DataSet for Digits {
    fn channels(&self) -> usize {
        PIXELS
    }

    fn classes(&self) -> &'static [&'static str] {
        &CLASS_NAMES
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
        Size { training: TRAINING_IMAGES, test: TEST_IMAGES, example_bytes: PIXELS + 1 }
    }

    fn fixed_fields(&self) -> &'static [&'static str] {
        &["validation_examples", "augmentation"]
    }

    fn files(&self) -> Vec<PathBuf> {
        self.image_files().files()
    }

    fn validate(&self) -> Result<(), InvalidField> {
        require((1..=1_000_000).contains(&self.steps), "steps", self.steps, "1 to 1000000 steps")?;
        require_duration_ms("step_ms", self.step_ms)?;
        self.augmentation.validate().map_err(|e| e.within("augmentation"))?;
        self.image_files().validate()
    }

    fn load_training(&self) -> Result<Split, DataError> {
        let [training, validation] = self.image_files().load_training()?.map(|images| self.shown(images));
        Ok(Split { training, validation })
    }

    fn load_test(&self) -> Result<Box<dyn Examples>, DataError> {
        Ok(self.shown(self.image_files().load_test()?))
    }
}

/// Images with their presentation.
struct ShownDigits {
    images: Images,
    steps: usize,
    augmentation: Augmentation,
}

impl ShownDigits {
    /// Intensities `[B, 784]` of images, from 0 to 1.
    fn intensities(&self, examples: &[usize], presentation: &Presentation) -> Vec<f32> {
        let Self { images, augmentation, .. } = self;
        if !presentation.in_training || augmentation.is_none() {
            return examples.iter().flat_map(|e| images.intensities(*e)).collect();
        }
        let show = |(e, key): (&usize, &u64)| augmentation.show(images.image(*e), presentation.seed, *key);
        examples.par_iter().zip(presentation.keys).flat_map_iter(show).collect()
    }
}

impl Examples for ShownDigits {
    fn labels(&self) -> &[u8] {
        &self.images.labels
    }

    fn sources(&self) -> &[Source] {
        &self.images.sources
    }

    fn input(&self, examples: &[usize], presentation: &Presentation) -> Result<BatchInput, DataError> {
        let intensities = self.intensities(examples, presentation);
        let Presentation { seed, keys, .. } = *presentation;
        Ok(BatchInput::Intensities(Intensities::new(intensities, PIXELS, self.steps, seed, keys.to_vec())?))
    }

    fn picture(&self, example: usize) -> Option<Picture> {
        Some(Picture { side: SIDE, pixels: self.images.intensities(example).collect() })
    }
}
