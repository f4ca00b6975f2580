//! Cumulative share of the variance on principal components.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel, number};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("principal components");
const PLOT_HEIGHT: f64 = 200.0;
/// Most components that are drawn.
const MOST: usize = 20;

/// Principal components of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, values that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "components") else { return Ok(None) };
    let (all, means) = (analysis.list::<f64>("variance")?, analysis.list::<f64>("mean_variance")?);
    let participation = analysis.values::<f64>("participation", &[2])?;
    CHECK.finite("variance", all)?;
    CHECK.finite("variance of means", means)?;
    let ratio = |k: usize| number((participation[k] * 10.0).round() / 10.0);
    let keys = [
        (Key::Line(style::variant_colour(0)), format!("all trials (participation ratio {})", ratio(0))),
        (Key::Line(style::variant_colour(1)), format!("means of conditions ({})", ratio(1))),
    ];
    let mut canvas = Canvas::new(look, look.narrow(), "Variance on principal components");
    canvas.legend(&keys);
    let width = canvas.panel_width();
    let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
    let height = PLOT_HEIGHT + style::BOTTOM;
    let count = all.len().max(means.len()).clamp(1, MOST);
    let x = Axis::count("Components", count);
    let panel = Panel::new(canvas.size(height), frame, x, Axis::exact("Cumulative share of the variance", (0.0, 1.03)));
    for (shares, colour) in [(all, style::variant_colour(0)), (means, style::variant_colour(1))] {
        let mut sum = 0.0;
        let mut points = vec![(0.0, 0.0)];
        for (k, share) in shares.iter().enumerate().take(count) {
            sum += share;
            points.push(((k + 1) as f64, sum));
        }
        canvas.curve(&panel, &points, colour, None);
        points.iter().skip(1).for_each(|point| canvas.dot(panel.at(*point), 2.5, colour));
    }
    canvas.axes(&panel);
    let three: f64 = all.iter().take(3).sum();
    let description = format!(
        "The first three components hold {:.0} % of the variance; participation ratios {} over trials and {} of the means.",
        100.0 * three,
        ratio(0),
        ratio(1)
    );
    let caption =
        "Cumulative share of the variance of the rates on principal components, over all trials and over the means of conditions.".into();
    Ok(Some(canvas.finish(height, description, caption)))
}
