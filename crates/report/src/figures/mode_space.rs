//! Trajectories in mode space: single trials and condition means, in two planes of three coordinates.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::Axis;
use crate::{Look, ReportError, grid, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("mode space");
/// Most single trials that are drawn.
const MOST_TRIALS: usize = 60;

/// Trajectories of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, coordinates that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "mode_space") else { return Ok(None) };
    let shape @ [conditions, times, width] = analysis.shape::<3>("mean")?;
    if width < 2 || times == 0 {
        return Ok(None);
    }
    let mean = analysis.values::<f64>("mean", &shape)?;
    let of_trials @ [trials, ..] = analysis.shape::<3>("trial")?;
    let (trial, condition) =
        (analysis.values::<f32>("trial", &of_trials)?, analysis.values::<u32>("trial_condition", &[trials])?);
    CHECK.value(
        "coordinates of trials",
        of_trials[1..] == [times, width],
        format!("{of_trials:?}"),
        "those of means",
    )?;
    CHECK.finite("means", mean)?;
    let trial: Vec<f64> = trial.iter().map(|x| f64::from(*x)).collect();
    CHECK.finite("trials", &trial)?;
    let names = analysis.coordinates(width)?;
    let labels = analysis.conditions()?;
    let occurred: Vec<usize> = (0..conditions).filter(|c| condition.contains(&(*c as u32))).collect();
    // The second plane shows the third coordinate.
    let planes: Vec<(usize, usize)> = if width > 2 { vec![(0, 1), (0, 2)] } else { vec![(0, 1)] };
    let mut canvas = Canvas::new(look, grid::width(look, planes.len()), "Trajectories in mode space");
    canvas.note_part(trials.min(MOST_TRIALS), trials, "trials");
    let mut keys: Vec<(Key, String)> = Vec::new();
    for c in &occurred {
        keys.push((Key::Line(style::condition_colour(*c)), labels.get(*c).cloned().unwrap_or_else(|| c.to_string())));
    }
    keys.extend([(Key::OpenDot(style::INK), "start".into()), (Key::Dot(style::INK), "end".into())]);
    canvas.legend(&keys);
    for (index, (a, b)) in planes.iter().enumerate() {
        let at = |values: &[f64], row: usize| (values[row * width + a], values[row * width + b]);
        let rows = || (0..trials.min(MOST_TRIALS) * times).map(|row| at(&trial, row));
        let all = || rows().chain(occurred.iter().flat_map(|c| (0..times).map(move |t| at(mean, c * times + t))));
        let (x, y) = (Axis::around(&names[*a], all().map(|p| p.0)), Axis::around(&names[*b], all().map(|p| p.1)));
        let panel = grid::panel(&mut canvas, look, (index, planes.len()), "", x.with_ticks(4), y.with_ticks(4));
        for single in 0..trials.min(MOST_TRIALS) {
            let colour = style::condition_colour(condition[single] as usize);
            let points = (0..times).map(|t| panel.at(at(&trial, single * times + t)));
            canvas.faint(apart(points), colour, 0.5, 0.25);
        }
        for c in &occurred {
            let points: Vec<_> = (0..times).map(|t| panel.at(at(mean, c * times + t))).collect();
            let (first, last) = (points[0], points[times - 1]);
            canvas.stroke(apart(points.into_iter()), style::condition_colour(*c), 2.0, None);
            canvas.ring(first, 3.0, style::condition_colour(*c));
            canvas.dot(last, 4.0, style::condition_colour(*c));
        }
        canvas.axes(&panel);
    }
    let labels: Vec<&str> = occurred.iter().filter_map(|c| labels.get(*c)).map(String::as_str).collect();
    let description =
        format!("Trajectories of single trials and of the means of {} in {}.", labels.join(", "), names.join(", "));
    let caption =
        "Single trials (faint) and means of conditions (bold) in mode space, from the open to the filled dot.".into();
    Ok(Some(canvas.finish(grid::height(look, planes.len()), description, caption)))
}

/// Points without those less than half a px from the one before; the last is kept.
fn apart(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    for point in points {
        last = Some(point);
        if kept.last().is_none_or(|before| (point.0 - before.0).hypot(point.1 - before.1) > 0.5) {
            kept.push(point);
        }
    }
    kept.extend(last);
    kept
}
