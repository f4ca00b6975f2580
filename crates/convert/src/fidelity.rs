//! How closely a LIF network follows the rate network that it was made from, on the same trials.

use crate::evaluate::Evaluation;
use candle_core::{Device, Tensor};
use mdl_artifact::Artifact;
use mdl_data::tasks::{Task, Trials};
use mdl_kernels::random::Purpose;
use mdl_model::rate::network::{NoiseKey, RateNetwork};

/// Trials that the rate network runs at once.
pub const BATCH: usize = 100;

/// Outputs and rates of the rate network on the trials of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct RateActivity {
    /// Outputs at the times of the evaluation, `[B, times, O]`
    pub output: Vec<f32>,
    /// Mean rate (activation) of each unit over the trials of each condition, each until it ended, `[C, N]`; 0 for
    /// conditions without a trial.
    pub mean_rate: Vec<f64>,
    /// Units N.
    pub units: usize,
    /// Mode variables Ξ_outᵀ r at the times of the evaluation, `[B, times, P]`; empty for a network without modes.
    pub modes: Vec<f32>,
}

impl RateActivity {
    /// Runs a rate network on trials, with the noise of `eval-rate`. `time_ms` are the times at which outputs are kept.
    ///
    /// # Errors
    /// Errors of candle.
    pub fn run(
        network: &RateNetwork,
        trials: &Trials,
        task: &dyn Task,
        time_ms: &[f64],
        seed: u64,
    ) -> candle_core::Result<Self> {
        let (steps, count, device) = (trials.steps, trials.count, Device::Cpu);
        let input = Tensor::from_slice(&trials.input, (steps, count, trials.channels), &device)?;
        let units = network.config().neurons;
        let (mut outputs, mut mean_rate) = (Vec::new(), vec![0.0; task.conditions().len() * units]);
        let mut counted = vec![0; task.conditions().len()];
        let mut modes = Vec::new();
        for start in (0..count).step_by(BATCH) {
            let size = BATCH.min(count - start);
            let key = NoiseKey { seed, purpose: Purpose::EvaluationNoise, index: (start / BATCH) as u64 };
            let rates = network.rates(&input.narrow(1, start, size)?.contiguous()?, key)?;
            outputs.push(network.read(&rates.flatten_to(1)?)?.reshape((steps, size, trials.outputs))?);
            if let Some(mode_out) = network.mode_out() {
                modes.push(rates.flatten_to(1)?.matmul(mode_out)?.reshape((steps, size, ()))?);
            }
            for index in 0..size {
                let trial = start + index;
                let (length, condition) = (trials.length[trial], trials.condition[trial]);
                let sum_over_steps = rates.narrow(0, 0, length)?.narrow(1, index, 1)?.sum(0)?.flatten_all()?;
                let sums = &mut mean_rate[condition * units..][..units];
                let add = |(sum, rate): (&mut f64, f32)| *sum += f64::from(rate);
                sums.iter_mut().zip(sum_over_steps.to_vec1::<f32>()?).for_each(add);
                counted[condition] += length;
            }
        }
        for (sums, steps) in mean_rate.chunks_exact_mut(units).zip(counted) {
            sums.iter_mut().for_each(|sum| *sum /= steps.max(1) as f64);
        }
        let whole = |parts: &[Tensor]| match parts {
            [] => Ok(Vec::new()),
            parts => Tensor::cat(parts, 1)?.flatten_all()?.to_vec1::<f32>(),
        };
        let at_times = |values: Vec<f32>, width| trials.at(&values, width, time_ms, task.step_ms());
        let modes = match network.mode_out() {
            Some(mode_out) => at_times(whole(&modes)?, mode_out.dim(1)?),
            None => Vec::new(),
        };
        Ok(Self { output: at_times(whole(&outputs)?, trials.outputs), mean_rate, units, modes })
    }

    /// Adds the mode variables of the first `recorded` of the trials at the times of the evaluation to its artifact, as
    /// `rate_mode_trial` `[recorded, times, P]`, F32; nothing for a network without modes.
    pub fn write_modes(&self, recorded: usize, [trials, times]: [usize; 2], artifact: &mut Artifact) {
        let modes = self.modes.len() / (trials * times).max(1);
        if modes > 0 {
            let own = self.modes[..recorded.min(trials) * times * modes].to_vec();
            artifact.insert("rate_mode_trial", &[recorded.min(trials), times, modes], own);
        }
    }

