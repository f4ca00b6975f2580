//! Learning curve: loss and performance against updates.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::{self, Evaluation, measure};
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel, number};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("training curve");
const HEIGHT: f64 = 120.0;
const BETWEEN: f64 = 16.0;
/// Losses with a range of more than this factor are drawn on a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 20.0;

/// A quantity recorded during training.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// Name in the legend, such as `training` or `validation`; curves of one name share a colour.
    pub label: &'a str,
    /// Updates so far, and the value at that point. Values that are not finite are gaps.
    pub points: &'a [(f64, f64)],
}

/// Learning curve: loss above, performance or accuracy below.
#[derive(Clone, Copy, Debug)]
pub struct TrainingCurve<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Losses, such as those of training and validation; at least one.
    pub losses: &'a [Course<'a>],
    /// Loss below which training may stop.
    pub loss_criterion: Option<f64>,
    /// `Performance` or `Accuracy`.
    pub performance_label: &'a str,
    /// Fractions of correct trials; if empty, there is no such panel.
    pub performances: &'a [Course<'a>],
    /// Performance above which training may stop.
    pub performance_criterion: Option<f64>,
}

/// Learning curve of a network or of its evaluation (`history.*`), with the stopping rule of its config.
///
/// # Errors
/// [`ReportError`]: a missing tensor, or one of another length.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    if let Some(evaluation) = Evaluation::of(artifact)?.filter(|_| !artifact.has("population")) {
        evaluation.require(CHECK, "history.update")?;
    }
    if !artifact.has("history.update") {
        return Ok(None);
    }
    let [rows] = artifact.shape("history.update")?;
    // A single evaluation is no curve.
    if rows < 2 {
        return Ok(None);
    }
    let updates = artifact.values::<i64>("history.update", &[rows])?;
    let column = |name: &str| -> Result<Vec<(f64, f64)>, ReportError> {
        let values = artifact.values::<f64>(&format!("history.{name}"), &[rows])?;
        Ok(updates.iter().zip(values).map(|(&update, &value)| (update as f64, value)).collect())
    };
    let (training, fresh, performance) = (column("training_loss")?, column("loss")?, column("performance")?);
    let experiment = evaluation::experiment(artifact)?;
    let stop = experiment.training.stop.as_ref();
    let curve = TrainingCurve {
        title: &format!("Training of the {} network", experiment.network.kind()),
        losses: &[Course { label: "training", points: &training }, Course { label: "evaluation", points: &fresh }],
        loss_criterion: stop.map(|stop| stop.loss_below),
        performance_label: measure(&experiment),
        performances: &[Course { label: "evaluation", points: &performance }],
        performance_criterion: stop.map(|stop| stop.performance_above),
    };
    curve.draw(look).map(Some)
}

