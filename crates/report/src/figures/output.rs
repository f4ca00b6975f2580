//! Output over time: mean ± standard deviation over the trials of each condition.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::figure::Figure;
use crate::lanes::{self, Curve, Lanes};
use crate::outputs::{Outputs, mean_and_sd_of};
use crate::panel::{Axis, Frame, Panel};
use crate::window::{self, Window};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::field::length;
use mdl_data::tasks::{Demand, Evaluated, Task};

const CHECK: Check = Check("output over time");
const PLOT_HEIGHT: f64 = 190.0;
/// Distance between the panels of two outputs.
const GAP: f64 = 14.0;
/// Maximum height of the inputs.
const MOST_INPUT: f64 = 130.0;
/// Maximum number of outputs to draw.
const MOST_OUTPUTS: usize = 8;

/// Output of one condition. Every slice has one value per step, up to the last one that a trial has.
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
    /// Mean output of the rate network that a LIF network was made from.
    pub rate_network: Option<&'a [f64]>,
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

/// Outputs of a network on trials of a task, one panel per channel, with the mean target.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::with_activity(artifact)?.filter(|_| artifact.has("output")) else {
        return Ok(None);
    };
    let Some(task) = evaluation.task() else { return Ok(None) };
    let outputs = Outputs::of(&evaluation, task, CHECK)?;
    let (time_ms, width, times) = (outputs.time_ms, outputs.width, outputs.time_ms.len());
    // [outputs][conditions]: label, mean, sd, mean target
    let mut drawn: Vec<Vec<Averaged>> = vec![Vec::new(); width.min(MOST_OUTPUTS)];
    let mut counts = Vec::new();
    for (condition, label) in task.conditions().iter().enumerate() {
        let members = outputs.members(condition);
        if members.is_empty() {
            continue;
        }
        counts.push(members.len());
        for (channel, drawn) in drawn.iter_mut().enumerate() {
            let (mean, sd) = outputs.mean_and_sd(outputs.output, &members, channel)?;
            let mean_of = |values: &[f32]| Ok::<_, ReportError>(outputs.mean_and_sd(values, &members, channel)?.0);
            let rate_network = outputs.rate_network.map(mean_of).transpose()?;
            drawn.push((label.as_str(), mean, sd, mean_of(outputs.target)?, rate_network));
        }
    }
    let title = format!("Output of the {} network", evaluation.network());
    let windows = evaluation.windows();
    let conditions: Vec<Vec<Condition>> =
        drawn.iter().map(|of_output| of_output.iter().map(condition).collect()).collect();
    let levels: Vec<Vec<f64>> = (0..drawn.len()).map(|o| thresholds(task, evaluation.evaluated, o)).collect();
    let outputs: Vec<Output> = conditions
        .iter()
        .zip(&levels)
        .map(|(conditions, thresholds)| Output { title: &title, time_ms, conditions, windows: &windows, thresholds })
        .collect();
    let names: Vec<&str> = task.output_names().iter().map(String::as_str).collect();
    let stimulus = stimulus(artifact, task, times)?;
    draw_stacked(&outputs, if width > 1 { &names } else { &["Output"] }, width, stimulus.as_ref(), &counts, look)
        .map(Some)
}

/// Inputs below the outputs.
struct Stimulus<'a> {
    /// Names of the channels.
    names: &'a [String],
    /// Mean input of each channel in each condition with trials.
    curves: Vec<Curve>,
}

/// Mean inputs of the conditions that are drawn; none in evaluations of earlier versions.
fn stimulus<'a>(artifact: &Artifact, task: &'a dyn Task, times: usize) -> Result<Option<Stimulus<'a>>, ReportError> {
    if !artifact.has("mean_input") {
        return Ok(None);
    }
    let (conditions, channels) = (task.conditions().len(), task.channels());
    let values = artifact.values::<f32>("mean_input", &[conditions, times, channels])?;
    let shape = artifact.shape::<1>("condition")?;
    let occurring = artifact.values::<u32>("condition", &shape)?;
    let drawn = (0..conditions).filter(|condition| occurring.iter().any(|own| length(*own) == *condition));
    let mut curves = Vec::new();
    for (index, condition) in drawn.enumerate() {
        let own = &values[condition * times * channels..][..times * channels];
        curves.extend((0..channels).map(|channel| Curve {
            channel,
            colour: style::condition_colour(index),
            values: own.iter().skip(channel).step_by(channels).map(|x| f64::from(*x)).collect(),
        }));
    }
    Ok(Some(Stimulus { names: task.inputs(), curves }))
}

