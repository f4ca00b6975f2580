//! Paths in mode space when the context switches inside a trial, beside those without the switch.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::Axis;
use crate::{Look, ReportError, grid, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("context switch");

/// Context switches of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, values that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "switching") else { return Ok(None) };
    let shape @ [kinds, times, width] = analysis.shape::<3>("path")?;
    if kinds * times == 0 || width < 2 {
        return Ok(None);
    }
    let (path, without) = (analysis.values::<f64>("path", &shape)?, analysis.values::<f64>("unswitched", &shape)?);
    let (from, to) = (analysis.values::<u32>("from", &[kinds])?, analysis.values::<u32>("to", &[kinds])?);
    let crossed = analysis.values::<f64>("crossed", &[kinds])?;
    let contexts @ [_, channels] = analysis.shape::<2>("context")?;
    let context = analysis.values::<f64>("context", &contexts)?;
    CHECK.finite("paths", path)?;
    CHECK.finite("paths without a switch", without)?;
    let names = analysis.channels()?;
    let label = |index: u32| -> String {
        let own = context.chunks_exact(channels.max(1)).nth(index as usize).unwrap_or_default();
        let on = own.iter().enumerate().filter(|(_, u)| **u != 0.0).filter_map(|(k, _)| names.get(k));
        on.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let coordinates = match Analysis::of(artifact, "mode_space") {
        Some(space) => space.coordinates(2)?,
        None => ["First coordinate".into(), "Second coordinate".into()].to_vec(),
    };
    let count = kinds.min(grid::MOST);
    let mut canvas = Canvas::new(look, grid::width(look, count), "Switch of context");
    canvas.note_part(count, kinds, "switches");
    let keys = [
        (Key::Line(style::variant_colour(1)), "with the switch".into()),
        (Key::Line(style::variant_colour(0)), "without".into()),
    ];
    canvas.legend(&keys);
    for kind in 0..count {
        let at = |values: &[f64], t: usize| {
            let row = (kind * times + t) * width;
            (values[row], values[row + 1])
        };
        let all = || (0..times).flat_map(|t| [at(path, t), at(without, t)]);
        let x = Axis::around(&coordinates[0], all().map(|p| p.0)).with_ticks(4);
        let y = Axis::around(&coordinates[1], all().map(|p| p.1)).with_ticks(4);
        let heading = format!("{} to {} ({:.0} % crossed)", label(from[kind]), label(to[kind]), 100.0 * crossed[kind]);
        let panel = grid::panel(&mut canvas, look, (kind, count), &heading, x, y);
        for (values, colour) in [(path, style::variant_colour(1)), (without, style::variant_colour(0))] {
            canvas.stroke((0..times).map(|t| panel.at(at(values, t))), colour, style::LINE_WIDTH, None);
            canvas.dot(panel.at(at(values, times - 1)), 4.0, colour);
        }
        canvas.axes(&panel);
    }
    let description = format!("Mean paths of {kinds} kinds of context switches, and the same trials without a switch.");
    let caption =
        "Mean paths in mode space with and without a switch of context inside the trial; dots are the ends.".into();
    Ok(Some(canvas.finish(grid::height(look, count), description, caption)))
}