impl TrainingCurve<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no loss, a curve without a finite value, updates or criteria that are not finite.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let mut canvas = Canvas::new(look, look.narrow(), self.title);
        canvas.legend(&self.keys());
        let panels = if self.performances.is_empty() { 1.0 } else { 2.0 };
        let height = panels * HEIGHT + (panels - 1.0) * BETWEEN + style::BOTTOM;
        let width = canvas.panel_width();
        let upper = Frame { left: style::LEFT, top: canvas.top, width, height: HEIGHT };
        canvas.letter(upper, style::LEFT);
        let updates = self.updates_axis();
        let above = if self.performances.is_empty() { updates.clone() } else { updates.clone().bare() };
        let loss = Panel::new(canvas.size(height), upper, above, self.loss_axis());
        self.draw_panel(&mut canvas, &loss, self.losses, self.loss_criterion);
        if !self.performances.is_empty() {
            let lower = Frame { top: upper.bottom() + BETWEEN, ..upper };
            canvas.letter(lower, style::LEFT);
            let performance = Panel::new(canvas.size(height), lower, updates, self.performance_axis());
            self.draw_panel(&mut canvas, &performance, self.performances, self.performance_criterion);
        }
        Ok(canvas.finish(height, self.description(), self.caption()))
    }

    fn draw_panel(&self, canvas: &mut Canvas, panel: &Panel, courses: &[Course], criterion: Option<f64>) {
        if let Some(criterion) = criterion {
            canvas.level(panel, criterion, style::REFERENCE);
        }
        for course in courses {
            canvas.curve(panel, course.points, self.colour(course.label), None);
        }
        canvas.axes(panel);
    }

    fn updates_axis(&self) -> Axis {
        let courses = self.losses.iter().chain(self.performances);
        let updates = courses.flat_map(|course| course.points).map(|point| point.0);
        Axis::exact("Update", crate::panel::extent(updates.chain([0.0])))
    }

    fn loss_axis(&self) -> Axis {
        let values: Vec<_> = values(self.losses).chain(self.loss_criterion).collect();
        let (low, high) = crate::panel::extent(values.iter().copied());
        if low > 0.0 && high / low > LOGARITHMIC_FROM {
            Axis::logarithmic("Loss", values)
        } else {
            Axis::around("Loss", values.into_iter().chain([0.0])).with_ticks(4).rounded()
        }
    }

    fn performance_axis(&self) -> Axis {
        Axis::fraction(self.performance_label).with_ticks(4)
    }

    /// Names of the curves, each once.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for course in self.losses.iter().chain(self.performances) {
            if !names.contains(&course.label) {
                names.push(course.label);
            }
        }
        names
    }

    fn colour(&self, label: &str) -> &'static str {
        match self.names().iter().position(|name| *name == label) {
            Some(0) if self.names().len() > 1 => style::TRAINING,
            _ => style::INK,
        }
    }

    fn caption(&self) -> String {
        let criterion = self.loss_criterion.or(self.performance_criterion);
        let dotted = if criterion.is_some() { " Dotted: levels at which training stops." } else { "" };
        let performance = if self.performances.is_empty() {
            String::new()
        } else {
            format!(" and {}", self.performance_label.to_lowercase())
        };
        format!(
            "Loss of the training batches (grey), and loss{performance} on evaluation trials (black), against updates.{dotted}"
        )
    }

    fn keys(&self) -> Vec<(Key, String)> {
        let names = self.names();
        let mut keys: Vec<_> = names.iter().map(|name| (Key::Line(self.colour(name)), (*name).to_owned())).collect();
        let criteria = [("loss", self.loss_criterion), ("performance", self.performance_criterion)];
        let stated: Vec<_> =
            criteria.iter().filter_map(|(name, c)| Some(format!("{name} {}", number((*c)?)))).collect();
        if !stated.is_empty() {
            keys.push((Key::Level, format!("criterion: {}", stated.join(", "))));
        }
        keys
    }

    fn description(&self) -> String {
        let last = |course: &Course| {
            let last = course.points.iter().rev().find(|point| point.1.is_finite()).map_or(f64::NAN, |point| point.1);
            format!("{} ends at {}", course.label, number(last))
        };
        let losses: Vec<_> = self.losses.iter().map(last).collect();
        let performances: Vec<_> = self.performances.iter().map(last).collect();
        let mut text = format!("Loss against updates: {}.", losses.join(", "));
        if !performances.is_empty() {
            text.push_str(&format!(" {}: {}.", self.performance_label, performances.join(", ")));
        }
        text
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("loss", self.losses)?;
        CHECK.finite("criteria", self.loss_criterion.iter().chain(&self.performance_criterion))?;
        for course in self.losses.iter().chain(self.performances) {
            let what = format!("value of {}", course.label);
            CHECK.finite(&format!("updates of {}", course.label), course.points.iter().map(|point| &point.0))?;
            let finite: Vec<_> = course.points.iter().filter(|point| point.1.is_finite()).collect();
            CHECK.not_empty(&what, &finite)?;
        }
        Ok(())
    }
}

/// Finite values of some curves.
fn values<'a>(courses: &'a [Course]) -> impl Iterator<Item = f64> + 'a {
    courses.iter().flat_map(|course| course.points).map(|point| point.1).filter(|value| value.is_finite())
}
