//! Random numbers as a function of (seed, purpose, index).
//!
//! Every stream is Philox4x32-10 (Salmon, Moraes, Dror & Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011):
//!
//! ```text
//! key     = seed (64 bit)
//! counter = (block, index low, index high, purpose)       one block yields four 32-bit words
//! ```
//!
//! A stream has no state except its position, so its numbers are the same on any number of threads, in any order and on
//! any machine. The elementary functions below are polynomials in plain `f32` arithmetic, never fused, and give the
//! same bits on every CPU, whatever vector unit the compiler uses for them. [`UnitNoise`] draws the noise of a network's
//! units in the order in which it is used.

use crate::of_width;
use std::f32::consts::{LN_2, SQRT_2};

/// Purpose of a stream. Different purposes never share a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial parameters of a network.
    Initialisation = 1,
    /// Trials and batches a network is trained on.
    TrainingTrial = 2,
    /// Noise of a rate network during training.
    TrainingNoise = 3,
    /// Trials of evaluations during training.
    ValidationTrial = 4,
    /// Noise of a rate network in evaluations during training.
    ValidationNoise = 5,
    /// Trials of the search for the scaling factor.
    SearchTrial = 6,
    /// Membrane noise of a LIF network.
    LifNoise = 7,
    /// Initial membrane potentials of a LIF network.
    LifInitialPotential = 8,
    /// Trials on which a finished network is evaluated.
    EvaluationTrial = 9,
    /// Trials written by `make-trials`.
    WrittenTrial = 10,
    /// Random draws of an artificial stimulation.
    Stimulation = 11,
    /// Order of the training examples of a data set.
    Shuffle = 12,
    /// Bernoulli encoding of intensities as spikes.
    Encoding = 13,
    /// Noise of a rate network in the final evaluation.
    EvaluationNoise = 14,
    /// Augmentation of training images.
    Augmentation = 15,
    /// Fluctuations of a LIF network in mean field.
    MeanFieldNoise = 16,
    /// Example trials of a task, one per condition.
    ExampleTrial = 17,
    /// Noise of a rate network in a calibration.
    CalibrationNoise = 18,
    /// Starts and permutations of analyses.
    Analysis = 19,
}

