//! Output over time: mean ± standard deviation over the trials of each condition.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel};
use crate::window::{self, Window};
use crate::{ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::tasks::{Judged, Response, Task};

const CHECK: Check = Check("output over time");
const PLOT_HEIGHT: f64 = 190.0;

/// Output of one condition. Every slice has one value per step.
#[derive(Clone, Copy, Debug)]
pub struct Condition<'a> {
    /// Name of the condition, such as `Go`.
    pub label: &'a str,
    /// Mean over trials.
    pub mean: &'a [f64],
    /// Standard deviation over trials.
    pub sd: &'a [f64],
    /// Target output.
    pub target: Option<&'a [f64]>,
}

/// Output over time: mean ± standard deviation over the trials of each condition, with targets and windows.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Time of each step, ascending, in ms.
    pub time_ms: &'a [f64],
    /// The conditions, in the order of the legend.
    pub conditions: &'a [Condition<'a>],
    /// Stimulus and response windows.
    pub windows: &'a [Window<'a>],
    /// Output levels that decide whether a trial is correct.
    pub thresholds: &'a [f64],
}

/// Output of a network on trials of a task: its first channel, with the mean target.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::of(artifact)?.filter(|_| artifact.has("output")) else { return Ok(None) };
    let Some(task) = evaluation.task() else { return Ok(None) };
    evaluation.require(CHECK, "target")?;
    let shape @ [_, times, width] = artifact.shape::<3>("output")?;
    CHECK.value("outputs", width > 0, width, "at least one")?;
    let (output, target) = (artifact.values::<f32>("output", &shape)?, artifact.values::<f32>("target", &shape)?);
    let trial_conditions = evaluation.conditions(task)?;
    CHECK.length("conditions", &trial_conditions, shape[0])?;
    let mut drawn = Vec::new();
    for (condition, label) in task.conditions().iter().enumerate() {
        let members: Vec<usize> = (0..shape[0]).filter(|trial| trial_conditions[*trial] == condition).collect();
        if members.is_empty() {
            continue;
        }
        let first_channel = |values: &[f32]| -> Vec<f64> {
            let value = |trial: usize, time: usize| f64::from(values[(trial * times + time) * width]);
            members.iter().flat_map(|trial| (0..times).map(move |time| value(*trial, time))).collect()
        };
        let (mean, sd) = mean_and_sd(&first_channel(output), times)?;
        drawn.push((*label, mean, sd, mean_and_sd(&first_channel(target), times)?.0));
    }
    let conditions: Vec<Condition> =
        drawn.iter().map(|(label, mean, sd, target)| Condition { label, mean, sd, target: Some(target) }).collect();
    let figure = Output {
        title: &format!("Output of the {} network", evaluation.network()),
        time_ms: artifact.values("time_ms", &[times])?,
        conditions: &conditions,
        windows: &evaluation.windows(),
        thresholds: &thresholds(task, evaluation.judged),
    };
    figure.draw().map(Some)
}

/// Output levels of the criterion.
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

