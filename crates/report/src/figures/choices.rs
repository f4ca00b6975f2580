//! Psychometric curves, one panel per channel, one curve per context.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::Axis;
use crate::{Look, ReportError, grid, style};
use mdl_artifact::Artifact;
use mdl_data::score::wilson_interval;

const CHECK: Check = Check("psychometric curves");

/// Psychometric curves of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, values that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "choices") else { return Ok(None) };
    let shape @ [curves, bins] = analysis.shape::<2>("share")?;
    if curves * bins == 0 {
        return Ok(None);
    }
    let (share, evidence) = (analysis.values::<f64>("share", &shape)?, analysis.values::<f64>("evidence", &shape)?);
    let trials = analysis.values::<u32>("trials", &shape)?;
    let (channel, context) =
        (analysis.values::<u32>("channel", &[curves])?, analysis.values::<u32>("of_context", &[curves])?);
    let contexts @ [_, width] = analysis.shape::<2>("context")?;
    let context_input = analysis.values::<f64>("context", &contexts)?;
    CHECK.finite("shares", share)?;
    CHECK.finite("evidence", evidence)?;
    let names = analysis.channels()?;
    let label = |context: u32| -> String {
        let own = context_input.chunks_exact(width.max(1)).nth(context as usize).unwrap_or_default();
        let on = own.iter().enumerate().filter(|(_, u)| **u != 0.0);
        let on: Vec<&str> = on.filter_map(|(k, _)| names.get(k)).map(String::as_str).collect();
        if on.is_empty() { "all trials".into() } else { on.join(", ") }
    };
    let mut channels: Vec<u32> = channel.to_vec();
    channels.sort_unstable();
    channels.dedup();
    let count = channels.len().min(grid::MOST);
    let mut canvas = Canvas::new(look, grid::width(look, count), "Choices against the evidence");
    canvas.note_part(count, channels.len(), "channels");
    let mut known: Vec<u32> = context.to_vec();
    known.sort_unstable();
    known.dedup();
    let colour = |context: u32| style::variant_colour(known.iter().position(|own| *own == context).unwrap_or(0));
    canvas.legend(&known.iter().map(|own| (Key::Line(colour(*own)), label(*own))).collect::<Vec<_>>());
    for (index, own) in channels.iter().enumerate().take(count) {
        let curves: Vec<usize> = (0..curves).filter(|curve| channel[*curve] == *own).collect();
        let x =
            Axis::around("Mean evidence of a trial", curves.iter().flat_map(|c| evidence[c * bins..][..bins].to_vec()));
        let y = Axis::exact("Share of trials with the larger output", (0.0, 1.03));
        let name = names.get(*own as usize).map_or("", String::as_str);
        let panel = grid::panel(&mut canvas, look, (index, count), name, x.with_ticks(4), y);
        for curve in curves {
            let points: Vec<_> = (0..bins).map(|k| (evidence[curve * bins + k], share[curve * bins + k])).collect();
            canvas.curve(&panel, &points, colour(context[curve]), None);
            for (k, point) in points.iter().enumerate() {
                let trials = trials[curve * bins + k];
                let interval = wilson_interval((point.1 * f64::from(trials)).round() as u32, trials);
                canvas.whisker(&panel, point.0, interval, colour(context[curve]));
                canvas.dot(panel.at(*point), 3.0, colour(context[curve]));
            }
        }
        canvas.axes(&panel);
    }
    let shown: Vec<&str> = channels.iter().filter_map(|k| names.get(*k as usize)).map(String::as_str).collect();
    let description = format!("Psychometric curves with 95 % intervals over {}.", shown.join(", "));
    let caption =
        "Share of trials in which the larger output is chosen against the mean evidence of a channel, with 95 % Wilson intervals, by context.".into();
    Ok(Some(canvas.finish(grid::height(look, count), description, caption)))
}
