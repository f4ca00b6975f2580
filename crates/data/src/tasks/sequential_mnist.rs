//! Sequential MNIST: an image pixel by pixel, row by row from the top left, as one analogue signal of T = 784 steps.
//!
//! ```text
//! x_t = p[t]           the intensity of pixel t, from 0 to 1
//! x_t = p[π(t)]        permuted: one fixed permutation π for all images
//! ```
//!
//! Source: Le, Jaitly & Hinton 2015, *A simple way to initialize recurrent networks of rectified linear units* (arXiv
//! 1504.00941); for spiking networks, Bellec et al. 2018 (arXiv 1803.09574) and Yin, Corradi & Bohté 2021 (arXiv
//! 2103.12593). Their permutations differ, so the seed of π is part of the config.

use super::data_set::{BatchInput, DataSet, Drive, Examples, Picture, Presentation, Signals, Size, Split};
use crate::digits::idx::{CLASS_NAMES, PIXELS, SIDE};
use crate::digits::{Dataset, ImageFiles, Images, TEST_IMAGES, TRAINING_IMAGES};
use crate::error::DataError;
use crate::field::{InvalidField, require_duration_ms};
use crate::files::Source;
use mdl_kernels::random::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Index of the stream of permutations; epochs and the validation split use other indices.
const PERMUTATION: u64 = u64::MAX - 1;

/// The task section of a config for training on sequential MNIST.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SequentialMnist {
    /// The data set.
    pub dataset: Dataset,
    /// Directory of the four files, plain or .gz, or torchvision's root; none: artifacts/data/ and the name of the data
    /// set.
    pub directory: Option<PathBuf>,
    /// Refuse files that do not belong to the data set, by their SHA-256; false accepts any images in the same format.
    pub verify: bool,
    /// Examples of the training file held out for validation, the same ones for every seed.
    pub validation_examples: usize,
    /// Show the pixels in a fixed random order (permuted sequential MNIST).
    pub permuted: bool,
    /// Seed of this order, which does not depend on the seed of the experiment.
    pub permutation_seed: u64,
    /// Duration of a step, in which one pixel is shown (ms).
    pub step_ms: f64,
}

impl Default for SequentialMnist {
    /// MNIST in reading order with 5000 validation examples, at the step of the spiking neurons.
    fn default() -> Self {
        Self {
            dataset: Dataset::Mnist,
            directory: None,
            verify: true,
            validation_examples: 5000,
            permuted: false,
            permutation_seed: 1,
            step_ms: 2.0,
        }
    }
}

impl SequentialMnist {
    fn image_files(&self) -> ImageFiles<'_> {
        let Self { dataset, directory, verify, validation_examples, .. } = self;
        let (dataset, directory) = (*dataset, directory.as_deref());
        ImageFiles { dataset, directory, verify: *verify, validation_examples: *validation_examples }
    }

    /// Pixel shown at each step, `[784]`.
    pub fn order(&self) -> Vec<u32> {
        if self.permuted {
            return Stream::new(self.permutation_seed, Purpose::Shuffle, PERMUTATION).permutation(PIXELS);
        }
        (0..PIXELS as u32).collect()
    }

    fn shown(&self, images: Images, order: &Arc<[u32]>) -> Box<dyn Examples> {
        Box::new(Sequences { images, order: order.clone() })
    }
}

impl DataSet for SequentialMnist {
    fn channels(&self) -> usize {
        1
    }

    fn classes(&self) -> &'static [&'static str] {
        &CLASS_NAMES
    }

    fn steps(&self) -> usize {
        PIXELS
    }

    fn step_ms(&self) -> f64 {
        self.step_ms
    }

    fn drive(&self) -> Drive {
        Drive::Signals
    }

    fn size(&self) -> Size {
        Size { training: TRAINING_IMAGES, test: TEST_IMAGES, example_bytes: PIXELS + 1 }
    }

    fn fixed_fields(&self) -> &'static [&'static str] {
        &["validation_examples", "permuted", "permutation_seed"]
    }

    fn files(&self) -> Vec<PathBuf> {
        self.image_files().files()
    }

    fn validate(&self) -> Result<(), InvalidField> {
        require_duration_ms("step_ms", self.step_ms)?;
        self.image_files().validate()
    }

    fn load_training(&self) -> Result<Split, DataError> {
        let order: Arc<[u32]> = self.order().into();
        let [training, validation] = self.image_files().load_training()?.map(|images| self.shown(images, &order));
        Ok(Split { training, validation })
    }

    fn load_test(&self) -> Result<Box<dyn Examples>, DataError> {
        Ok(self.shown(self.image_files().load_test()?, &self.order().into()))
    }
}