/// Number of sets of `LANES` blocks whose words are drawn before they are converted to numbers.
const AHEAD: usize = 8;
/// Number of blocks computed together: one vector register of 32-bit lanes on the widest CPUs.
const LANES: usize = 16;
const MULTIPLIER: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Philox4x32-10 of `LANES` counters that differ in their first word: `word[w][lane]`.
/// Words are in 64-bit lanes whose upper halves contain leftovers of the products. The widening multiplication of every
/// vector unit reads only the lower halves, so a round is two products, two shifts and four exclusive-ors.
#[inline(always)]
fn philox(first: [u32; LANES], rest: [u32; 3], mut key: [u32; 2]) -> [[u32; LANES]; 4] {
    const LOW: u64 = u32::MAX as u64;
    let mut c0 = first.map(u64::from);
    let [mut c1, mut c2, mut c3] = rest.map(|word| [u64::from(word); LANES]);
    for _ in 0..ROUNDS {
        let [k0, k1] = key.map(u64::from);
        for l in 0..LANES {
            let p0 = (c0[l] & LOW) * MULTIPLIER[0];
            let p1 = (c2[l] & LOW) * MULTIPLIER[1];
            c0[l] = (p1 >> 32) ^ c1[l] ^ k0;
            c2[l] = (p0 >> 32) ^ c3[l] ^ k1;
            c1[l] = p1;
            c3[l] = p0;
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    let mut words = [[0; LANES]; 4];
    for (word, c) in words.iter_mut().zip([&c0, &c1, &c2, &c3]) {
        for l in 0..LANES {
            word[l] = c[l] as u32;
        }
    }
    words
}

/// Natural logarithm of a positive normal `f32`, relative error below 2e-7 (absolute near 1).
#[inline(always)]
fn ln(x: f32) -> f32 {
    // x = m 2^e with m in [√½, √2); ln m = 2 artanh((m−1)/(m+1)).
    let bits = x.to_bits();
    let shifted = bits.wrapping_sub((SQRT_2 * 0.5).to_bits());
    let exponent = (shifted as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((exponent as u32) << 23));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = 2.0 + z * (2.0 / 3.0 + z * (0.4 + z * (2.0 / 7.0 + z * (2.0 / 9.0))));
    s * series + exponent as f32 * LN_2
}

/// Sine and cosine of 2π · angle/2³², absolute error below 2e-7.
#[inline(always)]
fn sin_cos_turn(angle: u32) -> (f32, f32) {
    // Nearest quarter turn and the remainder, within ± 1/8 turn; series in the remainder.
    const RADIANS: f32 = (std::f64::consts::TAU / 4_294_967_296.0) as f32;
    let quarter = angle.wrapping_add(1 << 29) >> 30;
    let a = angle.wrapping_sub(quarter << 30) as i32 as f32 * RADIANS;
    let z = a * a;
    let sin = a * (1.0 + z * (-1.0 / 6.0 + z * (1.0 / 120.0 + z * (-1.0 / 5040.0 + z * (1.0 / 362_880.0)))));
    let cos = 1.0 + z * (-0.5 + z * (1.0 / 24.0 + z * (-1.0 / 720.0 + z * (1.0 / 40_320.0))));
    let (s, c) = if quarter & 1 == 1 { (cos, sin) } else { (sin, cos) };
    let flip = |x: f32, negative: u32| f32::from_bits(x.to_bits() ^ (negative & 2) << 30);
    (flip(s, quarter), flip(c, quarter + 1))
}

/// Uniform number in (0, 1]: 31 random bits, rounded to the nearest `f32`.
#[inline(always)]
fn unit_f32(word: u32) -> f32 {
    ((word >> 1) as i32 as f32 + 0.5) * (1.0 / 2_147_483_648.0)
}

/// Uniform number in [0, 1) with 53 random bits.
#[inline(always)]
fn unit_f64(high: u32, low: u32) -> f64 {
    let bits = (u64::from(high) << 32 | u64::from(low)) >> 11;
    bits as f64 * (1.0 / (1u64 << 53) as f64)
}

/// The words of `LANES` blocks, block by block.
#[inline(always)]
fn interleave(words: &[[u32; LANES]; 4], out: &mut [u32]) {
    for (l, block) in out.chunks_exact_mut(4).enumerate() {
        for (word, lanes) in block.iter_mut().zip(words) {
            *word = lanes[l];
        }
    }
}

/// Two independent standard normal numbers times `sd` (Box & Muller 1958).
#[inline(always)]
fn normal_pair(radius: u32, angle: u32, sd: f32) -> (f32, f32) {
    let r = (-2.0 * ln(unit_f32(radius))).sqrt() * sd;
    let (s, c) = sin_cos_turn(angle);
    (r * c, r * s)
}

/// A stream of random numbers: the numbers of one (seed, purpose, index), from the first onwards.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    rest: [u32; 3],
    /// Next word to return, counted from the start of the stream.
    position: u64,
    buffer: [u32; 4 * LANES],
}

impl Stream {
    /// Stream of `index` (a trial, an update, an epoch …) for `purpose` with `seed`.
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            rest: [index as u32, (index >> 32) as u32, purpose as u32],
            position: 0,
            buffer: [0; 4 * LANES],
        }
    }

    /// Words of the `LANES` blocks from `block` onwards, block by block.
    #[inline(always)]
    fn words(&self, block: u32) -> [[u32; LANES]; 4] {
        let first = std::array::from_fn(|l| block.wrapping_add(l as u32));
        philox(first, self.rest, self.key)
    }

    /// The next 32 random bits.
    #[inline(always)]
    pub fn next_u32(&mut self) -> u32 {
        let at = (self.position % (4 * LANES as u64)) as usize;
        if at == 0 {
            let words = self.words((self.position / 4) as u32);
            interleave(&words, &mut self.buffer);
        }
        self.position += 1;
        self.buffer[at]
    }

    /// A uniform number in [0, 1) with 53 random bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        let high = self.next_u32();
        unit_f64(high, self.next_u32())
    }

    /// A uniform integer in `0..n` (`n` > 0), by rejection, without bias.
    pub fn below(&mut self, n: u32) -> u32 {
        let limit = u32::MAX - (u32::MAX % n + 1) % n;
        loop {
            let word = self.next_u32();
            if word <= limit {
                return word % n;
            }
        }
    }

    /// A standard normal number. Use [`Stream::normals`] or [`fill_normal`] to draw many.
    #[inline]
    pub fn normal(&mut self) -> f32 {
        let radius = self.next_u32();
        normal_pair(radius, self.next_u32(), 1.0).0
    }

    /// Fills `out` with standard normal numbers, the same as [`Stream::normal`] gives one by one.
    pub fn normals(&mut self, out: &mut [f32]) {
        crate::dispatch::dispatch(
            #[inline(always)]
            || {
                self.pairs(out, |radius, angle| normal_pair(radius, angle, 1.0).0);
            },
        );
    }

    /// Fills `out` with uniform numbers in [0, 1), the same as [`Stream::uniform`] gives one by one.
    pub fn uniforms(&mut self, out: &mut [f64]) {
        crate::dispatch::dispatch(
            #[inline(always)]
            || self.pairs(out, unit_f64),
        );
    }

    /// Fills `out` with numbers that are each made of the next two words.
    #[inline(always)]
    fn pairs<T: Copy + Default>(&mut self, out: &mut [T], number: impl Fn(u32, u32) -> T) {
        for chunk in out.chunks_mut(AHEAD * 2 * LANES) {
            // Words first, numbers afterwards, as in `fill_normal`.
            let mut words = [[0; 2]; AHEAD * 2 * LANES];
            let words = &mut words[..chunk.len()];
            self.fill(words.as_flattened_mut());
            for (words, numbers) in words.chunks(LANES).zip(chunk.chunks_mut(LANES)) {
                let mut together = [T::default(); LANES];
                if let Some(words) = words.first_chunk::<LANES>() {
                    for l in 0..LANES {
                        together[l] = number(words[l][0], words[l][1]);
                    }
                    numbers.copy_from_slice(&together);
                } else {
                    for (to, [first, second]) in numbers.iter_mut().zip(words) {
                        *to = number(*first, *second);
                    }
                }
            }
        }
    }

    /// Fills `out` with the next words, the same as [`Stream::next_u32`] gives one by one.
    #[inline(always)]
    fn fill(&mut self, out: &mut [u32]) {
        let at = (self.position % (4 * LANES as u64)) as usize;
        let buffered = if at == 0 { 0 } else { (4 * LANES - at).min(out.len()) };
        let (begun, rest) = out.split_at_mut(buffered);
        begun.copy_from_slice(&self.buffer[at..at + buffered]);
        self.position += buffered as u64;
        let mut whole = rest.chunks_exact_mut(4 * LANES);
        for chunk in &mut whole {
            interleave(&self.words((self.position / 4) as u32), chunk);
            self.position += 4 * LANES as u64;
        }
        for word in whole.into_remainder() {
            *word = self.next_u32();
        }
    }

    /// A random permutation of `0..n` (Fisher and Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i as u32 + 1) as usize);
        }
        order
    }
}

