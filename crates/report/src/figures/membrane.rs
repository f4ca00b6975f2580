//! Membrane potential of selected units over time, with threshold and spikes.

use crate::canvas::{Canvas, Key, Type, first_of};
use crate::check::Check;
use crate::evaluation::Evaluation;
use crate::figure::Figure;
use crate::panel::{Axis, Frame, Panel};
use crate::window::{self, Window};
use crate::{Look, Population, ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::field::length;
use mdl_data::tasks::Evaluated;
use mdl_model::NetworkConfig;

const CHECK: Check = Check("membrane potentials");
/// Maximum number of units to draw: more would not fit on a screen or page.
pub const MOST_UNITS: usize = 32;
/// Height of the panel of one unit, and distance between panels.
const UNIT: (f64, f64) = (72.0, 16.0);
/// Fraction of the height kept free above the highest potential, for the spikes.
const HEADROOM: f64 = 0.25;

/// Unit of a membrane potential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PotentialUnit {
    /// Millivolt, for LIF networks.
    Millivolt,
    /// Dimensionless, for networks with threshold 1.
    Dimensionless,
}

/// The potential at which a unit spikes.
#[derive(Clone, Copy, Debug)]
pub enum Threshold<'a> {
    /// The same at every step.
    Fixed(f64),
    /// One value per step.
    Moving(&'a [f64]),
}

impl Threshold<'_> {
    fn values(&self) -> &[f64] {
        match self {
            Self::Fixed(value) => std::slice::from_ref(value),
            Self::Moving(values) => values,
        }
    }

    /// The threshold at a step.
    fn at(&self, step: usize) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Moving(values) => values[step.min(values.len() - 1)],
        }
    }
}

/// The membrane potential of one unit.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    /// Name of the unit, such as `unit 12`.
    pub label: &'a str,
    /// Population of the unit.
    pub population: Population,
    /// Membrane potential, one value per step.
    pub potential: &'a [f64],
    /// Spike times in ms.
    pub spikes_ms: &'a [f64],
    /// Potential at which it spikes.
    pub threshold: Option<Threshold<'a>>,
}

/// Membrane potential of selected units, one panel per unit.
#[derive(Clone, Copy, Debug)]
pub struct MembraneTraces<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Time of each step, ascending, in ms.
    pub time_ms: &'a [f64],
    /// Unit of the potentials.
    pub potential_unit: PotentialUnit,
    /// The units, from the top; of more than [`MOST_UNITS`] the first are drawn, and the figure says so.
    pub traces: &'a [Trace<'a>],
    /// Stimulus and response windows.
    pub windows: &'a [Window<'a>],
}

/// Potentials of the recorded units of an evaluation, in its first trial.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::of(artifact)? else { return Ok(None) };
    let spikes = evaluation.spikes()?;
    let Some(spikes) = spikes.first() else { return Ok(None) };
    let (name, shape @ [_, times, count]) = evaluation.potentials()?;
    if count == 0 {
        return Ok(None);
    }
    let (units, potentials) =
        (artifact.values::<u32>("recorded_unit", &[count])?, artifact.values::<f32>(name, &shape)?);
    let populations = evaluation.populations(CHECK)?;
    let (thresholds, moving) = (thresholds(&evaluation, count)?, moving_thresholds(&evaluation, &shape)?);
    let time_ms = match evaluation.evaluated {
        Evaluated::Lif => artifact.values::<f64>("potential_time_ms", &[times])?.to_vec(),
        Evaluated::Trained => (0..times).map(|step| step as f64 * evaluation.experiment.task.step_ms()).collect(),
    };
    let mut drawn = Vec::new();
    for (u, unit) in units.iter().enumerate() {
        let population = populations.get(length(*unit)).copied();
        CHECK.value("recorded units", population.is_some(), unit, &format!("units below {}", populations.len()))?;
        let of_unit = |values: &[f32]| -> Vec<f64> {
            values[..times * count].iter().skip(u).step_by(count).map(|v| f64::from(*v)).collect()
        };
        let potential = of_unit(potentials);
        let own = spikes.time_ms.iter().zip(&spikes.unit).filter(|(_, of)| *of == unit);
        let spikes_ms: Vec<f64> = own.map(|(time, _)| *time).collect();
        let population = population.unwrap_or(Population::Unsigned);
        drawn.push((format!("unit {unit}"), population, potential, spikes_ms, moving.map(of_unit)));
    }
    let mut traces = Vec::new();
    for ((label, population, potential, spikes_ms, moving), fixed) in drawn.iter().zip(&thresholds) {
        let threshold = moving.as_deref().map_or(Threshold::Fixed(*fixed), Threshold::Moving);
        let (population, threshold) = (*population, Some(threshold));
        traces.push(Trace { label, population, potential, spikes_ms, threshold });
    }
    let figure = MembraneTraces {
        title: &format!("Membrane potentials, {}", spikes.label),
        time_ms: &time_ms,
        potential_unit: match evaluation.evaluated {
            Evaluated::Lif => PotentialUnit::Millivolt,
            Evaluated::Trained => PotentialUnit::Dimensionless,
        },
        traces: &traces,
        windows: &evaluation.windows_by_trial(1)?[0],
    };
    figure.draw(look).map(Some)
}

