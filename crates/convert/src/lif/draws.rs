//! The random numbers of a trial: initial potentials, membrane noise, the coin of a stimulation.
//!
//! Each is a function of (seed, trial, unit, step) alone, whatever runs beside it: any number of threads, of scaling
//! factors, of other units, and either arithmetic.

use mdl_kernels::lanes::{LANES, Lanes};
use mdl_kernels::random::{Purpose, Stream, fill_normal, fill_words};

/// Steps whose noise is drawn together.
pub const CHUNK: usize = 64;

/// The random numbers of one trial. Steps are counted from 0 here; `first_step` is a multiple of [`CHUNK`].
pub trait Draws {
    /// Initial membrane potentials `[N]`, uniform from `low_mv` to `high_mv`.
    fn initial_potentials(&self, low_mv: f64, high_mv: f64, v_mv: &mut [f64]);

    /// Noise of one lane group of units, `LANES · group … LANES · group + LANES − 1`, from `first_step` on, `[steps]` (mV).
    fn noise(&self, group: usize, first_step: usize, sd_mv: f64, out: &mut [Lanes<f64>]);

    /// The same numbers in single precision.
    fn noise_single(&self, group: usize, first_step: usize, sd_mv: f64, out: &mut [Lanes<f32>]) {
        let mut exact = vec![Lanes::zero(); out.len()];
        self.noise(group, first_step, sd_mv, &mut exact);
        for (x, e) in Lanes::values_mut(out).iter_mut().zip(Lanes::values(&exact)) {
            *x = *e as f32;
        }
    }

    /// Uniform numbers in [0, 1), one for each of the at most [`CHUNK`] steps from `first_step` on.
    fn coins(&self, first_step: usize, out: &mut [f64]);
}

/// Numbers of the counter-based streams, the same in either arithmetic.
#[derive(Clone, Copy, Debug)]
pub struct TrialDraws {
    /// Seed.
    pub seed: u64,
    /// Which trial; below 2⁴⁰.
    pub trial: u64,
}

impl Draws for TrialDraws {
    fn initial_potentials(&self, low_mv: f64, high_mv: f64, v_mv: &mut [f64]) {
        let mut stream = Stream::new(self.seed, Purpose::LifInitialPotential, self.trial);
        v_mv.iter_mut().for_each(|v| *v = low_mv + (high_mv - low_mv) * stream.uniform());
    }

    fn noise(&self, group: usize, first_step: usize, sd_mv: f64, out: &mut [Lanes<f64>]) {
        let mut single = vec![Lanes::zero(); out.len()];
        self.noise_single(group, first_step, sd_mv, &mut single);
        for (x, s) in Lanes::values_mut(out).iter_mut().zip(Lanes::values(&single)) {
            *x = f64::from(*s);
        }
    }

    fn noise_single(&self, group: usize, first_step: usize, sd_mv: f64, out: &mut [Lanes<f32>]) {
        // Four numbers per block: a step of a group takes LANES / 4 of them.
        let index = self.trial | (group as u64) << 40;
        let block = (first_step * LANES / 4) as u32;
        fill_normal(self.seed, Purpose::LifNoise, index, block, sd_mv as f32, Lanes::values_mut(out));
    }

    fn coins(&self, first_step: usize, out: &mut [f64]) {
        let mut words = [0; CHUNK];
        let words = &mut words[..out.len()];
        fill_words(self.seed, Purpose::Stimulation, self.trial, (first_step / 4) as u32, words);
        for (x, word) in out.iter_mut().zip(words) {
            *x = f64::from(*word) / 4_294_967_296.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_a_function_of_unit_and_step_however_it_is_cut() {
        let draws = TrialDraws { seed: 3, trial: 9 };
        let mut long = vec![Lanes::<f32>::zero(); 4 * CHUNK];
        draws.noise_single(2, 0, 0.1, &mut long);
        for chunk in 0..4 {
            let mut short = vec![Lanes::<f64>::zero(); CHUNK - chunk];
            draws.noise(2, chunk * CHUNK, 0.1, &mut short);
            for (a, b) in short.iter().zip(&long[chunk * CHUNK..]) {
                assert_eq!(a.0, b.0.map(f64::from));
            }
        }
    }

    #[test]
    fn units_and_trials_are_uncorrelated() {
        let n = 50_000;
        let row = |trial, group| {
            let mut noise = vec![Lanes::<f32>::zero(); n];
            TrialDraws { seed: 1, trial }.noise_single(group, 0, 1.0, &mut noise);
            noise
        };
        let (a, b, c) = (row(0, 0), row(0, 1), row(1, 0));
        let correlation = |x: &[Lanes<f32>], i: usize, y: &[Lanes<f32>], j: usize| {
            x.iter().zip(y).map(|(x, y)| f64::from(x[i]) * f64::from(y[j])).sum::<f64>() / n as f64
        };
        let limit = 5.0 / (n as f64).sqrt();
        for (i, j) in [(0, 1), (3, 7), (0, 15), (5, 5)] {
            assert!(i == j || correlation(&a, i, &a, j).abs() < limit);
            assert!(correlation(&a, i, &b, j).abs() < limit);
            assert!(correlation(&a, i, &c, j).abs() < limit);
            assert!(correlation(&a[1..], i, &a, j).abs() < limit, "next step");
        }
    }

    #[test]
    fn initial_potentials_fill_their_interval() {
        let mut v = vec![0.0; 10_000];
        TrialDraws { seed: 1, trial: 0 }.initial_potentials(-65.0, 30.0, &mut v);
        assert!(v.iter().all(|v| (-65.0..30.0).contains(v)));
        let mean = v.iter().sum::<f64>() / 1e4;
        assert!((mean + 17.5).abs() < 5.0 * 95.0 / 12f64.sqrt() / 100.0, "{mean}");
    }
}
