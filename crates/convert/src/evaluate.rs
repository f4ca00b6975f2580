//! Evaluation of a LIF network on a set of trials.

use crate::answers::TrialSet;
use crate::behaviour::{Behaviour, Monitor, count_correct};
use crate::error::{Error, Result};
use crate::lif::{Recording, Run, Traces};
use mdl_data::field::require;
use mdl_data::score::Score;
use mdl_data::tasks::Trials;
use mdl_model::artifact::Artifact;
use mdl_model::experiment::EvaluationConfig;
use rayon::prelude::*;

/// How a network did on a set of trials.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Condition of each trial, `[B]`
    pub condition: Vec<usize>,
    /// Whether its answer was correct, `[B]`
    pub correct: Vec<bool>,
    /// Times at which outputs were kept (ms), `[times]`
    pub time_ms: Vec<f64>,
    /// Outputs, `[B, times, O]`
    pub output: Vec<f64>,
    /// Outputs O.
    pub outputs: usize,
    /// Mean firing rate of each unit over the trials (Hz), `[N]`
    pub rate_hz: Vec<f64>,
    /// Units whose potentials were kept.
    pub recorded_units: Vec<usize>,
    /// Times at which potentials were kept (ms), `[potential times]`
    pub potential_time_ms: Vec<f64>,
    /// Spikes and potentials of the first trials.
    pub recorded: Vec<Run>,
    /// Duration of a step (ms).
    pub step_ms: f64,
}

impl Evaluation {
    /// The score over all trials.
    pub fn score(&self) -> Score {
        Score { trials: self.correct.len() as u32, correct: count_correct(&self.correct) }
    }

    /// The score over the trials of one condition.
    pub fn score_of(&self, condition: usize) -> Score {
        let correct: Vec<bool> =
            self.condition.iter().zip(&self.correct).filter(|(c, _)| **c == condition).map(|(_, ok)| *ok).collect();
        Score { trials: correct.len() as u32, correct: count_correct(&correct) }
    }

    /// Adds the evaluation to an artifact:
    ///
    /// | tensor | shape | type | what |
    /// |---|---|---|---|
    /// | `condition` | `[B]` | U32 | index of the trial's condition |
    /// | `correct` | `[B]` | U8 | 1 where the answer was correct |
    /// | `time_ms` | `[times]` | F64 | when outputs were kept |
    /// | `output` | `[B, times, O]` | F32 | W_out r / scaling factor |
    /// | `rate_hz` | `[N]` | F64 | mean firing rate of each unit over all trials |
    /// | `spike_trial`, `spike_step`, `spike_unit` | `[spikes]` | U32 | spikes of the recorded trials; steps from 1 |
    /// | `recorded_unit` | `[U]` | U32 | units whose potentials were kept |
    /// | `potential_time_ms` | `[potential times]` | F64 | when potentials and currents were kept |
    /// | `v_mv`, `ipsc_mv` | `[recorded, potential times, U]` | F32 | membrane potential and synaptic current |
    pub fn write(&self, artifact: &mut Artifact) {
        let (b, times) = (self.correct.len(), self.time_ms.len());
        let (potential_times, units) = (self.potential_time_ms.len(), self.recorded_units.len());
        let single = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x as f32).collect::<Vec<f32>>();
        artifact.insert("condition", &[b], self.condition.iter().map(|c| *c as u32).collect());
        artifact.insert("correct", &[b], self.correct.iter().map(|c| u8::from(*c)).collect());
        artifact.insert("time_ms", &[times], self.time_ms.clone());
        artifact.insert("output", &[b, times, self.outputs], single(&mut self.output.iter().copied()));
        artifact.insert("rate_hz", &[self.rate_hz.len()], self.rate_hz.clone());
        let spikes: Vec<[u32; 3]> = self
            .recorded
            .iter()
            .enumerate()
            .flat_map(|(trial, run)| run.spikes.iter().map(move |s| [trial as u32, s.step, s.unit]))
            .collect();
        for (column, name) in ["spike_trial", "spike_step", "spike_unit"].into_iter().enumerate() {
            artifact.insert(name, &[spikes.len()], spikes.iter().map(|s| s[column]).collect());
        }
        artifact.insert("recorded_unit", &[units], self.recorded_units.iter().map(|u| *u as u32).collect());
        artifact.insert("potential_time_ms", &[potential_times], self.potential_time_ms.clone());
        let shape = [self.recorded.len(), potential_times, units];
        artifact.insert("v_mv", &shape, single(&mut self.recorded.iter().flat_map(|r| r.v_mv.iter().copied())));
        artifact.insert("ipsc_mv", &shape, single(&mut self.recorded.iter().flat_map(|r| r.ipsc_mv.iter().copied())));
    }
}

/// Runs a network of `units` on trials, on all cores.
///
/// # Errors
/// Recorded units that the network does not have, those of the simulation, and an interruption.
pub fn evaluate(
    behaviour: &Behaviour,
    units: usize,
    scaling_factor: f64,
    trials: &Trials,
    config: &EvaluationConfig,
    monitor: &Monitor,
) -> Result<Evaluation> {
    let unknown = config.recorded_units.iter().find(|unit| **unit >= units);
    if let Some(unit) = unknown {
        require(false, "evaluation.recorded_units", unit, &format!("units below {units}"))?;
    }
    let timing = behaviour.timing();
    let steps_of = |interval_ms: f64| ((interval_ms / timing.step_ms).round() as usize).clamp(1, timing.steps);
    let times_ms = |every: usize| (1..=timing.steps / every).map(|k| (k * every) as f64 * timing.step_ms).collect();
    let (every, traces_every) = (steps_of(config.record_every_ms), steps_of(config.record_potentials_every_ms));
    let one = |trial: usize| {
        if (monitor.stopped)() {
            return Err(Error::Interrupted);
        }
        let recorded = trial < config.recorded_trials;
        let recording = Recording {
            out_every: Some(every),
            spikes: recorded,
            traces: recorded.then(|| Traces { units: config.recorded_units.clone(), every: traces_every }),
            ..Recording::default()
        };
        let draw = TrialSet::Evaluation.draw(trial as u32);
        let (input, condition) = (trials.input_of(trial), trials.condition[trial]);
        let outcome = behaviour.trial(&input, condition, draw, &[scaling_factor], &recording)?.remove(0);
        (monitor.trial_done)();
        Ok(outcome)
    };
    let outcomes: Vec<_> = (0..trials.count).into_par_iter().map(one).collect::<Result<_>>()?;
    let trial_ms = behaviour.trial_ms();
    let mut rate_hz = vec![0.0; units];
    for outcome in &outcomes {
        rate_hz.iter_mut().zip(outcome.run.rate_hz(trial_ms)).for_each(|(mean, rate)| *mean += rate);
    }
    rate_hz.iter_mut().for_each(|rate| *rate /= trials.count.max(1) as f64);
    Ok(Evaluation {
        condition: trials.condition.clone(),
        correct: outcomes.iter().map(|o| o.correct).collect(),
        time_ms: times_ms(every),
        output: outcomes.iter().flat_map(|o| o.run.out.iter().copied()).collect(),
        outputs: trials.outputs,
        rate_hz,
        recorded_units: config.recorded_units.clone(),
        potential_time_ms: times_ms(traces_every),
        recorded: outcomes.into_iter().take(config.recorded_trials).map(|o| o.run).collect(),
        step_ms: timing.step_ms,
    })
}