/// Fills `out` with independent normal numbers with mean 0 and standard deviation `sd`: the numbers of the stream
/// (`seed`, `purpose`, `index`) from block `first_block` onwards, two Box–Muller pairs per block.
///
/// Number `i` depends only on the arguments and `i`: a prefix of a longer fill is a shorter fill.
pub fn fill_normal(seed: u64, purpose: Purpose, index: u64, first_block: u32, sd: f32, out: &mut [f32]) {
    let stream = Stream::new(seed, purpose, index);
    // Words first, numbers afterwards: reading words back at once, in vectors of another width, would stall the CPU.
    let mut words = [[[0u32; LANES]; 4]; AHEAD];
    crate::dispatch::dispatch(
        #[inline(always)]
        || {
            let mut block = first_block;
            for out in out.chunks_mut(AHEAD * 4 * LANES) {
                for words in &mut words[..out.len().div_ceil(4 * LANES)] {
                    *words = stream.words(block);
                    block = block.wrapping_add(LANES as u32);
                }
                for ([a, b, c, d], chunk) in words.iter().zip(out.chunks_mut(4 * LANES)) {
                    let mut normal = [[0f32; LANES]; 4];
                    for l in 0..LANES {
                        (normal[0][l], normal[1][l]) = normal_pair(a[l], b[l], sd);
                        (normal[2][l], normal[3][l]) = normal_pair(c[l], d[l], sd);
                    }
                    chunk.copy_from_slice(&normal.as_flattened()[..chunk.len()]);
                }
            }
        },
    );
}

