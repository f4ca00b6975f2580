//! Example images with their true and predicted class, misclassified and correctly classified.

use crate::canvas::{Canvas, Type};
use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::figure::Figure;
use crate::mark::Path;
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::field::length;

const CHECK: Check = Check("example digits");
/// Images per row.
const COLUMNS: usize = 8;
/// Distance between images, and room for the label below.
const GAP: f64 = 8.0;
const LABEL: f64 = 17.0;
const HEADING: f64 = 20.0;
/// Number of distinct grey levels.
const LEVELS: usize = 15;

/// An image with its true and predicted class.
#[derive(Clone, Copy, Debug)]
pub struct Digit<'a> {
    /// Intensities from 0 to 1, row by row: `[side, side]`.
    pub pixels: &'a [f32],
    /// Name of the true class.
    pub true_class: &'a str,
    /// Name of the predicted class.
    pub predicted_class: &'a str,
}

/// Example images, misclassified ones first.
#[derive(Clone, Copy, Debug)]
pub struct ExampleDigits<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Width and height of an image in pixels.
    pub side: usize,
    /// The images, correctly classified or not.
    pub digits: &'a [Digit<'a>],
}

/// Example images of an evaluation.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::of(artifact)?.filter(|_| artifact.has("confusion")) else { return Ok(None) };
    evaluation.require(CHECK, "example")?;
    if !artifact.has("example_image") {
        return Ok(None);
    }
    let shape @ [count, side, width] = artifact.shape::<3>("example_image")?;
    CHECK.value("images", side == width, format_args!("{side} × {width} pixels"), "square ones")?;
    let bytes = artifact.values::<u8>("example_image", &shape)?;
    let pixels: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
    let all = artifact.shape::<1>("label")?;
    let (label, predicted) = (artifact.values::<u8>("label", &all)?, artifact.values::<u8>("predicted", &all)?);
    let mut classes = Vec::new();
    for index in artifact.values::<u32>("example", &[count])? {
        let Some(class) = label.get(length(*index)).zip(predicted.get(length(*index))) else {
            let expected = format!("images below {}", all[0]);
            return Err(artifact.tensor_error("example", index.to_string(), expected).into());
        };
        classes.push([*class.0, *class.1].map(|class| evaluation.class(class.into())));
    }
    let mut digits = Vec::new();
    for (pixels, [true_class, predicted_class]) in pixels.chunks_exact((side * side).max(1)).zip(&classes) {
        digits.push(Digit { pixels, true_class, predicted_class });
    }
    ExampleDigits { title: "Test images", side, digits: &digits }.draw(look).map(Some)
}

impl ExampleDigits<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no image, an image of another size, intensities outside 0 to 1.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let (right, wrong): (Vec<_>, Vec<_>) = self.digits.iter().partition(|d| d.true_class == d.predicted_class);
        let mut canvas = Canvas::new(look, look.narrow(), self.title);
        let begin = canvas.top;
        for (heading, digits) in [("Classified wrongly (true → predicted)", &wrong), ("Classified rightly", &right)] {
            if !digits.is_empty() {
                self.draw_group(&mut canvas, look.narrow(), heading, digits);
            }
        }
        let height = canvas.top - begin;
        canvas.top = begin;
        let description = format!("Example images: {} classified wrongly, {} rightly.", wrong.len(), right.len());
        let caption = "The first test images that the network classified wrongly, with their true and predicted class, and the \
                       first that it classified rightly.";
        Ok(canvas.finish(height, description, caption.into()))
    }

    fn draw_group(&self, canvas: &mut Canvas, width: f64, heading: &str, digits: &[&Digit]) {
        let room = (width - 20.0 + GAP) / COLUMNS as f64 - GAP;
        // Whole tenths of a px, unless the image is too large.
        let pixel = (room / self.side as f64 * 10.0).floor().max(1.0) / 10.0;
        let size = pixel * self.side as f64;
        canvas.text((10.0, canvas.top + 10.0), heading, Type::new(style::LABEL_SIZE));
        canvas.top += HEADING;
        for row in digits.chunks(COLUMNS) {
            for (column, digit) in row.iter().enumerate() {
                let corner = (10.0 + column as f64 * (room + GAP), canvas.top);
                self.draw_image(canvas, corner, pixel, digit.pixels);
                let right = digit.true_class == digit.predicted_class;
                let kind =
                    Type::new(style::TICK_SIZE).centred().coloured(if right { style::CORRECT } else { style::WRONG });
                let text = match right {
                    true => digit.true_class.to_owned(),
                    false => format!("{} → {}", digit.true_class, digit.predicted_class),
                };
                canvas.text((corner.0 + size / 2.0, corner.1 + size + 12.0), &text, kind);
            }
            canvas.top += size + LABEL;
        }
        canvas.top += 4.0;
    }

    /// Draws an image in white on black, like the data. Each grey level is one path with all pixels at least as bright,
    /// on top of the darker ones, so that no seams show.
    fn draw_image(&self, canvas: &mut Canvas, corner: (f64, f64), pixel: f64, pixels: &[f32]) {
        let size = pixel * self.side as f64;
        canvas.fill("#000000", 1.0, |path| path.rectangle(corner.0, corner.1, size, size));
        let levels: Vec<_> = pixels.iter().map(|value| (value * LEVELS as f32).round() as usize).collect();
        for level in 1..=LEVELS {
            let grey = level * 255 / LEVELS;
            let colour = format!("#{grey:02x}{grey:02x}{grey:02x}");
            canvas.outline(&colour, pixel, |path| self.draw_level(path, corner, pixel, &levels, level));
        }
    }

    fn draw_level(&self, path: &mut Path, corner: (f64, f64), pixel: f64, levels: &[usize], level: usize) {
        for (row, line) in levels.chunks(self.side).enumerate() {
            let mut column = 0;
            for run in line.chunk_by(|a, b| (*a >= level) == (*b >= level)) {
                if run[0] >= level {
                    let (x, y) = (corner.0 + column as f64 * pixel, corner.1 + (row as f64 + 0.5) * pixel);
                    path.run(y, x, x + run.len() as f64 * pixel);
                }
                column += run.len();
            }
        }
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("image", self.digits)?;
        CHECK.value("side", self.side > 0, self.side, "at least one pixel")?;
        for (index, digit) in self.digits.iter().enumerate() {
            let what = format!("image {index}");
            CHECK.length(&what, digit.pixels, self.side * self.side)?;
            let outside = digit.pixels.iter().find(|&&value| !(0.0..=1.0).contains(&value));
            CHECK.value(&what, outside.is_none(), outside.unwrap_or(&0.0), "intensities from 0 to 1")?;
        }
        Ok(())
    }
}
