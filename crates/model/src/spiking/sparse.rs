//! Products of input spikes with W_in, and their gradient.
//!
//! ```text
//! drive_t = Σ_{k: x_t[k] = 1} W_in[:, k]           forward:  a sum of columns for each step
//! Ŵ_in[:, k] += Σ_{t: x_t[k] = 1} Î_t              backward: a sum of steps for each channel
//! ```
//!
//! Nothing is multiplied, and channels that do not fire cost nothing. Spikes come as bits along time for each active channel
//! of a trial; the forward sum transposes blocks of 64 channels by 64 steps, so that both directions walk over set bits
//! and keep their sum in registers. One trial's rows stay in the first-level cache meanwhile.

use mdl_data::spikes::{STEPS_PER_WORD, TrialSpikes};
use mdl_kernels::dispatch::dispatch;
use mdl_kernels::lanes::Lanes;
use mdl_kernels::real::Real;
use mdl_kernels::with_const;

/// Lane groups whose sums are kept in registers at a time: as many as the sixteen registers of the smaller vector units hold.
const WIDTH: usize = 7;

/// The lane groups in runs of at most [`WIDTH`]: the first group of each run, and its length.
#[inline(always)]
fn runs(groups: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = groups.div_ceil(WIDTH);
    let bound = move |run: usize| run * groups / count;
    (0..count).map(
        #[inline(always)]
        move |run| (bound(run), bound(run + 1) - bound(run)),
    )
}

/// The drives of one trial in the 64 steps of `word`: `rows` `[64][groups]`, from the `columns` `[K][groups]` of W_in.
pub(super) fn drive<R: Real>(
    trial: TrialSpikes,
    words: usize,
    word: usize,
    columns: &[Lanes<R>],
    groups: usize,
    rows: &mut [Lanes<R>],
) {
    rows.fill(Lanes::zero());
    for (channels, raster) in trial.active.chunks(STEPS_PER_WORD).zip(trial.raster.chunks(STEPS_PER_WORD * words)) {
        let mut bits = [0u64; STEPS_PER_WORD];
        for (bits, raster) in bits.iter_mut().zip(raster.chunks_exact(words)) {
            *bits = raster[word];
        }
        transpose_bits(&mut bits);
        dispatch(
            #[inline(always)]
            || {
                for (start, width) in runs(groups) {
                    with_const!(width, W in [1, 2, 3, 4, 5, 6, 7] => {
                        add_columns::<R, W>(channels, &bits, columns, groups, start, rows)
                    });
                }
            },
        );
    }
}

/// `rows[t][start..start + W] += Σ columns[channel][start..start + W]` over the channels whose bit is set in `bits[t]`.
#[inline(always)]
fn add_columns<R: Real, const W: usize>(
    channels: &[u32],
    bits: &[u64; STEPS_PER_WORD],
    columns: &[Lanes<R>],
    groups: usize,
    start: usize,
    rows: &mut [Lanes<R>],
) {
    for (row, bits) in rows.chunks_exact_mut(groups).zip(bits) {
        let mut sums = [Lanes::zero(); W];
        for channel in ones(*bits) {
            let column = &columns[channels[channel] as usize * groups + start..][..W];
            for i in 0..W {
                sums[i] += column[i];
            }
        }
        let row = &mut row[start..start + W];
        for i in 0..W {
            row[i] += sums[i];
        }
    }
}

/// The gradient of the columns of W_in from one trial's 64 steps of `word`: `rows` `[64][groups]` are the gradients of the
/// drives.
pub(super) fn accumulate<R: Real>(
    trial: TrialSpikes,
    words: usize,
    word: usize,
    rows: &[Lanes<R>],
    groups: usize,
    gradient: &mut [Lanes<R>],
) {
    dispatch(
        #[inline(always)]
        || {
            for (start, width) in runs(groups) {
                with_const!(width, W in [1, 2, 3, 4, 5, 6, 7] => {
                    add_steps::<R, W>(trial, words, word, rows, groups, start, gradient)
                });
            }
        },
    );
}

