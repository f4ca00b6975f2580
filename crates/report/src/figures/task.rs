//! Trials of a task: inputs, targets and response windows, one example per condition.

use crate::canvas::{Canvas, Key, Type};
use crate::check::Check;
use crate::evaluation::experiment;
use crate::figure::Figure;
use crate::lanes::{self, Curve, Lanes};
use crate::panel::{Axis, Frame, Panel};
use crate::window::{self, Window};
use crate::{Look, ReportError, style};
use mdl_artifact::{Artifact, Kind};
use mdl_data::tasks::{Evaluated, Task, Trials};

const CHECK: Check = Check("trials of the task");
/// Maximum number of conditions to draw.
const MOST_CONDITIONS: usize = 8;
/// Maximum number of channels that are drawn on one axis; more are drawn in lanes.
const OVERLAID: usize = 6;
/// Height of a panel, of the panel of weights, and distance between panels.
const PANEL: (f64, f64, f64) = (64.0, 34.0, 20.0);
/// Maximum height of lanes.
const MOST_HEIGHT: f64 = 320.0;

/// One example trial of each condition of a set of trials.
///
/// # Errors
/// [`ReportError`]: a tensor that is missing or does not fit the task.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    if artifact.kind != Kind::Trials {
        return Ok(None);
    }
    let experiment = experiment(artifact)?;
    let Ok(task) = experiment.task.task() else { return Ok(None) };
    let trials = mdl_data::tasks::artifact::read(artifact, task)?;
    draw(&format!("Task {}", experiment.task.name()), task, &trials, look).map(Some)
}

/// Draws the first trial of each condition.
///
/// # Errors
/// [`ReportError`]: no trial, values that are not finite.
pub fn draw(title: &str, task: &dyn Task, trials: &Trials, look: Look) -> Result<Figure, ReportError> {
    CHECK.not_empty("trial", &trials.condition)?;
    CHECK.finite("input", &trials.input.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())?;
    CHECK.finite("target", &trials.target.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())?;
    let first = |condition: usize| trials.condition.iter().position(|own| *own == condition);
    let found: Vec<usize> = (0..task.conditions().len()).filter_map(first).collect();
    let examples: Vec<Example> =
        found.iter().take(MOST_CONDITIONS).map(|trial| Example::new(task, trials, *trial)).collect();
    let mut canvas = Canvas::new(look, look.wide(), title);
    canvas.note_part(examples.len(), found.len(), "conditions");
    let windows: Vec<Window> = examples.iter().flat_map(|example| example.windows.clone()).collect();
    let mut keys = channel_keys(task.inputs(), 0);
    keys.extend(channel_keys(task.output_names(), trials.channels));
    keys.extend(window::keys(&windows));
    canvas.legend(&keys);
    let (inputs, targets) = (height(trials.channels), height(trials.outputs));
    let weighted = examples.iter().any(Example::has_weights);
    let weights = if weighted { PANEL.1 + PANEL.2 } else { 0.0 };
    let row = inputs + targets + weights + 2.0 * PANEL.2;
    let total = examples.len() as f64 * row + style::BOTTOM;
    let top = canvas.top;
    for (index, example) in examples.iter().enumerate() {
        let below = top + index as f64 * row + PANEL.2;
        let lowest = index + 1 == examples.len();
        let name = &task.conditions()[example.condition];
        let input = Channels { label: "Input", values: &example.input, names: task.inputs(), first: 0 };
        example.draw(&mut canvas, total, &input, (below, inputs), false);
        canvas.text((style::LEFT, below - 5.0), name, Type::new(style::TICK_SIZE).bold());
        let below = below + inputs + PANEL.2;
        let names = task.output_names();
        let target = Channels { label: "Target", values: &example.target, names, first: trials.channels };
        example.draw(&mut canvas, total, &target, (below, targets), lowest && !weighted);
        if weighted {
            let below = below + targets + PANEL.2;
            example.draw_weights(&mut canvas, total, names.len(), trials.channels, (below, lowest));
        }
    }
    let names: Vec<&str> = examples.iter().map(|example| task.conditions()[example.condition].as_str()).collect();
    let text = format!("Inputs and targets against time in ms of one trial of each condition: {}.", names.join(", "));
    let caption = format!("Inputs and targets of one trial of each condition.{}", window::sentence(&windows));
    Ok(canvas.finish(total, text, caption))
}

/// Height of a panel with so many channels.
fn height(channels: usize) -> f64 {
    if channels <= OVERLAID { PANEL.0 } else { lanes::height(channels, MOST_HEIGHT) }
}

/// Legend of channels that share an axis, the first with colour `first`. Lanes have names beside them.
fn channel_keys(names: &[String], first: usize) -> Vec<(Key, String)> {
    if names.len() > OVERLAID {
        return Vec::new();
    }
    let key = |(i, name): (usize, &String)| (Key::Line(style::channel_colour(first + i)), name.clone());
    names.iter().enumerate().map(key).collect()
}

/// A trial to draw.
struct Example {
    condition: usize,
    /// `[T, K]`
    input: Vec<f32>,
    /// `[T, O]`
    target: Vec<f32>,
    /// `[T, O]`; empty where all are 1.
    weight: Vec<f32>,
    time_ms: Vec<f64>,
    windows: Vec<Window<'static>>,
}

/// Channels of a panel.
struct Channels<'a> {
    label: &'a str,
    /// `[T, channels]`
    values: &'a [f32],
    names: &'a [String],
    /// Colour of the first channel.
    first: usize,
}