/// Images that are shown pixel by pixel.
struct Sequences {
    images: Images,
    /// The pixel of each step.
    order: Arc<[u32]>,
}

impl Examples for Sequences {
    fn labels(&self) -> &[u8] {
        &self.images.labels
    }

    fn sources(&self) -> &[Source] {
        &self.images.sources
    }

    fn input(&self, examples: &[usize], _presentation: &Presentation) -> Result<BatchInput, DataError> {
        let (steps, batch) = (self.order.len(), examples.len());
        let images: Vec<&[u8]> = examples.iter().map(|e| self.images.image(*e)).collect();
        let mut values = Vec::with_capacity(steps * batch);
        for pixel in self.order.iter() {
            values.extend(images.iter().map(|image| f32::from(image[*pixel as usize]) / 255.0));
        }
        Ok(BatchInput::Signals(Signals { steps, examples: batch, channels: 1, values }))
    }

    fn picture(&self, example: usize) -> Option<Picture> {
        Some(Picture { side: SIDE, pixels: self.images.intensities(example).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images whose pixel i has intensity i % 251 and (7 i) % 256.
    fn images() -> Images {
        let pixels = |f: fn(usize) -> usize| (0..PIXELS).map(move |i| f(i) as u8);
        Images {
            images: pixels(|i| i % 251).chain(pixels(|i| 7 * i % 256)).collect(),
            labels: vec![3, 8],
            sources: vec![],
        }
    }

    fn signals(config: &SequentialMnist, examples: &[usize]) -> Signals {
        let shown = config.shown(images(), &config.order().into());
        let presentation = Presentation { seed: 1, keys: &vec![0; examples.len()], in_training: true };
        match shown.input(examples, &presentation) {
            Ok(BatchInput::Signals(signals)) => signals,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pixels_are_shown_row_by_row_one_at_each_step() {
        let signals = signals(&SequentialMnist::default(), &[1, 0]);
        assert_eq!((signals.steps, signals.examples, signals.channels), (784, 2, 1));
        // The third pixel of the second row.
        let t = 28 + 2;
        assert_eq!(signals.values[2 * t..2 * t + 2], [7.0 * 30.0 / 255.0, 30.0 / 255.0]);
        assert_eq!(signals.values.len(), 2 * 784);
        assert!(signals.values.iter().all(|x| (0.0..=1.0).contains(x)));
    }

    #[test]
    fn one_permutation_holds_for_all_images_and_is_a_function_of_its_seed() {
        let permuted = SequentialMnist { permuted: true, ..SequentialMnist::default() };
        let order = permuted.order();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..784).collect::<Vec<u32>>(), "every pixel once");
        assert_ne!(order, sorted);
        let (plain, shown) = (signals(&SequentialMnist::default(), &[0, 1]), signals(&permuted, &[0, 1]));
        for (t, pixel) in order.iter().map(|pixel| *pixel as usize).enumerate() {
            assert_eq!(shown.values[2 * t..2 * t + 2], plain.values[2 * pixel..2 * pixel + 2], "step {t}");
        }
        assert_eq!(permuted.order(), order);
        assert_ne!(SequentialMnist { permutation_seed: 2, ..permuted }.order(), order);
    }

    /// The default permutation is part of the definition of `permuted`: results must be comparable between versions.
    #[test]
    fn the_default_permutation_stays() {
        let order = SequentialMnist { permuted: true, ..SequentialMnist::default() }.order();
        assert_eq!(order[..8], [304, 708, 337, 242, 359, 79, 624, 689]);
    }
}
