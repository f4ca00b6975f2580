//! A panel: a rectangle of the canvas with two axes.

use crate::style;
use kuva::render::layout::{ComputedLayout, Layout, TickFormat};
use kuva::render::render_utils::{auto_nice_range, compute_tick_step};
use kuva::render::theme::Theme;
use std::sync::Arc;

/// Largest magnitude at the end of an axis.
const LARGEST: f64 = 1e300;

/// Rectangle of the canvas, in px.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Frame {
    pub fn right(self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(self) -> f64 {
        self.top + self.height
    }
}

/// Axis of a panel.
#[derive(Clone)]
pub(crate) struct Axis {
    pub label: String,
    pub range: (f64, f64),
    /// Approximate number of ticks.
    pub ticks: usize,
    /// Distance of two ticks, where it is given.
    pub step: Option<f64>,
    pub logarithmic: bool,
    /// True if ticks have numbers; stacked panels share those of the lowest.
    pub numbers: bool,
}

impl Axis {
    /// Axis over exactly this range.
    pub fn exact(label: &str, range: (f64, f64)) -> Self {
        Self { label: label.into(), range: widened(range), ticks: 5, step: None, logarithmic: false, numbers: true }
    }

    /// Axis over the time of steps, from the beginning of the first to the end of the last step: from 0 where the first
    /// value is that at the end of the first step.
    pub fn time(time_ms: &[f64]) -> Self {
        let (first, last) = extent(time_ms.iter().copied());
        let step = if time_ms.len() > 1 { (last - first) / (time_ms.len() - 1) as f64 } else { 0.0 };
        if 0.0 < first && first <= 1.5 * step {
            return Self::exact("Time (ms)", (0.0, last)).with_ticks(6);
        }
        Self::exact("Time (ms)", (first, last + step)).with_ticks(6)
    }

    /// Axis that covers all finite `values` and ends at round numbers.
    pub fn around(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        Self::exact(label, widened(extent(values))).rounded()
    }

    /// Logarithmic axis that covers `values`, which are positive, down to nine decades below the largest.
    pub fn logarithmic(label: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = extent(values);
        let low = low.max(high * 1e-9);
        let (low, high) = (10f64.powf(low.log10().floor()), 10f64.powf(high.log10().ceil()));
        let high = if low == high { 10.0 * high } else { high };
        Self { logarithmic: true, ..Self::exact(label, (low, high)) }
    }

    /// Axis of fractions, from 0 to 1.
    pub fn fraction(label: &str) -> Self {
        // Slightly above 1, so that marks at 1 are complete.
        Self::exact(label, (0.0, 1.03))
    }

    /// Axis from 0 to a round number not below any of `values`.
    pub fn from_zero(label: &str, values: impl IntoIterator<Item = f64>, ticks: usize) -> Self {
        let highest = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let end = if highest > 0.0 { highest } else { 1.0 };
        Self::exact(label, (0.0, end)).with_ticks(ticks).rounded()
    }

    /// Axis of `count` items, with ticks at whole numbers.
    pub fn count(label: &str, count: usize) -> Self {
        let whole = |ticks: &usize| compute_tick_step(0.0, count as f64, *ticks).fract() == 0.0;
        let ticks = [4, 5, 3, 2].into_iter().find(whole).unwrap_or(1);
        Self::exact(label, (0.0, count as f64)).with_ticks(ticks)
    }

    /// The same with approximately this number of ticks.
    pub fn with_ticks(self, ticks: usize) -> Self {
        Self { ticks, ..self }
    }

    /// The same with ticks 1, 2 or 5 times a power of ten apart, at most as many as it is to have and one.
    pub fn with_decimal_steps(self) -> Self {
        let least = (self.range.1 - self.range.0) / self.ticks as f64;
        let decade = 10f64.powf(least.log10().floor());
        let step = [1.0, 2.0, 5.0].into_iter().map(|factor| factor * decade).find(|step| *step >= least);
        Self { step: Some(step.unwrap_or(10.0 * decade)), ..self }
    }

    /// The same, ending at round numbers for its number of ticks.
    pub fn rounded(self) -> Self {
        Self { range: widened(auto_nice_range(self.range.0, self.range.1, self.ticks)), ..self }
    }

    /// The same without label or numbers.
    pub fn bare(self) -> Self {
        Self { label: String::new(), numbers: false, ..self }
    }

    fn format(&self) -> TickFormat {
        if self.numbers {
            TickFormat::Custom(Arc::new(number))
        } else {
            TickFormat::Custom(Arc::new(|_| String::new()))
        }
    }
}

