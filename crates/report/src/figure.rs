//! A finished figure.

use crate::{ReportError, font};
use resvg::{tiny_skia, usvg};

/// Maximum side of a PNG in pixels.
const LARGEST_SIDE: f32 = 16_384.0;

/// A finished figure: an SVG whose text is selectable, with a title and a description for readers who cannot see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) svg: String,
}

impl Figure {
    /// Title as drawn.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Description of the content, in words.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// SVG document on a white background. It names fonts but does not embed any.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// Renders the figure as PNG with `scale` pixels per px of the SVG (2 to 4 for print), with the embedded font
    /// whatever fonts are installed. The font has Latin, Greek and Cyrillic letters and common symbols, but no
    /// subscript digits; missing characters are drawn as empty boxes.
    ///
    /// # Errors
    /// [`ReportError::Png`]: `scale` is not positive, or gives a side of less than 1 or more than 16384 pixels.
    pub fn png(&self, scale: f32) -> Result<Vec<u8>, ReportError> {
        render(&self.tree()?, scale)
    }

    /// Like [`Figure::png`], with a smaller scale if a side would exceed 16384 pixels.
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
