//! A sweep: performance against a parameter, one curve per variant.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::is_sweep;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel, number};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::score::{Score, Spread};

const CHECK: Check = Check("parameter sweep");
const PLOT_HEIGHT: f64 = 190.0;
/// A parameter with a range of more than this factor gets a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 50.0;
/// Horizontal distance between the intervals of two variants, in px.
const DODGE: f64 = 3.0;

/// Opacity and radius, in px, of the mark of a single network.
const NETWORK_OPACITY: f64 = 0.6;
const NETWORK_RADIUS: f64 = 1.7;
/// Largest distance of the marks of networks from their point, in px; they are side by side.
const SCATTER: f64 = 7.0;

/// Result for one value of the parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Value of the parameter.
    pub parameter: f64,
    /// Performance, a fraction; the mean for several networks.
    pub performance: f64,
    /// Ends of the bar: a 95 % interval for one network, mean ± SD for several.
    pub interval: (f64, f64),
    /// Performance of each network, drawn as small marks; empty for a single network.
    pub networks: Vec<f64>,
}

/// A variant of the experiment.
#[derive(Clone, Copy, Debug)]
pub struct Variant<'a> {
    /// Name in the legend.
    pub label: &'a str,
    /// Points of the variant, in any order.
    pub points: &'a [Point],
}

/// Performance against a parameter.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Parameter with its unit, such as `Synaptic decay (ms)`.
    pub parameter_label: &'a str,
    /// `Performance` or `Accuracy`.
    pub performance_label: &'a str,
    /// The variants, in the order of the legend.
    pub variants: &'a [Variant<'a>],
    /// Reference performance, such as chance level.
    pub reference: Option<(&'a str, f64)>,
}

/// Performance against the parameter of a sweep, with the 95 % interval over trials for one network, and as mean ± SD
/// for several.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    if !is_sweep(artifact) {
        return Ok(None);
    }
    let shape @ [networks, variants, values] = artifact.shape::<3>("trials")?;
    let (trials, correct) = (artifact.values::<u32>("trials", &shape)?, artifact.values::<u32>("correct", &shape)?);
    let parameters = artifact.values::<f64>("parameter", &[values])?;
    let point = |variant: usize, value: usize| {
        let at = |network: usize| (network * variants + variant) * values + value;
        let score = |network: usize| Score { trials: trials[at(network)], correct: correct[at(network)] };
        let performances: Vec<f64> = (0..networks).map(|network| score(network).performance()).collect();
        let Spread { mean, sd } = Spread::of(&performances);
        let (interval, networks) = match sd {
            None => (score(0).interval(), Vec::new()),
            Some(sd) => ((mean - sd, mean + sd), performances),
        };
        Point { parameter: parameters[value], performance: mean, interval, networks }
    };
    CHECK.value("networks", networks > 0, networks, "at least one")?;
    let points: Vec<Vec<Point>> =
        (0..variants).map(|variant| (0..values).map(|value| point(variant, value)).collect()).collect();
    let sweep = &artifact.config["sweep"];
    let label = |variant: usize| sweep["variants"][variant].as_str().unwrap_or("LIF network");
    let performance_label = match networks {
        1 => "Performance (95 % interval)".into(),
        _ => format!("Performance (mean ± SD, {networks} networks)"),
    };
    let figure = Sweep {
        title: "Performance of the LIF network",
        parameter_label: &field_label(sweep["parameter"].as_str().unwrap_or("Parameter")),
        performance_label: &performance_label,
        variants: &points.iter().enumerate().map(|(v, points)| Variant { label: label(v), points }).collect::<Vec<_>>(),
        reference: None,
    };
    figure.draw(look).map(Some)
}

/// Label of a config's field: `lif.refractory_ms` is `Refractory (ms)`.
fn field_label(field: &str) -> String {
    const UNITS: [(&str, &str); 4] = [("_ms", " (ms)"), ("_mv", " (mV)"), ("_hz", " (Hz)"), ("_sd", " (SD)")];
    let name = field.rsplit('.').next().unwrap_or(field);
    let unit = UNITS.iter().find_map(|(suffix, unit)| Some((name.strip_suffix(suffix)?, *unit)));
    let (name, unit) = unit.unwrap_or((name, ""));
    let words = name.replace("tau_", "τ ").replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().filter(|letter| *letter != 'τ').map(|letter| letter.to_uppercase().to_string());
    format!("{}{unit}", first.map_or(words.clone(), |first| first + letters.as_str()))
}

