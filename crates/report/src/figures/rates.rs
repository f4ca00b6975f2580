//! Distribution of the units' firing rates, by population.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::figure::Figure;
use crate::histogram::Bins;
use crate::panel::{Axis, Frame, Panel, extent};
use crate::{Look, Population, ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::tasks::Evaluated;

const CHECK: Check = Check("firing-rate distribution");
const PLOT_HEIGHT: f64 = 170.0;

/// Distribution of the units' mean firing rates, by population.
#[derive(Clone, Copy, Debug)]
pub struct RateDistribution<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Mean firing rate of each unit, in Hz.
    pub rates_hz: &'a [f64],
    /// Population of each unit.
    pub populations: &'a [Population],
}

/// Firing rates of the units of an evaluated spiking network.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::of(artifact)?.filter(|_| artifact.has("rate_hz")) else { return Ok(None) };
    let populations = evaluation.populations(CHECK)?;
    let title = match evaluation.evaluated {
        Evaluated::Lif => "Firing rates from step 10 on",
        Evaluated::Trained => "Firing rates",
    };
    let rates_hz = artifact.values("rate_hz", &[populations.len()])?;
    RateDistribution { title, rates_hz, populations: &populations }.draw(look).map(Some)
}

impl RateDistribution<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no unit, different lengths, rates that are negative or not finite.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let groups = Population::groups(self.populations);
        let bins = self.bins();
        let parts: Vec<_> = groups.iter().map(|(_, units)| self.parts(units, bins)).collect();
        let mut canvas = Canvas::new(look, look.narrow(), self.title);
        canvas.legend(&self.keys(&groups));
        let height = PLOT_HEIGHT + style::BOTTOM;
        let width = canvas.panel_width();
        let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
        let rate = Axis::exact("Firing rate (Hz)", bins.range());
        let units = Axis::from_zero("Fraction of population", parts.iter().flatten().copied(), 4);
        let panel = Panel::new(canvas.size(height), frame, rate, units);
        for ((population, _), parts) in groups.iter().zip(&parts) {
            bins.draw(&mut canvas, &panel, parts, population.colour());
        }
        canvas.axes(&panel);
        let caption = format!(
            "{}, mean of each unit over all trials, by population (overlaid histograms).",
            if self.title.is_empty() { "Firing rates" } else { self.title }
        );
        Ok(canvas.finish(height, self.description(&groups), caption))
    }

    fn bins(&self) -> Bins {
        let (_, highest) = extent(self.rates_hz.iter().copied());
        if highest <= 0.0 { Bins { from: 0.0, width: 1.0, count: 1 } } else { Bins::between(0.0, highest) }
    }

    /// Fraction of units in each bin.
    fn parts(&self, units: &[usize], bins: Bins) -> Vec<f64> {
        let counts = bins.counts(units.iter().map(|unit| self.rates_hz[*unit]));
        counts.into_iter().map(|count| count / units.len() as f64).collect()
    }

    fn mean(&self, units: &[usize]) -> f64 {
        units.iter().map(|&unit| self.rates_hz[unit]).sum::<f64>() / units.len() as f64
    }

    fn keys(&self, groups: &[(Population, Vec<usize>)]) -> Vec<(Key, String)> {
        let name = |population: Population, units: &[usize]| {
            format!("{} (n = {}, mean {:.1} Hz)", population.label(), units.len(), self.mean(units))
        };
        groups.iter().map(|(population, units)| (Key::Block(population.colour()), name(*population, units))).collect()
    }

    fn description(&self, groups: &[(Population, Vec<usize>)]) -> String {
        let names: Vec<_> = self.keys(groups).into_iter().map(|(_, name)| name).collect();
        format!("Histogram of the firing rates of units: {}.", names.join("; "))
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("unit", self.rates_hz)?;
        CHECK.length("populations", self.populations, self.rates_hz.len())?;
        CHECK.finite("rates", self.rates_hz)?;
        let negative = self.rates_hz.iter().find(|&&rate| rate < 0.0);
        CHECK.value("rates", negative.is_none(), negative.unwrap_or(&0.0), "no negative rate")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_in_one_bin() {
        let rates: Vec<f64> = (0..50).map(|unit| f64::from(unit * unit) * 0.01).collect();
        let figure = RateDistribution { title: "", rates_hz: &rates, populations: &[Population::Unsigned; 50] };
        let bins = figure.bins();
        assert_eq!((bins.width, bins.count), (1.0, 25));
        let parts = figure.parts(&(0..50).collect::<Vec<_>>(), bins);
        assert_eq!(parts[0], 0.2);
        assert!((parts.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let silent = RateDistribution { rates_hz: &[0.0], populations: &[Population::Unsigned], ..figure };
        assert!(silent.draw(Look::SCREEN).is_ok());
    }
}