/// Noise of the units of a network, in the layout in which trials run side by side.
///
/// Trials and steps draw from one stream. In blocks of four numbers as of [`fill_normal`], the noise of unit i in trial b of B
/// at step s is number w of a block:
///
/// ```text
/// i = 64 g + 16 w + l,  0 ≤ w < 4,  0 ≤ l < 16          block = ((s ⌈N/64⌉ + g) 16 + l) B + b
/// ```
///
/// so that the sixteen blocks that are computed together are those of neighbours `[N, trials]`. Streams repeat after 2³² blocks.
#[derive(Clone, Debug)]
pub struct UnitNoise {
    stream: Stream,
    sd: f32,
    units: usize,
    trials: usize,
}

/// Units whose numbers share blocks.
const TOGETHER: usize = 4 * LANES;

impl UnitNoise {
    /// Noise with standard deviation `sd` of `units` units in `trials` trials, from the stream (`seed`, `purpose`, `index`).
    pub fn new([seed, index]: [u64; 2], purpose: Purpose, sd: f32, units: usize, trials: usize) -> Self {
        Self { stream: Stream::new(seed, purpose, index), sd, units, trials }
    }

    /// Number of numbers in the blocks of `steps` steps, of which those of units beyond the last are not used.
    pub fn count(&self, steps: usize) -> usize {
        steps * self.units.next_multiple_of(TOGETHER) * self.trials
    }

    /// Fills `out` `[N, width]` with the noise of step `step` in `width` trials from `trial` onwards.
    pub fn fill(&self, step: usize, trial: usize, width: usize, out: &mut [f32]) {
        of_width!(width, WIDTH => self.fill_block::<WIDTH>(step, trial, &mut out[..self.units * WIDTH]));
    }

    fn fill_block<const WIDTH: usize>(&self, step: usize, trial: usize, out: &mut [f32]) {
        // Blocks of the lanes, relative to the first of them.
        let lanes: [u32; LANES] = std::array::from_fn(|l| ((l / WIDTH) * self.trials + l % WIDTH) as u32);
        let groups = self.units.div_ceil(TOGETHER);
        // The numbers of 64 units are in four planes of 16 units and all trials; a vector has a part of each.
        let len = out.len();
        let parts = |group: usize| {
            let beyond = (len - group * TOGETHER * WIDTH).min(LANES * WIDTH);
            (0..beyond).step_by(LANES).map(move |at| (group, at))
        };
        let mut parts = (0..groups).flat_map(parts);
        let mut places = [(0, 0); AHEAD];
        let mut words = [[[0u32; LANES]; 4]; AHEAD];
        loop {
            let mut count = 0;
            for (place, part) in places.iter_mut().zip(&mut parts) {
                *place = part;
                count += 1;
            }
            if count == 0 {
                return;
            }
            crate::dispatch::dispatch(
                #[inline(always)]
                || {
                    for ((group, at), words) in places[..count].iter().zip(&mut words) {
                        let unit = (step * groups + group) * LANES + at / WIDTH;
                        let first = (unit * self.trials + trial + at % WIDTH) as u32;
                        let blocks = lanes.map(
                            #[inline(always)]
                            |lane| first.wrapping_add(lane),
                        );
                        *words = philox(blocks, self.stream.rest, self.stream.key);
                    }
                    for ((group, at), [a, b, c, d]) in places[..count].iter().zip(&words) {
                        for (pair, (radius, angle)) in [(a, b), (c, d)].into_iter().enumerate() {
                            let plane = |w: usize| (group * 4 + w) * LANES * WIDTH + at;
                            let (first, second) = (plane(2 * pair), plane(2 * pair + 1));
                            if first >= len {
                                break;
                            }
                            let mut normal = [[0f32; LANES]; 2];
                            for l in 0..LANES {
                                (normal[0][l], normal[1][l]) = normal_pair(radius[l], angle[l], self.sd);
                            }
                            for (numbers, at) in normal.iter().zip([first, second]) {
                                write(numbers, out, at);
                            }
                        }
                    }
                },
            );
        }
    }
}

