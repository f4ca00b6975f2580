//! Shaded time windows of figures over time.

use crate::ReportError;
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::panel::Panel;
use crate::style;
use mdl_data::tasks::{Evaluated, Task};

/// Shaded interval of a trial, such as the stimulus or the response window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window<'a> {
    /// Name in the legend; windows of one name share a colour.
    pub label: &'a str,
    /// Start, in ms.
    pub from_ms: f64,
    /// End, in ms.
    pub to_ms: f64,
}

impl Window<'static> {
    /// The response window of a task, whose steps differ between a trained network and the LIF network made from it.
    pub fn response(task: &dyn Task, evaluated: Evaluated) -> Option<Self> {
        let steps = task.response_window(evaluated)?;
        let ms = |step: usize| step as f64 * task.step_ms();
        Some(Self { label: "response", from_ms: ms(steps.start), to_ms: ms(steps.end) })
    }
}

/// Checks that the ends of windows are in order.
pub(crate) fn check(windows: &[Window], check: Check) -> Result<(), ReportError> {
    for window in windows {
        let (label, from, to) = (window.label, window.from_ms, window.to_ms);
        check.finite(&format!("window {label}"), &[from, to])?;
        check.value(
            &format!("window {label}"),
            from < to,
            format_args!("{from}..{to} ms"),
            "a beginning before its end",
        )?;
    }
    Ok(())
}

/// Names of the windows, each once, with their colours.
fn named<'a>(windows: &[Window<'a>]) -> Vec<(&'a str, &'static str)> {
    let mut names: Vec<&str> = Vec::new();
    for window in windows {
        if !names.contains(&window.label) {
            names.push(window.label);
        }
    }
    names.into_iter().enumerate().map(|(index, name)| (name, style::WINDOWS[index % style::WINDOWS.len()])).collect()
}

/// Legend entries.
pub(crate) fn keys(windows: &[Window]) -> Vec<(Key, String)> {
    named(windows).into_iter().map(|(name, colour)| (Key::Block(colour), name.to_owned())).collect()
}

/// Shades the windows of a panel, clipped to it.
pub(crate) fn shade(canvas: &mut Canvas, panel: &Panel, windows: &[Window]) {
    let names = named(windows);
    for window in windows {
        let colour = names.iter().find(|(name, _)| *name == window.label).map_or(style::WINDOWS[0], |&(_, c)| c);
        canvas.shade(panel, (window.from_ms, window.to_ms), colour);
    }
}

/// Sentence of a caption on shaded windows; empty without any.
pub(crate) fn sentence(windows: &[Window]) -> String {
    let names: Vec<&str> = named(windows).into_iter().map(|(name, _)| name).collect();
    if names.is_empty() { String::new() } else { format!(" Shaded: {}.", names.join(", ")) }
}
