//! Distributions of intervals between spikes, of their irregularity, and of correlations between units.

use crate::analysis::Analysis;
use crate::canvas::Canvas;
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::{Axis, Panel};
use crate::{Look, ReportError, grid, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("intervals between spikes");
/// Bins of coefficients of variation, and their width.
const BINS: usize = 24;
const WIDTH: f64 = 0.1;

/// Intervals between spikes of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, values that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "intervals") else { return Ok(None) };
    let bin_ms = analysis.list::<f64>("bin_ms")?;
    let count = analysis.values::<u32>("count", &[bin_ms.len()])?;
    let cv = analysis.list::<f64>("cv")?;
    let (lower, pairs) = (analysis.list::<f64>("correlation_bin")?, analysis.list::<u32>("correlation_pairs")?);
    CHECK.finite("coefficients of variation", cv)?;
    CHECK.value(
        "bins",
        bin_ms.len() > 1 && lower.len() == pairs.len() && lower.len() > 1,
        bin_ms.len(),
        "two or more",
    )?;
    let ratio = bin_ms[1] / bin_ms[0];
    let intervals: Vec<_> = bin_ms.iter().zip(count).map(|(low, n)| (*low, low * ratio, f64::from(*n))).collect();
    let known: Vec<f64> = cv.iter().copied().filter(|x| *x >= 0.0).collect();
    let mut units = [0.0; BINS];
    known.iter().for_each(|x| units[((x / WIDTH) as usize).min(BINS - 1)] += 1.0);
    let variation: Vec<_> =
        units.iter().enumerate().map(|(k, n)| (k as f64 * WIDTH, (k + 1) as f64 * WIDTH, *n)).collect();
    let step = lower[1] - lower[0];
    let correlation: Vec<_> = lower.iter().zip(pairs).map(|(low, n)| (*low, low + step, f64::from(*n))).collect();
    let mut canvas = Canvas::new(look, grid::width(look, 3), "Intervals between spikes");
    let highest = |bars: &[(f64, f64, f64)]| bars.iter().map(|bar| bar.2).collect::<Vec<f64>>();
    let ends = [bin_ms[0], bin_ms[bin_ms.len() - 1] * ratio];
    let axes = [
        (Axis::logarithmic("Interval (ms)", ends), Axis::from_zero("Intervals", highest(&intervals), 4)),
        (
            Axis::exact("Coefficient of variation", (0.0, BINS as f64 * WIDTH)),
            Axis::from_zero("Units", highest(&variation), 4),
        ),
        (
            Axis::exact("Correlation of counts", (-1.0, 1.0)),
            Axis::from_zero("Pairs of units", highest(&correlation), 4),
        ),
    ];
    for (index, ((x, y), bars)) in axes.into_iter().zip([&intervals, &variation, &correlation]).enumerate() {
        let panel = grid::panel(&mut canvas, look, (index, 3), "", x, y);
        draw(&mut canvas, &panel, bars);
        canvas.axes(&panel);
    }
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    let all: u32 = count.iter().sum();
    let description =
        format!("{all} intervals between spikes; mean coefficient of variation {mean:.2} of {} units.", known.len());
    let caption =
        "Intervals between the spikes of a unit, their coefficient of variation, and correlations of the spike counts of pairs of units.".into();
    Ok(Some(canvas.finish(grid::height(look, 3), description, caption)))
}

/// Draws bars, each from, to and of a height.
fn draw(canvas: &mut Canvas, panel: &Panel, bars: &[(f64, f64, f64)]) {
    canvas.fill(style::variant_colour(0), 1.0, |path| {
        for (from, to, height) in bars.iter().filter(|bar| bar.2 > 0.0) {
            let ((left, top), (right, bottom)) = (panel.at((*from, *height)), panel.at((*to, 0.0)));
            path.rectangle(left, top, right - left, bottom - top);
        }
    });
}