impl Sweep<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no variant, one without points, values that are not finite, a performance outside its interval.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let mut canvas = Canvas::new(look, look.narrow(), self.title);
        canvas.legend(&self.keys());
        let height = PLOT_HEIGHT + style::BOTTOM;
        let width = canvas.panel_width();
        let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
        let performance = Axis::fraction(self.performance_label);
        let panel = Panel::new(canvas.size(height), frame, self.parameter_axis(), performance);
        if let Some((_, level)) = self.reference {
            canvas.level(&panel, level, style::REFERENCE);
        }
        for (index, variant) in self.variants.iter().enumerate() {
            self.draw_variant(&mut canvas, &panel, index, variant);
        }
        canvas.axes(&panel);
        let several = self.points().any(|point| !point.networks.is_empty());
        let caption = match several {
            true => "Small dots: one per network; large dots and bars: mean ± SD over networks.",
            false => {
                "Fraction of trials that one network answered correctly; bars: Wilson's 95 % interval over trials."
            }
        };
        Ok(canvas.finish(height, self.description(), caption.into()))
    }

    fn draw_variant(&self, canvas: &mut Canvas, panel: &Panel, index: usize, variant: &Variant) {
        let colour = style::variant_colour(index);
        let aside = (index as f64 - (self.variants.len() as f64 - 1.0) / 2.0) * DODGE;
        let mut points = variant.points.to_vec();
        points.sort_by(|a, b| a.parameter.total_cmp(&b.parameter));
        let at = |parameter: f64, value: f64| {
            let (x, y) = panel.at((parameter, value));
            (x + aside, y)
        };
        canvas.stroke(points.iter().map(|p| at(p.parameter, p.performance)), colour, style::LINE_WIDTH, None);
        for point in &points {
            self.draw_networks(canvas, at, point, colour);
        }
        canvas.outline(colour, 1.0, |path| {
            for point in &points {
                path.polyline([at(point.parameter, point.interval.0), at(point.parameter, point.interval.1)]);
            }
        });
        for point in &points {
            canvas.dot(at(point.parameter, point.performance), 3.2, colour);
        }
    }

    /// Draws a small mark per network, side by side around the point.
    fn draw_networks(&self, canvas: &mut Canvas, at: impl Fn(f64, f64) -> (f64, f64), point: &Point, colour: &str) {
        let middle = (point.networks.len() as f64 - 1.0) / 2.0;
        canvas.fill(colour, NETWORK_OPACITY, |path| {
            for (index, performance) in point.networks.iter().enumerate() {
                let (x, y) = at(point.parameter, *performance);
                path.circle((x + SCATTER * (index as f64 / middle.max(0.5) - 1.0), y), NETWORK_RADIUS);
            }
        });
    }

    fn parameter_axis(&self) -> Axis {
        let (low, high) = crate::panel::extent(self.points().map(|point| point.parameter));
        let axis = Axis::exact(self.parameter_label, (low, high)).with_ticks(6);
        if low > 0.0 && high / low > LOGARITHMIC_FROM {
            let margin = (high / low).powf(0.03);
            Axis { range: (low / margin, high * margin), logarithmic: true, ..axis }
        } else {
            let margin = 0.03 * (axis.range.1 - axis.range.0);
            Axis { range: (axis.range.0 - margin, axis.range.1 + margin), ..axis }
        }
    }

    fn points(&self) -> impl Iterator<Item = &Point> {
        self.variants.iter().flat_map(|variant| variant.points)
    }

    fn keys(&self) -> Vec<(Key, String)> {
        let variants = self.variants.iter().enumerate();
        let mut keys: Vec<_> =
            variants.map(|(i, v)| (Key::Line(style::variant_colour(i)), v.label.to_owned())).collect();
        keys.extend(self.reference.map(|(label, _)| (Key::Level, label.to_owned())));
        keys
    }

    fn description(&self) -> String {
        let best = |variant: &Variant| {
            let best = variant.points.iter().max_by(|a, b| a.performance.total_cmp(&b.performance));
            best.map_or(String::new(), |p| {
                format!("{} is best with {} at {}", variant.label, number(p.performance), number(p.parameter))
            })
        };
        let variants: Vec<_> = self.variants.iter().map(best).collect();
        format!("{} against {}: {}.", self.performance_label, self.parameter_label, variants.join("; "))
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("variant", self.variants)?;
        CHECK.finite("reference", self.reference.iter().map(|reference| &reference.1))?;
        for variant in self.variants {
            CHECK.not_empty(&format!("point of {}", variant.label), variant.points)?;
            CHECK.finite(&format!("parameters of {}", variant.label), variant.points.iter().map(|p| &p.parameter))?;
            let what = format!("performance of {}", variant.label);
            CHECK.finite(&what, variant.points.iter().flat_map(|p| &p.networks))?;
            CHECK.intervals(&what, variant.points.iter().map(|p| (p.performance, p.interval)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_labels() {
        let labels = [
            ("lif.refractory_ms", "Refractory (ms)"),
            ("lif.tau_rise_ms", "τ rise (ms)"),
            ("lif.stimulation.amplitude_mv", "Amplitude (mV)"),
            ("Parameter", "Parameter"),
        ];
        for (field, label) in labels {
            assert_eq!(field_label(field), label);
        }
    }
}
