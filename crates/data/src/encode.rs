//! Spike encoding of intensities: one Bernoulli draw per step.
//!
//! ```text
//! P(x_t[k] = 1) = p[k]        t = 0 … T−1, independent
//! ```
//!
//! The probability is rounded to a multiple of 2⁻¹⁶, an error of at most 7.7e-6; 8-bit pixels differ by 3.9e-3. With p
//! = 0.b₁b₂…b₁₆ in binary, 64 draws take 16 operations on 64 random bits each (`w_i`), from the last digit to the
//! first:
//!
//! ```text
//! x ← 0;   x ← b_i ? (x or w_i) : (x and w_i)      P(x) ← (b_i + P(x)) / 2
//! ```
//!
//! Random bits are only used for channels with 0 < p < 1, so black pixels cost nothing. Source: the digit task of arXiv
//! 2310.14621.

use crate::spikes::{STEPS_PER_WORD, SpikeInput, TrialParts};
use mdl_kernels::random::{Purpose, fill_words};
use rayon::prelude::*;

/// Binary digits of a probability.
const DIGITS: usize = 16;
/// Number of 32-bit random words for the spikes of one channel in 64 steps.
const WORDS_PER_64_STEPS: usize = 2 * DIGITS;

/// An intensity that is not a probability.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("intensity of channel {channel} in trial {trial} is {found}, not a number from 0 to 1")]
pub struct EncodeError {
    trial: usize,
    channel: usize,
    found: f32,
}

/// Bernoulli spikes of a batch: `intensities` `[B, K]` in [0, 1], over `steps` steps.
///
/// The spikes of trial b are a function of `seed`, `keys[b]` and its intensities. Give each presentation of an example
/// its own key (from example and epoch, or a running count).
///
/// # Errors
/// An intensity outside [0, 1], or NaN.
///
/// # Panics
/// If `intensities` does not have `channels` values per key.
pub fn bernoulli(
    intensities: &[f32],
    channels: usize,
    steps: usize,
    seed: u64,
    keys: &[u64],
) -> Result<SpikeInput, EncodeError> {
    check(intensities, channels, keys)?;
    Ok(draw(intensities, channels, steps, seed, keys))
}

/// Intensities of a batch, whose spikes are drawn on the device that needs them, the CPU or a GPU.
#[derive(Clone, Debug)]
pub struct Intensities {
    values: Vec<f32>,
    channels: usize,
    steps: usize,
    seed: u64,
    keys: Vec<u64>,
}

impl Intensities {
    /// Intensities `[B, K]` in [0, 1], over `steps` steps; the other arguments are those of [`bernoulli`].
    ///
    /// # Errors
    /// As for [`bernoulli`].
    ///
    /// # Panics
    /// As for [`bernoulli`].
    pub fn new(
        values: Vec<f32>,
        channels: usize,
        steps: usize,
        seed: u64,
        keys: Vec<u64>,
    ) -> Result<Self, EncodeError> {
        check(&values, channels, &keys)?;
        Ok(Self { values, channels, steps, seed, keys })
    }

    /// The spikes.
    pub fn draw(&self) -> SpikeInput {
        draw(&self.values, self.channels, self.steps, self.seed, &self.keys)
    }

    /// Number of time steps T.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Number of trials B.
    pub fn trials(&self) -> usize {
        self.keys.len()
    }

    /// Number of channels K.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Seed of the draws.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Key of trial `b`, and, for each channel that may spike, its number and the probability in units of 2⁻¹⁶.
    pub fn trial(&self, b: usize) -> (u64, Vec<(u32, u32)>) {
        (self.keys[b], probabilities(&self.values[b * self.channels..(b + 1) * self.channels]))
    }
}

fn check(intensities: &[f32], channels: usize, keys: &[u64]) -> Result<(), EncodeError> {
    assert_eq!(intensities.len(), channels * keys.len(), "one row of intensities a key");
    match intensities.iter().position(|p| !(0.0..=1.0).contains(p)) {
        Some(at) => Err(EncodeError { trial: at / channels, channel: at % channels, found: intensities[at] }),
        None => Ok(()),
    }
}

fn draw(intensities: &[f32], channels: usize, steps: usize, seed: u64, keys: &[u64]) -> SpikeInput {
    let trial = |b: usize| encode_trial(&intensities[b * channels..(b + 1) * channels], steps, seed, keys[b]);
    let trials: Vec<TrialParts> = (0..keys.len()).into_par_iter().map(trial).collect();
    SpikeInput::from_trials(steps, channels, &trials)
}

/// Channels that may spike, and their probabilities in units of 2⁻¹⁶.
fn probabilities(intensities: &[f32]) -> Vec<(u32, u32)> {
    intensities
        .iter()
        .enumerate()
        .map(|(k, p)| (k as u32, (p * (1u32 << DIGITS) as f32).round() as u32))
        .filter(|(_, p)| *p > 0)
        .collect()
}

