//! A LIF network on a task: trials run and judged.

use crate::answers::{Answer, TrialSet};
use crate::error::Result;
use crate::lif::{LifNetwork, Recording, Run, Simulator, Timing, TrialDraws};
use mdl_data::field::InvalidField;
use mdl_data::tasks::{Judged, Task};
use mdl_model::lif::LifConfig;

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
            let found = format!("{} input channels", task.channels());
            let expected = format!("{}, as the network has", network.inputs);
            return Err(InvalidField { field: "task".into(), found, expected }.into());
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

    /// Unit-seconds of a trial: its spikes divided by this are the mean firing rate of the units (Hz).
    pub fn unit_seconds(&self) -> f64 {
        self.trial_ms() * self.units as f64 / 1000.0
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
        let response = self.task.response(condition, Judged::Lif);
        let judged = |run: Run| Outcome { correct: run.extremes.iter().all(|e| response.accepts(*e)), run };
        Ok(runs.into_iter().map(judged).collect())
    }

    /// Trials whose inputs are held on a GPU together.
    #[cfg(any(test, feature = "cuda"))]
    pub fn trials_at_once(&self) -> usize {
        const VALUES: usize = 1 << 26;
        let timing = self.timing();
        (VALUES / ((timing.steps / timing.steps_per_sample + 1) * self.units)).max(1)
    }

    /// Runs trials of a set, each with some scaling factors, all at once on a machine; an answer each.
    ///
    /// # Errors
    /// Those of [`Simulator::run_on`].
    #[cfg(any(test, feature = "cuda"))]
    pub fn answers_on<M: mdl_device::Machine>(
        &self,
        machine: &M,
        set: TrialSet,
        jobs: &[(u32, Vec<f64>)],
    ) -> Result<Vec<Vec<Answer>>> {
        let window = self.timing().window(self.task.response_window(Judged::Lif));
        let (mut trials, mut conditions) = (Vec::new(), Vec::new());
        for (trial, _) in jobs {
            let drawn = set.trial(self.task, self.seed, *trial);
            let draws = TrialDraws { seed: self.seed, trial: set.draw(*trial) };
            trials.push((drawn.input.iter().map(|u| f64::from(*u)).collect(), draws));
            conditions.push(drawn.condition[0]);
        }
        let of_job =
            |(trial, (_, factors)): (usize, &(u32, Vec<f64>))| factors.iter().map(move |f| (trial, *f)).collect();
        let simulations: Vec<(usize, f64)> = jobs.iter().enumerate().flat_map::<Vec<_>, _>(of_job).collect();
        let mut told = self.simulator.run_on(machine, &trials, &simulations, window)?.into_iter();
        let answers = |((_, factors), condition): (&(u32, Vec<f64>), &usize)| {
            let response = self.task.response(*condition, Judged::Lif);
            let answer = |told: crate::lif::Told| Answer {
                correct: told.extremes.iter().all(|e| response.accepts(*e)),
                spikes: told.spikes,
            };
            told.by_ref().take(factors.len()).map(answer).collect()
        };
        Ok(jobs.iter().zip(&conditions).map(answers).collect())
    }

    /// Runs one trial of a set with every scaling factor; an answer each.
    ///
    /// # Errors
    /// Those of [`Simulator::run`].
    pub fn answer(&self, set: TrialSet, trial: u32, scaling_factors: &[f64]) -> Result<Vec<Answer>> {
        let drawn = set.trial(self.task, self.seed, trial);
        let (condition, draw) = (drawn.condition[0], set.draw(trial));
        let outcomes = self.trial(&drawn.input, condition, draw, scaling_factors, &Recording::default())?;
        let answer = |outcome: &Outcome| Answer {
            correct: outcome.correct,
            spikes: outcome.run.spike_count.iter().map(|count| u64::from(*count)).sum(),
        };
        Ok(outcomes.iter().map(answer).collect())
    }
}
