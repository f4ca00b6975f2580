//! Many networks: any result against any field, each network a dot, mean ± SD over networks, and the number of networks
//! that meet a criterion with Wilson's interval.

use crate::canvas::{Canvas, Key, Type};
use crate::check::Check;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel, extent, number};
use crate::{Look, ReportError, font, style};
use mdl_data::score::{Score, Spread};

const CHECK: Check = Check("networks");
const PLOT_HEIGHT: f64 = 170.0;
/// Height of the panel with the fraction of successful networks.
const SUCCESS_HEIGHT: f64 = 86.0;
/// Room above that panel for the counts, per series.
const COUNT_LINE: f64 = 13.0;
/// Room between the panels of two measures.
const BETWEEN: f64 = 26.0;
/// Numbers with a range of more than this factor get a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 50.0;
/// Largest distance of the dots of networks from their mean, in px; they are side by side.
const SCATTER: f64 = 9.0;
/// The same for names, which may have much room.
const WIDEST: f64 = 45.0;
/// Radius and opacity of the dot of a network.
const RADIUS: f64 = 1.9;
const OPACITY: f64 = 0.55;
/// Part of the room of a name on the axis in which its dots are.
const FILLED: f64 = 0.7;

/// What the horizontal axis shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// Numbers.
    Numbers,
    /// Names, at 0, 1, 2, ….
    Names(Vec<String>),
}

/// When a network counts as successful.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Criterion {
    /// Its value is at least this.
    AtLeast(f64),
    /// Its value is at most this.
    AtMost(f64),
}

impl Criterion {
    fn level(self) -> f64 {
        match self {
            Self::AtLeast(level) | Self::AtMost(level) => level,
        }
    }

    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(level) => value >= level,
            Self::AtMost(level) => value <= level,
        }
    }

    fn label(self) -> String {
        let sign = if matches!(self, Self::AtLeast(_)) { '≥' } else { '≤' };
        format!("Networks {sign} {}", number(self.level()))
    }
}

/// Result of one network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Value of the field, or the index of its name.
    pub x: f64,
    /// Index of its series.
    pub series: usize,
    /// The result.
    pub value: f64,
}

/// A result of many networks, which gets a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its name.
    pub label: String,
    /// Results, one per network.
    pub points: Vec<Point>,
    /// When a network counts as successful.
    pub criterion: Option<Criterion>,
}

/// Results of many networks.
#[derive(Clone, Debug)]
pub struct Networks<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Name of the field.
    pub x_label: &'a str,
    /// Horizontal axis.
    pub positions: Positions,
    /// Names of the series; empty for a single one.
    pub series: &'a [String],
    /// The results, one above the other.
    pub measures: &'a [Measure],
    /// Number of networks, including those without a result.
    pub networks: usize,
}

/// Networks with the same value of the field, of one series.
struct Group {
    x: f64,
    series: usize,
    values: Vec<f64>,
}

impl Group {
    fn score(&self, criterion: Criterion) -> Score {
        let correct = self.values.iter().filter(|value| criterion.met(**value)).count();
        Score { trials: self.values.len() as u32, correct: correct as u32 }
    }

    /// Ends of mean ± SD; both the mean for a single network.
    fn spread(&self) -> (f64, f64, f64) {
        let Spread { mean, sd } = Spread::of(&self.values);
        let sd = sd.unwrap_or(0.0);
        (mean - sd, mean, mean + sd)
    }
}

impl Measure {
    /// Its networks, by series and then by field.
    fn groups(&self) -> Vec<Group> {
        let mut points = self.points.clone();
        points.sort_by(|a, b| a.series.cmp(&b.series).then(a.x.total_cmp(&b.x)));
        let same = |a: &Point, b: &Point| a.series == b.series && a.x == b.x;
        let group = |points: &[Point]| Group {
            x: points[0].x,
            series: points[0].series,
            values: points.iter().map(|point| point.value).collect(),
        };
        points.chunk_by(same).map(group).collect()
    }

    fn axis(&self) -> Axis {
        let values = self.points.iter().map(|point| point.value).chain(self.criterion.map(Criterion::level));
        let ends = self.groups().iter().flat_map(|group| [group.spread().0, group.spread().2]).collect::<Vec<_>>();
        let (low, high) = extent(values.clone());
        let all = values.chain(ends);
        if self.label.ends_with("performance") && 0.0 <= low && high <= 1.0 {
            return Axis::fraction(&self.label);
        }
        Axis::around(&self.label, all)
    }
}