/// Thresholds of `count` recorded units.
pub(crate) fn thresholds(evaluation: &Evaluation, count: usize) -> Result<Vec<f64>, ReportError> {
    let shared = match (evaluation.evaluated, &evaluation.experiment.network) {
        (Evaluated::Trained, NetworkConfig::Spiking(config)) => config.neuron.threshold,
        _ => evaluation.experiment.lif.v_peak_mv(),
    };
    if evaluation.evaluated == Evaluated::Trained && evaluation.artifact.has("threshold") {
        let own = evaluation.artifact.values::<f32>("threshold", &[count])?;
        return Ok(own.iter().map(|threshold| f64::from(*threshold)).collect());
    }
    Ok(vec![shared; count])
}

/// Thresholds of the recorded units that change from step to step, `[S, times, U]` as the potentials: those of adaptive neurons.
fn moving_thresholds<'a>(evaluation: &Evaluation<'a>, shape: &[usize]) -> Result<Option<&'a [f32]>, ReportError> {
    let moves = match (evaluation.evaluated, &evaluation.experiment.network) {
        (Evaluated::Trained, NetworkConfig::Spiking(config)) => config.neuron.model.moves_threshold(),
        _ => false,
    };
    if !moves {
        return Ok(None);
    }
    let name = "moving_threshold";
    evaluation.require(CHECK, name)?;
    Ok(Some(evaluation.artifact.values::<f32>(name, shape)?))
}

