//! Trials of a task: inputs, targets and response windows, one example per condition.

use crate::canvas::{Canvas, Key, Type};
use crate::check::Check;
use crate::evaluation::experiment;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel};
use crate::window::{self, Window};
use crate::{ReportError, style};
use mdl_artifact::{Artifact, Kind};
use mdl_data::tasks::{Evaluated, Task, Trials};

const CHECK: Check = Check("trials of the task");
/// Maximum number of conditions to draw.
const MOST_CONDITIONS: usize = 8;
/// Maximum number of channels that are drawn on one axis; more are drawn one above the other.
const OVERLAID: usize = 6;
/// Height of a panel, of a channel in a panel of many, and distance between panels.
const PANEL: (f64, f64, f64) = (64.0, 5.0, 20.0);

/// One example trial of each condition of a set of trials.
///
/// # Errors
/// [`ReportError`]: a tensor that is missing or does not fit the task.
pub fn from_artifact(artifact: &Artifact) -> Result<Option<Figure>, ReportError> {
    if artifact.kind != Kind::Trials {
        return Ok(None);
    }
    let experiment = experiment(artifact)?;
    let Ok(task) = experiment.task.task() else { return Ok(None) };
    let trials = mdl_data::tasks::artifact::read(artifact, task)?;
    draw(&format!("Task {}", experiment.task.name()), task, &trials).map(Some)
}

/// Draws the first trial of each condition.
///
/// # Errors
/// [`ReportError`]: no trial, values that are not finite.
pub fn draw(title: &str, task: &dyn Task, trials: &Trials) -> Result<Figure, ReportError> {
    CHECK.not_empty("trial", &trials.condition)?;
    CHECK.finite("input", &trials.input.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())?;
    CHECK.finite("target", &trials.target.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())?;
    let first = |condition: usize| trials.condition.iter().position(|own| *own == condition);
    let found: Vec<usize> = (0..task.conditions().len()).filter_map(first).collect();
    let examples: Vec<Example> =
        found.iter().take(MOST_CONDITIONS).map(|trial| Example::new(task, trials, *trial)).collect();
    let mut canvas = Canvas::new(style::WIDE, title);
    canvas.note_part(examples.len(), found.len(), "conditions");
    let windows: Vec<Window> = examples.iter().flat_map(|example| example.windows.clone()).collect();
    let mut keys = channel_keys(task.inputs());
    keys.extend(channel_keys(task.output_names()));
    keys.extend(window::keys(&windows));
    canvas.legend(&keys);
    let (inputs, targets) = (height(trials.channels), height(trials.outputs));
    let row = inputs + targets + 2.0 * PANEL.2;
    let total = examples.len() as f64 * row + style::BOTTOM;
    let top = canvas.top;
    for (index, example) in examples.iter().enumerate() {
        let below = top + index as f64 * row + PANEL.2;
        let lowest = index + 1 == examples.len();
        let name = &task.conditions()[example.condition];
        let channels =
            |label, values, names, top, height, is_last| Channels { label, values, names, top, height, is_last };
        example.draw(&mut canvas, total, &channels("Input", &example.input, task.inputs(), below, inputs, false));
        canvas.text((style::LEFT, below - 5.0), name, Type::new(style::TICK_SIZE).bold());
        let below = below + inputs + PANEL.2;
        example.draw(
            &mut canvas,
            total,
            &channels("Target", &example.target, task.output_names(), below, targets, lowest),
        );
    }
    let names: Vec<&str> = examples.iter().map(|example| task.conditions()[example.condition].as_str()).collect();
    let text = format!("Inputs and targets against time in ms of one trial of each condition: {}.", names.join(", "));
    Ok(canvas.finish(total, text))
}

/// Height of a panel with so many channels.
fn height(channels: usize) -> f64 {
    if channels <= OVERLAID { PANEL.0 } else { (channels as f64 * PANEL.1).clamp(PANEL.0, 4.0 * PANEL.0) }
}

/// Legend of channels that share an axis.
fn channel_keys(names: &[String]) -> Vec<(Key, String)> {
    if names.len() > OVERLAID {
        return Vec::new();
    }
    names.iter().enumerate().map(|(i, name)| (Key::Line(style::colour(i)), name.clone())).collect()
}

/// A trial to draw.
struct Example {
    condition: usize,
    /// `[T, K]`
    input: Vec<f32>,
    /// `[T, O]`
    target: Vec<f32>,
    time_ms: Vec<f64>,
    windows: Vec<Window<'static>>,
}

/// Channels of a panel.
struct Channels<'a> {
    label: &'a str,
    /// `[T, channels]`
    values: &'a [f32],
    names: &'a [String],
    top: f64,
    height: f64,
    is_last: bool,
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
        Self { condition: trial.condition, input: trial.input, target: trial.target, time_ms, windows }
    }

    fn draw(&self, canvas: &mut Canvas, height: f64, channels: &Channels) {
        let count = channels.names.len();
        let frame = Frame {
            left: style::LEFT,
            top: channels.top,
            width: style::WIDE - style::LEFT - style::RIGHT,
            height: channels.height,
        };
        let time = Axis::time(&self.time_ms);
        let time = if channels.is_last { time } else { time.bare() };
        let curve = |channel: usize, of: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> {
            let values = channels.values.iter().skip(channel).step_by(count).map(|x| of(f64::from(*x)));
            self.time_ms.iter().copied().zip(values).collect()
        };
        let all = || channels.values.iter().map(|x| f64::from(*x));
        if count <= OVERLAID {
            let panel = Panel::new(canvas.size(height), frame, time, Axis::around(channels.label, all()).with_ticks(3));
            window::shade(canvas, &panel, &self.windows);
            for channel in 0..count {
                canvas.fine_curve(&panel, &curve(channel, &|x| x), style::colour(channel));
            }
            canvas.axes(&panel);
            return;
        }
        let largest = all().fold(1e-9, |largest: f64, x| largest.max(x.abs()));
        let label = format!("{} channel", channels.label);
        let axis = Axis::exact(&label, (-1.0, count as f64)).with_ticks(4);
        let panel = Panel::new(canvas.size(height), frame, time, axis);
        window::shade(canvas, &panel, &self.windows);
        for channel in 0..count {
            canvas.fine_curve(&panel, &curve(channel, &|x| channel as f64 + 0.9 * x / largest), style::colour(0));
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
        let figure = draw("Task mante", &task, &trials).unwrap();
        for name in task.conditions() {
            assert_eq!(figure.svg().matches(&format!(">{name}<")).count(), 1, "{name}");
        }
        assert!(figure.description().contains("one trial of each condition"));
    }

    #[test]
    fn stretches_without_weight_are_found() {
        let weight = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        assert_eq!(unweighted(&weight, 2).collect::<Vec<_>>(), [(0, 1), (3, 4)]);
        assert_eq!(unweighted(&[], 2).count(), 0);
    }
}
