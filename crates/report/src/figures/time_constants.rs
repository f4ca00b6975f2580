//! Distribution of time constants: the units of a rate network, the synaptic decay τ_d of a LIF or spiking network, or the
//! membranes of a spiking network whose neurons have their own.
//!
//! If units share one constant, there is a single bar, which shows that nothing was trained or drawn per unit.

use crate::canvas::{Canvas, Key};
use crate::check::Check;
use crate::evaluation::experiment;
use crate::figure::Figure;
use crate::histogram::Bins;
use crate::panel::{Axis, Frame, Panel};
use crate::{Look, Population, ReportError, style};
use mdl_artifact::{Artifact, Kind};
use mdl_model::NetworkConfig;

const CHECK: Check = Check("time-constant distribution");
const PLOT_HEIGHT: f64 = 170.0;

/// Time constants of a network; for a LIF network, the τ_d of its synapses; for a spiking network, those of its membranes
/// where they were drawn or trained, else the τ_d of its synapses.
///
/// # Errors
/// [`ReportError`]: a mismatched tensor, or a constant that is not positive.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let (tensor, title) = match artifact.kind {
        Kind::Rate => ("tau_ms", "Time constants of the units"),
        Kind::Lif => ("tau_ms", "Synaptic decay time constants"),
        Kind::Spiking if artifact.has("tau_membrane_ms") => ("tau_membrane_ms", "Membrane time constants"),
        Kind::Spiking => ("tau_decay_ms", "Synaptic decay time constants"),
        _ => return Ok(None),
    };
    let experiment = experiment(artifact)?;
    let units = experiment.network.neurons();
    let tau_ms: Vec<f64> = match &experiment.network {
        _ if artifact.has(tensor) => {
            artifact.values::<f32>(tensor, &[units])?.iter().map(|tau| f64::from(*tau)).collect()
        }
        // Without a filter there is no time constant.
        NetworkConfig::Spiking(config) if config.neuron.tau_decay_ms == 0.0 => return Ok(None),
        NetworkConfig::Spiking(config) => vec![config.neuron.tau_decay_ms; units],
        NetworkConfig::Rate(_) => return Ok(None),
    };
    TimeConstants { title, tau_ms: &tau_ms, populations: &Population::of_units(artifact, units)? }.draw(look).map(Some)
}

/// Distribution of the units' time constants, by population.
#[derive(Clone, Copy, Debug)]
pub struct TimeConstants<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Time constant of each unit (ms).
    pub tau_ms: &'a [f64],
    /// Population of each unit.
    pub populations: &'a [Population],
}

impl TimeConstants<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no unit, different lengths, constants that are not positive and finite.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let groups = Population::groups(self.populations);
        let bins = self.bins();
        let counts: Vec<Vec<f64>> = groups.iter().map(|(_, units)| self.counts(units, bins)).collect();
        let mut canvas = Canvas::new(look, look.narrow(), self.title);
        let keys: Vec<_> = groups
            .iter()
            .map(|(population, units)| (Key::Block(population.colour()), self.name(*population, units)))
            .collect();
        canvas.legend(&keys);
        let height = PLOT_HEIGHT + style::BOTTOM;
        let width = canvas.panel_width();
        let frame = Frame { left: style::LEFT, top: canvas.top, width, height: PLOT_HEIGHT };
        let tau = Axis::exact("Time constant (ms)", bins.range()).with_decimal_steps();
        let units = Axis::count("Units", counts.iter().flatten().copied().fold(0.0, f64::max) as usize);
        let panel = Panel::new(canvas.size(height), frame, tau, units);
        for ((population, _), counts) in groups.iter().zip(&counts) {
            bins.draw(&mut canvas, &panel, counts, population.colour());
        }
        canvas.axes(&panel);
        let names: Vec<String> = keys.into_iter().map(|(_, name)| name).collect();
        let caption = format!("{} by population (overlaid histograms).", self.title);
        let text = format!("Histogram of the time constants of units: {}.", names.join("; "));
        Ok(canvas.finish(height, text, caption))
    }

    /// The bins; a single constant is in the middle one.
    fn bins(&self) -> Bins {
        let lowest = self.tau_ms.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = self.tau_ms.iter().copied().fold(0.0, f64::max);
        if self.is_shared() {
            const COUNT: usize = 21;
            return Bins { from: 0.0, width: 2.0 * lowest / COUNT as f64, count: COUNT };
        }
        Bins::between(lowest, highest)
    }

    /// Number of units in each bin.
    fn counts(&self, units: &[usize], bins: Bins) -> Vec<f64> {
        bins.counts(units.iter().map(|unit| self.tau_ms[*unit]))
    }

    /// True if all units have the same constant.
    fn is_shared(&self) -> bool {
        self.tau_ms.iter().all(|tau| *tau == self.tau_ms[0])
    }

    /// A population in the legend: `excitatory (n = 160, median 68 ms)`.
    fn name(&self, population: Population, units: &[usize]) -> String {
        let mut own: Vec<f64> = units.iter().map(|unit| self.tau_ms[*unit]).collect();
        own.sort_by(f64::total_cmp);
        let median = (own[(own.len() - 1) / 2] + own[own.len() / 2]) / 2.0;
        let how = if self.is_shared() { "all" } else { "median" };
        format!("{} (n = {}, {how} {median:.1} ms)", population.label(), units.len())
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("unit", self.tau_ms)?;
        CHECK.length("populations", self.populations, self.tau_ms.len())?;
        CHECK.finite("time constants", self.tau_ms)?;
        let wrong = self.tau_ms.iter().find(|&&tau| tau <= 0.0);
        CHECK.value("time constants", wrong.is_none(), wrong.unwrap_or(&0.0), "positive ones")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_in_one_bin_and_a_shared_constant_in_the_middle() {
        let tau_ms: Vec<f64> = (0..50).map(|unit| 20.0 + f64::from(unit * unit) * 0.04).collect();
        let figure = TimeConstants { title: "", tau_ms: &tau_ms, populations: &[Population::Unsigned; 50] };
        let bins = figure.bins();
        assert_eq!((bins.from, bins.width, bins.count), (20.0, 5.0, 20));
        let counts = figure.counts(&(0..50).collect::<Vec<_>>(), bins);
        assert_eq!((counts[0], counts.iter().sum::<f64>()), (12.0, 50.0));
        let shared = TimeConstants { tau_ms: &[60.0; 50], ..figure };
        let counts = shared.counts(&(0..50).collect::<Vec<_>>(), shared.bins());
        assert_eq!((counts[10], counts.len()), (50.0, 21));
        assert!(shared.draw(Look::SCREEN).unwrap().description().contains("units (n = 50, all 60.0 ms)"));
        // Twelve ms, of which the ticks are 5 apart: a step of 2.5 would need decimals.
        let tau_ms: Vec<f64> = (0..50).map(|unit| 20.0 + f64::from(unit) * 0.24).collect();
        let svg = TimeConstants { tau_ms: &tau_ms, ..figure }.draw(Look::SCREEN).unwrap().svg().to_owned();
        assert!(svg.contains(">25<") && svg.contains(">30<") && !svg.contains(".5<"), "{svg}");
        let refused = TimeConstants { tau_ms: &[0.0; 50], ..figure }.draw(Look::SCREEN).unwrap_err().to_string();
        assert!(refused.contains("time constants: found 0, expected positive ones"), "{refused}");
    }
}
