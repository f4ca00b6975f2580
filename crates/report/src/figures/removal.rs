//! Performance against the number of modes or units removed, in three orders.

use crate::analysis::Analysis;
use crate::canvas::{Canvas, Key};
use crate::figure::Figure;
use crate::panel::Axis;
use crate::{Look, ReportError, grid, style};
use mdl_artifact::Artifact;
use mdl_data::score::Score;

/// Names of the orders in the tensors.
const ORDERS: [&str; 3] = ["least important first", "most important first", "at random"];

/// Removal of modes and units of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "removal") else { return Ok(None) };
    let trials = analysis.values::<u32>("trials", &[1])?[0];
    let kinds: Vec<&str> = ["modes", "units"].into_iter().filter(|kind| analysis.has(kind)).collect();
    let mut canvas = Canvas::new(look, grid::width(look, kinds.len()), "Performance after removal");
    let keys: Vec<_> =
        ORDERS.iter().enumerate().map(|(k, name)| (Key::Line(style::variant_colour(k)), (*name).into())).collect();
    canvas.legend(&keys);
    let mut described = Vec::new();
    for (index, kind) in kinds.iter().enumerate() {
        let removed = analysis.list::<u32>(kind)?;
        let correct = analysis.values::<u32>(&format!("{kind}_correct"), &[ORDERS.len(), removed.len()])?;
        let label = if *kind == "modes" { "Modes removed" } else { "Units removed" };
        let most = removed.iter().copied().max().unwrap_or(1) as usize;
        let y = Axis::exact("Performance (95 % interval)", (0.0, 1.03));
        let panel = grid::panel(&mut canvas, look, (index, kinds.len()), "", Axis::count(label, most.max(1)), y);
        for order in 0..ORDERS.len() {
            let own = removed.iter().zip(&correct[order * removed.len()..]);
            let points: Vec<(f64, Score)> =
                own.map(|(removed, correct)| (f64::from(*removed), Score { trials, correct: *correct })).collect();
            let curve: Vec<_> = points.iter().map(|(x, score)| (*x, score.performance())).collect();
            canvas.curve(&panel, &curve, style::variant_colour(order), None);
            for (x, score) in &points {
                let aside = (order as f64 - 1.0) * 0.006 * most as f64;
                canvas.whisker(&panel, x + aside, score.interval(), style::variant_colour(order));
            }
            curve.iter().for_each(|point| canvas.dot(panel.at(*point), 3.0, style::variant_colour(order)));
        }
        canvas.axes(&panel);
        described.push(format!("{most} {kind}"));
    }
    let description = format!("Performance of {trials} trials after the removal of up to {}.", described.join(" and "));
    let caption = "Performance without modes or units, removed in three orders, with 95 % Wilson intervals.".into();
    Ok(Some(canvas.finish(grid::height(look, kinds.len()), description, caption)))
}
