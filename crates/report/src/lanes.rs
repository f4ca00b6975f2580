//! Channels one above the other, each in a lane of its own with its name beside it.

use crate::canvas::{Canvas, Type};
use crate::panel::{Axis, Frame, Panel, extent};
use crate::window::{self, Window};
use crate::{font, style};

/// Height of a lane with its name, the least such height, and the height of one of too many to be named.
const LANE: (f64, f64, f64) = (13.0, 9.5, 4.0);
/// Fraction of a lane that its curve fills.
const FILLED: f64 = 0.8;

/// A curve of a channel.
pub(crate) struct Curve {
    pub channel: usize,
    pub colour: &'static str,
    /// One value per time.
    pub values: Vec<f64>,
}

/// Channels on one time axis; all lanes have the same scale, which includes 0.
pub(crate) struct Lanes<'a> {
    /// Name of all channels together, such as `Input`.
    pub label: &'a str,
    /// Name of each channel.
    pub names: &'a [String],
    pub time_ms: &'a [f64],
    pub curves: &'a [Curve],
    pub windows: &'a [Window<'a>],
}

/// Height of a panel with lanes for this number of channels, at most `most` px.
pub(crate) fn height(channels: usize, most: f64) -> f64 {
    let channels = channels as f64;
    let lane = if channels * LANE.1 <= most { LANE.0 } else { LANE.2 };
    (channels * lane).min(most)
}

impl Lanes<'_> {
    /// Draws the lanes, the first channel at the top.
    pub fn draw(&self, canvas: &mut Canvas, height: f64, frame: Frame, time: Axis) {
        let count = self.names.len();
        let named = frame.height >= LANE.1 * count as f64;
        let axis = if named {
            // Ticks at the ends alone.
            Axis { step: Some(count as f64), ..Axis::exact("", (0.0, count as f64)).bare() }
        } else {
            Axis { label: format!("{} channels", self.label), numbers: false, ..Axis::count("", count) }
        };
        let panel = Panel::new(canvas.size(height), frame, time, axis);
        window::shade(canvas, &panel, self.windows);
        let (low, high) = extent(self.curves.iter().flat_map(|curve| curve.values.iter().copied()).chain([0.0]));
        let range = if high > low { high - low } else { 1.0 };
        for curve in self.curves {
            let bottom = (count - 1 - curve.channel) as f64 + 0.5 * (1.0 - FILLED);
            let y = curve.values.iter().map(|value| bottom + FILLED * (value - low) / range);
            let points: Vec<(f64, f64)> = self.time_ms.iter().copied().zip(y).collect();
            canvas.fine_curve(&panel, &points, curve.colour);
        }
        canvas.axes(&panel);
        if named {
            canvas.text((frame.right(), frame.top - 3.5), self.label, Type::new(style::TICK_SIZE - 1).left_of());
            for (channel, name) in self.names.iter().enumerate() {
                let middle = panel.at_y((count - 1 - channel) as f64 + 0.5);
                let kind = Type::new(style::TICK_SIZE - 1).left_of();
                canvas.text((frame.left - 6.0, middle + 3.2), &shortened(name, style::LEFT - 12.0), kind);
            }
        }
    }
}

/// A name cut to a width in px.
fn shortened(name: &str, width: f64) -> String {
    let fits = |text: &str| font::width(text, style::TICK_SIZE - 1, false) <= width;
    if fits(name) {
        return name.into();
    }
    let cut = |length: usize| name.chars().take(length).chain(['…']).collect::<String>();
    (1..name.chars().count()).rev().map(cut).find(|text| fits(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shortened("cue", 46.0), "cue");
        let cut = shortened("a very long name of a channel", 46.0);
        assert!(cut.ends_with('…') && cut.starts_with("a ve") && cut.len() < 16, "{cut}");
    }

    #[test]
    fn many_channels_keep_a_bounded_height() {
        assert_eq!((height(1, 80.0), height(7, 80.0), height(20, 320.0)), (13.0, 80.0, 260.0));
        assert_eq!((height(12, 80.0), height(1000, 80.0)), (48.0, 80.0));
    }
}
