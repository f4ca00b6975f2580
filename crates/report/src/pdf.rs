//! A figure as PDF: paths as paths, and text as text in the embedded fonts, of which the file has the glyphs that occur.
//!
//! Figures consist of paths and text in plain colours; images, gradients, clips and masks do not occur in them.

use crate::ReportError;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, LineCapStyle, LineJoinStyle, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use resvg::tiny_skia::{PathSegment, Transform};
use resvg::usvg::{self, fontdb};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, GlyphId, MetadataProvider};
use std::io::Write;
use subsetter::GlyphRemapper;

/// Points per px.
const POINTS: f32 = 0.75;
/// Font units per em in a PDF.
const EM: f32 = 1000.0;
const IDENTITY: SystemInfo = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// Writes a figure as a PDF of one page.
///
/// # Errors
/// [`ReportError::Pdf`]: a font that cannot be embedded.
pub(crate) fn write(tree: &usvg::Tree, title: &str) -> Result<Vec<u8>, ReportError> {
    let [width, height] = [tree.size().width(), tree.size().height()].map(|side| side * POINTS);
    let mut page = Page { content: Content::new(), fonts: Vec::new(), opacities: Vec::new(), fontdb: tree.fontdb() };
    page.content.transform([POINTS, 0.0, 0.0, -POINTS, 0.0, height]);
    page.group(tree.root(), 1.0)?;

    let mut next = 0;
    let mut reference = || {
        next += 1;
        Ref::new(next)
    };
    let [catalog, pages, of_page, content, info] = std::array::from_fn(|_| reference());
    let fonts: Vec<[Ref; 5]> = page.fonts.iter().map(|_| std::array::from_fn(|_| reference())).collect();
    let opacities: Vec<Ref> = page.opacities.iter().map(|_| reference()).collect();

    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages).lang(TextStr("en"));
    pdf.pages(pages).kids([of_page]).count(1);
    pdf.document_info(info).title(TextStr(title)).creator(TextStr("mdl-rnn"));
    let mut written = pdf.page(of_page);
    written.parent(pages).media_box(Rect::new(0.0, 0.0, width, height)).contents(content);
    let mut resources = written.resources();
    let mut names = resources.fonts();
    for (index, [font, ..]) in fonts.iter().enumerate() {
        names.pair(Name(name('F', index).as_bytes()), *font);
    }
    names.finish();
    let mut names = resources.ext_g_states();
    for (index, state) in opacities.iter().enumerate() {
        names.pair(Name(name('O', index).as_bytes()), *state);
    }
    names.finish();
    resources.finish();
    written.finish();
    for (state, (fill, stroke)) in opacities.iter().zip(&page.opacities) {
        pdf.ext_graphics(*state)
            .non_stroking_alpha(f32::from(*fill) / 255.0)
            .stroking_alpha(f32::from(*stroke) / 255.0);
    }
    for (index, (references, font)) in fonts.iter().zip(&page.fonts).enumerate() {
        font.write(&mut pdf, references, index)?;
    }
    let bytes = compressed(&page.content.finish());
    pdf.stream(content, &bytes).filter(Filter::FlateDecode);
    Ok(pdf.finish())
}

/// Content of the page, with the fonts and opacities that it refers to by their index.
struct Page<'a> {
    content: Content,
    fonts: Vec<Font>,
    /// Of fills and of strokes, from 0 to 255.
    opacities: Vec<(u8, u8)>,
    fontdb: &'a fontdb::Database,
}

