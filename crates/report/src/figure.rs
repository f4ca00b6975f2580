//! A finished figure.

use crate::look::UNIT_MM;
use crate::{ReportError, font, pdf};
use resvg::{tiny_skia, usvg};

/// Maximum side of a PNG in pixels.
const LARGEST_SIDE: f32 = 16_384.0;
/// Px per mm.
const PX_PER_MM: f64 = 96.0 / 25.4;

/// A finished figure: an SVG whose text is selectable, with a title and a description for readers who cannot see it.
/// It has a physical size, in which text is 6 to 8 pt high.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) caption: String,
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

    /// Caption: what the lines, bands, bars and marks are, with the numbers of trials, units or networks.
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// SVG document on a white background. It names fonts but does not embed any; its size is in mm.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// True for a figure that is wider than one column.
    pub(crate) fn is_wide(&self) -> bool {
        let width = self.svg.split_once("width=\"").and_then(|(_, rest)| rest.split_once("mm")).map(|(width, _)| width);
        width.and_then(|width| width.parse::<f64>().ok()).is_some_and(|mm| mm > 120.0)
    }

    /// PDF of one page of the figure's size, with text as text and its fonts embedded.
    ///
    /// # Errors
    /// [`ReportError::Pdf`]: a font that cannot be embedded.
    pub fn pdf(&self) -> Result<Vec<u8>, ReportError> {
        pdf::write(&self.tree()?, &self.title)
    }

    /// Renders the figure as PNG with `scale` pixels per unit of the SVG's coordinates, with the embedded font whatever
    /// fonts are installed. The font has Latin, Greek and Cyrillic letters and common symbols, but no subscript digits;
    /// missing characters are drawn as empty boxes.
    ///
    /// # Errors
    /// [`ReportError::Png`]: `scale` is not positive, or gives a side of less than 1 or more than 16384 pixels.
    pub fn png(&self, scale: f32) -> Result<Vec<u8>, ReportError> {
        render(&self.tree()?, scale / unit_px())
    }

    /// Renders the figure as PNG with this many pixels per inch; with fewer if a side would exceed 16384 pixels.
    ///
    /// # Errors
    /// As [`Figure::png`].
    pub fn png_of_dpi(&self, dpi: f32) -> Result<Vec<u8>, ReportError> {
        let tree = self.tree()?;
        let longest = tree.size().width().max(tree.size().height());
        render(&tree, (dpi / 96.0).min(LARGEST_SIDE / longest))
    }

    fn tree(&self) -> Result<usvg::Tree, ReportError> {
        let options =
            usvg::Options { fontdb: font::database(), font_family: font::FAMILY.into(), ..usvg::Options::default() };
        usvg::Tree::from_str(&self.svg, &options).map_err(|error| ReportError::Png(error.to_string()))
    }
}

/// Px per unit of a figure's coordinates.
fn unit_px() -> f32 {
    (UNIT_MM * PX_PER_MM) as f32
}

/// Renders with `scale` pixels per px.
fn render(tree: &usvg::Tree, scale: f32) -> Result<Vec<u8>, ReportError> {
    let (width, height) = ((tree.size().width() * scale).round(), (tree.size().height() * scale).round());
    let fits = |side: f32| (1.0..=LARGEST_SIDE).contains(&side);
    let pixmap = if fits(width) && fits(height) { tiny_skia::Pixmap::new(width as u32, height as u32) } else { None };
    let too_large = || ReportError::Png(format!("scale {scale} makes it {width} × {height} pixels"));
    let mut pixmap = pixmap.ok_or_else(too_large)?;
    pixmap.fill(tiny_skia::Color::WHITE);
    resvg::render(tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    encode(&pixmap, scale).map_err(|error| ReportError::Png(error.to_string()))
}

/// PNG in opaque colours that states its resolution.
fn encode(pixmap: &tiny_skia::Pixmap, scale: f32) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let per_metre = (f64::from(scale) * PX_PER_MM * 1000.0).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header()?;
    let rgb: Vec<u8> = pixmap.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
    writer.write_image_data(&rgb)?;
    writer.finish()?;
    Ok(bytes)
}
