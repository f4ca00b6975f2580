//! The search for the scaling factor: performance and firing rate against the factor.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::{self, Evaluation};
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel, number};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::score::Score;
use mdl_data::tasks::Evaluated;

const CHECK: Check = Check("search curve");
const PERFORMANCE_HEIGHT: f64 = 150.0;
const RATE_HEIGHT: f64 = 70.0;
const BETWEEN: f64 = 14.0;

/// Results for one scaling factor of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Scaling factor.
    pub scaling_factor: f64,
    /// Fraction of trials answered correctly.
    pub performance: f64,
    /// 95 % interval of the fraction (Wilson): lower and upper end.
    pub interval: (f64, f64),
    /// Mean firing rate over units and trials, in Hz.
    pub rate_hz: f64,
}

/// The search for the scaling factor.
#[derive(Clone, Copy, Debug)]
pub struct SearchCurve<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// The grid, in any order.
    pub candidates: &'a [Candidate],
    /// Chosen factor.
    pub chosen: Option<f64>,
    /// Factor predicted by theory.
    pub predicted: Option<f64>,
    /// Performance required of a converted network.
    pub criterion: Option<f64>,
}

/// Search of a LIF network or of its evaluation; imported networks have none.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    if let Some(evaluation) = Evaluation::of(artifact)?.filter(|evaluation| evaluation.evaluated == Evaluated::Lif) {
        evaluation.require(CHECK, "scaling_factor")?;
    }
    if !artifact.has("search.scaling_factor") {
        return Ok(None);
    }
    let shape = artifact.shape::<1>("search.scaling_factor")?;
    let factors = artifact.values::<f64>("search.scaling_factor", &shape)?;
    let [trials, correct] = ["trials", "correct"].map(|name| artifact.values::<u32>(&format!("search.{name}"), &shape));
    let (trials, correct, rate_hz) = (trials?, correct?, artifact.values::<f64>("search.rate_hz", &shape)?);
    let candidate = |i: usize| {
        let score = Score { trials: trials[i], correct: correct[i] };
        let (performance, interval) = (score.performance(), score.interval());
        Candidate { scaling_factor: factors[i], performance, interval, rate_hz: rate_hz[i] }
    };
    let single = |name: &str| artifact.values::<f64>(name, &[1]).map(|values| values[0]);
    let predicted = "predicted_scaling_factor";
    let figure = SearchCurve {
        title: "Search for the scaling factor",
        candidates: &(0..factors.len()).map(candidate).collect::<Vec<_>>(),
        chosen: Some(single("scaling_factor")?),
        predicted: artifact.has(predicted).then(|| single(predicted)).transpose()?,
        criterion: Some(evaluation::experiment(artifact)?.search.performance_at_least),
    };
    figure.draw(look).map(Some)
}