impl Page<'_> {
    fn group(&mut self, group: &usvg::Group, opacity: f32) -> Result<(), ReportError> {
        let opacity = opacity * group.opacity().get();
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => self.group(group, opacity)?,
                usvg::Node::Path(path) => self.path(path, opacity),
                usvg::Node::Text(text) => self.text(text, opacity)?,
                usvg::Node::Image(_) => {}
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &usvg::Path, opacity: f32) {
        let fill = path.fill().and_then(|fill| Some((colour(fill.paint())?, fill.opacity().get())));
        let stroke = path.stroke().and_then(|stroke| Some((colour(stroke.paint())?, stroke)));
        if !path.is_visible() || (fill.is_none() && stroke.is_none()) {
            return;
        }
        let of_stroke = stroke.map_or(1.0, |(_, stroke)| stroke.opacity().get());
        self.content.save_state();
        self.opacity(opacity * fill.map_or(1.0, |(_, opacity)| opacity), opacity * of_stroke);
        self.content.transform(matrix(path.abs_transform()));
        if let Some(([red, green, blue], _)) = fill {
            self.content.set_fill_rgb(red, green, blue);
        }
        if let Some(([red, green, blue], stroke)) = stroke {
            self.content.set_stroke_rgb(red, green, blue).set_line_width(stroke.width().get());
            self.content.set_line_cap(match stroke.linecap() {
                usvg::LineCap::Butt => LineCapStyle::ButtCap,
                usvg::LineCap::Round => LineCapStyle::RoundCap,
                usvg::LineCap::Square => LineCapStyle::ProjectingSquareCap,
            });
            self.content.set_line_join(match stroke.linejoin() {
                usvg::LineJoin::Round => LineJoinStyle::RoundJoin,
                usvg::LineJoin::Bevel => LineJoinStyle::BevelJoin,
                usvg::LineJoin::Miter | usvg::LineJoin::MiterClip => LineJoinStyle::MiterJoin,
            });
            if let Some(dashes) = stroke.dasharray() {
                self.content.set_dash_pattern(dashes.iter().copied(), stroke.dashoffset());
            }
        }
        self.segments(path);
        let even_odd = path.fill().is_some_and(|fill| fill.rule() == usvg::FillRule::EvenOdd);
        match (fill.is_some(), stroke.is_some(), even_odd) {
            (true, true, false) => self.content.fill_nonzero_and_stroke(),
            (true, true, true) => self.content.fill_even_odd_and_stroke(),
            (true, false, false) => self.content.fill_nonzero(),
            (true, false, true) => self.content.fill_even_odd(),
            (false, ..) => self.content.stroke(),
        };
        self.content.restore_state();
    }

    fn segments(&mut self, path: &usvg::Path) {
        let mut last = (0.0, 0.0);
        for segment in path.data().segments() {
            match segment {
                PathSegment::MoveTo(p) => {
                    self.content.move_to(p.x, p.y);
                    last = (p.x, p.y);
                }
                PathSegment::LineTo(p) => {
                    self.content.line_to(p.x, p.y);
                    last = (p.x, p.y);
                }
                // A quadratic curve as a cubic one.
                PathSegment::QuadTo(c, p) => {
                    let near = |end: f32, control: f32| end + 2.0 / 3.0 * (control - end);
                    let (x, y) = (near(last.0, c.x), near(last.1, c.y));
                    self.content.cubic_to(x, y, near(p.x, c.x), near(p.y, c.y), p.x, p.y);
                    last = (p.x, p.y);
                }
                PathSegment::CubicTo(a, b, p) => {
                    self.content.cubic_to(a.x, a.y, b.x, b.y, p.x, p.y);
                    last = (p.x, p.y);
                }
                PathSegment::Close => _ = self.content.close_path(),
            }
        }
    }

    fn text(&mut self, text: &usvg::Text, opacity: f32) -> Result<(), ReportError> {
        for span in text.layouted().iter().filter(|span| span.visible) {
            let fill = span.fill.as_ref().and_then(|fill| Some((colour(fill.paint())?, fill.opacity().get())));
            let Some(([red, green, blue], of_fill)) = fill else { continue };
            for glyphs in span.positioned_glyphs.chunk_by(|a, b| a.font == b.font) {
                self.content.save_state();
                self.opacity(opacity * of_fill, 1.0);
                self.content.transform(matrix(text.abs_transform())).set_fill_rgb(red, green, blue);
                self.glyphs(glyphs)?;
                self.content.restore_state();
            }
        }
        Ok(())
    }

    /// Shows glyphs of one font on a line, each where it was laid out.
    fn glyphs(&mut self, glyphs: &[usvg::layout::PositionedGlyph]) -> Result<(), ReportError> {
        let Some(first) = glyphs.first() else { return Ok(()) };
        let (index, size) = (self.font(first.font)?, first.font_size());
        let font = &mut self.fonts[index];
        // From font units to the units of a line of this size.
        let scale = font.units_per_em / size;
        let placed = |glyph: &usvg::layout::PositionedGlyph| glyph.outline_transform().pre_scale(scale, scale);
        let start = placed(first);
        let back = start.invert().unwrap_or_default();
        let mut shown = Vec::new();
        for glyph in glyphs {
            let own = back.pre_concat(placed(glyph));
            shown.push((own.tx, font.add(u16::try_from(glyph.id.0).unwrap_or_default(), &glyph.text)));
        }
        self.content.begin_text().set_font(Name(name('F', index).as_bytes()), size).set_text_matrix(matrix(start));
        let mut positioned = self.content.show_positioned();
        let mut items = positioned.items();
        let mut pen = 0.0;
        for (at, (id, width)) in shown {
            let adjustment = ((pen - at) * EM / size).round();
            if adjustment != 0.0 {
                items.adjust(adjustment);
            }
            items.show(Str(&id.to_be_bytes()));
            pen = at + width * size / EM;
        }
        items.finish();
        positioned.finish();
        self.content.end_text();
        Ok(())
    }

    /// Index of a font.
    fn font(&mut self, id: fontdb::ID) -> Result<usize, ReportError> {
        if let Some(index) = self.fonts.iter().position(|font| font.id == id) {
            return Ok(index);
        }
        self.fonts.push(Font::new(id, self.fontdb)?);
        Ok(self.fonts.len() - 1)
    }

    /// Sets the opacity of fills and strokes, unless both are opaque.
    fn opacity(&mut self, fill: f32, stroke: f32) {
        let both = ((fill * 255.0).round() as u8, (stroke * 255.0).round() as u8);
        if both == (255, 255) {
            return;
        }
        let index = self.opacities.iter().position(|known| *known == both).unwrap_or_else(|| {
            self.opacities.push(both);
            self.opacities.len() - 1
        });
        self.content.set_parameters(Name(name('O', index).as_bytes()));
    }
}

