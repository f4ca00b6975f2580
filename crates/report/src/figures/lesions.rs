//! Performance without the connections from one population to another.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Type};
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::score::Score;

const PLOT_HEIGHT: f64 = 200.0;
/// Names of the populations.
const NAMES: [&str; 3] = ["E", "I", "SOM"];

/// Lesions of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "lesions") else { return Ok(None) };
    let (from, to) = (analysis.list::<u8>("from")?, analysis.list::<u8>("to")?);
    let shape = [from.len()];
    let (correct, trials) = (analysis.values::<u32>("correct", &shape)?, analysis.values::<u32>("trials", &shape)?);
    if from.is_empty() || to.len() != from.len() {
        return Ok(None);
    }
    let name = |k: usize| match (NAMES.get(usize::from(from[k])), NAMES.get(usize::from(to[k]))) {
        (Some(from), Some(to)) => format!("{from} to {to}"),
        _ => "intact".into(),
    };
    let mut canvas = Canvas::new(look, look.narrow(), "Performance without a class of connections");
    let width = canvas.panel_width();
    let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
    let height = PLOT_HEIGHT + style::BOTTOM;
    let count = from.len();
    let x = Axis::exact("", (-0.5, count as f64 - 0.5)).bare();
    let panel = Panel::new(canvas.size(height), frame, x, Axis::exact("Performance (95 % interval)", (0.0, 1.03)));
    let mut described = Vec::new();
    for k in 0..count {
        let score = Score { trials: trials[k], correct: correct[k] };
        let (left, top) = panel.at((k as f64 - 0.32, score.performance()));
        let (right, bottom) = panel.at((k as f64 + 0.32, 0.0));
        let colour = if k == 0 { style::REFERENCE } else { style::variant_colour(0) };
        canvas.fill(colour, 1.0, |path| path.rectangle(left, top, right - left, bottom - top));
        canvas.whisker(&panel, k as f64, score.interval(), style::INK);
        let label = Type::new(style::TICK_SIZE).centred();
        canvas.text((panel.at_x(k as f64), frame.bottom() + 16.0), &name(k), label);
        described.push(format!("{} {:.2}", name(k), score.performance()));
    }
    canvas.axes(&panel);
    let description = format!("Performance without a class of connections: {}.", described.join(", "));
    let caption =
        "Performance without the connections from one population to another, with 95 % Wilson intervals.".into();
    Ok(Some(canvas.finish(height, description, caption)))
}