/// Writes numbers from `at` onwards, as many as there is room for.
#[inline(always)]
fn write(numbers: &[f32; LANES], out: &mut [f32], at: usize) {
    let Some(out) = out.get_mut(at..) else { return };
    match out.first_chunk_mut() {
        Some(out) => *out = *numbers,
        None => out.copy_from_slice(&numbers[..out.len()]),
    }
}

/// Fills `out` with the raw words of a stream from block `first_block` onwards, in lane order: word `w` of block
/// `first_block + 16 g + l` is at `64 g + 16 w + l`. For encoders that compare against thresholds.
pub fn fill_words(seed: u64, purpose: Purpose, index: u64, first_block: u32, out: &mut [u32]) {
    let stream = Stream::new(seed, purpose, index);
    crate::dispatch::dispatch(
        #[inline(always)]
        || {
            for (g, chunk) in out.chunks_mut(4 * LANES).enumerate() {
                let words = stream.words(first_block.wrapping_add((g * LANES) as u32));
                chunk.copy_from_slice(&words.as_flattened()[..chunk.len()]);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with the Random123 library (kat_vectors, `philox4x32 10`).
    #[test]
    fn philox_known_answers() {
        let one = |c: [u32; 4], key| {
            let words = philox([c[0]; LANES], [c[1], c[2], c[3]], key);
            [words[0][0], words[1][0], words[2][0], words[3][0]]
        };
        assert_eq!(one([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(one([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            one([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn elementary_functions_against_f64() {
        for i in 0..200_000u32 {
            let word = i.wrapping_mul(21_473) ^ (i << 14);
            let x = unit_f32(word);
            let exact = f64::from(x).ln();
            assert!((f64::from(ln(x)) - exact).abs() <= 4e-7 * exact.abs().max(0.5), "ln {x}");
            let (s, c) = sin_cos_turn(word);
            let (es, ec) = (f64::from(word) / 4_294_967_296.0 * std::f64::consts::TAU).sin_cos();
            assert!((f64::from(s) - es).abs() < 2e-7 && (f64::from(c) - ec).abs() < 2e-7, "{word}: {s} {es} {c} {ec}");
        }
    }

    #[test]
    fn many_normals_are_those_drawn_one_by_one() {
        let (mut one, mut many) = (Stream::new(7, Purpose::Shuffle, 3), Stream::new(7, Purpose::Shuffle, 3));
        one.next_u32();
        many.next_u32();
        for count in [0, 1, 16, 137, 64] {
            let mut numbers = vec![0.0; count];
            many.normals(&mut numbers);
            assert!(numbers.iter().all(|number| number.to_bits() == one.normal().to_bits()));
        }
        assert_eq!(one.next_u32(), many.next_u32());
    }

    #[test]
    fn many_uniforms_are_those_drawn_one_by_one() {
        let (mut one, mut many) = (Stream::new(7, Purpose::Shuffle, 3), Stream::new(7, Purpose::Shuffle, 3));
        for count in [0, 1, 16, 137, 64, 1000] {
            let mut numbers = vec![0.0; count];
            many.uniforms(&mut numbers);
            assert!(numbers.iter().all(|number| number.to_bits() == one.uniform().to_bits()));
            assert_eq!(one.next_u32(), many.next_u32());
        }
    }

    #[test]
    fn normals_have_the_moments_of_a_normal() {
        let n = 4_000_000usize;
        let mut x = vec![0f32; n];
        fill_normal(7, Purpose::LifNoise, 3, 0, 1.0, &mut x);
        let moment = |k: i32| x.iter().map(|v| f64::from(*v).powi(k)).sum::<f64>() / n as f64;
        let sd = |var: f64| 5.0 * (var / n as f64).sqrt();
        assert!(moment(1).abs() < sd(1.0), "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < sd(2.0), "variance {}", moment(2));
        assert!(moment(3).abs() < sd(15.0), "third moment {}", moment(3));
        assert!((moment(4) - 3.0).abs() < sd(96.0), "fourth moment {}", moment(4));
    }

    #[test]
    fn normals_have_the_tails_of_a_normal() {
        const EACH: usize = 4_000_000;
        // Two-sided tail probabilities of the normal distribution.
        let tails =
            [(2.0, 0.045_500_26), (3.0, 0.002_699_796), (4.0, 6.334_25e-5), (4.5, 6.795_35e-6), (5.0, 5.733e-7)];
        let (mut x, mut counts) = (vec![0f32; EACH], [0; 5]);
        for index in 0..10 {
            fill_normal(7, Purpose::LifNoise, index, 0, 1.0, &mut x);
            for ((z, _), count) in tails.iter().zip(&mut counts) {
                *count += x.iter().filter(|v| v.abs() > *z).count();
            }
        }
        for ((z, p), count) in tails.into_iter().zip(counts) {
            let expected = p * 10.0 * EACH as f64;
            assert!((count as f64 - expected).abs() < 4.0 * expected.sqrt(), "|x| > {z}: {count} for {expected}");
        }
    }

    #[test]
    fn normals_are_uncorrelated() {
        // For all distances within two runs of blocks computed together, including pairs (16 apart) and repeated
        // blocks.
        let n = 1_000_000;
        let mut x = vec![0f32; n];
        fill_normal(7, Purpose::LifNoise, 3, 0, 1.0, &mut x);
        for lag in 1..=128 {
            let r = x[lag..].iter().zip(&x).map(|(a, b)| a * b).fold(0.0, |sum, p| sum + f64::from(p)) / n as f64;
            assert!(r.abs() < 5.0 / (n as f64).sqrt(), "lag {lag}: {r}");
        }
    }

    #[test]
    fn a_prefix_of_a_fill_is_a_shorter_fill() {
        let (mut long, mut short) = (vec![0f32; 1000], vec![0f32; 137]);
        fill_normal(1, Purpose::LifNoise, 2, 5, 0.5, &mut long);
        fill_normal(1, Purpose::LifNoise, 2, 5, 0.5, &mut short);
        assert_eq!(long[..137], short[..]);
    }

    /// Every number is where the head of [`UnitNoise`] says, whatever trials are filled together.
    #[test]
    fn noise_of_units_is_that_of_the_stream() {
        for (units, trials) in [(1, 1), (5, 9), (64, 4), (70, 40), (200, 8), (137, 1)] {
            let noise = UnitNoise::new([3, 8], Purpose::TrainingNoise, 0.5, units, trials);
            let (steps, groups) = (3, units.div_ceil(64));
            let mut stream = vec![0f32; noise.count(steps).next_multiple_of(64)];
            fill_normal(3, Purpose::TrainingNoise, 8, 0, 0.5, &mut stream);
            for width in [1, 4, 8, 16].into_iter().filter(|width| *width <= trials) {
                for (step, trial) in [(0, 0), (2, trials - width)] {
                    let mut out = vec![f32::NAN; units * width];
                    noise.fill(step, trial, width, &mut out);
                    for (i, found) in out.iter().enumerate() {
                        let (unit, trial) = (i / width, trial + i % width);
                        let (g, w, l) = (unit / 64, unit % 64 / 16, unit % 16);
                        let block = ((step * groups + g) * 16 + l) * trials + trial;
                        let expected = stream[block / 16 * 64 + 16 * w + block % 16];
                        assert_eq!(
                            found.to_bits(),
                            expected.to_bits(),
                            "{units} units, {trials} trials, {width} of them"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let first = |s, p, i| Stream::new(s, p, i).next_u32();
        let reference = first(1, Purpose::Shuffle, 1);
        assert_eq!(reference, first(1, Purpose::Shuffle, 1));
        assert_ne!(reference, first(2, Purpose::Shuffle, 1));
        assert_ne!(reference, first(1, Purpose::Encoding, 1));
        assert_ne!(reference, first(1, Purpose::Shuffle, 2));
    }

    #[test]
    fn permutation_holds_every_element_once() {
        let mut p = Stream::new(3, Purpose::Shuffle, 0).permutation(1000);
        assert_ne!(p[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        p.sort_unstable();
        assert!(p.iter().enumerate().all(|(i, v)| i as u32 == *v));
    }
}
