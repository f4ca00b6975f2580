//! Style of figures: one palette, one font, one set of sizes. Lengths are in px, 96 px per inch.
//!
//! The colours are those of Okabe and Ito (*Color Universal Design*, 2008), which colour-blind readers can distinguish.
//! A narrow figure fits a journal column (85 mm, 321 px) at three quarters of its size, a wide one fits two columns.

pub(crate) const BLUE: &str = "#0072b2";
pub(crate) const VERMILLION: &str = "#d55e00";
pub(crate) const GREEN: &str = "#009e73";
pub(crate) const PURPLE: &str = "#cc79a7";
pub(crate) const ORANGE: &str = "#e69f00";
pub(crate) const SKY: &str = "#56b4e9";

/// Colours of conditions and variants, in order; they repeat after six.
const CYCLE: [&str; 6] = [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY];

/// Colour of condition or variant `index`.
pub(crate) fn colour(index: usize) -> &'static str {
    CYCLE[index % CYCLE.len()]
}

/// Colours of channels: those of conditions, then as many darker ones.
const CHANNELS: [&str; 12] =
    [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, "#332288", "#8c510a", "#7a7a00", "#882255", "#222222", "#7f7f7f"];

/// Colour of channel `index`; they repeat after twelve.
pub(crate) fn channel_colour(index: usize) -> &'static str {
    CHANNELS[index % CHANNELS.len()]
}

/// Text and marks.
pub(crate) const INK: &str = "#222222";
/// Axis lines and ticks.
pub(crate) const AXIS: &str = "#444444";
/// Criteria, thresholds, zero lines.
pub(crate) const REFERENCE: &str = "#808080";
/// Time windows, in order.
pub(crate) const WINDOWS: [&str; 3] = ["#ececec", "#dcebf7", "#fdf0d5"];

/// Width of a figure with one panel.
pub(crate) const NARROW: f64 = 420.0;
/// Width of a figure with panels side by side.
pub(crate) const WIDE: f64 = 640.0;

/// Left margin: tick labels and axis label.
pub(crate) const LEFT: f64 = 58.0;
/// Right margin.
pub(crate) const RIGHT: f64 = 16.0;
/// Bottom margin: tick labels and axis label.
pub(crate) const BOTTOM: f64 = 39.0;

pub(crate) const TITLE_SIZE: u32 = 13;
pub(crate) const LABEL_SIZE: u32 = 11;
pub(crate) const TICK_SIZE: u32 = 10;

pub(crate) const LINE_WIDTH: f64 = 1.5;
pub(crate) const FINE_WIDTH: f64 = 0.9;
pub(crate) const AXIS_WIDTH: f64 = 0.8;
pub(crate) const TICK_LENGTH: f64 = 3.5;
/// Opacity of a band around a mean.
pub(crate) const BAND_OPACITY: f64 = 0.2;
/// Dash pattern of a target or criterion.
pub(crate) const DASHES: &str = "5 3";
/// Dots of a comparison.
pub(crate) const DOTS: &str = "1.5 2.5";

/// Font families: the embedded one first, then common ones for readers of the SVG.
pub(crate) const FONT_FAMILY: &str = "Noto Sans, Helvetica, Arial, sans-serif";
