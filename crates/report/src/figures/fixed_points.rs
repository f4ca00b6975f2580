//! Fixed and slow points of a rate network in mode space, one panel per constant input.

use crate::analysis::{Analysis, condition};
use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::Axis;
use crate::{Look, ReportError, grid, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("fixed points");

/// Fixed points of an analysis.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor, coordinates that are not finite.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(analysis) = Analysis::of(artifact, "fixed_points") else { return Ok(None) };
    let shape @ [points, width] = analysis.shape::<2>("coordinate")?;
    if points == 0 || width == 0 {
        return Ok(None);
    }
    let (coordinate, output) = (analysis.values::<f64>("coordinate", &shape)?, analysis.shape::<2>("output")?);
    let outputs = analysis.values::<f64>("output", &output)?;
    let inputs = analysis.list::<u32>("condition")?;
    let (of_input, unstable) = (analysis.list::<u32>("of_input")?, analysis.list::<u32>("unstable")?);
    let is_fixed = analysis.list::<u8>("is_fixed")?;
    for (what, length) in [("inputs", of_input.len()), ("eigenvalues", unstable.len()), ("kinds", is_fixed.len())] {
        CHECK.value(what, length == points, length, &format!("{points} values"))?;
    }
    CHECK.finite("coordinates", coordinate)?;
    // With a single coordinate, the first output is the other.
    let first_output = |point: usize| outputs.get(point * output[1]).copied().unwrap_or(0.0);
    let place = |point: usize| {
        let own = &coordinate[point * width..][..width];
        (own[0], if width > 1 { own[1] } else { first_output(point) })
    };
    let names = analysis.coordinates(width)?;
    let conditions = analysis.conditions()?;
    let count = inputs.len().min(grid::MOST);
    let mut canvas = Canvas::new(look, grid::width(look, count), "Fixed points");
    canvas.note_part(count, inputs.len(), "constant inputs");
    canvas.legend(&[
        (Key::Dot(style::STABLE), "stable".into()),
        (Key::OpenDot(style::UNSTABLE), "unstable (number: unstable directions)".into()),
        (Key::Dot(style::REFERENCE), "slow".into()),
    ]);
    for (input, first) in inputs.iter().enumerate().take(count) {
        let own: Vec<usize> = (0..points).filter(|point| of_input[*point] as usize == input).collect();
        let x = Axis::around(&names[0], (0..points).map(|point| place(point).0)).with_ticks(4);
        let label = names.get(1).map_or("Output", String::as_str);
        let y = Axis::around(label, (0..points).map(|point| place(point).1)).with_ticks(4);
        let panel = grid::panel(
            &mut canvas,
            look,
            (input, count),
            &format!("Input of {}", condition(&conditions, *first)),
            x,
            y,
        );
        for point in own {
            let at = panel.at(place(point));
            match (is_fixed[point] != 0, unstable[point]) {
                (false, _) => canvas.dot(at, 2.5, style::REFERENCE),
                (true, 0) => canvas.dot(at, 5.0, style::STABLE),
                (true, directions) => {
                    canvas.ring(at, 4.0, style::UNSTABLE);
                    let kind = crate::canvas::Type::new(style::TICK_SIZE);
                    canvas.text((at.0 + 6.0, at.1 - 4.0), &directions.to_string(), kind);
                }
            }
        }
        canvas.axes(&panel);
    }
    let stable = (0..points).filter(|point| is_fixed[*point] != 0 && unstable[*point] == 0).count();
    let slow = is_fixed.iter().filter(|fixed| **fixed == 0).count();
    let description = format!(
        "{stable} stable and {} unstable fixed points and {slow} slow points under {} constant inputs.",
        points - stable - slow,
        inputs.len()
    );
    let caption =
        "Fixed and slow points under constant input, in mode space. Numbers count the unstable directions.".into();
    Ok(Some(canvas.finish(grid::height(look, count), description, caption)))
}