impl MembraneTraces<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no step or no unit, different lengths, values that are not finite.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let drawn = self.traces.len().min(MOST_UNITS);
        Ok(Self { traces: &self.traces[..drawn], ..*self }.draw_all(look, self.traces.len()))
    }

    /// Draws all traces, which are those of the first of this number of units.
    fn draw_all(&self, look: Look, of: usize) -> Figure {
        let mut canvas = Canvas::new(look, look.wide(), self.title);
        canvas.note_part(self.traces.len(), of, "recorded units");
        canvas.legend(&self.keys());
        let count = self.traces.len() as f64;
        let height = count * (UNIT.0 + UNIT.1) + style::BOTTOM;
        let extremes = self.extremes();
        for (index, trace) in self.traces.iter().enumerate() {
            let frame = Frame {
                left: style::LEFT,
                top: canvas.top + UNIT.1 + index as f64 * (UNIT.0 + UNIT.1),
                width: canvas.panel_width(),
                height: UNIT.0,
            };
            let lowest = index + 1 == self.traces.len();
            self.draw_unit(&mut canvas, height, frame, trace, extremes, lowest);
        }
        let middle = canvas.top + UNIT.1 + (count * (UNIT.0 + UNIT.1) - UNIT.1) / 2.0;
        let upwards = Type { upwards: true, ..Type::new(style::LABEL_SIZE).centred() };
        canvas.text((15.0, middle), self.potential_label(), upwards);
        canvas.finish(height, self.description(of), self.caption())
    }

    fn draw_unit(
        &self,
        canvas: &mut Canvas,
        height: f64,
        frame: Frame,
        trace: &Trace,
        extremes: (f64, f64),
        lowest: bool,
    ) {
        let time = Axis::time(self.time_ms);
        let panel = Panel::new(canvas.size(height), frame, if lowest { time } else { time.bare() }, axis(extremes));
        window::shade(canvas, &panel, self.windows);
        match trace.threshold {
            Some(Threshold::Fixed(threshold)) => canvas.level(&panel, threshold, style::REFERENCE),
            Some(Threshold::Moving(values)) => {
                let points: Vec<_> = self.time_ms.iter().copied().zip(values.iter().copied()).collect();
                canvas.dashed_curve(&panel, &points, style::REFERENCE);
            }
            None => {}
        }
        let points: Vec<_> = self.time_ms.iter().copied().zip(trace.potential.iter().copied()).collect();
        canvas.fine_curve(&panel, &points, trace.population.colour());
        canvas.outline(trace.population.colour(), 1.0, |path| {
            for &time in trace.spikes_ms {
                let step = self.time_ms.partition_point(|&t| t < time);
                let (x, foot) = (panel.at_x(time), trace.threshold.map_or(extremes.1, |threshold| threshold.at(step)));
                path.polyline([(x, panel.at_y(foot)), (x, frame.top + 3.0)]);
            }
        });
        canvas.axes(&panel);
        let label = match trace.population {
            Population::Unsigned => trace.label.to_string(),
            population => format!("{} ({})", trace.label, population.label()),
        };
        canvas.text((frame.left, frame.top - 4.0), &label, Type::new(style::TICK_SIZE).bold());
    }

    /// Lowest and highest potential of all units, including their thresholds.
    fn extremes(&self) -> (f64, f64) {
        let potentials = self.traces.iter().flat_map(|trace| trace.potential);
        let thresholds = self.traces.iter().filter_map(|trace| trace.threshold.as_ref()).flat_map(Threshold::values);
        crate::panel::extent(potentials.chain(thresholds).copied())
    }

    fn potential_label(&self) -> &'static str {
        match self.potential_unit {
            PotentialUnit::Millivolt => "Membrane potential (mV)",
            PotentialUnit::Dimensionless => "Membrane potential",
        }
    }

    fn keys(&self) -> Vec<(Key, String)> {
        let threshold = self.traces.iter().find_map(|trace| trace.threshold);
        let threshold = threshold.map(|_| (Key::Level, "threshold".to_owned()));
        threshold.into_iter().chain(window::keys(self.windows)).collect()
    }

    fn caption(&self) -> String {
        let threshold = match self.traces.iter().any(|trace| trace.threshold.is_some()) {
            true => " Dotted: threshold; bars above it: spikes.",
            false => "",
        };
        format!("{}: single units in one trial.{threshold}{}", self.title, window::sentence(self.windows))
    }

    fn description(&self, of: usize) -> String {
        let unit = |trace: &Trace| format!("{} ({} spikes)", trace.label, trace.spikes_ms.len());
        let units: Vec<_> = self.traces.iter().map(unit).collect();
        let mut text = format!("{} against time in ms of {}.", self.potential_label(), units.join(", "));
        if units.len() < of {
            text = format!("{text} {}", first_of(units.len(), of, "recorded units"));
        }
        text
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("step", self.time_ms)?;
        CHECK.finite("time", self.time_ms)?;
        CHECK.value("time", self.time_ms.is_sorted(), "a step back", "ascending times")?;
        CHECK.not_empty("unit", self.traces)?;
        window::check(self.windows, CHECK)?;
        for trace in self.traces {
            let what = format!("potential of {}", trace.label);
            CHECK.length(&what, trace.potential, self.time_ms.len())?;
            CHECK.finite(&what, trace.potential)?;
            CHECK.finite(&format!("spikes of {}", trace.label), trace.spikes_ms)?;
            if let Some(threshold) = &trace.threshold {
                let what = format!("threshold of {}", trace.label);
                if let Threshold::Moving(values) = threshold {
                    CHECK.length(&what, values, self.time_ms.len())?;
                }
                CHECK.finite(&what, threshold.values())?;
            }
        }
        Ok(())
    }
}

/// Axis shared by all units.
fn axis((low, high): (f64, f64)) -> Axis {
    Axis::exact("", (low - 0.04 * (high - low), high + HEADROOM * (high - low))).with_ticks(3)
}
