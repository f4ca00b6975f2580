//! Input spike trains of a batch of trials, stored as bits.
//!
//! The image of a digit drives a network through K = 784 channels, of which some 150 ever spike. A batch is therefore
//! stored as the list of channels that spike in each trial, with one bit per time step for each of them: 0.5 MB for 256
//! digits of 50 steps. The same spikes as `f32` in `[T, B, K]` take 40 MB.

/// Number of steps whose bits share one word of a [`SpikeInput`].
pub const STEPS_PER_WORD: usize = u64::BITS as usize;

/// The input spikes of a batch: B trials of T steps over K channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpikeInput {
    steps: usize,
    channels: usize,
    /// Trial b owns the entries `starts[b]..starts[b + 1]` of `active`.
    starts: Vec<usize>,
    active: Vec<u32>,
    /// `words` words for each entry of `active`.
    raster: Vec<u64>,
}

/// The spikes of one trial.
#[derive(Clone, Copy, Debug)]
pub struct TrialSpikes<'a> {
    /// Channels that spike at least once, ascending.
    pub active: &'a [u32],
    /// For each of them `ceil(T / 64)` words: bit `t % 64` of word `t / 64` is the spike of step t.
    pub raster: &'a [u64],
}

/// Spikes of one trial before they join a batch: active channels and their bits.
pub(crate) type TrialParts = (Vec<u32>, Vec<u64>);

impl SpikeInput {
    /// Combines trials that were built one by one into a batch.
    pub(crate) fn from_trials(steps: usize, channels: usize, trials: &[TrialParts]) -> Self {
        let count = trials.iter().map(|(active, _)| active.len()).sum();
        let mut batch = Self {
            steps,
            channels,
            starts: Vec::with_capacity(trials.len() + 1),
            active: Vec::with_capacity(count),
            raster: Vec::with_capacity(count * steps.div_ceil(STEPS_PER_WORD)),
        };
        batch.starts.push(0);
        for (active, raster) in trials {
            batch.active.extend_from_slice(active);
            batch.raster.extend_from_slice(raster);
            batch.starts.push(batch.active.len());
        }
        batch
    }

    /// The spikes of `values`, row-major `[T, B, K]`: a spike wherever a value is above 0.
    ///
    /// # Errors
    /// `values` of another length than `steps · trials · channels`.
    pub fn from_dense(steps: usize, trials: usize, channels: usize, values: &[f32]) -> Result<Self, SpikeInputError> {
        if values.len() != steps * trials * channels {
            return Err(SpikeInputError { found: values.len(), steps, trials, channels });
        }
        let words = steps.div_ceil(STEPS_PER_WORD);
        let trial = |b: usize| {
            let (mut active, mut raster) = (Vec::new(), Vec::new());
            for k in 0..channels {
                let mut bits = vec![0u64; words];
                for t in (0..steps).filter(|t| values[(t * trials + b) * channels + k] > 0.0) {
                    bits[t / STEPS_PER_WORD] |= 1 << (t % STEPS_PER_WORD);
                }
                if bits.iter().any(|word| *word != 0) {
                    active.push(k as u32);
                    raster.extend_from_slice(&bits);
                }
            }
            (active, raster)
        };
        Ok(Self::from_trials(steps, channels, &(0..trials).map(trial).collect::<Vec<_>>()))
    }

    /// The same spikes as zeros and ones, row-major `[T, B, K]`.
    pub fn to_dense(&self) -> Vec<f32> {
        let (trials, words) = (self.trials(), self.words());
        let mut values = vec![0f32; self.steps * trials * self.channels];
        for b in 0..trials {
            let trial = self.trial(b);
            for (k, bits) in trial.active.iter().zip(trial.raster.chunks_exact(words)) {
                for t in (0..self.steps).filter(|t| bits[t / STEPS_PER_WORD] >> (t % STEPS_PER_WORD) & 1 == 1) {
                    values[(t * trials + b) * self.channels + *k as usize] = 1.0;
                }
            }
        }
        values
    }

    /// Number of time steps T.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Number of trials B.
    pub fn trials(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of channels K, silent ones included.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Words per channel and trial: `ceil(T / 64)`.
    pub fn words(&self) -> usize {
        self.steps.div_ceil(STEPS_PER_WORD)
    }

    /// Number of spikes in the whole batch.
    pub fn count(&self) -> usize {
        self.raster.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The spikes of trial `b` (panics if `b` is not below [`SpikeInput::trials`]).
    pub fn trial(&self, b: usize) -> TrialSpikes<'_> {
        let (start, end) = (self.starts[b], self.starts[b + 1]);
        let words = self.words();
        TrialSpikes { active: &self.active[start..end], raster: &self.raster[start * words..end * words] }
    }
}

/// Values that do not match the size of a batch.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{found} values cannot be the spikes of {steps} steps, {trials} trials and {channels} channels")]
pub struct SpikeInputError {
    found: usize,
    steps: usize,
    trials: usize,
    channels: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_spikes_survive_the_round_trip() {
        let (t, b, k) = (130, 3, 7);
        let dense: Vec<f32> = (0..t * b * k).map(|i| f32::from(u8::from((i * i + i / 3) % 5 == 0))).collect();
        let spikes = SpikeInput::from_dense(t, b, k, &dense).unwrap();
        assert_eq!((spikes.steps(), spikes.trials(), spikes.channels(), spikes.words()), (t, b, k, 3));
        assert_eq!(spikes.count(), dense.iter().filter(|x| **x > 0.0).count());
        assert_eq!(spikes.to_dense(), dense);
    }

    #[test]
    fn silent_channels_are_left_out() {
        let mut dense = vec![0f32; 4 * 2 * 3];
        dense[(2 * 2 + 1) * 3 + 2] = 1.0;
        let spikes = SpikeInput::from_dense(4, 2, 3, &dense).unwrap();
        assert!(spikes.trial(0).active.is_empty());
        assert_eq!((spikes.trial(1).active, spikes.trial(1).raster), (&[2u32][..], &[4u64][..]));
    }

    #[test]
    fn values_of_a_wrong_length_are_refused() {
        let error = SpikeInput::from_dense(4, 2, 3, &[0.0; 23]).unwrap_err();
        assert!(error.to_string().starts_with("23 values"), "{error}");
    }
}
