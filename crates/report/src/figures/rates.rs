//! Distribution of the units' firing rates: what part of each population fires how fast.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel, extent};
use crate::{Population, ReportError, style};
use kuva::render::render_utils::compute_tick_step;
use mdl_artifact::Artifact;
use mdl_data::tasks::Judged;

const CHECK: Check = Check("firing-rate distribution");
const PLOT_HEIGHT: f64 = 170.0;
/// About how many bins the rates of a network fall into.
const BINS: usize = 24;

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

/// The firing rates of the units of an evaluated spiking network.
///
/// # Errors
/// [`ReportError`]: a tensor that is missing or does not fit.
pub fn from_artifact(artifact: &Artifact) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::of(artifact)?.filter(|_| artifact.has("rate_hz")) else { return Ok(None) };
    let populations = evaluation.populations(CHECK)?;
    let title = match evaluation.judged {
        Judged::Lif => "Firing rates from step 10 on",
        Judged::Trained => "Firing rates",
    };
    let rates_hz = artifact.values("rate_hz", &[populations.len()])?;
    RateDistribution { title, rates_hz, populations: &populations }.draw().map(Some)
}

impl RateDistribution<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no unit, lengths that differ, rates that are negative or not finite.
    pub fn draw(&self) -> Result<Figure, ReportError> {
        self.check()?;
        let groups = Population::groups(self.populations);
        let (bin, bins) = self.bins();
        let parts: Vec<_> = groups.iter().map(|(_, units)| self.parts(units, bin, bins)).collect();
        let mut canvas = Canvas::new(style::NARROW, self.title);
        canvas.legend(&self.keys(&groups));
        let height = PLOT_HEIGHT + style::BOTTOM;
        let width = style::NARROW - style::LEFT - style::RIGHT;
        let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
        let rate = Axis::exact("Firing rate (Hz)", (0.0, bin * bins as f64));
        let units = Axis::from_zero("Fraction of population", parts.iter().flatten().copied(), 4);
        let panel = Panel::new(canvas.size(height), frame, rate, units);
        for ((population, _), parts) in groups.iter().zip(&parts) {
            draw_steps(&mut canvas, &panel, parts, bin, population.colour());
        }
        canvas.axes(&panel);
        Ok(canvas.finish(height, self.description(&groups)))
    }

    /// Width in Hz and number of the bins.
    fn bins(&self) -> (f64, usize) {
        let (_, highest) = extent(self.rates_hz.iter().copied());
        if highest <= 0.0 {
            return (1.0, 1);
        }
        let bin = compute_tick_step(0.0, highest, BINS);
        (bin, (highest / bin).floor() as usize + 1)
    }

    /// Part of the units whose rate falls into each bin.
    fn parts(&self, units: &[usize], bin: f64, bins: usize) -> Vec<f64> {
        let mut counts = vec![0u32; bins];
        for &unit in units {
            counts[((self.rates_hz[unit] / bin) as usize).min(bins - 1)] += 1;
        }
        counts.into_iter().map(|count| f64::from(count) / units.len() as f64).collect()
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

/// A histogram as filled outline, so that populations behind one another are seen; nothing is drawn beyond its ends.
fn draw_steps(canvas: &mut Canvas, panel: &Panel, parts: &[f64], bin: f64, colour: &'static str) {
    let filled = |part: &f64| *part > 0.0;
    let (Some(first), Some(last)) = (parts.iter().position(filled), parts.iter().rposition(filled)) else { return };
    let at = |edge: usize, part: f64| panel.at((edge as f64 * bin, part));
    let steps = (first..=last).flat_map(|index| [at(index, parts[index]), at(index + 1, parts[index])]);
    let outline: Vec<_> = [at(first, 0.0)].into_iter().chain(steps).chain([at(last + 1, 0.0)]).collect();
    canvas.fill(colour, 0.25, |path| {
        path.polyline(outline.iter().copied());
        path.close();
    });
    canvas.stroke(outline, colour, 1.3, None);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_in_one_bin() {
        let rates: Vec<f64> = (0..50).map(|unit| f64::from(unit * unit) * 0.01).collect();
        let figure = RateDistribution { title: "", rates_hz: &rates, populations: &[Population::Unsigned; 50] };
        let (bin, bins) = figure.bins();
        assert_eq!((bin, bins), (1.0, 25));
        let parts = figure.parts(&(0..50).collect::<Vec<_>>(), bin, bins);
        assert_eq!(parts[0], 0.2);
        assert!((parts.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let silent = RateDistribution { rates_hz: &[0.0], populations: &[Population::Unsigned], ..figure };
        assert!(silent.draw().is_ok());
    }
}