impl Output<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no step or no condition, different lengths, values that are not finite, a negative standard
    /// deviation.
    pub fn draw(&self) -> Result<Figure, ReportError> {
        self.check()?;
        let mut canvas = Canvas::new(style::NARROW, self.title);
        canvas.legend(&self.keys());
        let height = PLOT_HEIGHT + style::BOTTOM;
        let frame = Frame {
            left: style::LEFT,
            top: canvas.top,
            width: style::NARROW - style::LEFT - style::RIGHT,
            height: PLOT_HEIGHT,
        };
        let panel = Panel::new(canvas.size(height), frame, Axis::time(self.time_ms), self.output_axis());
        window::shade(&mut canvas, &panel, self.windows);
        for &threshold in self.thresholds {
            canvas.level(&panel, threshold, style::REFERENCE);
        }
        for (index, condition) in self.conditions.iter().enumerate() {
            self.draw_condition(&mut canvas, &panel, condition, style::colour(index));
        }
        canvas.axes(&panel);
        Ok(canvas.finish(height, self.description()))
    }

    fn draw_condition(&self, canvas: &mut Canvas, panel: &Panel, condition: &Condition, colour: &'static str) {
        let points = |values: &[f64]| self.time_ms.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>();
        canvas.band(panel, self.time_ms, &shifted(condition, -1.0), &shifted(condition, 1.0), colour);
        if let Some(target) = condition.target {
            canvas.curve(panel, &points(target), colour, Some(style::DASHES));
        }
        canvas.curve(panel, &points(condition.mean), colour, None);
    }

    fn output_axis(&self) -> Axis {
        let of = |c: &Condition| {
            [shifted(c, -1.0), shifted(c, 1.0), c.target.map(<[f64]>::to_vec).unwrap_or_default()].concat()
        };
        Axis::around("Output", self.conditions.iter().flat_map(of).chain(self.thresholds.iter().copied()))
    }

    fn keys(&self) -> Vec<(Key, String)> {
        let conditions = self.conditions.iter().enumerate();
        let mut keys: Vec<_> = conditions.map(|(i, c)| (Key::Line(style::colour(i)), c.label.to_owned())).collect();
        if self.conditions.iter().any(|condition| condition.target.is_some()) {
            keys.push((Key::Dashes(style::INK), "target".into()));
        }
        if !self.thresholds.is_empty() {
            keys.push((Key::Dashes(style::REFERENCE), "criterion".into()));
        }
        keys.extend(window::keys(self.windows));
        keys
    }

    fn description(&self) -> String {
        let labels: Vec<_> = self.conditions.iter().map(|condition| condition.label).collect();
        format!("Mean output and standard deviation over trials against time in ms, for {}.", labels.join(", "))
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("step", self.time_ms)?;
        CHECK.finite("time", self.time_ms)?;
        CHECK.value("time", self.time_ms.is_sorted(), "a step back", "ascending times")?;
        CHECK.not_empty("condition", self.conditions)?;
        CHECK.finite("threshold", self.thresholds)?;
        window::check(self.windows, CHECK)?;
        for condition in self.conditions {
            let columns = [("mean", Some(condition.mean)), ("sd", Some(condition.sd)), ("target", condition.target)];
            for (name, values) in columns.into_iter().filter_map(|(name, values)| Some((name, values?))) {
                let what = format!("{name} of {}", condition.label);
                CHECK.length(&what, values, self.time_ms.len())?;
                CHECK.finite(&what, values)?;
            }
            let negative = condition.sd.iter().find(|&&sd| sd < 0.0);
            let what = format!("sd of {}", condition.label);
            CHECK.value(&what, negative.is_none(), negative.unwrap_or(&0.0), "no negative value")?;
        }
        Ok(())
    }
}

/// Mean ± `deviations` standard deviations.
fn shifted(condition: &Condition, deviations: f64) -> Vec<f64> {
    condition.mean.iter().zip(condition.sd).map(|(mean, sd)| mean + deviations * sd).collect()
}

/// Mean and standard deviation (n − 1; 0 for a single trial) over trials, step by step: `outputs` is `[trials, steps]`.
///
/// # Errors
/// [`ReportError`]: no trial, or an incomplete trial.
pub fn mean_and_sd(outputs: &[f64], steps: usize) -> Result<(Vec<f64>, Vec<f64>), ReportError> {
    CHECK.not_empty("trial", outputs)?;
    let whole = steps > 0 && outputs.len().is_multiple_of(steps);
    CHECK.value("outputs", whole, format_args!("{} values", outputs.len()), &format!("trials of {steps} steps"))?;
    let trials = (outputs.len() / steps) as f64;
    let over_trials = |step: usize| outputs.iter().skip(step).step_by(steps);
    let mean: Vec<f64> = (0..steps).map(|step| over_trials(step).sum::<f64>() / trials).collect();
    let sd = |(step, mean): (usize, &f64)| {
        (over_trials(step).map(|value| (value - mean).powi(2)).sum::<f64>() / (trials - 1.0).max(1.0)).sqrt()
    };
    let sd = mean.iter().enumerate().map(sd).collect();
    Ok((mean, sd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_sd_over_trials() {
        let (mean, sd) = mean_and_sd(&[1.0, 5.0, 3.0, 5.0], 2).unwrap();
        assert_eq!(mean, [2.0, 5.0]);
        assert_eq!(sd, [2f64.sqrt(), 0.0]);
        assert_eq!(mean_and_sd(&[4.0], 1).unwrap().1, [0.0]);
        assert!(mean_and_sd(&[1.0, 2.0, 3.0], 2).is_err());
        assert!(mean_and_sd(&[1.0], 0).is_err());
    }
}