impl Networks<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no measure, one without networks, values that are not finite.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let names = self.names();
        let width = if names.len() > 4 { look.wide() } else { look.narrow() };
        let mut canvas = Canvas::new(look, width, self.title);
        canvas.legend(&self.keys());
        let least = self.measures.iter().map(|measure| measure.points.len()).min().unwrap_or(0);
        if least < self.networks {
            let text = format!("{} of {} networks have no result.", self.networks - least, self.networks);
            canvas.text((10.0, canvas.top + 9.0), &text, Type::new(style::TICK_SIZE));
            canvas.top += 16.0;
        }
        let frame_width = width - style::LEFT - style::RIGHT;
        let slot = frame_width / names.len().max(1) as f64;
        let labels = Labels::new(names, slot);
        let height = self.height() + labels.height;
        let (mut top, mut last) = (canvas.top, canvas.top);
        for (index, measure) in self.measures.iter().enumerate() {
            let frame = |top, height| Frame { left: style::LEFT, top, width: frame_width, height };
            let at_end = index + 1 == self.measures.len();
            let axis = |lowest: bool| if lowest && names.is_empty() { self.x_axis() } else { self.x_axis().bare() };
            let below = measure.criterion.is_some();
            let panel =
                Panel::new(canvas.size(height), frame(top, PLOT_HEIGHT), axis(at_end && !below), measure.axis());
            canvas.letter(panel.frame, style::LEFT);
            self.draw_measure(&mut canvas, &panel, measure, slot);
            top += PLOT_HEIGHT;
            if let Some(criterion) = measure.criterion {
                let counts = self.series.len().max(1) as f64 * COUNT_LINE;
                let fraction = Axis::exact(&criterion.label(), (0.0, 1.0)).with_ticks(2);
                let frame = frame(top + counts + 6.0, SUCCESS_HEIGHT);
                let panel = Panel::new(canvas.size(height), frame, axis(at_end), fraction);
                canvas.letter(panel.frame, style::LEFT);
                self.draw_successes(&mut canvas, &panel, measure, criterion, slot);
                top = frame.bottom();
            }
            last = top;
            top += BETWEEN;
        }
        labels.draw(&mut canvas, last, self.x_label, frame_width);
        Ok(canvas.finish(height, self.description(), self.caption()))
    }

    /// Height of all panels, without what is below them.
    fn height(&self) -> f64 {
        let counts = self.series.len().max(1) as f64 * COUNT_LINE;
        let of = |measure: &Measure| PLOT_HEIGHT + measure.criterion.map_or(0.0, |_| counts + 6.0 + SUCCESS_HEIGHT);
        self.measures.iter().map(of).sum::<f64>() + BETWEEN * (self.measures.len() as f64 - 1.0) + style::BOTTOM
    }

    fn draw_measure(&self, canvas: &mut Canvas, panel: &Panel, measure: &Measure, slot: f64) {
        if let Some(criterion) = measure.criterion {
            canvas.level(panel, criterion.level(), style::REFERENCE);
        }
        let groups = measure.groups();
        let scatter = self.scatter(slot);
        if self.positions == Positions::Numbers {
            for own in groups.chunk_by(|a, b| a.series == b.series) {
                let series = own[0].series;
                let at = |group: &Group| (panel.at_x(group.x) + self.aside(series, slot), panel.at_y(group.spread().1));
                canvas.stroke(own.iter().map(at), style::variant_colour(series), style::LINE_WIDTH, None);
            }
        }
        for group in &groups {
            let (colour, x) =
                (style::variant_colour(group.series), panel.at_x(group.x) + self.aside(group.series, slot));
            let middle = (group.values.len() as f64 - 1.0) / 2.0;
            canvas.fill(colour, OPACITY, |path| {
                for (index, value) in group.values.iter().enumerate() {
                    let beside = scatter * (index as f64 - middle) / middle.max(0.5);
                    path.circle((x + beside, panel.at_y(*value)), RADIUS);
                }
            });
            let (low, mean, high) = group.spread();
            if low < high {
                canvas.outline(style::INK, 1.2, |path| path.polyline([(x, panel.at_y(low)), (x, panel.at_y(high))]));
            }
            canvas.dot((x, panel.at_y(mean)), 3.4, colour);
        }
        canvas.axes(panel);
    }

    fn draw_successes(&self, canvas: &mut Canvas, panel: &Panel, measure: &Measure, criterion: Criterion, slot: f64) {
        let counts_top = panel.frame.top - 6.0 - (self.series.len().max(1) as f64 - 1.0) * COUNT_LINE;
        for group in measure.groups() {
            let (colour, x) =
                (style::variant_colour(group.series), panel.at_x(group.x) + self.aside(group.series, slot));
            let score = group.score(criterion);
            let (low, high) = score.interval();
            canvas.outline(colour, 1.2, |path| path.polyline([(x, panel.at_y(low)), (x, panel.at_y(high))]));
            canvas.dot((x, panel.at_y(score.performance())), 3.2, colour);
            let kind = Type::new(style::TICK_SIZE).centred();
            let kind = if self.series.is_empty() { kind } else { kind.coloured(colour) };
            let y = counts_top + group.series as f64 * COUNT_LINE;
            canvas.text((panel.at_x(group.x), y), &format!("{}/{}", score.correct, score.trials), kind);
        }
        canvas.axes(panel);
    }

    /// Largest distance of a network's dot from its mean.
    fn scatter(&self, slot: f64) -> f64 {
        match self.positions {
            Positions::Numbers => SCATTER,
            Positions::Names(_) => (0.45 * FILLED * slot / self.series.len().max(1) as f64).min(WIDEST),
        }
    }

    /// Distance of a series from the value of the field.
    fn aside(&self, series: usize, slot: f64) -> f64 {
        let step = match self.positions {
            Positions::Numbers => 2.0 * SCATTER + 4.0,
            Positions::Names(_) => FILLED * slot / self.series.len().max(1) as f64,
        };
        (series as f64 - (self.series.len().max(1) as f64 - 1.0) / 2.0) * step
    }

    fn x_axis(&self) -> Axis {
        if let Positions::Names(names) = &self.positions {
            return Axis { step: Some(1.0), ..Axis::exact("", (-0.5, names.len() as f64 - 0.5)) };
        }
        let values = self.measures.iter().flat_map(|measure| &measure.points).map(|point| point.x);
        let (low, high) = extent(values);
        let axis = Axis::exact(self.x_label, (low, high)).with_ticks(6);
        if low > 0.0 && high / low > LOGARITHMIC_FROM {
            let margin = (high / low).powf(0.06);
            return Axis { range: (low / margin, high * margin), logarithmic: true, ..axis };
        }
        let margin = 0.08 * (axis.range.1 - axis.range.0);
        Axis { range: (axis.range.0 - margin, axis.range.1 + margin), ..axis }
    }

    fn names(&self) -> &[String] {
        match &self.positions {
            Positions::Numbers => &[],
            Positions::Names(names) => names,
        }
    }

    fn keys(&self) -> Vec<(Key, String)> {
        let series = self.series.iter().enumerate();
        let named = |name: &str| if name.is_empty() { "(empty)".to_owned() } else { name.to_owned() };
        let mut keys: Vec<_> = series.map(|(i, name)| (Key::Dot(style::variant_colour(i)), named(name))).collect();
        let levels = self.measures.iter().filter_map(|measure| measure.criterion).map(|c| number(c.level()));
        let mut levels: Vec<String> = levels.collect();
        levels.dedup();
        if !levels.is_empty() {
            keys.push((Key::Level, format!("criterion {}", levels.join(", "))));
        }
        keys
    }

    fn caption(&self) -> String {
        let of_criterion = match self.measures.iter().any(|measure| measure.criterion.is_some()) {
            true => {
                " Below: fraction and number of networks that meet the criterion (dotted), with Wilson's 95 % interval."
            }
            false => "",
        };
        format!(
            "Small dots: one per network ({} networks); large dots and bars: mean ± SD over networks.{of_criterion}",
            self.networks
        )
    }

    fn description(&self) -> String {
        let of_group = |group: &Group, criterion: Option<Criterion>| {
            let x = match &self.positions {
                Positions::Numbers => number(group.x),
                Positions::Names(names) => names.get(group.x as usize).cloned().unwrap_or_default(),
            };
            let series = self.series.get(group.series).map(|name| format!(", {name}")).unwrap_or_default();
            let count = criterion.map(|criterion| {
                let score = group.score(criterion);
                let (low, high) = score.interval();
                format!(", {} of {} successful ({low:.2}–{high:.2})", score.correct, score.trials)
            });
            let (low, mean, _) = group.spread();
            let count = count.unwrap_or_default();
            format!("{x}{series}: {} ± {}{count}", number(rounded(mean)), number(rounded(mean - low)))
        };
        let of_measure = |measure: &Measure| {
            let groups = measure.groups();
            let groups: Vec<String> = groups.iter().map(|group| of_group(group, measure.criterion)).collect();
            format!("{} (mean ± SD over networks): {}", measure.label, groups.join("; "))
        };
        let measures: Vec<String> = self.measures.iter().map(of_measure).collect();
        format!("Against {}: {}.", self.x_label, measures.join(". "))
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("measure", self.measures)?;
        for measure in self.measures {
            CHECK.not_empty(&format!("value of {}", measure.label), &measure.points)?;
            CHECK.finite(&measure.label, measure.points.iter().map(|point| &point.value))?;
            CHECK.finite(self.x_label, measure.points.iter().map(|point| &point.x))?;
            CHECK.finite("criterion", measure.criterion.map(Criterion::level).iter())?;
            let series = self.series.len().max(1);
            let beyond = measure.points.iter().find(|point| point.series >= series);
            let found = beyond.map_or(0, |point| point.series);
            CHECK.value("series", beyond.is_none(), found, &format!("a number below {series}"))?;
        }
        Ok(())
    }
}

