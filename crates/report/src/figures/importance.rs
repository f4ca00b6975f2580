//! Importance of the modes and magnitudes of their scores over ranks, with fitted power laws.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel, number};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("importance of the modes");
const PLOT_HEIGHT: f64 = 240.0;

/// Importance over ranks of an analysis of a network with two modes or more.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, values that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "importance") else { return Ok(None) };
    let (value, score) = (analysis.list::<f64>("value")?, analysis.list::<f64>("score")?);
    if value.len() < 2 {
        return Ok(None);
    }
    CHECK.finite("importance", value)?;
    CHECK.finite("scores", score)?;
    let (from, to) = (analysis.list::<u32>("rank_from")?, analysis.list::<u32>("rank_to")?);
    let slope = analysis.list::<f64>("slope")?;
    let mut canvas = Canvas::new(look, look.narrow(), "Importance of the modes");
    canvas.legend(&[
        (Key::Line(style::variant_colour(0)), "importance".into()),
        (Key::Line(style::variant_colour(1)), "magnitude of the score".into()),
        (Key::Dashes(style::INK), "power law".into()),
    ]);
    let width = canvas.panel_width();
    let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
    let height = PLOT_HEIGHT + style::BOTTOM;
    let positive = || value.iter().chain(score).copied().filter(|x| *x > 0.0);
    let x = Axis::logarithmic("Rank", [1.0, value.len() as f64]);
    let panel = Panel::new(canvas.size(height), frame, x, Axis::logarithmic("Importance", positive()));
    for (values, colour) in [(score, style::variant_colour(1)), (value, style::variant_colour(0))] {
        let points: Vec<_> =
            values.iter().enumerate().filter(|(_, y)| **y > 0.0).map(|(k, y)| ((k + 1) as f64, *y)).collect();
        canvas.curve(&panel, &points, colour, None);
        if points.len() <= 40 {
            points.iter().for_each(|point| canvas.dot(panel.at(*point), 2.5, colour));
        }
    }
    let mut laws = Vec::new();
    for ((from, to), slope) in from.iter().zip(to).zip(slope) {
        // Through the middle of the range, in logarithms.
        let ranks: Vec<usize> =
            (*from as usize..=*to as usize).filter(|rank| *rank >= 1 && *rank <= value.len()).collect();
        let count = ranks.len().max(1) as f64;
        let (x, y) = ranks
            .iter()
            .filter(|rank| value[*rank - 1] > 0.0)
            .fold((0.0, 0.0), |(x, y), rank| (x + (*rank as f64).ln() / count, y + value[rank - 1].ln() / count));
        let at = |rank: f64| (rank, (y + slope * (rank.ln() - x)).exp());
        canvas.dashed_curve(&panel, &[at(f64::from(*from)), at(f64::from(*to))], style::INK);
        laws.push(format!("slope {} over ranks {from} to {to}", number((slope * 100.0).round() / 100.0)));
    }
    canvas.axes(&panel);
    let description = format!("Importance of {} modes over ranks: {}.", value.len(), laws.join("; "));
    let caption =
        "Importance of the modes and magnitude of their scores over ranks, with fitted power laws (dotted).".into();
    Ok(Some(canvas.finish(height, description, caption)))
}