/// Label, mean, standard deviation, mean target and mean output of the rate network of a condition.
type Averaged<'a> = (&'a str, Vec<f64>, Vec<f64>, Vec<f64>, Option<Vec<f64>>);

fn condition<'a>((label, mean, sd, target, rate_network): &'a Averaged) -> Condition<'a> {
    Condition { label, mean, sd, target: Some(target), rate_network: rate_network.as_deref() }
}

/// Draws outputs one above the other, the first of `of`.
fn draw_stacked(
    outputs: &[Output],
    names: &[&str],
    of: usize,
    stimulus: Option<&Stimulus>,
    trials: &[usize],
    look: Look,
) -> Result<Figure, ReportError> {
    outputs.iter().try_for_each(Output::check)?;
    CHECK.not_empty("output", outputs)?;
    let first = &outputs[0];
    let mut canvas = Canvas::new(look, look.narrow(), first.title);
    canvas.note_part(outputs.len(), of, "outputs");
    canvas.legend(&first.keys());
    let plots = outputs.len() as f64 * (PLOT_HEIGHT + GAP) - GAP;
    let inputs = stimulus.map_or(0.0, |stimulus| lanes::height(stimulus.names.len(), MOST_INPUT));
    let height = plots + if stimulus.is_some() { GAP + inputs } else { 0.0 } + style::BOTTOM;
    let top = canvas.top;
    for (index, (output, name)) in outputs.iter().zip(names).enumerate() {
        let is_lowest = index + 1 == outputs.len() && stimulus.is_none();
        let frame = output.frame(&canvas, top + index as f64 * (PLOT_HEIGHT + GAP), PLOT_HEIGHT);
        canvas.letter(frame, style::LEFT);
        output.draw_panel(&mut canvas, height, frame, name, is_lowest);
    }
    if let Some(Stimulus { names, curves }) = stimulus {
        let frame = first.frame(&canvas, top + plots + GAP, inputs);
        canvas.letter(frame, style::LEFT);
        let (time_ms, windows) = (first.time_ms, first.windows);
        let lanes = Lanes { label: "Mean input", names, time_ms, curves, windows };
        lanes.draw(&mut canvas, height, frame, Axis::time(time_ms));
    }
    Ok(canvas.finish(height, first.description(), first.caption(trials, stimulus.is_some())))
}

/// Levels that an output is judged by in the example trials of a task.
pub(crate) fn thresholds(task: &dyn Task, evaluated: Evaluated, output: usize) -> Vec<f64> {
    let rules = task.examples().rules.iter().flatten();
    let own = rules.filter(|rule| rule.applies(evaluated, task.rule_set()) && rule.outputs.contains(&output));
    let levels = own.flat_map(|rule| match rule.demand {
        Demand::Above(level) | Demand::Below(level) => vec![level],
        Demand::Between(low, high) => vec![low, high],
        Demand::Near { value, tolerance } => vec![value - tolerance, value + tolerance],
        Demand::Largest(_) | Demand::Direction { .. } => Vec::new(),
    });
    let mut thresholds: Vec<f64> = levels.filter(|level| level.is_finite()).collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    const MOST: usize = 8;
    if thresholds.len() > MOST { Vec::new() } else { thresholds }
}

