//! Examples of events, as shown to a network: binned in time and channels.

use super::augment::Augmentation;
use super::store::{Events, TICKS_PER_STEP};
use crate::error::DataError;
use crate::files::Source;
use crate::spikes::{STEPS_PER_WORD, SpikeInput, TrialParts};
use crate::tasks::{BatchInput, Examples, Presentation};
use rayon::prelude::*;
use std::sync::Arc;

/// Examples of events with their presentation.
pub struct Shown<A> {
    /// The examples.
    pub events: Events,
    /// Number of time steps T.
    pub steps: usize,
    /// Number of channels K.
    pub channels: usize,
    /// Channel of each unit of the recording.
    pub channel_of: Arc<[u16]>,
    /// Changes of training examples.
    pub augmentation: A,
}

impl<A: Augmentation> Shown<A> {
    fn trial(&self, example: usize, presentation: &Presentation, key: u64) -> TrialParts {
        let mut trial = Trial::new(self.steps, self.channels);
        if !presentation.in_training || self.augmentation.is_none() {
            for (unit, tick) in self.events.example(example) {
                trial.add(self.channel_of[usize::from(unit)], usize::from(tick) / TICKS_PER_STEP as usize);
            }
            return trial.into_parts();
        }
        let mut change = self.augmentation.draw(presentation.seed, key);
        for (unit, tick) in self.events.example(example) {
            if let Some(channel) = change.unit(unit).and_then(|unit| self.channel_of.get(unit)) {
                trial.add(*channel, change.step(tick));
            }
        }
        trial.into_parts()
    }
}

impl<A: Augmentation> Examples for Shown<A> {
    fn labels(&self) -> &[u8] {
        &self.events.labels
    }

    fn sources(&self) -> &[Source] {
        &self.events.sources
    }

    fn input(&self, examples: &[usize], presentation: &Presentation) -> Result<BatchInput, DataError> {
        let trial = |(example, key): (&usize, &u64)| self.trial(*example, presentation, *key);
        let trials: Vec<TrialParts> = examples.par_iter().zip(presentation.keys).map(trial).collect();
        Ok(BatchInput::Spikes(SpikeInput::from_trials(self.steps, self.channels, &trials)))
    }
}

/// Spikes of one trial, as bits.
struct Trial {
    steps: usize,
    words: usize,
    raster: Vec<u64>,
}

impl Trial {
    fn new(steps: usize, channels: usize) -> Self {
        let words = steps.div_ceil(STEPS_PER_WORD);
        Self { steps, words, raster: vec![0; channels * words] }
    }

    /// Adds a spike, unless it is after the trial.
    fn add(&mut self, channel: u16, step: usize) {
        if step < self.steps {
            self.raster[usize::from(channel) * self.words + step / STEPS_PER_WORD] |= 1 << (step % STEPS_PER_WORD);
        }
    }

    /// The channels that spike, with their bits.
    fn into_parts(mut self) -> TrialParts {
        let (words, mut active) = (self.words, Vec::new());
        for channel in 0..self.raster.len() / words {
            let bits = channel * words..(channel + 1) * words;
            if self.raster[bits.clone()].iter().any(|word| *word != 0) {
                self.raster.copy_within(bits, active.len() * words);
                active.push(channel as u32);
            }
        }
        self.raster.truncate(active.len() * words);
        (active, self.raster)
    }
}

#[cfg(test)]
mod tests {
    use super::super::augment::SpeechAugmentation;
    use super::*;

    fn dense(shown: &Shown<SpeechAugmentation>, in_training: bool, keys: &[u64]) -> Vec<f32> {
        let presentation = Presentation { seed: 1, keys, in_training };
        match shown.input(&vec![0; keys.len()], &presentation).unwrap() {
            BatchInput::Spikes(spikes) => spikes.to_dense(),
            other => panic!("{other:?}"),
        }
    }

    fn shown(augmentation: SpeechAugmentation) -> Shown<SpeechAugmentation> {
        let mut events = Events::new();
        // Steps 0, 65 and 69 of 70, and one after the trial.
        events.push(0, &mut vec![(0, 3), (1, 4), (5, 65 * 16), (2, 69 * 16 + 15), (3, 70 * 16)]);
        Shown { events, steps: 70, channels: 3, channel_of: [0, 0, 1, 1, 2, 2].into(), augmentation }
    }

    #[test]
    fn events_are_binned_in_time_and_channels() {
        let found = dense(&shown(SpeechAugmentation::default()), true, &[0]);
        let spikes: Vec<usize> = (0..found.len()).filter(|i| found[*i] == 1.0).collect();
        assert_eq!(spikes, [0, 65 * 3 + 2, 69 * 3 + 1]);
    }

    #[test]
    fn only_training_examples_are_changed_and_nothing_leaves_the_trial() {
        let shown = shown(SpeechAugmentation { shift_units: 2, jitter_units: 1.0, stretch: 0.5 });
        assert_eq!(dense(&shown, false, &[0]), dense(&shown, false, &[1]));
        let keys: Vec<u64> = (0..50).collect();
        let together = dense(&shown, true, &keys);
        assert_ne!(dense(&shown, true, &[0]), dense(&shown, true, &[1]));
        for (b, key) in keys.iter().enumerate() {
            let alone = dense(&shown, true, &[*key]);
            let row = |t: usize| &together[(t * keys.len() + b) * 3..][..3];
            assert!((0..70).all(|t| row(t) == &alone[t * 3..][..3]), "{key}");
        }
    }
}
