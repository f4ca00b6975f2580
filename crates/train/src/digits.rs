//! Training a network on digits.

use crate::config::TrainingConfig;
use crate::guard::CONDITION_TRIALS;
use crate::loss::class_loss;
use crate::network::Network;
use crate::trainer::{self, Evaluation, Problem};
use candle_core::{Device, Result, Tensor, Var};
use mdl_data::digits::{Digits, DigitsConfig, Split};
use mdl_data::encode::Intensities;
use mdl_kernels::random::{Purpose, Stream};
use mdl_model::rate::network::NoiseKey;
use mdl_model::spiking::Input;
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

/// Examples on which the units' rates are taken while a network is trained.
const SHOWN_EXAMPLES: usize = 100;
/// Examples shown together outside training.
const EVALUATION_BATCH: usize = 500;
/// Presentations outside training draw their spikes under keys from here on: validation, then test.
const VALIDATION_KEY: u64 = 1 << 62;
/// First key of test presentations.
const TEST_KEY: u64 = 1 << 63;

/// A network, its examples, and the streams their spikes come from.
pub struct DigitsProblem<'a, N> {
    network: &'a N,
    split: &'a Split,
    digits: &'a DigitsConfig,
    training: &'a TrainingConfig,
    seed: u64,
    /// The epoch under way and its order of examples.
    order: RefCell<(u64, Vec<u32>)>,
}

impl<'a, N: Network> DigitsProblem<'a, N> {
    /// A problem whose batches, spikes and noise are functions of `seed`.
    pub fn new(
        network: &'a N,
        split: &'a Split,
        digits: &'a DigitsConfig,
        training: &'a TrainingConfig,
        seed: u64,
    ) -> Self {
        Self { network, split, digits, training, seed, order: RefCell::new((u64::MAX, Vec::new())) }
    }

    /// The examples of a batch, and the keys their spikes are drawn under.
    fn batch(&self, batch: u64) -> (Vec<usize>, Vec<u64>) {
        let count = self.split.training.count();
        let size = self.training.batch_size.min(count);
        let batches = count.div_ceil(size) as u64;
        let (epoch, place) = (batch / batches, (batch % batches) as usize * size);
        let mut order = self.order.borrow_mut();
        if order.0 != epoch {
            *order = (epoch, Stream::new(self.seed, Purpose::Shuffle, epoch).permutation(count));
        }
        let examples: Vec<usize> = order.1[place..(place + size).min(count)].iter().map(|e| *e as usize).collect();
        let keys = examples.iter().map(|e| epoch * count as u64 + *e as u64).collect();
        (examples, keys)
    }

    /// Intensities `[B, 784]` of training images as they are shown under `keys`.
    fn shown(&self, examples: &[usize], keys: &[u64]) -> Vec<f32> {
        let (augmentation, training, seed) = (&self.digits.augmentation, &self.split.training, self.seed);
        if augmentation.is_none() {
            return intensities(training, examples);
        }
        let show = |(example, key): (&usize, &u64)| augmentation.show(training.image(*example), seed, *key);
        examples.par_iter().zip(keys).flat_map_iter(show).collect()
    }
}

impl<N: Network> Problem for DigitsProblem<'_, N> {
    fn variables(&self) -> Vec<(&'static str, &Var)> {
        self.network.variables()
    }

    fn remedies(&self) -> [&'static str; 2] {
        self.network.remedies()
    }

    fn batch_loss(&self, batch: u64, update: u64) -> Result<Tensor> {
        let (examples, keys) = self.batch(batch);
        let noise = NoiseKey { seed: self.seed, purpose: Purpose::TrainingNoise, index: update };
        let intensities = self.shown(&examples, &keys);
        let outputs = answer(self.network, intensities, &keys, self.digits, noise)?;
        class_loss(self.training.loss, &outputs, &labels(&self.split.training, &examples, &self.network.device())?)
    }

    /// On the first `evaluation_trials` validation examples, their spikes drawn anew each time.
    fn evaluate(&self, round: u64) -> Result<Evaluation> {
        let count = self.split.validation.count().min(self.training.evaluation_trials);
        let first_key = VALIDATION_KEY + round * count as u64;
        let answers =
            classify(self.network, &self.split.validation, count, first_key, self.digits, self.training, self.seed)?;
        let some: Vec<usize> = (0..count.min(CONDITION_TRIALS)).collect();
        let keys: Vec<u64> = some.iter().map(|e| first_key + *e as u64).collect();
        let input = encoded(intensities(&self.split.validation, &some), &keys, self.digits, self.seed)?;
        let noise = NoiseKey { seed: self.seed, purpose: Purpose::ValidationNoise, index: round };
        let condition = self.network.condition(&Input::Intensities(Arc::new(input)), noise)?;
        let correct = answers.predicted.iter().zip(&self.split.validation.labels).filter(|(p, l)| p == l).count();
        Ok(Evaluation { loss: answers.loss, performance: correct as f64 / count as f64, condition })
    }

    fn unit_rates(&self) -> Result<Vec<f32>> {
        let (from, digits) = (&self.split.validation, self.digits);
        let examples: Vec<usize> = (0..from.count().min(SHOWN_EXAMPLES)).collect();
        let keys: Vec<u64> = examples.iter().map(|e| VALIDATION_KEY + *e as u64).collect();
        let spikes = Input::Intensities(Arc::new(encoded(intensities(from, &examples), &keys, digits, self.seed)?));
        let noise = NoiseKey { seed: self.seed, purpose: Purpose::ValidationNoise, index: 0 };
        self.network.unit_rates(&spikes, noise)
    }

    fn answers(&self) -> Result<trainer::Answers<'_>> {
        let from = &self.split.validation;
        let count = from.count().min(self.training.evaluation_trials);
        let answers = classify(self.network, from, count, VALIDATION_KEY, self.digits, self.training, self.seed)?;
        let counts = confusion(&from.labels, &answers.predicted);
        Ok(trainer::Answers::Confusion { classes: &CLASS_NAMES, counts })
    }
}

