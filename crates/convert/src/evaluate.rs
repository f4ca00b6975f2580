//! Evaluation of a LIF network on a set of trials.

use crate::error::{Error, Result};
use crate::lif::{LifNetwork, Recording, Run, Traces};
#[cfg(any(test, feature = "cuda"))]
use crate::lif_task::LifTrial;
use crate::lif_task::{LifTask, Monitor, Outcome, count_correct};
use crate::search::trials::TrialSet;
use candle_core::Device;
use mdl_artifact::Artifact;
use mdl_data::evaluation::EvaluationConfig;
use mdl_data::field::{InvalidField, length, require};
use mdl_data::score::Score;
use mdl_data::tasks::{Evaluated, Trials};
use rayon::prelude::*;

/// Results of a network on a set of trials.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Condition of each trial, `[B]`
    pub condition: Vec<usize>,
    /// Whether its answer was correct, `[B]`
    pub correct: Vec<bool>,
    /// Whether it was correct under the strict rules, `[B]`; none where the rule sets are the same.
    pub correct_strictly: Option<Vec<bool>>,
    /// Times at which outputs were kept (ms), `[times]`
    pub time_ms: Vec<f64>,
    /// Outputs, `[B, times, O]`
    pub output: Vec<f64>,
    /// Targets at the same times, `[B, times, O]`
    pub target: Vec<f32>,
    /// Outputs O.
    pub outputs: usize,
    /// Mean firing rate of each unit over the trials (Hz), each until it ended, `[N]`
    pub rate_hz: Vec<f64>,
    /// The same over the trials of each condition, `[C, N]`; 0 for conditions without a trial.
    pub rate_hz_by_condition: Vec<f64>,
    /// Units whose potentials were recorded.
    pub recorded_units: Vec<usize>,
    /// Times at which potentials were kept (ms), `[potential times]`
    pub potential_time_ms: Vec<f64>,
    /// Spikes and potentials of the first trials.
    pub recorded: Vec<Run>,
    /// Mode variables Ξ_outᵀ r / scaling factor of these trials, `[recorded, times, P]`, with P; none for a network without
    /// modes.
    pub modes: Option<(Vec<f64>, usize)>,
    /// Duration of a step (ms).
    pub step_ms: f64,
}

impl Evaluation {
    /// Score over all trials.
    pub fn score(&self) -> Score {
        Score { trials: self.correct.len() as u32, correct: count_correct(&self.correct) }
    }

    /// Score over all trials under the strict rules; none where the rule sets are the same.
    pub fn strict_score(&self) -> Option<Score> {
        let correct = self.correct_strictly.as_ref()?;
        Some(Score { trials: correct.len() as u32, correct: count_correct(correct) })
    }

    /// Score over the trials of one condition.
    pub fn score_of(&self, condition: usize) -> Score {
        let correct: Vec<bool> =
            self.condition.iter().zip(&self.correct).filter(|(c, _)| **c == condition).map(|(_, ok)| *ok).collect();
        Score { trials: correct.len() as u32, correct: count_correct(&correct) }
    }

