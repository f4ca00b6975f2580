//! Confusion matrix: counts of true against predicted classes.

use crate::canvas::{Canvas, Type};
use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::figure::Figure;
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("confusion matrix");
const TOP: f64 = 34.0;
const WIDTH: f64 = 400.0;

/// Counts of true against predicted classes.
#[derive(Clone, Copy, Debug)]
pub struct Confusion<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Names of the classes.
    pub classes: &'a [&'a str],
    /// Counts `[true class, predicted class]`.
    pub counts: &'a [u64],
}

/// Confusion matrix of an evaluation on images.
///
/// # Errors
/// [`ReportError`]: a tensor that does not fit.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::of(artifact)?.filter(|_| artifact.has("confusion")) else { return Ok(None) };
    let [rows, columns] = artifact.shape("confusion")?;
    let counts: Vec<u64> =
        artifact.values::<u32>("confusion", &[rows, columns])?.iter().map(|count| u64::from(*count)).collect();
    let names: Vec<String> = (0..rows).map(|class| evaluation.class(class)).collect();
    let classes: Vec<&str> = names.iter().map(String::as_str).collect();
    Confusion { title: "Confusion matrix", classes: &classes, counts: &counts }.draw(look).map(Some)
}

impl Confusion<'_> {
    /// Draws the figure. The shade of a cell is its fraction of the true class; the number is the count.
    ///
    /// # Errors
    /// [`ReportError`]: no class, or a number of counts other than the number of pairs of classes.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        CHECK.not_empty("class", self.classes)?;
        CHECK.length("counts", self.counts, self.classes.len() * self.classes.len())?;
        let mut canvas = Canvas::new(look, look.square(WIDTH), self.title);
        let classes = self.classes.len();
        let side = canvas.panel_width();
        let (left, top, cell) = (style::LEFT, canvas.top + TOP, side / classes as f64);
        for row in 0..classes {
            for column in 0..classes {
                self.draw_cell(&mut canvas, (left, top), cell, row, column);
            }
        }
        canvas.outline(style::AXIS, style::AXIS_WIDTH, |path| path.rectangle(left, top, side, side));
        self.draw_labels(&mut canvas, (left, top), cell);
        let total: u64 = self.counts.iter().sum();
        let description = format!("Matrix of true and predicted classes: {} of {total} correct.", self.correct());
        let caption = "Number of test examples of each class (rows) that were classified as each class (columns). Shade: fraction \
                       of the true class, teal for right and brown for wrong answers.";
        Ok(canvas.finish(TOP + side + 12.0, description, caption.into()))
    }

    fn draw_cell(&self, canvas: &mut Canvas, (left, top): (f64, f64), cell: f64, row: usize, column: usize) {
        let classes = self.classes.len();
        let count = self.counts[row * classes + column];
        let of_class: u64 = self.counts[row * classes..(row + 1) * classes].iter().sum();
        let part = if of_class == 0 { 0.0 } else { count as f64 / of_class as f64 };
        let (x, y) = (left + column as f64 * cell, top + row as f64 * cell);
        canvas.fill(&shade(part, row == column), 1.0, |path| path.rectangle(x, y, cell, cell));
        let ink = match count {
            0 => "#b0b0b0",
            _ if part > 0.5 => "#ffffff",
            _ => style::INK,
        };
        let kind = Type::new(self.number_size(cell)).centred().coloured(ink);
        canvas.text((x + cell / 2.0, y + cell / 2.0 + 0.35 * f64::from(kind.size)), &count.to_string(), kind);
    }

    fn draw_labels(&self, canvas: &mut Canvas, (left, top): (f64, f64), cell: f64) {
        let side = cell * self.classes.len() as f64;
        let (tick, label) = (Type::new(style::TICK_SIZE), Type::new(style::LABEL_SIZE).centred());
        for (index, class) in self.classes.iter().enumerate() {
            let middle = (index as f64 + 0.5) * cell;
            canvas.text((left + middle, top - 5.0), class, tick.centred());
            canvas.text((left - 6.0, top + middle + 3.6), class, tick.left_of());
        }
        canvas.text((left + side / 2.0, top - 21.0), "Predicted class", label);
        canvas.text((left - 26.0, top + side / 2.0), "True class", Type { upwards: true, ..label });
    }

    /// Font size at which the longest number fits into a cell.
    fn number_size(&self, cell: f64) -> u32 {
        let digits = self.counts.iter().max().map_or(1, |count| count.to_string().len());
        ((cell * 0.85 / (0.6 * digits as f64)) as u32).clamp(5, style::TICK_SIZE)
    }

    fn correct(&self) -> u64 {
        (0..self.classes.len()).map(|class| self.counts[class * (self.classes.len() + 1)]).sum()
    }
}

/// White to teal for right answers, to brown for wrong ones. Wrong ones are rare and therefore darken sooner.
fn shade(part: f64, right: bool) -> String {
    let (dark, depth) = if right { ([1.0, 102.0, 94.0], part) } else { ([140.0, 81.0, 10.0], part.sqrt()) };
    let [red, green, blue] = dark.map(|channel| (255.0 + (channel - 255.0) * depth).round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}
