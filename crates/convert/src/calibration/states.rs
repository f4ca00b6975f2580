//! The rate network on the trials of a calibration.

use crate::error::{Error, Result};
use crate::lif_task::Monitor;
use candle_core::{Device, Tensor};
use mdl_data::tasks::{Task, Trials};
use mdl_kernels::random::Purpose;
use mdl_model::rate::network::{NoiseKey, RateNetwork};

/// Trials that the rate network runs at once.
const BATCH: usize = 25;

/// States of a rate network on trials, at the times at which the LIF network is recorded.
#[derive(Clone, Debug)]
pub(super) struct States {
    pub units: usize,
    times: usize,
    /// Times inside of each trial, `[B]`
    lasted: Vec<usize>,
    /// x, `[B, times, N]`
    x: Vec<f32>,
    /// φ(x), `[B, times, N]`
    phi: Vec<f32>,
}

impl States {
    /// All values (x, φ(x)) of a unit inside of the trials.
    pub fn of_unit(&self, unit: usize) -> impl Iterator<Item = (f32, f32)> {
        let inside = self.lasted.iter().enumerate().flat_map(|(trial, lasted)| (0..*lasted).map(move |t| (trial, t)));
        inside.map(move |(trial, time)| {
            let at = (trial * self.times + time) * self.units + unit;
            (self.x[at], self.phi[at])
        })
    }

    /// Number of values of a unit.
    pub fn rows(&self) -> usize {
        self.lasted.iter().sum()
    }

    /// Number of times inside of a trial.
    pub fn times_of(&self, trial: usize) -> usize {
        self.lasted[trial]
    }
}

/// The rate network on some trials.
pub(super) struct RateRun {
    /// Its outputs `[B, times, O]`
    pub output: Vec<f32>,
    /// Its states, if they are asked for.
    pub states: Option<States>,
}

impl RateRun {
    /// Runs a rate network. `time_ms` are the times that are kept, `first` the number of the first trial: the noise of a
    /// trial does not depend on the others unless they run at once.
    ///
    /// # Errors
    /// Errors of candle, and an interruption.
    pub fn new(
        network: &RateNetwork,
        trials: &Trials,
        task: &dyn Task,
        time_ms: &[f64],
        (seed, first): (u64, u32),
        with_states: bool,
        monitor: &Monitor,
    ) -> Result<Self> {
        let (steps, step_ms, units) = (trials.steps, task.step_ms(), network.config().neurons);
        let (mut output, mut x, mut phi) = (Vec::new(), Vec::new(), Vec::new());
        for start in (0..trials.count).step_by(BATCH) {
            if (monitor.stopped)() {
                return Err(Error::Interrupted);
            }
            let part = trials.part(start..(start + BATCH).min(trials.count));
            let input = Tensor::from_slice(&part.input, (steps, part.count, part.channels), &Device::Cpu)?;
            let index = u64::from(first) + start as u64;
            let states = network.states(&input, NoiseKey { seed, purpose: Purpose::CalibrationNoise, index }, false)?;
            let read = network.read(&states.read.flatten_to(1)?)?.flatten_all()?.to_vec1::<f32>()?;
            output.extend(part.at(&read, trials.outputs, time_ms, step_ms));
            if with_states {
                let kept = |values: &Tensor| -> candle_core::Result<Vec<f32>> {
                    Ok(part.at(&values.contiguous()?.flatten_all()?.to_vec1()?, units, time_ms, step_ms))
                };
                x.extend(kept(&states.potential)?);
                phi.extend(kept(&states.rates)?);
            }
        }
        let lasted = |length: &usize| time_ms.iter().filter(|time| **time <= *length as f64 * step_ms).count();
        let lasted = trials.length.iter().map(lasted).collect();
        let states = with_states.then_some(States { units, times: time_ms.len(), lasted, x, phi });
        Ok(Self { output, states })
    }
}
