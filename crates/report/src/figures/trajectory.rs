//! State-space trajectories in two mode coordinates.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::figure::Figure;
use crate::mode_space::ModeSpace;
use crate::outputs::Outputs;
use crate::panel::{Axis, Frame, Panel};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("trajectory");
const PLOT_HEIGHT: f64 = 300.0;

/// Trajectory of one condition. Both slices have one value per step.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// Name of the condition.
    pub label: &'a str,
    /// Its number among the conditions of the evaluation, which gives its colour.
    pub condition: usize,
    /// First coordinate.
    pub x: &'a [f64],
    /// Second coordinate.
    pub y: &'a [f64],
}

/// Trajectories of the state in two coordinates, such as ξ₁ᵀr and ξ₂ᵀr.
#[derive(Clone, Copy, Debug)]
pub struct Trajectory<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Name of the first coordinate, such as `Mode 1`.
    pub x_label: &'a str,
    /// Name of the second coordinate.
    pub y_label: &'a str,
    /// What the means are over: `trials`, or `recorded trials`.
    pub of: &'a str,
    /// The conditions, in the order of the legend.
    pub paths: &'a [Path<'a>],
}

/// Mean trajectory of each condition in the plane of the two most important modes, if there are two.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::of(artifact)? else { return Ok(None) };
    let Some(task) = evaluation.task() else { return Ok(None) };
    if !artifact.has("mode_activity") && !artifact.has("mode_trial") {
        return Ok(None);
    }
    let outputs = match artifact.has("output") {
        true => Some(Outputs::of(&evaluation, task, CHECK)?),
        false => None,
    };
    let step_ms = evaluation.experiment.task.step_ms();
    let Some(space) = ModeSpace::of(artifact, task, step_ms, outputs.as_ref())? else { return Ok(None) };
    evaluation.require(CHECK, "importance")?;
    let (order, modes, steps) = (&space.order, space.modes, space.time_ms.len());
    let occurred = match artifact.has("output") {
        true => space.conditions.clone(),
        false => evaluation.conditions(task)?,
    };
    let mean = |condition: usize, mode: usize| -> Vec<f64> {
        let own = space.means.iter().skip(condition * steps * modes).take(steps * modes);
        own.skip(mode).step_by(modes).map(|x| f64::from(*x)).collect()
    };
    let names = task.conditions().iter().enumerate().filter(|(condition, _)| occurred.contains(condition));
    let all = evaluation.conditions(task)?;
    let number = |condition: usize| (0..condition).filter(|earlier| all.contains(earlier)).count();
    let means: Vec<_> =
        names.map(|(c, label)| (label.as_str(), number(c), mean(c, order[0]), mean(c, order[1]))).collect();
    let figure = Trajectory {
        title: "State in mode space",
        x_label: &format!("Mode {}", order[0]),
        y_label: &format!("Mode {}", order[1]),
        of: if space.of_recorded { "recorded trials" } else { "trials" },
        paths: &means
            .iter()
            .map(|(label, condition, x, y)| Path { label, condition: *condition, x, y })
            .collect::<Vec<_>>(),
    };
    figure.draw(look).map(Some)
}

impl Trajectory<'_> {
    /// Draws the figure, with an open circle at the start of a trajectory and a filled one at its end.
    ///
    /// # Errors
    /// [`ReportError`]: no condition, one without steps, different lengths, values that are not finite.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let mut canvas = Canvas::new(look, look.narrow(), self.title);
        canvas.legend(&self.keys());
        let height = PLOT_HEIGHT + style::BOTTOM;
        let width = canvas.panel_width();
        let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
        let x = Axis::around(self.x_label, self.paths.iter().flat_map(|way| way.x).copied());
        let y = Axis::around(self.y_label, self.paths.iter().flat_map(|way| way.y).copied());
        let panel = Panel::new(canvas.size(height), frame, x, y);
        draw_zero(&mut canvas, &panel);
        for way in self.paths {
            let points: Vec<_> = way.x.iter().zip(way.y).map(|(&x, &y)| panel.at((x, y))).collect();
            canvas.stroke(apart(&points), style::condition_colour(way.condition), style::LINE_WIDTH, None);
        }
        for way in self.paths {
            let last = way.x.len() - 1;
            canvas.ring(panel.at((way.x[0], way.y[0])), 3.0, style::condition_colour(way.condition));
            canvas.dot(panel.at((way.x[last], way.y[last])), 4.0, style::condition_colour(way.condition));
        }
        canvas.axes(&panel);
        let caption = format!(
            "Mode variables, mean over the {} of each condition, from the start of the trial (open circle) to its end (filled \
             circle), in the plane of the two most important modes.",
            self.of
        );
        Ok(canvas.finish(height, self.description(), caption))
    }

    fn keys(&self) -> Vec<(Key, String)> {
        let paths =
            self.paths.iter().map(|way| (Key::Line(style::condition_colour(way.condition)), way.label.to_owned()));
        let ends = [(Key::OpenDot(style::INK), "start".to_owned()), (Key::Dot(style::INK), "end".to_owned())];
        paths.chain(ends).collect()
    }

    fn description(&self) -> String {
        let labels: Vec<_> = self.paths.iter().map(|way| way.label).collect();
        format!("State-space trajectories, {} against {}, for {}.", self.y_label, self.x_label, labels.join(", "))
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("condition", self.paths)?;
        for way in self.paths {
            CHECK.not_empty(&format!("step of {}", way.label), way.x)?;
            CHECK.length(&format!("second coordinate of {}", way.label), way.y, way.x.len())?;
            CHECK.finite(&format!("first coordinate of {}", way.label), way.x)?;
            CHECK.finite(&format!("second coordinate of {}", way.label), way.y)?;
        }
        Ok(())
    }
}

/// Draws thin lines where a coordinate is zero, if that is within the panel.
fn draw_zero(canvas: &mut Canvas, panel: &Panel) {
    let inside = |(low, high): (f64, f64)| low < 0.0 && 0.0 < high;
    let ((x, y), frame) = (panel.at((0.0, 0.0)), panel.frame);
    if inside(panel.x.range) {
        canvas.stroke([(x, frame.top), (x, frame.bottom())], "#d5d5d5", 0.8, None);
    }
    if inside(panel.y.range) {
        canvas.stroke([(frame.left, y), (frame.right(), y)], "#d5d5d5", 0.8, None);
    }
}

/// Points of a trajectory without those less than a third of a px from the previous one; the end is kept.
fn apart(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (index, &point) in points.iter().enumerate() {
        let far = |last: &(f64, f64)| (point.0 - last.0).hypot(point.1 - last.1) > 1.0 / 3.0;
        if index + 1 == points.len() || kept.last().is_none_or(far) {
            kept.push(point);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::extent;

    #[test]
    fn a_slow_way_keeps_its_ends() {
        let points: Vec<_> = (0..1000).map(|step| (f64::from(step) * 0.01, 0.0)).collect();
        let kept = apart(&points);
        assert!(kept.len() < 40);
        assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[999]));
        assert_eq!(extent(kept.iter().map(|point| point.0)), (0.0, 9.99));
    }
}
