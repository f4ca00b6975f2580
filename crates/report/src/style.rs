//! Style of figures: one palette, one font, one set of sizes. Lengths are in units of a figure's coordinates, 0.225 mm.
//!
//! A colour has one meaning in all figures of a report. The colours of populations and of the first conditions are those of
//! Okabe and Ito (*Color Universal Design*, 2008); those that share a figure can be distinguished by colour-blind readers.

/// Excitatory units.
pub(crate) const VERMILLION: &str = "#d55e00";
/// Inhibitory units.
pub(crate) const BLUE: &str = "#0072b2";
/// Somatostatin units.
pub(crate) const GREEN: &str = "#009e73";

/// Conditions of a task, in order; they repeat after eight.
const CONDITIONS: [&str; 8] = ["#332288", "#e69f00", "#56b4e9", "#cc79a7", "#7a7a00", "#882255", "#44aa99", "#661100"];

/// Colour of condition `index`.
pub(crate) fn condition_colour(index: usize) -> &'static str {
    CONDITIONS[index % CONDITIONS.len()]
}

/// Variants and series of networks, in order; they repeat after six.
const VARIANTS: [&str; 6] = ["#5e3c99", "#a6611a", "#018571", "#b2abd2", "#dfc27d", "#80cdc1"];

/// Colour of variant or series `index`.
pub(crate) fn variant_colour(index: usize) -> &'static str {
    VARIANTS[index % VARIANTS.len()]
}

/// Channels, inputs before outputs; they repeat after twelve.
const CHANNELS: [&str; 12] = [
    "#117733", "#aa4499", "#ddaa33", "#6699cc", "#994455", "#999933", "#4d4d4d", "#b15928", "#44bb99", "#997700",
    "#ee99aa", "#a0a0a0",
];

/// Colour of channel `index`.
pub(crate) fn channel_colour(index: usize) -> &'static str {
    CHANNELS[index % CHANNELS.len()]
}

/// The loss of training batches, beside that of the evaluations, which is drawn in ink.
pub(crate) const TRAINING: &str = "#8c8c8c";
/// Scaling factors: the chosen one solid, the predicted one dashed.
pub(crate) const FACTOR: &str = "#aa3377";
/// Right answers, and wrong ones.
pub(crate) const CORRECT: &str = "#01665e";
pub(crate) const WRONG: &str = "#8c510a";

/// Stable fixed points and attractors, and unstable fixed points.
pub(crate) const STABLE: &str = "#2166ac";
pub(crate) const UNSTABLE: &str = "#b2182b";

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
/// Dash pattern of a target.
pub(crate) const DASHES: &str = "5 3";
/// Dash pattern of a criterion or threshold, which is grey and thin.
pub(crate) const LEVEL_DASHES: &str = "1 2";
/// Dots of a comparison.
pub(crate) const DOTS: &str = "1.5 2.5";

/// Font families: the embedded one first, then common ones for readers of the SVG.
pub(crate) const FONT_FAMILY: &str = "Noto Sans, Helvetica, Arial, sans-serif";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_one_meaning() {
        let single = [VERMILLION, BLUE, GREEN, TRAINING, FACTOR, CORRECT, WRONG, STABLE, UNSTABLE, INK, REFERENCE];
        let all = [&single[..], &CONDITIONS, &VARIANTS, &CHANNELS, &WINDOWS].concat();
        let distinct: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
