//! A LIF network on a task: runs and evaluates trials.

use crate::error::Result;
#[cfg(any(test, feature = "cuda"))]
use crate::lif::TrialOnGpu;
use crate::lif::config::LifConfig;
use crate::lif::{LifNetwork, Recording, Run, Simulator, Timing, TrialDraws};
use crate::search::trials::{TrialResult, TrialSet};
use mdl_data::field::InvalidField;
use mdl_data::tasks::{Criterion, Evaluated, RuleSet, Task, Trial};
use std::ops::RangeInclusive;

/// A LIF network on a task.
pub struct LifTask<'a> {
    simulator: Simulator<'a>,
    task: &'a dyn Task,
    units: usize,
    seed: u64,
    with_strict: bool,
    with_errors: bool,
}

/// Number of trials answered correctly.
pub fn count_correct<'o>(outcomes: impl IntoIterator<Item = &'o bool>) -> u32 {
    outcomes.into_iter().map(|correct| u32::from(*correct)).sum()
}

/// Callbacks of a long run.
pub struct Monitor<'a> {
    /// Called after each trial.
    pub trial_done: &'a (dyn Fn() + Sync),
    /// True to stop.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

/// Outcome of one trial with one scaling factor.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// True if the answer was correct.
    pub correct: bool,
    /// True if it was correct under the strict rules; the same where these are not evaluated.
    pub correct_strictly: bool,
    /// Recording of the trial.
    pub run: Run,
    /// Fraction of the longest trial that it lasted.
    pub lasted: f64,
    /// Mean squared error of the outputs, if it is measured.
    pub output_error: Option<f64>,
}

impl Outcome {
    pub(crate) fn result(&self) -> TrialResult {
        let spikes = self.run.spike_count.iter().map(|count| u64::from(*count)).sum();
        TrialResult { correct: self.correct, spikes, lasted: self.lasted, output_error: self.output_error }
    }
}

/// A trial for a device.
#[cfg(any(test, feature = "cuda"))]
#[derive(Clone, Debug)]
pub struct LifTrial {
    /// The trial.
    pub trial: Trial,
    /// Number of its noise.
    pub draw: u64,
    /// Scaling factors to run it with.
    pub scaling_factors: Vec<f64>,
}

impl<'a> LifTask<'a> {
    /// Prepares a network for a task; all its random numbers derive from `seed`.
    ///
    /// # Errors
    /// A config or network that cannot run, or a network whose channels differ from those of the task.
    pub fn new(network: &'a LifNetwork, config: &LifConfig, task: &'a dyn Task, seed: u64) -> Result<Self> {
        if network.inputs != task.channels() {
            let found = format!("{} input channels", task.channels());
            let expected = format!("{}, as the network has", network.inputs);
            return Err(InvalidField { field: "task".into(), found, expected }.into());
        }
        if network.outputs != task.outputs() {
            let found = format!("{} output channels", task.outputs());
            let expected = format!("{}, as the network has", network.outputs);
            return Err(InvalidField { field: "task".into(), found, expected }.into());
        }
        let timing = Timing::new(config, task.steps(), task.step_ms())?;
        let simulator = Simulator::new(network, config, timing)?;
        Ok(Self { simulator, task, units: network.units, seed, with_strict: false, with_errors: false })
    }

    /// The same, evaluating answers under the strict rules, too.
    #[must_use]
    pub fn with_strict_rules(self) -> Self {
        Self { with_strict: true, ..self }
    }

    /// The same, measuring the error of the outputs in the trials of a search, too.
    #[must_use]
    pub fn with_output_errors(self) -> Self {
        Self { with_errors: true, ..self }
    }

    /// Steps between two outputs that are kept to measure their error, once per sample of the task.
    fn out_every(&self) -> Option<usize> {
        self.with_errors.then(|| self.timing().steps_per_sample)
    }