#[inline(always)]
fn add_steps<R: Real, const W: usize>(
    trial: TrialSpikes,
    words: usize,
    word: usize,
    rows: &[Lanes<R>],
    groups: usize,
    start: usize,
    gradient: &mut [Lanes<R>],
) {
    for (channel, raster) in trial.active.iter().zip(trial.raster.chunks_exact(words)) {
        let mut sums = [Lanes::zero(); W];
        for t in ones(raster[word]) {
            let row = &rows[t * groups + start..][..W];
            for i in 0..W {
                sums[i] += row[i];
            }
        }
        let column = &mut gradient[*channel as usize * groups + start..][..W];
        for i in 0..W {
            column[i] += sums[i];
        }
    }
}

/// Positions of the bits that are set, ascending.
#[inline(always)]
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(
        #[inline(always)]
        move || {
            if bits == 0 {
                return None;
            }
            let position = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            Some(position)
        },
    )
}

/// Transposes 64 × 64 bits: bit j of word i becomes bit i of word j (Warren, *Hacker's Delight*, section 7-3).
fn transpose_bits(bits: &mut [u64; 64]) {
    let mut half = 32;
    let mut mask = u64::MAX >> 32;
    while half > 0 {
        let mut i = 0;
        while i < 64 {
            let swapped = (bits[i] >> half ^ bits[i + half]) & mask;
            bits[i] ^= swapped << half;
            bits[i + half] ^= swapped;
            i = (i + half + 1) & !half;
        }
        half /= 2;
        mask ^= mask << half;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdl_data::spikes::SpikeInput;

    #[test]
    fn transposing_exchanges_rows_and_columns() {
        let bits: [u64; 64] = std::array::from_fn(|i| (i as u64 + 3).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut turned = bits;
        transpose_bits(&mut turned);
        for i in 0..64 {
            for j in 0..64 {
                assert_eq!(bits[i] >> j & 1, turned[j] >> i & 1, "{i} {j}");
            }
        }
    }

    /// Both products against sums over the dense spikes, for lane groups that fill one and several register blocks.
    #[test]
    fn products_are_those_of_dense_spikes() {
        let (steps, trials, channels) = (100, 2, 150);
        let dense: Vec<f32> = (0..steps * trials * channels).map(|i| f32::from(u8::from(i * i % 7 == 3))).collect();
        let spikes = SpikeInput::from_dense(steps, trials, channels, &dense).unwrap();
        for groups in [1, 3, 7, 8, 13] {
            let value = |i: usize| Lanes::splat(((i * 37 % 101) as f64) / 7.0);
            let columns: Vec<Lanes<f64>> = (0..channels * groups).map(value).collect();
            let gradients: Vec<Lanes<f64>> = (0..128 * groups).map(|i| value(i + 5)).collect();
            let mut by_channel = vec![Lanes::zero(); channels * groups];
            for word in 0..2 {
                let mut rows = vec![Lanes::splat(9.0); 64 * groups];
                drive(spikes.trial(1), 2, word, &columns, groups, &mut rows);
                for t in 64 * word..steps.min(64 * (word + 1)) {
                    for i in 0..groups {
                        let fires = |k: &usize| dense[(t * trials + 1) * channels + k] > 0.0;
                        let sum: f64 = (0..channels).filter(fires).map(|k| columns[k * groups + i].0[0]).sum();
                        assert!((rows[(t - 64 * word) * groups + i].0[2] - sum).abs() < 1e-9);
                    }
                }
                accumulate(spikes.trial(1), 2, word, &gradients[64 * word * groups..], groups, &mut by_channel);
            }
            for k in 0..channels {
                for i in 0..groups {
                    let fires = |t: &usize| dense[(t * trials + 1) * channels + k] > 0.0;
                    let sum: f64 = (0..steps).filter(fires).map(|t| gradients[t * groups + i].0[0]).sum();
                    assert!((by_channel[k * groups + i].0[1] - sum).abs() < 1e-9);
                }
            }
        }
    }
}
