//! Training and evaluation of a network on the labelled examples of a data set.

use crate::config::TrainingConfig;
use crate::guard::CONDITION_TRIALS;
use crate::loss::class_loss;
use crate::network::Network;
use crate::regulariser::costs;
use crate::trainer::{self, BatchLoss, Evaluation, Problem};
use candle_core::{Device, Result, Tensor, Var};
use mdl_data::tasks::{BatchInput, DataSet, Examples, Presentation, Split};
use mdl_kernels::random::{Purpose, Stream};
use mdl_model::rate::network::NoiseKey;
use mdl_model::spiking::Input;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

/// Number of examples on which the units' rates are measured during training.
const SHOWN_EXAMPLES: usize = 100;
/// Number of examples shown together outside training.
const EVALUATION_BATCH: usize = 500;
/// Presentations outside training draw their spikes under keys from this value onwards: validation, then test.
const VALIDATION_KEY: u64 = 1 << 62;
/// First key of test presentations.
const TEST_KEY: u64 = 1 << 63;

/// A network, its examples, and the streams of their spikes.
pub struct ExamplesProblem<'a, N> {
    network: &'a N,
    data_set: &'a dyn DataSet,
    split: &'a Split,
    training: &'a TrainingConfig,
    seed: u64,
    /// Current epoch and its order of examples.
    order: RefCell<(u64, Vec<u32>)>,
}

impl<'a, N: Network> ExamplesProblem<'a, N> {
    /// A problem whose batches, spikes and noise are functions of `seed`.
    pub fn new(
        network: &'a N,
        data_set: &'a dyn DataSet,
        split: &'a Split,
        training: &'a TrainingConfig,
        seed: u64,
    ) -> Self {
        Self { network, data_set, split, training, seed, order: RefCell::new((u64::MAX, Vec::new())) }
    }

    /// Examples of a batch, and the keys of their spikes.
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

    /// The first `count` validation examples, with keys from `first_key` onwards.
    fn validation_input(&self, count: usize, first_key: u64) -> Result<Input> {
        let keys: Vec<u64> = (0..count).map(|e| first_key + e as u64).collect();
        let presentation = Presentation { seed: self.seed, keys: &keys, in_training: false };
        let examples: Vec<usize> = (0..count).collect();
        input(&*self.split.validation, &examples, &presentation, &self.network.device())
    }
}

impl<N: Network> Problem for ExamplesProblem<'_, N> {
    fn variables(&self) -> Vec<(&'static str, &Var)> {
        self.network.variables()
    }

    fn hints(&self) -> [&'static str; 2] {
        self.network.hints()
    }

    fn batch_loss(&self, _stage: usize, batch: u64, update: u64) -> Result<BatchLoss> {
        let (examples, keys) = self.batch(batch);
        let noise = NoiseKey { seed: self.seed, purpose: Purpose::TrainingNoise, index: update };
        let (from, device) = (&*self.split.training, self.network.device());
        let presentation = Presentation { seed: self.seed, keys: &keys, in_training: true };
        let input = input(from, &examples, &presentation, &device)?;
        let (outputs, rates) = match self.training.needs_rates() {
            false => (self.network.example_outputs(&input, self.training.readout, noise)?, None),
            true => {
                let readout = self.training.readout;
                let (outputs, rates) = self.network.example_outputs_and_rates(&input, readout, noise)?;
                (outputs, Some(rates))
            }
        };
        let costs = costs(&self.training.regularisers, self.network, rates.as_ref())?;
        let loss = class_loss(self.training.loss, &outputs, &labels(from, &examples, &device)?)?;
        Ok(BatchLoss { loss, costs })
    }

    /// Evaluates on the first `evaluation_trials` validation examples, with new spikes each time.
    fn evaluate(&self, _stage: usize, round: u64) -> Result<Evaluation> {
        let from = &*self.split.validation;
        let count = from.count().min(self.training.evaluation_trials);
        let first_key = VALIDATION_KEY + round * count as u64;
        let answers = classify(self.network, from, count, first_key, self.training, self.seed, &|_| ())?;
        let input = self.validation_input(count.min(CONDITION_TRIALS), first_key)?;
        let noise = NoiseKey { seed: self.seed, purpose: Purpose::ValidationNoise, index: round };
        let condition = self.network.condition(&input, noise)?;
        let correct = answers.predicted.iter().zip(from.labels()).filter(|(p, l)| p == l).count();
        Ok(Evaluation { loss: answers.loss, performance: correct as f64 / count as f64, condition })
    }

    fn unit_rates(&self) -> Result<Vec<f32>> {
        let input = self.validation_input(self.split.validation.count().min(SHOWN_EXAMPLES), VALIDATION_KEY)?;
        let noise = NoiseKey { seed: self.seed, purpose: Purpose::ValidationNoise, index: 0 };
        self.network.unit_rates(&input, noise)
    }

    fn sample_outputs(&self) -> Result<trainer::SampleOutputs<'_>> {
        let from = &*self.split.validation;
        let count = from.count().min(self.training.evaluation_trials);
        let answers = classify(self.network, from, count, VALIDATION_KEY, self.training, self.seed, &|_| ())?;
        let classes = self.data_set.classes();
        let counts = confusion(classes.len(), from.labels(), &answers.predicted);
        Ok(trainer::SampleOutputs::Confusion { classes, counts })
    }
}