/// Spikes of one trial; channels without a spike are left out.
fn encode_trial(intensities: &[f32], steps: usize, seed: u64, key: u64) -> TrialParts {
    let probabilities = probabilities(intensities);
    let words = steps.div_ceil(STEPS_PER_WORD);
    let drawn = probabilities.iter().filter(|(_, p)| *p < 1 << DIGITS).count();
    let mut random = vec![0u32; drawn * words * WORDS_PER_64_STEPS];
    fill_words(seed, Purpose::Encoding, key, 0, &mut random);

    let mut random = random.chunks_exact(WORDS_PER_64_STEPS);
    let (mut active, mut raster) = (Vec::with_capacity(probabilities.len()), Vec::new());
    for (channel, probability) in probabilities {
        let start = raster.len();
        for word in 0..words {
            let all = u64::MAX >> (STEPS_PER_WORD - (steps - word * STEPS_PER_WORD).min(STEPS_PER_WORD));
            let spikes = if probability < 1 << DIGITS {
                draw_64(probability, random.next().expect("random words for each channel that is drawn"))
            } else {
                u64::MAX
            };
            raster.push(spikes & all);
        }
        if raster[start..].iter().any(|word| *word != 0) {
            active.push(channel);
        } else {
            raster.truncate(start);
        }
    }
    (active, raster)
}

/// 64 Bernoulli draws with probability `p` / 2¹⁶, `p` < 2¹⁶.
fn draw_64(p: u32, random: &[u32]) -> u64 {
    let mut x = 0u64;
    for (digit, pair) in random.chunks_exact(2).enumerate() {
        let w = u64::from(pair[0]) << 32 | u64::from(pair[1]);
        let b = u64::from(p >> digit & 1).wrapping_neg();
        // x or w if the digit is 1, x and w if it is 0: the majority of the three.
        x = (x & w) | (b & (x | w));
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_the_intensities() {
        let (channels, trials, steps) = (9, 40, 1000);
        let p = [0.0f32, 1.0, 0.5, 1.0 / 255.0, 0.1, 0.3, 0.75, 254.0 / 255.0, 0.999];
        let intensities: Vec<f32> = (0..trials).flat_map(|_| p).collect();
        let keys: Vec<u64> = (0..trials as u64).collect();
        let dense = bernoulli(&intensities, channels, steps, 5, &keys).unwrap().to_dense();
        let n = (trials * steps) as f64;
        for k in 0..channels {
            let count: f64 = dense.iter().skip(k).step_by(channels).map(|x| f64::from(*x)).sum();
            let p = f64::from(p[k]);
            assert!((count - n * p).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt(), "channel {k}: {count} of {n} for {p}");
        }
    }

    #[test]
    fn steps_and_channels_are_independent() {
        let (channels, steps) = (20, 20_000);
        let dense = bernoulli(&[0.3; 20], channels, steps, 1, &[0]).unwrap().to_dense();
        let correlation = |lag: usize| {
            let pairs = dense.len() - lag;
            dense[lag..].iter().zip(&dense).map(|(a, b)| f64::from((a - 0.3) * (b - 0.3))).sum::<f64>() / pairs as f64
        };
        for lag in [1, 2, 19, 20, 21, 40, 64 * 20, 1280 + 1] {
            assert!(
                correlation(lag).abs() < 5.0 * 0.21 / (dense.len() as f64).sqrt(),
                "lag {lag}: {}",
                correlation(lag)
            );
        }
    }

    #[test]
    fn a_trial_depends_on_its_key_and_intensities_alone() {
        let row: Vec<f32> = (0..50).map(|k| if k % 3 == 0 { 0.0 } else { k as f32 / 50.0 }).collect();
        let two = bernoulli(&[row.clone(), row.clone()].concat(), 50, 70, 9, &[4, 11]).unwrap();
        let one = bernoulli(&row, 50, 70, 9, &[11]).unwrap();
        assert_eq!((two.trial(1).active, two.trial(1).raster), (one.trial(0).active, one.trial(0).raster));
        assert_ne!(two.trial(0).raster, two.trial(1).raster);
        assert!(one.trial(0).active.iter().all(|k| k % 3 != 0));
        assert!(one.trial(0).raster.chunks_exact(2).all(|bits| bits[1] < 1 << 6), "steps beyond the trial fire");
    }

    #[test]
    fn an_intensity_outside_0_to_1_is_refused() {
        let error = bernoulli(&[0.0, 0.5, 1.5, 0.0], 2, 10, 0, &[0, 1]).unwrap_err();
        assert_eq!(error.to_string(), "intensity of channel 0 in trial 1 is 1.5, not a number from 0 to 1");
        assert!(bernoulli(&[f32::NAN], 1, 10, 0, &[0]).is_err());
    }
}
