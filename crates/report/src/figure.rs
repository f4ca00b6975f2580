//! A finished figure.

use crate::{ReportError, font};
use resvg::{tiny_skia, usvg};

/// Greatest side of a PNG in pixels.
const LARGEST_SIDE: f32 = 16_384.0;

/// A finished figure: an SVG whose text is text, with a title and a description for readers who cannot see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) svg: String,
}

impl Figure {
    /// Its title, as drawn.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What it shows, in words.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The SVG document, on a white ground. It names fonts but holds none.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The figure as PNG with `scale` pixels to a px of the SVG (2 to 4 for print), drawn with the embedded font
    /// whatever fonts the machine has.
    /// It has Latin, Greek and Cyrillic letters and the usual signs, but no
    /// subscript digits; what it lacks is drawn as an empty box.
    ///
    /// # Errors
    /// [`ReportError::Png`]: `scale` is not positive, or makes a side of less than 1 or more than 16384 pixels.
    pub fn png(&self, scale: f32) -> Result<Vec<u8>, ReportError> {
        render(&self.tree()?, scale)
    }

    /// The same, with fewer pixels where a side would have more than 16384.
    ///
    /// # Errors
    /// As [`Figure::png`].
    pub fn png_at_most(&self, scale: f32) -> Result<Vec<u8>, ReportError> {
        let tree = self.tree()?;
        let longest = tree.size().width().max(tree.size().height());
        render(&tree, scale.min(LARGEST_SIDE / longest))
    }

    fn tree(&self) -> Result<usvg::Tree, ReportError> {
        let options =
            usvg::Options { fontdb: font::database(), font_family: font::FAMILY.into(), ..usvg::Options::default() };
        usvg::Tree::from_str(&self.svg, &options).map_err(|error| ReportError::Png(error.to_string()))
    }
}

fn render(tree: &usvg::Tree, scale: f32) -> Result<Vec<u8>, ReportError> {
    let (width, height) = ((tree.size().width() * scale).round(), (tree.size().height() * scale).round());
    let fits = |side: f32| (1.0..=LARGEST_SIDE).contains(&side);
    let pixmap = if fits(width) && fits(height) { tiny_skia::Pixmap::new(width as u32, height as u32) } else { None };
    let too_large = || ReportError::Png(format!("scale {scale} makes it {width} × {height} pixels"));
    let mut pixmap = pixmap.ok_or_else(too_large)?;
    resvg::render(tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| ReportError::Png(error.to_string()))
}
