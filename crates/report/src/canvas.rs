//! Canvas of a figure: title and legend at the top, panels and marks below.

use crate::figure::Figure;
use crate::look::{Look, UNIT_MM};
use crate::mark::{Path, stretches, thin};
use crate::panel::{Frame, Panel};
use crate::{font, style};
use kuva::backend::svg::SvgBackend;
use kuva::render::axis::add_axes_and_grid;
use kuva::render::render::{PathData, Primitive, Scene, TextAnchor};

/// Mark of a legend entry.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Line(&'static str),
    Dashes(&'static str),
    /// Dashes in the colours of several curves, which have two of them here.
    ColouredDashes([&'static str; 2]),
    ColouredDots([&'static str; 2]),
    /// A criterion or threshold.
    Level,
    Block(&'static str),
    Dot(&'static str),
    OpenDot(&'static str),
}

/// Style of a text.
#[derive(Clone, Copy)]
pub(crate) struct Type {
    pub size: u32,
    pub bold: bool,
    pub anchor: TextAnchor,
    pub colour: &'static str,
    /// True for text that runs from bottom to top.
    pub upwards: bool,
}

impl Type {
    /// Text of this size, to the right of its point.
    pub const fn new(size: u32) -> Self {
        Self { size, bold: false, anchor: TextAnchor::Start, colour: style::INK, upwards: false }
    }

    /// The same, bold.
    pub const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// The same, centred on its point.
    pub const fn centred(self) -> Self {
        Self { anchor: TextAnchor::Middle, ..self }
    }

    /// The same, to the left of its point.
    pub const fn left_of(self) -> Self {
        Self { anchor: TextAnchor::End, ..self }
    }

    /// The same in another colour.
    pub const fn coloured(self, colour: &'static str) -> Self {
        Self { colour, ..self }
    }
}

/// Canvas under construction. Title and legend are placed first and determine where the body starts.
pub(crate) struct Canvas {
    look: Look,
    /// Points of the letters of panels.
    letters: Vec<(f64, f64)>,
    title: String,
    width: f64,
    /// Top of the body, in px from the top of the canvas.
    pub top: f64,
    marks: Vec<Primitive>,
}

/// Maximum number of entries in a legend.
const MOST_ENTRIES: usize = 40;
/// Margin from the edges of the canvas to the text of the header.
const MARGIN: f64 = 10.0;
/// Line spacing of the legend.
const LEGEND_LINE: f64 = 16.0;
/// Width of a legend mark, including the gap to its text.
const KEY_WIDTH: f64 = 22.0;

impl Canvas {
    /// Creates a canvas with its title, which is not drawn in print.
    pub fn new(look: Look, width: f64, title: &str) -> Self {
        let mut canvas = Self { look, letters: Vec::new(), title: title.into(), width, top: 8.0, marks: Vec::new() };
        if look.is_print() {
            return canvas;
        }
        for line in font::wrap(&printable(title), style::TITLE_SIZE, true, width - 2.0 * MARGIN) {
            canvas.text((MARGIN, canvas.top + 13.0), &line, Type::new(style::TITLE_SIZE).bold());
            canvas.top += 17.0;
        }
        canvas.top += 5.0;
        canvas
    }

    /// Width of a panel that fills the canvas.
    pub fn panel_width(&self) -> f64 {
        self.width - style::LEFT - style::RIGHT
    }

    /// Marks a panel as one with a letter of its own, if there are several and in print; `aside` is the room to its left.
    pub fn letter(&mut self, frame: Frame, aside: f64) {
        self.letters.push(((frame.left - aside).max(2.0), frame.top + 4.0));
    }

    /// States below the title that only the first of several things are drawn, if so; `things` is a plural.
    pub fn note_part(&mut self, drawn: usize, of: usize, things: &str) {
        if drawn < of {
            self.text((MARGIN, self.top + 9.0), &first_of(drawn, of, things), Type::new(style::TICK_SIZE));
            self.top += LEGEND_LINE;
        }
    }

    /// Adds the legend below the title, on as many lines as needed; of very many entries, the first ones.
    pub fn legend(&mut self, entries: &[(Key, String)]) {
        let size = style::TICK_SIZE;
        self.note_part(MOST_ENTRIES, entries.len(), "entries of the legend");
        let (mut x, mut y) = (MARGIN, self.top + 6.0);
        for (key, label) in entries.iter().take(MOST_ENTRIES) {
            let room = KEY_WIDTH + 1.05 * font::width(label, size, false) + 14.0;
            if x > MARGIN && x + room - 14.0 > self.width - MARGIN {
                (x, y) = (MARGIN, y + LEGEND_LINE);
            }
            self.key(*key, x, y);
            self.text((x + KEY_WIDTH, y + 3.6), label, Type::new(size));
            x += room;
        }
        if !entries.is_empty() {
            self.top = y + 14.0;
        }
    }

    fn key(&mut self, key: Key, x: f64, y: f64) {
        let ends = [(x, y), (x + 16.0, y)];
        match key {
            Key::Line(colour) => self.stroke(ends, colour, 2.0, None),
            Key::Dashes(colour) => self.stroke(ends, colour, 1.2, Some(style::DASHES)),
            Key::ColouredDashes(colours) => self.two(ends, colours, style::DASHES, 1.2),
            Key::ColouredDots(colours) => self.two(ends, colours, style::DOTS, 1.4),
            Key::Level => self.stroke(ends, style::REFERENCE, 1.0, Some(style::LEVEL_DASHES)),
            Key::Block(colour) => self.fill(colour, 1.0, |path| path.rectangle(x + 1.0, y - 5.0, 15.0, 10.0)),
            Key::Dot(colour) => self.dot((x + 10.0, y), 3.0, colour),
            Key::OpenDot(colour) => self.ring((x + 10.0, y), 3.0, colour),
        }
    }

    /// Draws the two halves of a line in two colours.
    fn two(&mut self, [(x, y), (end, _)]: [(f64, f64); 2], colours: [&'static str; 2], dashes: &str, width: f64) {
        let middle = (x + end) / 2.0;
        self.stroke([(x, y), (middle, y)], colours[0], width, Some(dashes));
        self.stroke([(middle + 1.0, y), (end + 1.0, y)], colours[1], width, Some(dashes));
    }

    /// Draws text; its point is on the baseline.
    pub fn text(&mut self, (x, y): (f64, f64), content: &str, kind: Type) {
        if content.is_empty() {
            return;
        }
        self.marks.push(Primitive::Text {
            x,
            y,
            // kuva reads $...$ as mathematics.
            content: printable(content).replace('$', "\\$"),
            size: kind.size,
            anchor: kind.anchor,
            rotate: kind.upwards.then_some(-90.0),
            bold: kind.bold,
            color: Some(kind.colour.into()),
        });
    }

    /// Fills the path drawn by `draw`.
    pub fn fill(&mut self, colour: &str, opacity: f64, draw: impl FnOnce(&mut Path)) {
        self.path(draw, Some(colour), "none", 0.0, opacity, None);
    }

    /// Draws a line through points of the canvas.
    pub fn stroke(
        &mut self,
        points: impl IntoIterator<Item = (f64, f64)>,
        colour: &str,
        width: f64,
        dashes: Option<&str>,
    ) {
        self.path(|path| path.polyline(points), None, colour, width, 1.0, dashes);
    }

    /// Draws a faint line through points of the canvas, one of many.
    pub fn faint(&mut self, points: Vec<(f64, f64)>, colour: &str, width: f64, opacity: f64) {
        self.path(|path| path.polyline(points), None, colour, width, opacity, None);
    }

    /// Strokes the path drawn by `draw`.
    pub fn outline(&mut self, colour: &str, width: f64, draw: impl FnOnce(&mut Path)) {
        self.path(draw, None, colour, width, 1.0, None);
    }

    /// Draws a filled circle with a white rim, to stand out from its line.
    pub fn dot(&mut self, centre: (f64, f64), radius: f64, colour: &str) {
        self.path(|path| path.circle(centre, radius), Some(colour), "#ffffff", 0.7, 1.0, None);
    }

    /// Draws an open circle.
    pub fn ring(&mut self, centre: (f64, f64), radius: f64, colour: &str) {
        self.path(|path| path.circle(centre, radius), Some("#ffffff"), colour, 1.3, 1.0, None);
    }

    fn path(
        &mut self,
        draw: impl FnOnce(&mut Path),
        fill: Option<&str>,
        stroke: &str,
        stroke_width: f64,
        opacity: f64,
        dashes: Option<&str>,
    ) {
        let mut path = Path::default();
        draw(&mut path);
        if path.is_empty() {
            return;
        }
        self.marks.push(Primitive::Path(Box::new(PathData {
            d: path.data(),
            fill: fill.map(Into::into),
            stroke: stroke.into(),
            stroke_width,
            opacity: (opacity < 1.0).then_some(opacity),
            stroke_dasharray: dashes.map(Into::into),
        })));
    }

    /// Draws a curve of a panel. Values that are not finite are gaps; a value between two gaps is a dot.
    pub fn curve(&mut self, panel: &Panel, points: &[(f64, f64)], colour: &str, dashes: Option<&str>) {
        self.curve_of_width(panel, points, colour, style::LINE_WIDTH, dashes);
    }

    /// Draws a thin curve, for data with much detail.
    pub fn fine_curve(&mut self, panel: &Panel, points: &[(f64, f64)], colour: &str) {
        self.curve_of_width(panel, points, colour, style::FINE_WIDTH, None);
    }

    /// Draws a thin dotted curve: a threshold that moves.
    pub fn dashed_curve(&mut self, panel: &Panel, points: &[(f64, f64)], colour: &str) {
        self.curve_of_width(panel, points, colour, 1.0, Some(style::LEVEL_DASHES));
    }

    fn curve_of_width(&mut self, panel: &Panel, points: &[(f64, f64)], colour: &str, width: f64, dashes: Option<&str>) {
        for stretch in stretches(points) {
            let stretch: Vec<_> = stretch.iter().map(|&point| panel.at(point)).collect();
            match stretch[..] {
                [point] => self.fill(colour, 1.0, |path| path.circle(point, width)),
                _ => self.stroke(thin(&stretch), colour, width, dashes),
            }
        }
    }

    /// Draws a band between two curves over the same `x`.
    pub fn band(&mut self, panel: &Panel, x: &[f64], low: &[f64], high: &[f64], colour: &str) {
        let edge = |y: &[f64]| thin(&x.iter().zip(y).map(|(&x, &y)| panel.at((x, y))).collect::<Vec<_>>());
        let (low, high) = (edge(low), edge(high));
        self.fill(colour, style::BAND_OPACITY, |path| {
            path.polyline(high.into_iter().chain(low.into_iter().rev()));
            path.close();
        });
    }

    /// Draws the vertical bar of an interval.
    pub fn whisker(&mut self, panel: &Panel, x: f64, (low, high): (f64, f64), colour: &str) {
        let (x, low, high) = (panel.at_x(x), panel.at_y(low), panel.at_y(high));
        self.outline(colour, 1.0, |path| {
            path.polyline([(x, low), (x, high)]);
            for y in [low, high] {
                path.polyline([(x - 2.5, y), (x + 2.5, y)]);
            }
        });
    }

    /// Draws a horizontal line across a panel: a criterion or threshold.
    pub fn level(&mut self, panel: &Panel, y: f64, colour: &str) {
        let y = panel.at_y(y);
        self.stroke([(panel.frame.left, y), (panel.frame.right(), y)], colour, 1.0, Some(style::LEVEL_DASHES));
    }

    /// Shades a range of x over the height of a panel.
    pub fn shade(&mut self, panel: &Panel, (from, to): (f64, f64), colour: &str) {
        let (from, to, frame) = (panel.at_x(from), panel.at_x(to), panel.frame);
        self.fill(colour, 1.0, |path| path.rectangle(from, frame.top, to - from, frame.height));
    }

    /// Draws the axes of a panel, after its marks, so that they are on top.
    pub fn axes(&mut self, panel: &Panel) {
        let mut scene = Scene::new(panel.computed.width, panel.computed.height);
        add_axes_and_grid(&mut scene, &panel.computed, &panel.layout);
        let drawn = |mark: &Primitive| !matches!(mark, Primitive::Text { content, .. } if content.is_empty());
        self.marks.extend(scene.elements.into_iter().filter(drawn));
        self.labels(panel);
    }

    fn labels(&mut self, panel: &Panel) {
        let kind = Type::new(style::LABEL_SIZE).centred();
        let Frame { left, top, width, height } = panel.frame;
        self.text((left + width / 2.0, top + height + 31.0), &panel.x.label, kind);
        self.text((left - style::LEFT + 15.0, top + height / 2.0), &panel.y.label, Type { upwards: true, ..kind });
    }

    /// Size of the canvas for a body of height `height`.
    pub fn size(&self, height: f64) -> (f64, f64) {
        (self.width, self.top + height)
    }

    /// Finishes the figure; `description` describes its content for readers who cannot see it, `caption` what its marks
    /// are.
    pub fn finish(mut self, height: f64, description: String, caption: String) -> Figure {
        let (width, height) = self.size(height);
        if self.look.is_print() && self.letters.len() > 1 {
            for (letter, point) in ('a'..='z').zip(std::mem::take(&mut self.letters)) {
                self.text(point, &letter.to_string(), Type::new(style::TITLE_SIZE).bold());
            }
        }
        let mut scene = Scene::new(width, height);
        scene.elements = self.marks;
        let drawn = SvgBackend::new().render_scene(&scene);
        let body = drawn.split_once('>').map_or("", |(_, body)| body);
        let (title, text) = (escaped(&printable(&self.title)), escaped(&printable(&description)));
        let mm = |units: f64| (units * UNIT_MM * 1000.0).round() / 1000.0;
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}mm\" height=\"{}mm\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"{}\" fill=\"{}\" stroke-linejoin=\"round\">\
             <title>{title}</title><desc>{text}</desc>{body}",
            mm(width),
            mm(height),
            style::FONT_FAMILY,
            style::INK,
        );
        Figure { title: self.title, description, caption, svg }
    }
}

/// Statement that only the first of several things are drawn; `things` is a plural.
pub(crate) fn first_of(drawn: usize, of: usize, things: &str) -> String {
    format!("The first {drawn} of {of} {things}.")
}

/// `text` with line breaks and characters not allowed in XML replaced by spaces.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c }).collect()
}

/// `text` escaped for XML and HTML, in elements and attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
