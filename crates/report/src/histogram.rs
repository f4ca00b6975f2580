//! Histograms of one number per unit, with overlaid populations.

use crate::canvas::Canvas;
use crate::panel::Panel;
use kuva::render::render_utils::compute_tick_step;

/// Approximate number of bins of a histogram.
const BINS: usize = 24;

/// Bins of equal width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bins {
    /// Lower end of the first bin.
    pub from: f64,
    /// Width of each bin.
    pub width: f64,
    /// Number of bins.
    pub count: usize,
}

impl Bins {
    /// Bins of a round width, from a multiple of it at or below `lowest` to above `highest`, which is greater.
    pub fn between(lowest: f64, highest: f64) -> Self {
        let width = compute_tick_step(lowest, highest, BINS);
        let from = (lowest / width).floor() * width;
        Self { from, width, count: ((highest - from) / width).floor() as usize + 1 }
    }

    /// Both ends.
    pub fn range(&self) -> (f64, f64) {
        (self.from, self.from + self.width * self.count as f64)
    }

    /// Number of values in each bin.
    pub fn counts(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut counts = vec![0.0; self.count];
        for value in values {
            counts[(((value - self.from) / self.width) as usize).min(self.count - 1)] += 1.0;
        }
        counts
    }

    /// Draws the bins as a filled outline, so that overlaid ones remain visible; nothing beyond its ends.
    pub fn draw(&self, canvas: &mut Canvas, panel: &Panel, heights: &[f64], colour: &'static str) {
        let filled = |height: &f64| *height > 0.0;
        let (Some(first), Some(last)) = (heights.iter().position(filled), heights.iter().rposition(filled)) else {
            return;
        };
        let at = |edge: usize, height: f64| panel.at((self.from + edge as f64 * self.width, height));
        let steps = (first..=last).flat_map(|bin| [at(bin, heights[bin]), at(bin + 1, heights[bin])]);
        let outline: Vec<_> = [at(first, 0.0)].into_iter().chain(steps).chain([at(last + 1, 0.0)]).collect();
        canvas.fill(colour, 0.25, |path| {
            path.polyline(outline.iter().copied());
            path.close();
        });
        canvas.stroke(outline, colour, 1.3, None);
    }
}
