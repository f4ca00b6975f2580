//! A LIF network on a task: trials run and judged.

use crate::error::{Error, Result};
use crate::lif::{LifNetwork, Recording, Run, Simulator, Timing, TrialDraws};
use mdl_data::random::Purpose;
use mdl_data::tasks::{Judged, Task, Trials};
use mdl_model::lif::LifConfig;
use rayon::prelude::*;

/// Evaluations draw noise from here on, searches below: no noise is met twice.
pub const FIRST_EVALUATION_DRAW: u64 = 1 << 32;

/// A LIF network on a task.
pub struct Behaviour<'a> {
    simulator: Simulator<'a>,
    task: &'a dyn Task,
    units: usize,
    seed: u64,
}

/// How many of some trials were answered correctly.
pub fn count_correct<'o>(outcomes: impl IntoIterator<Item = &'o bool>) -> u32 {
    outcomes.into_iter().map(|correct| u32::from(*correct)).sum()
}

/// What a caller wants to know of a long run, and may say to it.
pub struct Monitor<'a> {
    /// Called after each trial.
    pub trial_done: &'a (dyn Fn() + Sync),
    /// Whether to stop.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

/// How one trial went with one scaling factor.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether the answer was correct.
    pub correct: bool,
    /// What was recorded.
    pub run: Run,
}

impl<'a> Behaviour<'a> {
    /// Makes a network ready for a task; all its random numbers come from `seed`.
    ///
    /// # Errors
    /// A config or network that cannot run, or a network with other channels than the task.
    pub fn new(network: &'a LifNetwork, config: &LifConfig, task: &'a dyn Task, seed: u64) -> Result<Self> {
        if network.inputs != task.channels() {
            let (found, expected) = (network.w_in.len(), network.units * task.channels());
            return Err(Error::Length { name: "w_in", found, expected });
        }
        let timing = Timing::new(config, task.steps(), task.step_ms())?;
        let simulator = Simulator::new(network, config, timing)?;
        Ok(Self { simulator, task, units: network.units, seed })
    }

    /// The task.
    pub fn task(&self) -> &'a dyn Task {
        self.task
    }

    /// The timing of its trials.
    pub fn timing(&self) -> &Timing {
        self.simulator.timing()
    }

    /// Duration of a trial (ms).
    pub fn trial_ms(&self) -> f64 {
        self.timing().steps as f64 * self.timing().step_ms
    }

    /// Mean firing rate of the units in one run (Hz).
    pub fn mean_rate_hz(&self, run: &Run) -> f64 {
        let spikes: u64 = run.spike_count.iter().map(|c| u64::from(*c)).sum();
        spikes as f64 * 1000.0 / (self.trial_ms() * self.units as f64)
    }

    /// Runs one trial, input `[T, K]`, with every scaling factor, on the noise of number `draw`.
    ///
    /// # Errors
    /// Those of [`Simulator::run`].
    pub fn trial(
        &self,
        input: &[f32],
        condition: usize,
        draw: u64,
        scaling_factors: &[f64],
        recording: &Recording,
    ) -> Result<Vec<Outcome>> {
        let input: Vec<f64> = input.iter().map(|u| f64::from(*u)).collect();
        let window = self.timing().window(self.task.response_window(Judged::Lif));
        let recording = Recording { response: Some(window), ..recording.clone() };
        let draws = TrialDraws { seed: self.seed, trial: draw };
        let runs = self.simulator.run(&input, scaling_factors, &draws, &recording)?;
        let response = self.task.response(condition);
        let judged = |run: Run| Outcome { correct: run.extremes.iter().all(|e| response.accepts(*e)), run };
        Ok(runs.into_iter().map(judged).collect())
    }

    /// Runs trials `first .. first + count` of the search with every scaling factor, on all cores, and reduces each
    /// trial's outcomes by `keep`; one value a trial, in their order.
    ///
    /// # Errors
    /// Those of [`Behaviour::trial`], and [`Error::Interrupted`].
    pub fn search_trials<T: Send>(
        &self,
        first: u32,
        count: u32,
        scaling_factors: &[f64],
        monitor: &Monitor,
        keep: impl Fn(Vec<Outcome>) -> T + Sync,
    ) -> Result<Vec<T>> {
        let one = |trial: u32| {
            if (monitor.stopped)() {
                return Err(Error::Interrupted);
            }
            let drawn = Trials::draw(self.task, self.seed, Purpose::SearchTrial, u64::from(trial), 1);
            let outcomes =
                self.trial(&drawn.input, drawn.condition[0], u64::from(trial), scaling_factors, &Recording::default())?;
            (monitor.trial_done)();
            Ok(keep(outcomes))
        };
        (first..first + count).into_par_iter().map(one).collect()
    }
}