    /// Adds the evaluation to an artifact:
    ///
    /// | tensor | shape | type | content |
    /// |---|---|---|---|
    /// | `condition` | `[B]` | U32 | index of the trial's condition |
    /// | `correct` | `[B]` | U8 | 1 if the answer was correct |
    /// | `correct_strict` | `[B]` | U8 | 1 if it was correct under the strict rules; absent where these are the same |
    /// | `time_ms` | `[times]` | F64 | times of the recorded outputs |
    /// | `output` | `[B, times, O]` | F32 | W_out r / scaling factor |
    /// | `target` | `[B, times, O]` | F32 | target at the same times |
    /// | `rate_hz` | `[N]` | F64 | mean firing rate of each unit over all trials |
    /// | `rate_hz_by_condition` | `[C, N]` | F64 | mean firing rate of each unit over the trials of each condition |
    /// | `spike_trial`, `spike_step`, `spike_unit` | `[spikes]` | U32 | spikes of the recorded trials; steps from 1 |
    /// | `recorded_unit` | `[U]` | U32 | units whose potentials were recorded |
    /// | `potential_time_ms` | `[potential times]` | F64 | times of the recorded potentials and currents |
    /// | `mode_trial` | `[recorded, times, P]` | F32 | Ξ_outᵀ r / scaling factor; absent for a network without modes |
    /// | `v_mv`, `ipsc_mv` | `[recorded, potential times, U]` | F32 | membrane potential and synaptic current |
    pub fn write(&self, artifact: &mut Artifact) {
        let (b, times) = (self.correct.len(), self.time_ms.len());
        let (potential_times, units) = (self.potential_time_ms.len(), self.recorded_units.len());
        let single = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x as f32).collect::<Vec<f32>>();
        artifact.insert("condition", &[b], self.condition.iter().map(|c| *c as u32).collect());
        artifact.insert("correct", &[b], self.correct.iter().map(|c| u8::from(*c)).collect());
        if let Some(correct) = &self.correct_strictly {
            artifact.insert("correct_strict", &[b], correct.iter().map(|c| u8::from(*c)).collect());
        }
        artifact.insert("time_ms", &[times], self.time_ms.clone());
        artifact.insert("output", &[b, times, self.outputs], single(&mut self.output.iter().copied()));
        artifact.insert("target", &[b, times, self.outputs], self.target.clone());
        artifact.insert("rate_hz", &[self.rate_hz.len()], self.rate_hz.clone());
        let conditions = self.rate_hz_by_condition.len().checked_div(self.rate_hz.len()).unwrap_or_default();
        let by_condition = self.rate_hz_by_condition.clone();
        artifact.insert("rate_hz_by_condition", &[conditions, self.rate_hz.len()], by_condition);
        let spikes: Vec<[u32; 3]> = self
            .recorded
            .iter()
            .enumerate()
            .flat_map(|(trial, run)| run.spikes.iter().map(move |s| [trial as u32, s.step, s.unit]))
            .collect();
        for (column, name) in ["spike_trial", "spike_step", "spike_unit"].into_iter().enumerate() {
            artifact.insert(name, &[spikes.len()], spikes.iter().map(|s| s[column]).collect());
        }
        if let Some((modes, count)) = &self.modes {
            let shape = [self.recorded.len(), times, *count];
            artifact.insert("mode_trial", &shape, single(&mut modes.iter().copied()));
        }
        artifact.insert("recorded_unit", &[units], self.recorded_units.iter().map(|u| *u as u32).collect());
        artifact.insert("potential_time_ms", &[potential_times], self.potential_time_ms.clone());
        let shape = [self.recorded.len(), potential_times, units];
        artifact.insert("v_mv", &shape, single(&mut self.recorded.iter().flat_map(|r| r.v_mv.iter().copied())));
        artifact.insert("ipsc_mv", &shape, single(&mut self.recorded.iter().flat_map(|r| r.ipsc_mv.iter().copied())));
    }
}

/// Runs a network on trials: on all cores or, except for trials with recorded spikes and potentials, on a
/// GPU.
///
/// # Errors
/// Recorded units that the network does not have, errors of the simulation and the device, and an interruption.
pub fn evaluate(
    device: &Device,
    lif_task: &LifTask,
    network: &LifNetwork,
    scaling_factor: f64,
    trials: &Trials,
    config: &EvaluationConfig,
    monitor: &Monitor,
) -> Result<Evaluation> {
    let setting = Setting::new(lif_task, network, scaling_factor, trials, config, monitor)?;
    #[cfg(feature = "cuda")]
    if let Some(gpu) = mdl_device::Gpu::new(device) {
        return Ok(setting.evaluation(setting.on_machine(&gpu)?));
    }
    debug_assert!(device.is_cpu(), "a device that can be opened is known here");
    Ok(setting.evaluation(setting.on_processor(trials.count)?))
}

/// What an evaluation is asked for.
struct Setting<'a> {
    lif_task: &'a LifTask<'a>,
    network: &'a LifNetwork,
    scaling_factor: f64,
    trials: &'a Trials,
    config: &'a EvaluationConfig,
    monitor: &'a Monitor<'a>,
    /// Steps between two recorded outputs.
    out_every: usize,
    /// Steps between two recorded potentials.
    traces_every: usize,
}