impl Example {
    fn new(task: &dyn Task, trials: &Trials, index: usize) -> Self {
        let trial = trials.get(index);
        let ms = |step: usize| step as f64 * task.step_ms();
        let own = trial.rules.iter().filter(|rule| rule.applies(Evaluated::Trained, task.rule_set()));
        let mut windows: Vec<Window> = Vec::new();
        for rule in own {
            let window = Window { label: "response", from_ms: ms(rule.window.start), to_ms: ms(rule.window.end) };
            if !windows.contains(&window) {
                windows.push(window);
            }
        }
        windows.extend(unweighted(&trial.weight, trials.outputs).map(|(from, to)| Window {
            label: "not in the loss",
            from_ms: ms(from),
            to_ms: ms(to),
        }));
        let time_ms = (0..trials.steps).map(ms).collect();
        let (input, target, weight) = (trial.input, trial.target, trial.weight);
        Self { condition: trial.condition, input, target, weight, time_ms, windows }
    }

    /// True if some error counts more than another that counts.
    fn has_weights(&self) -> bool {
        let counted = || self.weight.iter().filter(|weight| **weight != 0.0);
        counted().any(|weight| Some(weight) != counted().next())
    }

    fn frame(canvas: &Canvas, top: f64, height: f64) -> Frame {
        Frame { left: style::LEFT, top, width: canvas.panel_width(), height }
    }

    fn time(&self, is_last: bool) -> Axis {
        let time = Axis::time(&self.time_ms);
        if is_last { time } else { time.bare() }
    }

    fn draw(&self, canvas: &mut Canvas, total: f64, channels: &Channels, (top, height): (f64, f64), is_last: bool) {
        let count = channels.names.len();
        let (frame, time) = (Self::frame(canvas, top, height), self.time(is_last));
        let values = |channel: usize| channels.values.iter().skip(channel).step_by(count).map(|x| f64::from(*x));
        if count <= OVERLAID {
            let all = channels.values.iter().map(|x| f64::from(*x));
            let panel = Panel::new(canvas.size(total), frame, time, Axis::around(channels.label, all).with_ticks(3));
            window::shade(canvas, &panel, &self.windows);
            for channel in 0..count {
                let points: Vec<(f64, f64)> = self.time_ms.iter().copied().zip(values(channel)).collect();
                canvas.fine_curve(&panel, &points, style::channel_colour(channels.first + channel));
            }
            canvas.axes(&panel);
            return;
        }
        let curve =
            |channel| Curve { channel, colour: style::channel_colour(channel), values: values(channel).collect() };
        let curves: Vec<Curve> = (0..count).map(curve).collect();
        let (label, names, windows) = (channels.label, channels.names, &self.windows[..]);
        Lanes { label, names, time_ms: &self.time_ms, curves: &curves, windows }.draw(canvas, total, frame, time);
    }

    /// Draws the weights of the errors of `outputs` outputs.
    fn draw_weights(&self, canvas: &mut Canvas, total: f64, outputs: usize, first: usize, (top, is_last): (f64, bool)) {
        let all = self.weight.iter().map(|weight| f64::from(*weight)).chain([1.0]);
        let axis = Axis::from_zero("Weight", all, 2);
        let panel = Panel::new(canvas.size(total), Self::frame(canvas, top, PANEL.1), self.time(is_last), axis);
        window::shade(canvas, &panel, &self.windows);
        for output in 0..outputs {
            let weight =
                |step: usize| self.weight.get(step * outputs + output).map_or(1.0, |weight| f64::from(*weight));
            let points: Vec<(f64, f64)> =
                self.time_ms.iter().enumerate().map(|(step, ms)| (*ms, weight(step))).collect();
            canvas.fine_curve(&panel, &points, style::channel_colour(first + output));
        }
        canvas.axes(&panel);
    }
}

/// Stretches of steps in which no error counts.
fn unweighted(weight: &[f32], outputs: usize) -> impl Iterator<Item = (usize, usize)> {
    let idle: Vec<bool> = weight.chunks_exact(outputs.max(1)).map(|row| row.iter().all(|w| *w == 0.0)).collect();
    let mut stretches = Vec::new();
    let mut begin = 0;
    for part in idle.chunk_by(|a, b| a == b) {
        if part[0] {
            stretches.push((begin, begin + part.len()));
        }
        begin += part.len();
    }
    stretches.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdl_data::tasks::Program;
    use mdl_kernels::random::Purpose;

    #[test]
    fn every_condition_is_drawn_once() {
        let task = Program::built_in("mante", serde_json::Map::new()).unwrap();
        let trials = task.draw(1, Purpose::WrittenTrial, 0, 40).unwrap();
        let figure = draw("Task mante", &task, &trials, Look::SCREEN).unwrap();
        for name in task.conditions() {
            assert_eq!(figure.svg().matches(&format!(">{name}<")).count(), 1, "{name}");
        }
        assert!(figure.description().contains("one trial of each condition"));
    }

    /// The legend has a colour for each input and output.
    #[test]
    fn channels_have_colours_of_their_own() {
        let names = |count: usize| (0..count).map(|i| format!("channel {i}")).collect::<Vec<_>>();
        let colour = |(key, _): &(Key, String)| match key {
            Key::Line(colour) => *colour,
            _ => unreachable!("channels are lines"),
        };
        let keys = [channel_keys(&names(6), 0), channel_keys(&names(6), 6)].concat();
        let colours: std::collections::BTreeSet<&str> = keys.iter().map(colour).collect();
        assert_eq!((keys.len(), colours.len()), (12, 12));
        assert!(channel_keys(&names(20), 0).is_empty());
    }

    #[test]
    fn stretches_without_weight_are_found() {
        let weight = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        assert_eq!(unweighted(&weight, 2).collect::<Vec<_>>(), [(0, 1), (3, 4)]);
        assert_eq!(unweighted(&[], 2).count(), 0);
    }
}