    /// Adds the rate network's activity to the artifact of an evaluation:
    ///
    /// | tensor | shape | type | content |
    /// |---|---|---|---|
    /// | `rate_output` | `[B, times, O]` | F32 | output of the rate network on the same trials, at the same times |
    /// | `rate_mean_rate` | `[C, N]` | F64 | its mean rate (activation) of each unit, by condition |
    pub fn write(&self, shape: &[usize; 3], artifact: &mut Artifact) {
        artifact.insert("rate_output", shape, self.output.clone());
        let conditions = self.mean_rate.len().checked_div(self.units).unwrap_or_default();
        artifact.insert("rate_mean_rate", &[conditions, self.units], self.mean_rate.clone());
    }
}

/// Straight line y = gain x + offset through points, by least squares, and their correlation. NaN where the points do not
/// determine one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Slope of the line.
    pub gain: f64,
    /// Its value at x = 0.
    pub offset: f64,
    /// Pearson's correlation of x and y.
    pub correlation: f64,
}

impl Line {
    /// The line through points (x, y).
    pub fn through(points: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        let (count, x, y) = points.clone().fold((0.0, 0.0, 0.0), |(n, a, b), (x, y)| (n + 1.0, a + x, b + y));
        let (mean_x, mean_y) = (x / count, y / count);
        let add = |(xx, xy, yy): (f64, f64, f64), (x, y): (f64, f64)| {
            let (dx, dy) = (x - mean_x, y - mean_y);
            (xx + dx * dx, xy + dx * dy, yy + dy * dy)
        };
        let (xx, xy, yy) = points.fold((0.0, 0.0, 0.0), add);
        let gain = xy / xx;
        Self { gain, offset: mean_y - gain * mean_x, correlation: xy / (xx * yy).sqrt() }
    }
}

/// Differences of a LIF network's outputs and rates from the targets and from the rate network. Outputs count at the kept
/// times inside their trial at which their error has a weight in the loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Fidelity {
    /// Mean squared error of the output to the rate network's.
    pub rate_network_error: f64,
    /// The LIF network's output as a function of the rate network's.
    pub output: Line,
    /// Mean firing rates of the units (Hz) as a function of their rates in the rate network, of each condition with trials.
    pub rates: Vec<(usize, Line)>,
}

/// Mean squared difference of outputs from `reference`, both `[B, times, O]`, where they count. NaN if none does.
pub fn output_error(output: &[f64], reference: &[f32], counted: &[bool]) -> f64 {
    let errors = output.iter().zip(reference).zip(counted).filter(|(_, counted)| **counted);
    let (sum, count) =
        errors.fold((0.0, 0.0), |(sum, count), ((y, z), _)| (sum + (y - f64::from(*z)).powi(2), count + 1.0));
    sum / count
}

impl Fidelity {
    /// Compares an evaluation of a LIF network with the activity of its rate network.
    pub fn new(evaluation: &Evaluation, rate: &RateActivity, counted: &[bool]) -> Self {
        let points = evaluation.output.iter().zip(&rate.output).zip(counted);
        let points = points.filter(|(_, counted)| **counted).map(|((y, x), _)| (f64::from(*x), *y));
        let of_condition = |(condition, (hz, rate)): (usize, (&[f64], &[f64]))| {
            let occurs = evaluation.condition.contains(&condition);
            let points = rate.iter().copied().zip(hz.iter().copied());
            occurs.then(|| (condition, Line::through(points)))
        };
        let units = rate.units;
        let by_condition = evaluation.rate_hz_by_condition.chunks_exact(units).zip(rate.mean_rate.chunks_exact(units));
        Self {
            rate_network_error: output_error(&evaluation.output, &rate.output, counted),
            output: Line::through(points),
            rates: by_condition.enumerate().filter_map(of_condition).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_its_points() {
        let points = [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)];
        let line = Line::through(points.iter().copied());
        assert_eq!((line.gain, line.offset, line.correlation), (2.0, 1.0, 1.0));
        let flat = Line::through([(0.0, 1.0), (1.0, 1.0)].iter().copied());
        assert!(flat.gain == 0.0 && flat.offset == 1.0 && flat.correlation.is_nan());
        assert!(Line::through([(1.0, 1.0)].iter().copied()).gain.is_nan());
    }

    #[test]
    fn only_what_counts_is_compared() {
        let error = output_error(&[1.0, 2.0, 9.0], &[0.0, 0.0, 0.0], &[true, true, false]);
        assert_eq!(error, 2.5);
        assert!(output_error(&[1.0], &[0.0], &[false]).is_nan());
    }
}