impl SearchCurve<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no candidate, values that are not finite, a performance outside its interval.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let mut sorted = self.candidates.to_vec();
        sorted.sort_by(|a, b| a.scaling_factor.total_cmp(&b.scaling_factor));
        let mut canvas = Canvas::new(look, look.narrow(), self.title);
        canvas.legend(&self.keys());
        let height = PERFORMANCE_HEIGHT + BETWEEN + RATE_HEIGHT + style::BOTTOM;
        let width = canvas.panel_width();
        let upper = Frame { left: style::LEFT, top: canvas.top, width, height: PERFORMANCE_HEIGHT };
        let lower = Frame { top: upper.bottom() + BETWEEN, height: RATE_HEIGHT, ..upper };
        canvas.letter(upper, style::LEFT);
        canvas.letter(lower, style::LEFT);
        self.draw_performance(&mut canvas, height, upper, &sorted);
        self.draw_rate(&mut canvas, height, lower, &sorted);
        Ok(canvas.finish(height, self.description(), self.caption()))
    }

    fn draw_performance(&self, canvas: &mut Canvas, height: f64, frame: Frame, sorted: &[Candidate]) {
        let performance = Axis::fraction("Fraction correct");
        let panel = Panel::new(canvas.size(height), frame, self.factor_axis().bare(), performance);
        self.draw_marks(canvas, &panel);
        if let Some(criterion) = self.criterion {
            canvas.level(&panel, criterion, style::REFERENCE);
        }
        let points: Vec<_> = sorted.iter().map(|c| (c.scaling_factor, c.performance)).collect();
        canvas.curve(&panel, &points, style::INK, None);
        for candidate in sorted {
            canvas.whisker(&panel, candidate.scaling_factor, candidate.interval, style::INK);
        }
        for &point in &points {
            canvas.dot(panel.at(point), 3.2, style::INK);
        }
        canvas.axes(&panel);
    }

    fn draw_rate(&self, canvas: &mut Canvas, height: f64, frame: Frame, sorted: &[Candidate]) {
        let points: Vec<_> = sorted.iter().map(|c| (c.scaling_factor, c.rate_hz)).collect();
        let rate = Axis::from_zero("Rate (Hz)", points.iter().map(|point| point.1), 3);
        let panel = Panel::new(canvas.size(height), frame, self.factor_axis(), rate);
        self.draw_marks(canvas, &panel);
        canvas.curve(&panel, &points, style::INK, None);
        for &point in &points {
            canvas.dot(panel.at(point), 2.6, style::INK);
        }
        canvas.axes(&panel);
    }

    /// Draws the chosen and the predicted factor through a panel.
    fn draw_marks(&self, canvas: &mut Canvas, panel: &Panel) {
        for (factor, colour, dashes) in
            [(self.chosen, style::FACTOR, None), (self.predicted, style::FACTOR, Some(style::DASHES))]
        {
            if let Some(x) = factor.map(|factor| panel.at_x(factor)) {
                canvas.stroke([(x, panel.frame.top), (x, panel.frame.bottom())], colour, 1.4, dashes);
            }
        }
    }

    fn factor_axis(&self) -> Axis {
        let factors = self.candidates.iter().map(|candidate| candidate.scaling_factor);
        let (low, high) = crate::panel::extent(factors.chain(self.chosen).chain(self.predicted));
        let margin = 0.03 * (high - low);
        Axis::exact("Scaling factor", (low - margin, high + margin)).with_ticks(8)
    }

    fn keys(&self) -> Vec<(Key, String)> {
        let mut keys = vec![(Key::Dot(style::INK), "performance, 95 % interval".to_owned())];
        if let Some(chosen) = self.chosen {
            keys.push((Key::Line(style::FACTOR), format!("chosen: {}", number(chosen))));
        }
        if let Some(predicted) = self.predicted {
            keys.push((Key::Dashes(style::FACTOR), format!("predicted: {}", number(predicted))));
        }
        if let Some(criterion) = self.criterion {
            keys.push((Key::Level, format!("criterion: {}", number(criterion))));
        }
        keys
    }

    fn caption(&self) -> String {
        let lines =
            [self.chosen.map(|_| "solid line: chosen factor"), self.predicted.map(|_| "dashed line: predicted factor")];
        let criterion = self.criterion.map(|_| "dotted: criterion");
        let lines: Vec<&str> = lines.into_iter().chain([criterion]).flatten().collect();
        let lines = if lines.is_empty() { String::new() } else { format!("; {}", lines.join("; ")) };
        format!(
            "Fraction of trials answered correctly and mean firing rate of the LIF network for each scaling factor. Bars: \
             Wilson's 95 % interval over trials{lines}."
        )
    }

    fn description(&self) -> String {
        let best = self.candidates.iter().map(|candidate| candidate.performance).fold(0.0, f64::max);
        let chosen = self.chosen.map_or("none".into(), number);
        format!(
            "Performance with 95 % intervals and mean firing rate against {} scaling factors; best performance {}, chosen \
             factor {chosen}.",
            self.candidates.len(),
            number(best)
        )
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("scaling factor", self.candidates)?;
        CHECK.finite("scaling factors", self.candidates.iter().map(|c| &c.scaling_factor))?;
        CHECK.finite("rates", self.candidates.iter().map(|c| &c.rate_hz))?;
        CHECK.finite(
            "chosen factor, predicted factor, criterion",
            self.chosen.iter().chain(&self.predicted).chain(&self.criterion),
        )?;
        CHECK.intervals("performance", self.candidates.iter().map(|c| (c.performance, c.interval)))
    }
}
