//! Means of the conditions along the axes of targeted dimensionality reduction: each input against the choice.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::Axis;
use crate::{Look, ReportError, grid, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("targeted dimensions");

/// Targeted dimensions of an analysis with two axes or more.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, values that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "targeted") else { return Ok(None) };
    let shape @ [conditions, times, axes] = analysis.shape::<3>("mean")?;
    if axes < 2 || times == 0 {
        return Ok(None);
    }
    let (mean, variable) = (analysis.values::<f64>("mean", &shape)?, analysis.values::<u32>("variable", &[axes])?);
    CHECK.finite("means", mean)?;
    let (labels, channels) = (analysis.conditions()?, analysis.channels()?);
    let name = |axis: usize| channels.get(variable[axis] as usize).map_or("choice", String::as_str);
    let own = |c: usize| &mean[c * times * axes..][..times * axes];
    let occurred: Vec<usize> = (0..conditions).filter(|c| own(*c).iter().any(|x| *x != 0.0)).collect();
    let planes: Vec<usize> = (1..axes).collect();
    let count = planes.len().min(grid::MOST);
    let mut canvas = Canvas::new(look, grid::width(look, count), "Population along task variables");
    canvas.note_part(count, planes.len(), "variables");
    let keys = occurred
        .iter()
        .map(|c| (Key::Line(style::condition_colour(*c)), labels.get(*c).cloned().unwrap_or_else(|| c.to_string())));
    canvas.legend(&keys.collect::<Vec<_>>());
    for (index, axis) in planes.iter().enumerate().take(count) {
        let at = |c: usize, t: usize| (own(c)[t * axes], own(c)[t * axes + axis]);
        let all = || occurred.iter().flat_map(|c| (0..times).map(move |t| at(*c, t)));
        let (x, y) = (Axis::around(name(0), all().map(|p| p.0)), Axis::around(name(*axis), all().map(|p| p.1)));
        let panel = grid::panel(&mut canvas, look, (index, count), "", x.with_ticks(4), y.with_ticks(4));
        for c in &occurred {
            canvas.stroke(
                (0..times).map(|t| panel.at(at(*c, t))),
                style::condition_colour(*c),
                style::LINE_WIDTH,
                None,
            );
            canvas.dot(panel.at(at(*c, times - 1)), 3.5, style::condition_colour(*c));
        }
        canvas.axes(&panel);
    }
    let names: Vec<&str> = (0..axes).map(name).collect();
    let description =
        format!("Standardised mean rates along the axes of {}, to the end of the trial (dots).", names.join(", "));
    let caption =
        "Means of conditions along the axes of targeted dimensionality reduction; dots are the ends of trials.".into();
    Ok(Some(canvas.finish(grid::height(look, count), description, caption)))
}