/// Three decimals, for the description.
fn rounded(value: f64) -> f64 {
    if value.abs() < 1.0 { (value * 1e3).round() / 1e3 } else { value }
}

/// Names below the lowest panel; upright if they are too wide for their room.
struct Labels<'a> {
    names: &'a [String],
    slot: f64,
    upright: bool,
    /// Room that they need beyond that of numbers.
    height: f64,
}

impl<'a> Labels<'a> {
    fn new(names: &'a [String], slot: f64) -> Self {
        let width = |name: &String| font::width(name, style::TICK_SIZE, false);
        let widest = names.iter().map(width).fold(0.0, f64::max);
        let upright = widest > slot - 6.0;
        Self { names, slot, upright, height: if upright { widest } else { 0.0 } }
    }

    fn draw(&self, canvas: &mut Canvas, bottom: f64, x_label: &str, width: f64) {
        if self.names.is_empty() {
            return;
        }
        let tick = Type::new(style::TICK_SIZE);
        for (index, name) in self.names.iter().enumerate() {
            let x = style::LEFT + (index as f64 + 0.5) * self.slot;
            let kind = if self.upright { Type { upwards: true, ..tick.left_of() } } else { tick.centred() };
            let point = if self.upright { (x + 3.5, bottom + 9.0) } else { (x, bottom + 17.0) };
            canvas.text(point, name, kind);
        }
        let label = Type::new(style::LABEL_SIZE).centred();
        canvas.text((style::LEFT + width / 2.0, bottom + 31.0 + self.height), x_label, label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks<'a>(series: &'a [String], measures: &'a [Measure], positions: Positions) -> Networks<'a> {
        Networks { title: "Networks", x_label: "network.neurons", positions, series, measures, networks: 7 }
    }

    fn measure(criterion: Option<Criterion>) -> Measure {
        let point = |x, value| Point { x, series: 0, value };
        let points = vec![point(1.0, 0.9), point(0.0, 1.0), point(0.0, 0.8), point(0.0, 0.96), point(1.0, 0.99)];
        Measure { label: "performance".into(), points, criterion }
    }

    #[test]
    fn spread_and_successes_are_over_networks() {
        let measure = measure(Some(Criterion::AtLeast(0.95)));
        let figure = networks(&[], &[measure], Positions::Numbers).draw(Look::SCREEN).unwrap();
        // Python: statistics.stdev([1.0, 0.8, 0.96]), scipy's Wilson interval of 2 of 3.
        let text = figure.description();
        assert!(text.contains("0: 0.92 ± 0.106, 2 of 3 successful (0.21–0.94)"), "{text}");
        assert!(text.contains("1: 0.945 ± 0.064, 1 of 2 successful (0.09–0.91)"), "{text}");
        assert!(figure.svg().contains("2/3") && figure.svg().contains("2 of 7 networks have no result."));
    }

    #[test]
    fn a_value_at_the_criterion_meets_it() {
        for (criterion, successes) in
            [(Criterion::AtLeast(0.96), 2), (Criterion::AtMost(0.96), 2), (Criterion::AtMost(0.7), 0)]
        {
            assert_eq!(measure(None).groups()[0].score(criterion).correct, successes, "{criterion:?}");
        }
    }

    #[test]
    fn names_stand_upright_where_they_are_long() {
        let names = |length: usize| Positions::Names(vec!["a".repeat(length), "b".into()]);
        let height = |length| {
            let figure = networks(&[], &[measure(None)], names(length)).draw(Look::SCREEN).unwrap();
            figure.svg().split("height=\"").nth(1).unwrap().split("mm").next().unwrap().parse::<f64>().unwrap()
        };
        assert!(height(60) > height(3) + 20.0, "{} {}", height(60), height(3));
    }

    #[test]
    fn invalid_data_are_refused() {
        assert!(networks(&[], &[], Positions::Numbers).draw(Look::SCREEN).is_err());
        let mut other = measure(None);
        other.points[0].value = f64::NAN;
        assert!(networks(&[], &[other.clone()], Positions::Numbers).draw(Look::SCREEN).is_err());
        other.points[0] = Point { x: 0.0, series: 1, value: 0.0 };
        assert!(networks(&[], &[other], Positions::Numbers).draw(Look::SCREEN).is_err());
    }
}
