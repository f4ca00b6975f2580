//! Outputs of the trials of an evaluation, and their means over the trials of a condition that have not ended.

use crate::ReportError;
use crate::check::Check;
use crate::evaluation::Evaluation;
use mdl_data::tasks::Task;

const CHECK: Check = Check("outputs");

/// Outputs, targets and outputs of the rate network, each `[B, times, O]`.
pub(crate) struct Outputs<'a> {
    pub time_ms: &'a [f64],
    /// Number of outputs O.
    pub width: usize,
    /// Condition of each trial, `[B]`
    pub conditions: Vec<usize>,
    pub output: &'a [f32],
    pub target: &'a [f32],
    pub rate_network: Option<&'a [f32]>,
    /// End of each trial (ms), `[B]`
    end_ms: Vec<f64>,
}

impl<'a> Outputs<'a> {
    /// Outputs in an evaluation of a network on `task`.
    ///
    /// # Errors
    /// [`ReportError`]: a missing or mismatched tensor.
    pub fn of(evaluation: &Evaluation<'a>, task: &dyn Task, check: Check) -> Result<Self, ReportError> {
        let artifact = evaluation.artifact;
        evaluation.require(check, "target")?;
        let shape @ [trials, times, width] = artifact.shape::<3>("output")?;
        check.value("outputs", width > 0, width, "at least one")?;
        let rate_network = match artifact.has("rate_output") {
            true => Some(artifact.values::<f32>("rate_output", &shape)?),
            false => None,
        };
        let end_ms = match artifact.has("length_ms") {
            true => artifact.values::<f64>("length_ms", &[trials])?.to_vec(),
            false => vec![f64::INFINITY; trials],
        };
        let conditions = evaluation.conditions(task)?;
        check.length("conditions", &conditions, trials)?;
        Ok(Self {
            time_ms: artifact.values("time_ms", &[times])?,
            width,
            conditions,
            output: artifact.values("output", &shape)?,
            target: artifact.values("target", &shape)?,
            rate_network,
            end_ms,
        })
    }

    /// Trials of a condition.
    pub fn members(&self, condition: usize) -> Vec<usize> {
        (0..self.conditions.len()).filter(|trial| self.conditions[*trial] == condition).collect()
    }

    /// Number of times before the end of a trial.
    pub fn steps(&self, trial: usize) -> usize {
        self.time_ms.iter().take_while(|time| **time <= self.end_ms[trial]).count()
    }

    /// One channel of a trial of `values`, one of the arrays above, up to the end of the trial.
    pub fn of_trial(&self, values: &[f32], trial: usize, channel: usize) -> Vec<f64> {
        let at = |time: usize| f64::from(values[(trial * self.time_ms.len() + time) * self.width + channel]);
        (0..self.steps(trial)).map(at).collect()
    }

    /// Mean and standard deviation of one channel of `values` over some trials that have not ended, step by step, up to
    /// the end of the last one.
    ///
    /// # Errors
    /// [`ReportError`]: no trial, or none with a step.
    pub fn mean_and_sd(
        &self,
        values: &[f32],
        trials: &[usize],
        channel: usize,
    ) -> Result<(Vec<f64>, Vec<f64>), ReportError> {
        let own: Vec<Vec<f64>> = trials.iter().map(|trial| self.of_trial(values, *trial, channel)).collect();
        let steps = own.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |own: &Vec<f64>| own.iter().copied().chain(std::iter::repeat(0.0)).take(steps).collect::<Vec<_>>();
        let going = |own: &Vec<f64>| (0..steps).map(|step| step < own.len()).collect::<Vec<bool>>();
        let (values, going): (Vec<f64>, Vec<bool>) =
            (own.iter().flat_map(padded).collect(), own.iter().flat_map(going).collect());
        mean_and_sd_of(&values, &going, steps)
    }
}

/// Mean and standard deviation of outputs `[trials, steps]` over the trials that are still going at a step; 0 after the end
/// of all. `going` is `[trials, steps]`.
pub(crate) fn mean_and_sd_of(
    outputs: &[f64],
    going: &[bool],
    steps: usize,
) -> Result<(Vec<f64>, Vec<f64>), ReportError> {
    CHECK.not_empty("trial", outputs)?;
    let whole = steps > 0 && outputs.len().is_multiple_of(steps);
    CHECK.value("outputs", whole, format_args!("{} values", outputs.len()), &format!("trials of {steps} steps"))?;
    let over_trials = |step: usize| {
        let all = outputs.iter().zip(going).skip(step).step_by(steps);
        all.filter(|(_, going)| **going).map(|(value, _)| *value)
    };
    let trials = |step: usize| over_trials(step).count() as f64;
    let mean: Vec<f64> = (0..steps).map(|step| over_trials(step).sum::<f64>() / trials(step).max(1.0)).collect();
    let sd = |(step, mean): (usize, &f64)| {
        let squares = over_trials(step).map(|value| (value - mean).powi(2)).sum::<f64>();
        (squares / (trials(step) - 1.0).max(1.0)).sqrt()
    };
    let sd = mean.iter().enumerate().map(sd).collect();
    Ok((mean, sd))
}