impl<'a> Setting<'a> {
    fn new(
        lif_task: &'a LifTask<'a>,
        network: &'a LifNetwork,
        scaling_factor: f64,
        trials: &'a Trials,
        config: &'a EvaluationConfig,
        monitor: &'a Monitor<'a>,
    ) -> Result<Self> {
        let units = network.units;
        if let Some(unit) = config.recorded_units.iter().find(|unit| **unit >= units) {
            require(false, "evaluation.recorded_units", unit, &format!("units below {units}"))?;
        }
        let timing = lif_task.timing();
        let within = |error: InvalidField| error.within("evaluation");
        let out_every = config.steps_between_outputs(timing.step_ms, timing.steps).map_err(within)?;
        let traces_every = config.steps_between_potentials(timing.step_ms, timing.steps).map_err(within)?;
        Ok(Self { lif_task, network, scaling_factor, trials, config, monitor, out_every, traces_every })
    }

    fn check_stopped(&self) -> Result<()> {
        if (self.monitor.stopped)() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Runs the first trials on all cores.
    fn on_processor(&self, count: usize) -> Result<Vec<Outcome>> {
        (0..count).into_par_iter().map(|trial| self.trial(trial)).collect()
    }

    fn trial(&self, trial: usize) -> Result<Outcome> {
        self.check_stopped()?;
        let recorded = trial < length(self.config.recorded_trials);
        let traces = || Traces { units: self.config.recorded_units.clone(), every: self.traces_every };
        let recording = Recording {
            out_every: Some(self.out_every),
            spikes: recorded,
            traces: recorded.then(traces),
            rate_every: self.network.modes().filter(|_| recorded).map(|_| self.out_every),
            ..Recording::default()
        };
        let draw = TrialSet::Evaluation.draw(trial as u32);
        let mut outcomes = self.lif_task.trial(&self.trials.get(trial), draw, &[self.scaling_factor], &recording)?;
        (self.monitor.trial_done)();
        let mut outcome = outcomes.remove(0);
        // Of the rates of all units only what is kept of them, which is small.
        let rate = std::mem::take(&mut outcome.run.rate);
        let rows = rate.chunks_exact(self.network.units.max(1));
        let modes = rows.flat_map(|r| self.network.mode_variables(r)).map(|variable| variable / self.scaling_factor);
        outcome.run.modes = modes.collect();
        Ok(outcome)
    }

    /// All trials; those of which spikes and potentials are kept on all cores, the others on a machine, as many at once as
    /// there is room for.
    #[cfg(any(test, feature = "cuda"))]
    fn on_machine<M: mdl_device::Backend>(&self, machine: &M) -> Result<Vec<Outcome>> {
        let recorded = length(self.config.recorded_trials).min(self.trials.count);
        let lif_trials = |trial: usize| LifTrial {
            trial: self.trials.get(trial),
            draw: TrialSet::Evaluation.draw(trial as u32),
            scaling_factors: vec![self.scaling_factor],
        };
        let mut outcomes = self.on_processor(recorded)?;
        let others: Vec<LifTrial> = (recorded..self.trials.count).map(lif_trials).collect();
        for lif_trials in others.chunks(self.lif_task.trials_at_once()) {
            self.check_stopped()?;
            outcomes.extend(self.lif_task.trials_on(machine, lif_trials, Some(self.out_every))?);
            lif_trials.iter().for_each(|_| (self.monitor.trial_done)());
        }
        Ok(outcomes)
    }

    fn evaluation(&self, outcomes: Vec<Outcome>) -> Evaluation {
        let timing = self.lif_task.timing();
        let times_ms = |every: usize| -> Vec<f64> {
            (1..=timing.steps / every).map(|k| (k * every) as f64 * timing.step_ms).collect()
        };
        let trial_ms = self.lif_task.trial_ms();
        let units = self.network.units;
        let mut rate_hz = vec![0.0; units];
        let conditions = self.lif_task.task().conditions().len();
        let mut by_condition = vec![0.0; conditions * units];
        for (outcome, condition) in outcomes.iter().zip(&self.trials.condition) {
            let of_condition = &mut by_condition[condition * units..][..units];
            // Each trial counts by its duration.
            let sums = rate_hz.iter_mut().zip(of_condition).zip(outcome.run.rate_hz(trial_ms));
            sums.for_each(|((all, own), rate)| (*all, *own) = (*all + rate, *own + rate));
        }
        let lasted = |of: &dyn Fn(usize) -> bool| -> f64 {
            let own = outcomes.iter().zip(&self.trials.condition).filter(|(_, condition)| of(**condition));
            own.map(|(outcome, _)| outcome.lasted).sum()
        };
        let divide = |sums: &mut [f64], by: f64| sums.iter_mut().filter(|sum| **sum > 0.0).for_each(|sum| *sum /= by);
        divide(&mut rate_hz, lasted(&|_| true));
        for (condition, sums) in by_condition.chunks_exact_mut(units).enumerate() {
            divide(sums, lasted(&|own| own == condition));
        }
        let time_ms = times_ms(self.out_every);
        let (correct, correct_strictly, output) = (
            outcomes.iter().map(|o| o.correct).collect(),
            outcomes.iter().map(|o| o.correct_strictly).collect(),
            outcomes.iter().flat_map(|o| o.run.out.iter().copied()).collect(),
        );
        let runs = outcomes.into_iter().map(|outcome| outcome.run);
        let recorded: Vec<Run> = runs.take(length(self.config.recorded_trials)).collect();
        let modes = |count| (recorded.iter().flat_map(|run| run.modes.iter().copied()).collect(), count);
        let modes = self.network.modes().map(modes);
        Evaluation {
            condition: self.trials.condition.clone(),
            correct,
            correct_strictly: self.trials.rule_sets_differ(Evaluated::Lif).then_some(correct_strictly),
            output,
            target: self.trials.target_at(&time_ms, self.lif_task.task().step_ms()),
            time_ms,
            outputs: self.trials.outputs,
            rate_hz,
            rate_hz_by_condition: by_condition,
            recorded_units: self.config.recorded_units.clone(),
            potential_time_ms: times_ms(self.traces_every),
            recorded,
            modes,
            step_ms: timing.step_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lif::config::LifConfig;
    use mdl_data::tasks::TaskConfig;
    use mdl_emulator::Emulator;
    use mdl_kernels::random::Purpose;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The same answers, spike counts and recordings, and outputs within rounding.
    #[test]
    fn a_machine_evaluates_as_the_processor_does() {
        let Some(machine) = Emulator::new() else { return };
        let network = crate::testing::network(20);
        let task: TaskConfig = serde_json::from_str(r#"{"kind": "go-nogo"}"#).unwrap();
        let task = task.task().unwrap();
        let lif = LifConfig { dt_ms: 0.5, ..LifConfig::default() };
        let lif_task = LifTask::new(&network, &lif, task, 3).unwrap();
        let trials = task.draw(3, Purpose::EvaluationTrial, 0, 5).unwrap();
        let config = EvaluationConfig { recorded_trials: 2, recorded_units: vec![4], ..EvaluationConfig::default() };
        let done = AtomicUsize::new(0);
        let count = || _ = done.fetch_add(1, Ordering::Relaxed);
        let monitor = Monitor { trial_done: &count, stopped: &|| false };
        let setting = Setting::new(&lif_task, &network, 10.0, &trials, &config, &monitor).unwrap();
        let expected = evaluate(&Device::Cpu, &lif_task, &network, 10.0, &trials, &config, &monitor).unwrap();
        let found = setting.evaluation(setting.on_machine(&machine).unwrap());
        assert_eq!(done.into_inner(), 10);
        assert!(found.rate_hz.iter().sum::<f64>() > 20.0, "a silent network tests nothing");
        assert_eq!((&found.correct, &found.rate_hz), (&expected.correct, &expected.rate_hz));
        assert_eq!(found.recorded, expected.recorded);
        assert_eq!((found.output.len(), expected.output.len()), (5 * found.time_ms.len(), 5 * found.time_ms.len()));
        let largest = expected.output.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        assert!(found.output.iter().zip(&expected.output).all(|(a, b)| (a - b).abs() <= 1e-4 * largest));
    }
}