    /// Mean squared difference of outputs `[times, O]` from the target, inside the trial and where errors have a weight.
    fn output_error(&self, trial: &Trial, out: &[f64]) -> Option<f64> {
        let (timing, outputs, step_ms) = (self.timing(), self.task.outputs(), self.task.step_ms());
        let every_ms = self.out_every()? as f64 * timing.step_ms;
        let (mut sum, mut count) = (0.0, 0);
        for (k, out) in out.chunks_exact(outputs).enumerate() {
            let time_ms = (k + 1) as f64 * every_ms;
            if time_ms > trial.length as f64 * step_ms {
                break;
            }
            let row = ((time_ms / step_ms) as usize).min(self.task.steps() - 1) * outputs;
            for (o, out) in out.iter().enumerate() {
                if trial.weight.get(row + o).is_none_or(|weight| *weight > 0.0) {
                    sum += (out - f64::from(trial.target[row + o])).powi(2);
                    count += 1;
                }
            }
        }
        Some(if count == 0 { 0.0 } else { sum / f64::from(count) })
    }

    /// The task.
    pub fn task(&self) -> &'a dyn Task {
        self.task
    }

    /// The timing of its trials.
    pub fn timing(&self) -> &Timing {
        self.simulator.timing()
    }

    /// Duration of the longest trial (ms).
    pub fn trial_ms(&self) -> f64 {
        self.timing().steps as f64 * self.timing().step_ms
    }

    /// Unit-seconds of the longest trial: its spikes divided by this are the mean firing rate of the units (Hz).
    pub fn unit_seconds(&self) -> f64 {
        self.trial_ms() * self.units as f64 / 1000.0
    }

    /// The rules that answers to a trial are judged by.
    fn criteria(&self, trial: &Trial) -> Criteria {
        let of = |set| Criterion::new(&trial.rules, Evaluated::Lif, set);
        let own = of(self.task.rule_set());
        let strict = self.with_strict.then(|| of(RuleSet::Strict)).filter(|strict| *strict != own);
        Criteria { own, strict }
    }

    /// Steps of the windows of criteria.
    fn windows(&self, criteria: &Criteria) -> Vec<RangeInclusive<usize>> {
        criteria
            .all()
            .flat_map(|criterion| &criterion.windows)
            .map(|window| self.timing().window(window.clone()))
            .collect()
    }

    /// Runs one trial with every scaling factor, on the noise of number `draw`.
    ///
    /// # Errors
    /// Those of [`Simulator::run`].
    pub fn trial(
        &self,
        trial: &Trial,
        draw: u64,
        scaling_factors: &[f64],
        recording: &Recording,
    ) -> Result<Vec<Outcome>> {
        let input: Vec<f64> = trial.input.iter().map(|u| f64::from(*u)).collect();
        let criteria = self.criteria(trial);
        let counted_to = self.timing().last_step(trial.length);
        let recording =
            Recording { windows: self.windows(&criteria), counted_to: Some(counted_to), ..recording.clone() };
        let draws = TrialDraws { seed: self.seed, trial: draw };
        let runs = self.simulator.run(&input, scaling_factors, &draws, &recording)?;
        Ok(runs.into_iter().map(|run| self.evaluated(&criteria, trial, counted_to, run)).collect())
    }

    /// Number of trials whose inputs are on a GPU at the same time.
    #[cfg(any(test, feature = "cuda"))]
    pub fn trials_at_once(&self) -> usize {
        const VALUES: usize = 1 << 26;
        let timing = self.timing();
        (VALUES / ((timing.steps / timing.steps_per_sample + 1) * self.units)).max(1)
    }

    /// Runs trials, each with its scaling factors, all at once on a device; returns outcomes in the order of trials and
    /// factors, with outputs at regular steps if requested.
    ///
    /// # Errors
    /// Those of [`Simulator::run_on`].
    #[cfg(any(test, feature = "cuda"))]
    pub fn trials_on<M: mdl_device::Backend>(
        &self,
        machine: &M,
        trials: &[LifTrial],
        out_every: Option<usize>,
    ) -> Result<Vec<Outcome>> {
        let on_gpu = |lif_trial: &LifTrial| {
            let criteria = self.criteria(&lif_trial.trial);
            let windows = self.windows(&criteria);
            let draws = TrialDraws { seed: self.seed, trial: lif_trial.draw };
            let input = lif_trial.trial.input.iter().map(|u| f64::from(*u)).collect();
            let counted_to = self.timing().last_step(lif_trial.trial.length);
            (criteria, TrialOnGpu { input, draws, windows, counted_to })
        };
        let (criteria, on_gpu): (Vec<_>, Vec<_>) = trials.iter().map(on_gpu).unzip();
        let of_trial = |(at, trial): (usize, &LifTrial)| trial.scaling_factors.iter().map(move |f| (at, *f)).collect();
        let simulations: Vec<(usize, f64)> = trials.iter().enumerate().flat_map::<Vec<_>, _>(of_trial).collect();
        let runs = self.simulator.run_on(machine, &on_gpu, &simulations, out_every)?;
        let evaluated = |(run, (at, _)): (_, &(usize, f64))| {
            self.evaluated(&criteria[*at], &trials[*at].trial, on_gpu[*at].counted_to, run)
        };
        Ok(runs.into_iter().zip(&simulations).map(evaluated).collect())
    }

    /// Runs trials of a set, each with some scaling factors, all at once on a device; returns the results of each.
    ///
    /// # Errors
    /// Those of [`Simulator::run_on`].
    #[cfg(any(test, feature = "cuda"))]
    pub fn results_on<M: mdl_device::Backend>(
        &self,
        machine: &M,
        set: TrialSet,
        jobs: &[(u32, Vec<f64>)],
    ) -> Result<Vec<Vec<TrialResult>>> {
        let lif_trials = |(trial, factors): &(u32, Vec<f64>)| {
            let (drawn, draw) = (set.trial(self.task, self.seed, *trial)?, set.draw(*trial));
            Ok(LifTrial { trial: drawn, draw, scaling_factors: factors.clone() })
        };
        let trials: Vec<LifTrial> = jobs.iter().map(lif_trials).collect::<Result<_>>()?;
        let outcomes = self.trials_on(machine, &trials, self.out_every())?;
        let mut results = outcomes.iter().map(Outcome::result);
        Ok(jobs.iter().map(|(_, factors)| results.by_ref().take(factors.len()).collect()).collect())
    }

    /// Runs one trial of a set with every scaling factor; returns one result per factor.
    ///
    /// # Errors
    /// Those of [`Simulator::run`].
    pub fn results(&self, set: TrialSet, trial: u32, scaling_factors: &[f64]) -> Result<Vec<TrialResult>> {
        let drawn = set.trial(self.task, self.seed, trial)?;
        let recording = Recording { out_every: self.out_every(), ..Recording::default() };
        let outcomes = self.trial(&drawn, set.draw(trial), scaling_factors, &recording)?;
        Ok(outcomes.iter().map(Outcome::result).collect())
    }

    /// Outcome of a trial whose spikes were counted up to a step.
    fn evaluated(&self, criteria: &Criteria, trial: &Trial, counted_to: usize, run: Run) -> Outcome {
        let outputs = self.task.outputs();
        let accepts = |criterion: &Criterion, first: usize| {
            criterion.accepts(|window, o| run.extremes[(first + window) * outputs + o])
        };
        let correct = accepts(&criteria.own, 0);
        let strict = criteria.strict.as_ref().map(|strict| accepts(strict, criteria.own.windows.len()));
        let lasted = counted_to as f64 / self.timing().steps as f64;
        let output_error = self.output_error(trial, &run.out);
        Outcome { correct, correct_strictly: strict.unwrap_or(correct), run, lasted, output_error }
    }
}

/// Rules that the answer to a trial is judged by.
struct Criteria {
    own: Criterion,
    /// Strict rules, if they are evaluated as well and are others; their windows follow those of `own`.
    strict: Option<Criterion>,
}

impl Criteria {
    fn all(&self) -> impl Iterator<Item = &Criterion> {
        [&self.own].into_iter().chain(&self.strict)
    }
}