/// Names of the classes.
pub const CLASS_NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// How often each class was taken for each: row = right class, column = predicted class.
pub fn confusion(labels: &[u8], predicted: &[u8]) -> Vec<u64> {
    let classes = CLASS_NAMES.len();
    let mut counts = vec![0; classes * classes];
    for (label, predicted) in labels.iter().zip(predicted) {
        counts[usize::from(*label) * classes + usize::from(*predicted)] += 1;
    }
    counts
}

/// Keys that the spikes of these test examples are drawn under.
pub fn test_keys(examples: Range<usize>) -> Vec<u64> {
    examples.map(|e| TEST_KEY + e as u64).collect()
}

/// What a network makes of some examples.
pub struct Answers {
    /// Class of the largest output of each example.
    pub predicted: Vec<u8>,
    /// Mean loss.
    pub loss: f64,
}

/// Classifies the first `count` test examples.
///
/// # Errors
/// Those of candle.
pub fn classify_test(
    network: &impl Network,
    test: &Digits,
    count: usize,
    digits: &DigitsConfig,
    training: &TrainingConfig,
    seed: u64,
) -> Result<Answers> {
    classify(network, test, count, TEST_KEY, digits, training, seed)
}

fn classify(
    network: &impl Network,
    from: &Digits,
    count: usize,
    first_key: u64,
    digits: &DigitsConfig,
    training: &TrainingConfig,
    seed: u64,
) -> Result<Answers> {
    let (mut predicted, mut loss) = (Vec::with_capacity(count), 0.0);
    for start in (0..count).step_by(EVALUATION_BATCH) {
        let examples: Vec<usize> = (start..(start + EVALUATION_BATCH).min(count)).collect();
        let keys: Vec<u64> = examples.iter().map(|e| first_key + *e as u64).collect();
        let noise = NoiseKey { seed, purpose: Purpose::EvaluationNoise, index: noise_index(keys[0]) };
        let outputs = answer(network, intensities(from, &examples), &keys, digits, noise)?;
        let batch_loss = class_loss(training.loss, &outputs, &labels(from, &examples, &network.device())?)?;
        loss += f64::from(batch_loss.to_scalar::<f32>()?) * examples.len() as f64;
        predicted.extend(outputs.argmax(1)?.to_vec1::<u32>()?.into_iter().map(|class| class as u8));
    }
    Ok(Answers { predicted, loss: loss / count as f64 })
}

/// Number of the noise on presentations from `key` on: keys without the bit that marks test presentations, because a noise
/// index must leave a bit free. Validation keys have another bit, so no noise is met twice.
fn noise_index(key: u64) -> u64 {
    key & !TEST_KEY
}

/// Intensities `[B, 784]` of images, from 0 to 1.
fn intensities(from: &Digits, examples: &[usize]) -> Vec<f32> {
    examples.iter().flat_map(|e| from.image(*e)).map(|pixel| f32::from(*pixel) / 255.0).collect()
}

/// Outputs `[B, O]` for images `[B, 784]` shown as spikes drawn under `keys`.
fn answer(
    network: &impl Network,
    intensities: Vec<f32>,
    keys: &[u64],
    digits: &DigitsConfig,
    noise: NoiseKey,
) -> Result<Tensor> {
    network.peak_outputs(encoded(intensities, keys, digits, noise.seed)?, noise)
}

/// Images `[B, 784]` whose spikes are drawn under `keys`.
fn encoded(intensities: Vec<f32>, keys: &[u64], digits: &DigitsConfig, seed: u64) -> Result<Intensities> {
    let encoded = Intensities::new(intensities, digits.channels(), digits.steps, seed, keys.to_vec());
    encoded.map_err(candle_core::Error::wrap)
}

fn labels(from: &Digits, examples: &[usize], device: &Device) -> Result<Tensor> {
    let labels: Vec<u32> = examples.iter().map(|e| u32::from(from.labels[*e])).collect();
    Tensor::from_vec(labels, examples.len(), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_indices_leave_a_bit_free_and_do_not_meet() {
        let indices = [VALIDATION_KEY, VALIDATION_KEY + 499, TEST_KEY, TEST_KEY + 9_999].map(noise_index);
        assert!(indices.iter().all(|index| index.checked_mul(2).is_some_and(|twice| twice < u64::MAX)));
        assert_eq!(indices, [VALIDATION_KEY, VALIDATION_KEY + 499, 0, 9_999]);
    }
}
