//! Panels of equal size in rows of two, each with a heading.

use crate::canvas::{Canvas, Type};
use crate::panel::{Axis, Frame, Panel};
use crate::{Look, style};

/// Height of a panel, and of its heading.
const HEIGHT: f64 = 230.0;
const HEADING: f64 = 20.0;
/// Most panels of a figure.
pub(crate) const MOST: usize = 6;

/// Least width of a figure with two panels in a row.
const TWO_COLUMNS: f64 = 480.0;

fn columns(look: Look, count: usize) -> usize {
    if count > 1 && look.wide() >= TWO_COLUMNS { 2 } else { 1 }
}

/// Width of a figure with `count` panels.
pub(crate) fn width(look: Look, count: usize) -> f64 {
    if count > 1 { look.wide() } else { look.narrow() }
}

/// Height of the body of a figure with `count` panels.
pub(crate) fn height(look: Look, count: usize) -> f64 {
    count.div_ceil(columns(look, count)).max(1) as f64 * (HEIGHT + HEADING + style::BOTTOM)
}

/// Panel `index` of `count`, with its heading.
pub(crate) fn panel(
    canvas: &mut Canvas,
    look: Look,
    (index, count): (usize, usize),
    heading: &str,
    x: Axis,
    y: Axis,
) -> Panel {
    let columns = columns(look, count);
    let column = width(look, count) / columns as f64;
    let left = (index % columns) as f64 * column + style::LEFT;
    let top = canvas.top + (index / columns) as f64 * (HEIGHT + HEADING + style::BOTTOM) + HEADING;
    let frame = Frame { left, top, width: column - style::LEFT - style::RIGHT, height: HEIGHT };
    let middle = frame.left + frame.width / 2.0;
    canvas.letter(frame, style::LEFT);
    canvas.text((middle, top - 6.0), heading, Type::new(style::LABEL_SIZE).bold().centred());
    Panel::new(canvas.size(height(look, count)), frame, x, y)
}