impl Output<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no step or no condition, different lengths, values that are not finite, a negative standard
    /// deviation.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        draw_stacked(&[*self], &["Output"], 1, None, &[], look)
    }

    fn frame(&self, canvas: &Canvas, top: f64, height: f64) -> Frame {
        Frame { left: style::LEFT, top, width: canvas.panel_width(), height }
    }

    /// Draws the panel of the output of this name.
    fn draw_panel(&self, canvas: &mut Canvas, height: f64, frame: Frame, name: &str, is_lowest: bool) {
        let time = Axis::time(self.time_ms);
        let time = if is_lowest { time } else { time.bare() };
        let panel = Panel::new(canvas.size(height), frame, time, self.output_axis(name));
        window::shade(canvas, &panel, self.windows);
        for &threshold in self.thresholds {
            canvas.level(&panel, threshold, style::REFERENCE);
        }
        for (index, condition) in self.conditions.iter().enumerate() {
            self.draw_condition(canvas, &panel, condition, style::condition_colour(index));
        }
        canvas.axes(&panel);
    }

    fn draw_condition(&self, canvas: &mut Canvas, panel: &Panel, condition: &Condition, colour: &'static str) {
        let points = |values: &[f64]| self.time_ms.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>();
        canvas.band(panel, self.time_ms, &shifted(condition, -1.0), &shifted(condition, 1.0), colour);
        if let Some(target) = condition.target {
            canvas.curve(panel, &points(target), colour, Some(style::DASHES));
        }
        if let Some(rate_network) = condition.rate_network {
            canvas.curve(panel, &points(rate_network), colour, Some(style::DOTS));
        }
        canvas.curve(panel, &points(condition.mean), colour, None);
    }

    fn output_axis(&self, name: &str) -> Axis {
        let of = |c: &Condition| {
            let others = [c.target, c.rate_network].map(|values| values.map(<[f64]>::to_vec).unwrap_or_default());
            [shifted(c, -1.0), shifted(c, 1.0), others.concat()].concat()
        };
        Axis::around(name, self.conditions.iter().flat_map(of).chain(self.thresholds.iter().copied()))
    }

    fn keys(&self) -> Vec<(Key, String)> {
        let conditions = self.conditions.iter().enumerate();
        let mut keys: Vec<_> =
            conditions.map(|(i, c)| (Key::Line(style::condition_colour(i)), c.label.to_owned())).collect();
        if self.conditions.iter().any(|condition| condition.target.is_some()) {
            keys.push((Key::ColouredDashes(self.two_colours()), "target".into()));
        }
        if self.conditions.iter().any(|condition| condition.rate_network.is_some()) {
            keys.push((Key::ColouredDots(self.two_colours()), "rate network".into()));
        }
        if !self.thresholds.is_empty() {
            keys.push((Key::Level, "criterion".into()));
        }
        keys.extend(window::keys(self.windows));
        keys
    }

    /// Colours of the first and the last condition, or twice that of a single one.
    fn two_colours(&self) -> [&'static str; 2] {
        [0, self.conditions.len().saturating_sub(1).min(1)].map(style::condition_colour)
    }

    /// Caption; `trials` is the number of trials of each condition.
    fn caption(&self, trials: &[usize], with_input: bool) -> String {
        let counts: Vec<String> = self
            .conditions
            .iter()
            .zip(trials)
            .map(|(condition, count)| format!("{} (n = {count})", condition.label))
            .collect();
        let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
        let mut text =
            format!("{}. Solid lines and bands: mean ± SD over the trials of each condition{counts}.", self.title);
        for (there, sentence) in [
            (self.conditions.iter().any(|condition| condition.target.is_some()), " Dashed: target."),
            (
                self.conditions.iter().any(|c| c.rate_network.is_some()),
                " Dotted, in colour: mean output of the rate network.",
            ),
            (!self.thresholds.is_empty(), " Dotted, grey: levels that decide whether an answer is correct."),
        ] {
            text.push_str(if there { sentence } else { "" });
        }
        text.push_str(&window::sentence(self.windows));
        text.push_str(if with_input { " Below: mean input of each condition." } else { "" });
        text
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
            let columns = columns.into_iter().chain([("rate network", condition.rate_network)]);
            for (name, values) in columns.filter_map(|(name, values)| Some((name, values?))) {
                let what = format!("{name} of {}", condition.label);
                let steps = condition.mean.len().min(self.time_ms.len());
                CHECK.length(&what, values, if name == "mean" && steps == 0 { self.time_ms.len() } else { steps })?;
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
    mean_and_sd_of(outputs, &vec![true; outputs.len()], steps)
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
        let ended = mean_and_sd_of(&[1.0, 5.0, 3.0, 9.0], &[true, true, true, false], 2).unwrap();
        assert_eq!(ended, (vec![2.0, 5.0], vec![2f64.sqrt(), 0.0]));
        assert!(mean_and_sd(&[1.0], 0).is_err());
    }
}
