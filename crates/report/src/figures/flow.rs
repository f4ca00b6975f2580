//! The flow field with the attractors, one panel per constant input or condition.

use crate::analysis::{Analysis, condition};
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::Axis;
use crate::{Look, ReportError, grid, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("flow field");
/// Length of the longest arrow (px).
const LONGEST: f64 = 16.0;

/// Flow field of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, values that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "flow") else { return Ok(None) };
    let shape @ [inputs, cells, _] = analysis.shape::<3>("place")?;
    if inputs * cells == 0 {
        return Ok(None);
    }
    let (place, velocity) = (analysis.values::<f64>("place", &shape)?, analysis.values::<f64>("velocity", &shape)?);
    let states = analysis.values::<u32>("states", &[inputs, cells])?;
    let first = analysis.values::<u32>("condition", &[inputs])?;
    let computed = analysis.values::<u8>("is_computed", &[1])?[0] != 0;
    CHECK.finite("places", place)?;
    CHECK.finite("velocities", velocity)?;
    let names = match Analysis::of(artifact, "mode_space") {
        Some(space) => space.coordinates(2)?,
        None => ["First coordinate".into(), "Second coordinate".into()].to_vec(),
    };
    let conditions = analysis.conditions()?;
    let count = inputs.min(grid::MOST);
    let how = if computed { "computed" } else { "estimated from trials with pulses" };
    let mut canvas = Canvas::new(look, grid::width(look, count), &format!("Flow in mode space, {how}"));
    canvas.note_part(count, inputs, "inputs");
    let attractors = Analysis::of(artifact, "attractors");
    if attractors.is_some() {
        canvas.legend(&[(Key::Dot(style::STABLE), "attractor (number: share of the starts, %)".into())]);
    }
    for (input, of) in first.iter().enumerate().take(count) {
        let row = |cell: usize| (input * cells + cell) * 2;
        let own = || (0..cells).map(|cell| (place[row(cell)], place[row(cell) + 1]));
        let (x, y) = (Axis::around(&names[0], own().map(|p| p.0)), Axis::around(&names[1], own().map(|p| p.1)));
        let heading = condition(&conditions, *of).to_owned();
        let panel = grid::panel(&mut canvas, look, (input, count), &heading, x.with_ticks(4), y.with_ticks(4));
        // Velocities in px, the longest arrow as long as a cell.
        let scale = |range: (f64, f64), length: f64| length / (range.1 - range.0);
        let (sx, sy) = (scale(panel.x.range, panel.frame.width), scale(panel.y.range, panel.frame.height));
        let in_px = |cell: usize| (velocity[row(cell)] * sx, -velocity[row(cell) + 1] * sy);
        let speed = |cell: usize| in_px(cell).0.hypot(in_px(cell).1);
        let fastest = (0..cells).map(speed).fold(0.0, f64::max);
        for cell in (0..cells).filter(|cell| states[input * cells + cell] > 0 && fastest > 0.0) {
            let (at, (vx, vy)) = (panel.at((place[row(cell)], place[row(cell) + 1])), in_px(cell));
            let length = speed(cell);
            if length > 0.0 {
                // By the root of the speed, so that slow cells are visible.
                let factor = LONGEST * (length / fastest).sqrt() / length;
                arrow(&mut canvas, at, (vx * factor, vy * factor));
            }
        }
        if let Some(attractors) = &attractors {
            let shape @ [found, width] = attractors.shape::<2>("coordinate")?;
            let coordinate = attractors.values::<f64>("coordinate", &shape)?;
            let (of_condition, basin) =
                (attractors.values::<u32>("condition", &[found])?, attractors.values::<f64>("basin", &[found])?);
            for attractor in (0..found).filter(|k| of_condition[*k] == *of && width > 1 && basin[*k] >= 0.01) {
                let at = panel.at((coordinate[attractor * width], coordinate[attractor * width + 1]));
                canvas.dot(at, 4.5, style::STABLE);
                let share = format!("{:.0}", 100.0 * basin[attractor]);
                canvas.text((at.0 + 6.0, at.1 - 5.0), &share, crate::canvas::Type::new(style::TICK_SIZE).bold());
            }
        }
        canvas.axes(&panel);
    }
    let description = format!("Flow field in the plane of {} and {}, {how}, for {inputs} inputs.", names[0], names[1]);
    let caption = format!(
        "Flow in the plane of two coordinates of mode space, {how}; lengths of arrows grow with the root of the speed. Dots are attractors with the share of starts that end there (%)."
    );
    Ok(Some(canvas.finish(grid::height(look, count), description, caption)))
}

/// An arrow from `at` by `by`.
fn arrow(canvas: &mut Canvas, at: (f64, f64), by: (f64, f64)) {
    let end = (at.0 + by.0, at.1 + by.1);
    canvas.stroke([at, end], style::AXIS, 0.9, None);
    let length = by.0.hypot(by.1);
    let (ux, uy) = (by.0 / length, by.1 / length);
    let wing = 3.0f64.min(length / 2.0);
    canvas.fill(style::AXIS, 1.0, |path| {
        path.polyline([
            end,
            (end.0 - wing * (ux + 0.5 * uy), end.1 - wing * (uy - 0.5 * ux)),
            (end.0 - wing * (ux - 0.5 * uy), end.1 - wing * (uy + 0.5 * ux)),
        ]);
        path.close();
    });
}