/// A font with the glyphs that occur.
struct Font {
    id: fontdb::ID,
    name: String,
    data: Vec<u8>,
    units_per_em: f32,
    remapper: GlyphRemapper,
    /// Text and width of each glyph in the subset, in thousandths of an em; the first stands for missing ones.
    glyphs: Vec<(String, f32)>,
}

impl Font {
    fn new(id: fontdb::ID, fontdb: &fontdb::Database) -> Result<Self, ReportError> {
        let unreadable = || ReportError::Pdf("the font cannot be read".into());
        let name = fontdb.face(id).map(|face| face.post_script_name.clone()).ok_or_else(unreadable)?;
        let data = fontdb.with_face_data(id, |data, _| data.to_vec()).ok_or_else(unreadable)?;
        let font = FontRef::new(&data).map_err(|_| unreadable())?;
        let units_per_em = f32::from(font.metrics(Size::unscaled(), LocationRef::default()).units_per_em);
        let mut this = Self { id, name, data, units_per_em, remapper: GlyphRemapper::new(), glyphs: Vec::new() };
        this.glyphs.push((String::new(), this.width(0)));
        Ok(this)
    }

    /// Number of a glyph in the subset, and its width.
    fn add(&mut self, id: u16, text: &str) -> (u16, f32) {
        let new = self.remapper.remap(id);
        if usize::from(new) == self.glyphs.len() {
            self.glyphs.push((text.into(), self.width(id)));
        }
        (new, self.glyphs[usize::from(new)].1)
    }

    fn width(&self, id: u16) -> f32 {
        let Ok(font) = FontRef::new(&self.data) else { return 0.0 };
        let metrics = font.glyph_metrics(Size::unscaled(), LocationRef::default());
        (metrics.advance_width(GlyphId::new(id.into())).unwrap_or_default() * EM / self.units_per_em).round()
    }

    fn write(
        &self,
        pdf: &mut Pdf,
        &[font, descendant, descriptor, file, unicode]: &[Ref; 5],
        index: usize,
    ) -> Result<(), ReportError> {
        let failed = |error: subsetter::Error| ReportError::Pdf(error.to_string());
        let subset = subsetter::subset(&self.data, 0, &self.remapper).map_err(failed)?;
        // A subset has a name of its own, with a tag of six letters.
        let tag = char::from(b'A' + (index % 26) as u8);
        let name = format!("MDLRN{tag}+{}", self.name);
        let name = Name(name.as_bytes());
        pdf.type0_font(font)
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(descendant)
            .to_unicode(unicode);
        let mut cid = pdf.cid_font(descendant);
        cid.subtype(CidFontType::Type2)
            .base_font(name)
            .system_info(IDENTITY)
            .font_descriptor(descriptor)
            .default_width(0.0)
            .cid_to_gid_map_predefined(Name(b"Identity"));
        cid.widths().consecutive(0, self.glyphs.iter().map(|(_, width)| *width));
        cid.finish();
        self.describe(pdf, name, descriptor, file);
        let mut cmap = UnicodeCmap::new(Name(b"Text"), IDENTITY);
        for (id, (text, _)) in (0u16..).zip(&self.glyphs).filter(|(_, (text, _))| !text.is_empty()) {
            cmap.pair_with_multiple(id, text.chars());
        }
        let bytes = cmap.finish();
        pdf.cmap(unicode, &compressed(&bytes)).name(Name(b"Text")).system_info(IDENTITY).filter(Filter::FlateDecode);
        let stream = compressed(&subset);
        pdf.stream(file, &stream).filter(Filter::FlateDecode).pair(Name(b"Length1"), subset.len() as i32);
        Ok(())
    }

    fn describe(&self, pdf: &mut Pdf, name: Name, descriptor: Ref, file: Ref) {
        let em = |units: f32| units * EM / self.units_per_em;
        let metrics = FontRef::new(&self.data).map(|font| font.metrics(Size::unscaled(), LocationRef::default()));
        let Ok(metrics) = metrics else { return };
        let bounds = metrics.bounds.unwrap_or_default();
        let bounds = Rect::new(em(bounds.x_min), em(bounds.y_min), em(bounds.x_max), em(bounds.y_max));
        pdf.font_descriptor(descriptor)
            .name(name)
            .flags(FontFlags::SYMBOLIC)
            .bbox(bounds)
            .italic_angle(0.0)
            .ascent(em(metrics.ascent))
            .descent(em(metrics.descent))
            .cap_height(em(metrics.cap_height.unwrap_or(metrics.ascent)))
            .stem_v(80.0)
            .font_file2(file);
    }
}

/// Name of a resource.
fn name(kind: char, index: usize) -> String {
    format!("{kind}{index}")
}

fn matrix(t: Transform) -> [f32; 6] {
    [t.sx, t.ky, t.kx, t.sy, t.tx, t.ty]
}

fn colour(paint: &usvg::Paint) -> Option<[f32; 3]> {
    match paint {
        usvg::Paint::Color(colour) => Some([colour.red, colour.green, colour.blue].map(|c| f32::from(c) / 255.0)),
        _ => None,
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
