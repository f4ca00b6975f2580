//! Branches of fixed points: the first output against the input of a channel, one panel per channel.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::Axis;
use crate::{Look, ReportError, grid, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("branches of fixed points");

/// Branches of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, values that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "continuation") else { return Ok(None) };
    let shape @ [points, outputs] = analysis.shape::<2>("output")?;
    if points == 0 || outputs == 0 {
        return Ok(None);
    }
    let (output, change) = (analysis.values::<f64>("output", &shape)?, analysis.values::<f64>("change", &[points])?);
    let branch = analysis.values::<u32>("branch", &[points])?;
    let (channel, stable) =
        (analysis.values::<u32>("channel", &[points])?, analysis.values::<u8>("is_stable", &[points])?);
    CHECK.finite("outputs", output)?;
    CHECK.finite("inputs", change)?;
    let names = analysis.channels()?;
    let mut channels: Vec<u32> = channel.to_vec();
    channels.sort_unstable();
    channels.dedup();
    let count = channels.len().min(grid::MOST);
    let mut canvas = Canvas::new(look, grid::width(look, count), "Fixed points against the input of a channel");
    canvas.note_part(count, channels.len(), "channels");
    let keys = [(Key::Line(style::STABLE), "stable".into()), (Key::Dashes(style::UNSTABLE), "unstable".into())];
    canvas.legend(&keys);
    let place = |point: usize| (change[point], output[point * outputs]);
    for (index, own) in channels.iter().enumerate().take(count) {
        let points: Vec<usize> = (0..points).filter(|point| channel[*point] == *own).collect();
        let name = names.get(*own as usize).cloned().unwrap_or_else(|| format!("channel {own}"));
        let x = Axis::around("Input beyond the constant one", points.iter().map(|point| change[*point])).with_ticks(4);
        let y = Axis::around("Output", points.iter().map(|point| output[point * outputs])).with_ticks(4);
        let panel = grid::panel(&mut canvas, look, (index, count), &name, x, y);
        for of_branch in points.chunk_by(|a, b| branch[*a] == branch[*b]) {
            for pair in of_branch.windows(2) {
                let ends = [panel.at(place(pair[0])), panel.at(place(pair[1]))];
                if stable[pair[0]] != 0 && stable[pair[1]] != 0 {
                    canvas.stroke(ends, style::STABLE, style::LINE_WIDTH, None);
                } else {
                    canvas.stroke(ends, style::UNSTABLE, 1.2, Some("3 2"));
                }
            }
        }
        canvas.axes(&panel);
    }
    let branches = branch.iter().max().map_or(0, |last| last + 1);
    let description = format!("{branches} branches of fixed points over the inputs of {} channels.", channels.len());
    let caption =
        "Output at the fixed points while the input of one channel changes: solid where they are stable, dashed where they are not.".into();
    Ok(Some(canvas.finish(grid::height(look, count), description, caption)))
}
