//! The output of a network on trials of a task, drawn by condition.

use crate::figures::output::{Condition, mean_and_sd};
use crate::figures::{Output, Window};
use crate::{Figure, ReportError};
use mdl_data::tasks::{Judged, Response, Task, Trials};

/// Outputs of a network on trials.
#[derive(Clone, Copy, Debug)]
pub struct TrialOutput<'a> {
    /// Time of each kept output (ms).
    pub time_ms: &'a [f64],
    /// Outputs `[B, times, O]`.
    pub values: &'a [f64],
    /// Output channels O.
    pub width: usize,
    /// Whose outputs they are.
    pub judged: Judged,
}

impl TrialOutput<'_> {
    /// Draws mean ± sd of the first output channel over the trials of each condition, with the mean target.
    ///
    /// # Errors
    /// [`ReportError`]: no trial, or outputs that are not finite.
    pub fn draw(
        &self,
        title: &str,
        trials: &Trials,
        task: &dyn Task,
        windows: &[Window],
    ) -> Result<Figure, ReportError> {
        let times = self.time_ms.len();
        let sample = |t: f64| ((t / task.step_ms()) as usize).min(trials.steps - 1);
        let mut drawn = Vec::new();
        for (condition, label) in task.conditions().iter().enumerate() {
            let members: Vec<usize> = (0..trials.count).filter(|b| trials.condition[*b] == condition).collect();
            if members.is_empty() {
                continue;
            }
            let value = |b: &usize, t: usize| self.values[(b * times + t) * self.width];
            let values: Vec<f64> = members.iter().flat_map(|b| (0..times).map(move |t| value(b, t))).collect();
            let target_of =
                |b: usize, t: f64| f64::from(trials.target[(sample(t) * trials.count + b) * trials.outputs]);
            let mean_target = |t: &f64| members.iter().map(|b| target_of(*b, *t)).sum::<f64>() / members.len() as f64;
            let target: Vec<f64> = self.time_ms.iter().map(mean_target).collect();
            let (mean, sd) = mean_and_sd(&values, times)?;
            drawn.push((*label, mean, sd, target));
        }
        let conditions: Vec<Condition> =
            drawn.iter().map(|(label, mean, sd, target)| Condition { label, mean, sd, target: Some(target) }).collect();
        let thresholds = thresholds(task, self.judged);
        Output { title, time_ms: self.time_ms, conditions: &conditions, windows, thresholds: &thresholds }.draw()
    }
}

/// Levels that an output is judged by.
fn thresholds(task: &dyn Task, judged: Judged) -> Vec<f64> {
    let mut thresholds: Vec<f64> = (0..task.conditions().len())
        .flat_map(|condition| match task.response(condition, judged) {
            Response::Above(x) | Response::Below(x) | Response::Under(x) => vec![x],
            Response::Within(x) => vec![x, -x],
        })
        .collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    thresholds
}
