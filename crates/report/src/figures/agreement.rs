//! Firing rates of a LIF network's units against those in the rate network that it was made from.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel, number};
use crate::{Look, ReportError, style};
use mdl_artifact::Artifact;

const CHECK: Check = Check("agreement of rates");
const PLOT_HEIGHT: f64 = 260.0;

/// Rates of the units in one condition. Both slices have one value per unit.
#[derive(Clone, Copy, Debug)]
pub struct Rates<'a> {
    /// Name of the condition.
    pub label: &'a str,
    /// Mean rate in the rate network (activation).
    pub rate: &'a [f64],
    /// Mean firing rate in the LIF network (Hz).
    pub hz: &'a [f64],
}

/// Firing rates of the units of a LIF network against those in its rate network, by condition.
#[derive(Clone, Copy, Debug)]
pub struct Agreement<'a> {
    /// The conditions, in the order of the legend.
    pub conditions: &'a [Rates<'a>],
}

/// Rates of the units in an evaluation of a LIF network.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::of(artifact)?.filter(|_| artifact.has("rate_mean_rate")) else {
        return Ok(None);
    };
    let Some(task) = evaluation.task() else { return Ok(None) };
    evaluation.require(CHECK, "rate_hz_by_condition")?;
    let shape @ [_, units] = artifact.shape::<2>("rate_mean_rate")?;
    CHECK.value("units", units > 0, units, "at least one")?;
    let rate = artifact.values::<f64>("rate_mean_rate", &shape)?.chunks_exact(units);
    let hz = artifact.values::<f64>("rate_hz_by_condition", &shape)?.chunks_exact(units);
    let occurred = evaluation.conditions(task)?;
    let all = task.conditions().iter().zip(rate).zip(hz).enumerate();
    let conditions = all.filter(|(condition, _)| occurred.contains(condition));
    let conditions: Vec<Rates> = conditions.map(|(_, ((label, rate), hz))| Rates { label, rate, hz }).collect();
    Agreement { conditions: &conditions }.draw(look).map(Some)
}

impl Agreement<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no condition, different lengths, values that are not finite.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let mut canvas = Canvas::new(look, look.narrow(), "Units of the LIF network and of the rate network");
        canvas.legend(&self.keys());
        let height = PLOT_HEIGHT + style::BOTTOM;
        let width = canvas.panel_width();
        let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
        let values = |of: fn(&Rates) -> Vec<f64>| self.conditions.iter().flat_map(of).collect::<Vec<f64>>();
        let rate = Axis::around("Mean rate in the rate network", values(|own| own.rate.to_vec()));
        let hz = Axis::from_zero("Mean rate in the LIF network (Hz)", values(|own| own.hz.to_vec()), 5);
        let panel = Panel::new(canvas.size(height), frame, rate, hz);
        for (index, condition) in self.conditions.iter().enumerate() {
            for point in condition.rate.iter().copied().zip(condition.hz.iter().copied()) {
                canvas.dot(panel.at(point), 2.4, style::condition_colour(index));
            }
        }
        canvas.axes(&panel);
        let names: Vec<String> = self.keys().into_iter().map(|(_, name)| name).collect();
        let description =
            format!("Mean firing rate of each unit against its mean rate in the rate network: {}.", names.join("; "));
        let caption = "Each dot is a unit in one condition: its mean firing rate in the LIF network against its mean rate in the \
                       rate network on the same trials; r, Pearson's correlation over units.";
        Ok(canvas.finish(height, description, caption.into()))
    }

    fn keys(&self) -> Vec<(Key, String)> {
        let name = |own: &Rates| match correlation(own.rate, own.hz) {
            r if r.is_finite() => format!("{} (r = {})", own.label, number((r * 100.0).round() / 100.0)),
            _ => own.label.to_owned(),
        };
        self.conditions
            .iter()
            .enumerate()
            .map(|(index, own)| (Key::Dot(style::condition_colour(index)), name(own)))
            .collect()
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("condition", self.conditions)?;
        for condition in self.conditions {
            CHECK.not_empty("unit", condition.rate)?;
            CHECK.length("firing rates", condition.hz, condition.rate.len())?;
            CHECK.finite("rates", condition.rate.iter().chain(condition.hz))?;
        }
        Ok(())
    }
}

/// Pearson's correlation; NaN without variance.
fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let count = x.len() as f64;
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / count, y.iter().sum::<f64>() / count);
    let product = |a: &[f64], mean_a: f64, b: &[f64], mean_b: f64| {
        a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>()
    };
    product(x, mean_x, y, mean_y) / (product(x, mean_x, x, mean_x) * product(y, mean_y, y, mean_y)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_agree_have_a_correlation_of_one() {
        assert!((correlation(&[0.0, 1.0, 2.0], &[1.0, 3.0, 5.0]) - 1.0).abs() < 1e-12);
        assert!(correlation(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
        let own = Rates { label: "Go", rate: &[0.0, 0.5], hz: &[0.0, 10.0] };
        assert_eq!(Agreement { conditions: &[own] }.keys()[0].1, "Go (r = 1)");
        assert!(Agreement { conditions: &[own] }.draw(Look::SCREEN).is_ok());
        assert!(Agreement { conditions: &[Rates { hz: &[1.0], ..own }] }.draw(Look::SCREEN).is_err());
    }
}