/// Confusion matrix of `classes` classes: row = true class, column = predicted class.
pub fn confusion(classes: usize, labels: &[u8], predicted: &[u8]) -> Vec<u64> {
    let mut counts = vec![0; classes * classes];
    for (label, predicted) in labels.iter().zip(predicted) {
        counts[usize::from(*label) * classes + usize::from(*predicted)] += 1;
    }
    counts
}

/// Input of these test examples, as in [`classify_test`].
///
/// # Errors
/// Values that no network accepts.
pub fn test_input(test: &dyn Examples, examples: Range<usize>, seed: u64, device: &Device) -> Result<Input> {
    let keys: Vec<u64> = examples.clone().map(|e| TEST_KEY + e as u64).collect();
    let presentation = Presentation { seed, keys: &keys, in_training: false };
    input(test, &examples.collect::<Vec<_>>(), &presentation, device)
}

/// Predictions of a network for some examples.
pub struct Predictions {
    /// Class with the largest output for each example.
    pub predicted: Vec<u8>,
    /// Mean loss.
    pub loss: f64,
}

/// Classifies the first `count` test examples.
///
/// # Errors
/// Errors of candle.
pub fn classify_test(
    network: &impl Network,
    test: &dyn Examples,
    count: usize,
    training: &TrainingConfig,
    seed: u64,
    done: &dyn Fn(usize),
) -> Result<Predictions> {
    classify(network, test, count, TEST_KEY, training, seed, done)
}

fn classify(
    network: &impl Network,
    from: &dyn Examples,
    count: usize,
    first_key: u64,
    training: &TrainingConfig,
    seed: u64,
    done: &dyn Fn(usize),
) -> Result<Predictions> {
    let (mut predicted, mut loss, device) = (Vec::with_capacity(count), 0.0, network.device());
    for start in (0..count).step_by(EVALUATION_BATCH) {
        let examples: Vec<usize> = (start..(start + EVALUATION_BATCH).min(count)).collect();
        let keys: Vec<u64> = examples.iter().map(|e| first_key + *e as u64).collect();
        let noise = NoiseKey { seed, purpose: Purpose::EvaluationNoise, index: noise_index(keys[0]) };
        let presentation = Presentation { seed, keys: &keys, in_training: false };
        let input = input(from, &examples, &presentation, &device)?;
        let outputs = network.example_outputs(&input, training.readout, noise)?;
        let batch_loss = class_loss(training.loss, &outputs, &labels(from, &examples, &device)?)?;
        loss += f64::from(batch_loss.to_scalar::<f32>()?) * examples.len() as f64;
        predicted.extend(outputs.argmax(1)?.to_vec1::<u32>()?.into_iter().map(|class| class as u8));
        done(examples.len());
    }
    Ok(Predictions { predicted, loss: loss / count as f64 })
}

/// Index of the noise for presentations from `key` onwards. It lacks the bit that marks test presentations, because a
/// noise index must leave one bit free. Validation keys have another bit, so no noise is repeated.
fn noise_index(key: u64) -> u64 {
    key & !TEST_KEY
}

/// Input of a batch of examples.
fn input(from: &dyn Examples, examples: &[usize], presentation: &Presentation, device: &Device) -> Result<Input> {
    let input = from.input(examples, presentation).map_err(candle_core::Error::wrap)?;
    Ok(match input {
        BatchInput::Intensities(intensities) => Input::Intensities(Arc::new(intensities)),
        BatchInput::Spikes(spikes) => Input::Spikes(Arc::new(spikes)),
        BatchInput::Signals(signals) => {
            let shape = (signals.steps, signals.examples, signals.channels);
            Input::Signals(Tensor::from_vec(signals.values, shape, device)?)
        }
    })
}

fn labels(from: &dyn Examples, examples: &[usize], device: &Device) -> Result<Tensor> {
    let all = from.labels();
    let labels: Vec<u32> = examples.iter().map(|e| u32::from(all[*e])).collect();
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