/// Panel with fixed axes, which maps values to positions on the canvas.
pub(crate) struct Panel {
    pub frame: Frame,
    pub(crate) layout: Layout,
    pub(crate) computed: ComputedLayout,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

impl Panel {
    /// A panel of a canvas of `size`.
    pub fn new(size: (f64, f64), frame: Frame, x: Axis, y: Axis) -> Self {
        let theme = Theme {
            axis_color: style::AXIS.into(),
            tick_color: style::AXIS.into(),
            text_color: style::INK.into(),
            show_grid: false,
            ..Theme::light()
        };
        let mut layout = Layout::new(x.range, y.range)
            .with_width(size.0)
            .with_height(size.1)
            .with_force_margins(frame.left, size.0 - frame.right())
            .with_force_margins_y(frame.top, size.1 - frame.bottom())
            .with_x_axis_min(x.range.0)
            .with_x_axis_max(x.range.1)
            .with_y_axis_min(y.range.0)
            .with_y_axis_max(y.range.1)
            .with_tick_size(style::TICK_SIZE)
            .with_axis_line_width(style::AXIS_WIDTH)
            .with_tick_width(style::AXIS_WIDTH)
            .with_tick_length(style::TICK_LENGTH)
            .with_theme(theme)
            .with_x_tick_format(x.format())
            .with_y_tick_format(y.format());
        (layout.x_tick_step, layout.y_tick_step) = (x.step, y.step);
        layout.log_x = x.logarithmic;
        layout.log_y = y.logarithmic;
        let mut computed = ComputedLayout::from_layout(&layout);
        computed.x_ticks = x.ticks;
        computed.y_ticks = y.ticks;
        Self { frame, layout, computed, x, y }
    }

    /// Position of a point on the canvas; points outside the axes are moved to the end of the axis.
    pub fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.at_x(x), self.at_y(y))
    }

    pub fn at_x(&self, x: f64) -> f64 {
        self.computed.map_x(x.clamp(self.x.range.0, self.x.range.1))
    }

    pub fn at_y(&self, y: f64) -> f64 {
        self.computed.map_y(y.clamp(self.y.range.0, self.y.range.1))
    }
}

/// Number for a tick or a label: few digits, a true minus sign, an exponent for long numbers.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    let text = if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        let text = format!("{value:.3e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
    } else {
        let decimals = if magnitude >= 1000.0 { 0 } else { 4 };
        let text = format!("{value:.decimals$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
    };
    if text == "-0" { "0".into() } else { text.replace('-', "−") }
}

/// Smallest and largest finite value; (0, 1) if there is none.
pub(crate) fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// Range with a non-zero and finite width.
fn widened((low, high): (f64, f64)) -> (f64, f64) {
    let (low, high) = (low.clamp(-LARGEST, LARGEST), high.clamp(-LARGEST, LARGEST));
    let least = 1e-9 * low.abs().max(high.abs()).max(1e-3);
    if high - low > least { (low, high) } else { (low - 0.5 * low.abs().max(1.0), high + 0.5 * high.abs().max(1.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_print() {
        let cases =
            [(0.0, "0"), (-0.25, "−0.25"), (1500.0, "1500"), (1e6, "1e6"), (-2.5e-7, "−2.5e−7"), (0.001, "0.001")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(-1e-320_f64 * 0.0), "0");
    }

    #[test]
    fn a_range_always_has_an_extent() {
        for value in [0.0, 3.0, -1e12, 1e-300] {
            let (low, high) = Axis::around("", [value, value]).range;
            assert!(low < value && value < high, "{value}: {low} {high}");
        }
        assert_eq!(extent([f64::NAN]), (0.0, 1.0));
    }

    #[test]
    fn counts_have_whole_ticks() {
        for count in 1..300 {
            let axis = Axis::count("", count);
            assert_eq!(compute_tick_step(0.0, count as f64, axis.ticks).fract(), 0.0, "{count}");
        }
    }

    #[test]
    fn nothing_at_all_is_drawn_from_zero() {
        assert_eq!(Axis::from_zero("", [0.0, 0.0], 3).range, (0.0, 1.0));
        assert_eq!(Axis::from_zero("", [0.3, 17.0], 4).range, (0.0, 20.0));
    }

    #[test]
    fn values_beyond_the_axes_lie_on_their_end() {
        let frame = Frame { left: 10.0, top: 10.0, width: 80.0, height: 80.0 };
        let axis = Axis::exact("", (0.0, 1.0));
        let panel = Panel::new((100.0, 100.0), frame, axis.clone(), axis);
        assert_eq!(panel.at((0.5, 0.5)), (50.0, 50.0));
        assert_eq!(panel.at((7.0, -3.0)), (90.0, 90.0));
    }
}
