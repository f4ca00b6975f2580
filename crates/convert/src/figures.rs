//! The figures of this crate's programs, and where they are written: `figures/<output's name>-<figure>.svg` and `.png`
//! beside the output.

use crate::error::Result;
use crate::evaluate::Evaluation;
use crate::search::{Candidate, Found};
use mdl_data::tasks::{Judged, Response, Task, Trials};
use mdl_report::figures::membrane::{PotentialUnit, Trace};
use mdl_report::figures::output::{Condition, mean_and_sd};
use mdl_report::figures::raster::Trial;
use mdl_report::figures::{MembraneTraces, Output, Raster, RateDistribution, SearchCurve, Window, search};
use mdl_report::{Figure, Population};
use mdl_stage::output::{check_free, write_atomically};
use std::path::{Path, PathBuf};

/// Pixels of a PNG to a unit of the figure.
const PNG_SCALE: f32 = 2.0;

/// Where the figures of one output go.
#[derive(Clone, Debug)]
pub struct FigureFiles {
    directory: PathBuf,
    stem: String,
    force: bool,
}

impl FigureFiles {
    /// The place for the figures of `output`; existing ones are overwritten only with `force`.
    ///
    /// # Errors
    /// One of the figures `names` exists, and `force` is not given.
    pub fn beside(output: &Path, force: bool, names: &[&str]) -> Result<Self> {
        let stem = output.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let files = Self { directory: output.with_file_name("figures"), stem, force };
        for name in names {
            for extension in ["svg", "png"] {
                check_free(&files.path(name, extension), force)?;
            }
        }
        Ok(files)
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.directory.join(format!("{}-{name}.{extension}", self.stem))
    }

    /// Writes a figure as SVG and PNG.
    ///
    /// # Errors
    /// The figure cannot be rendered or written.
    pub fn write(&self, name: &str, figure: &Figure) -> Result<()> {
        write_atomically(&self.path(name, "svg"), figure.svg().as_bytes(), self.force)?;
        write_atomically(&self.path(name, "png"), &figure.png(PNG_SCALE)?, self.force)?;
        Ok(())
    }
}

/// Performance and firing rate against the scaling factor.
///
/// # Errors
/// The data cannot be drawn.
pub fn search_curve(candidates: &[Candidate], chosen: f64, predicted: Option<f64>, criterion: f64) -> Result<Figure> {
    let candidates: Vec<search::Candidate> = candidates
        .iter()
        .map(|c| search::Candidate {
            scaling_factor: c.scaling_factor,
            performance: c.performance(),
            interval: c.interval(),
            rate_hz: c.rate_hz,
        })
        .collect();
    let curve = SearchCurve {
        title: "Search for the scaling factor",
        candidates: &candidates,
        chosen: Some(chosen),
        predicted,
        criterion: Some(criterion),
    };
    Ok(curve.draw()?)
}

/// The figure of a search that just ended.
///
/// # Errors
/// The data cannot be drawn.
pub fn found_curve(found: &Found, predicted: Option<f64>, criterion: f64) -> Result<Figure> {
    search_curve(&found.candidates, found.chosen().scaling_factor, predicted, criterion)
}

/// The figures of an evaluation, by name.
///
/// # Errors
/// The data cannot be drawn.
pub fn evaluation_figures(
    evaluation: &Evaluation,
    trials: &Trials,
    task: &dyn Task,
    populations: &[Population],
    v_peak_mv: f64,
) -> Result<Vec<(&'static str, Figure)>> {
    let response = task.response_window(Judged::Lif);
    let windows = [Window {
        label: "response",
        from_ms: response.start as f64 * task.step_ms(),
        to_ms: response.end as f64 * task.step_ms(),
    }];
    let mut figures = vec![("output", output(evaluation, trials, task, &windows)?)];
    if !evaluation.recorded.is_empty() {
        figures.push(("raster", raster(evaluation, task, populations, &windows)?));
    }
    let rates = RateDistribution { title: "Firing rates", rates_hz: &evaluation.rate_hz, populations };
    figures.push(("rates", rates.draw()?));
    if !evaluation.recorded.is_empty() && !evaluation.recorded_units.is_empty() {
        figures.push(("membrane", membrane(evaluation, task, populations, v_peak_mv, &windows)?));
    }
    Ok(figures)
}

/// Mean ± sd of the first output channel over the trials of each condition, with the mean target.
fn output(evaluation: &Evaluation, trials: &Trials, task: &dyn Task, windows: &[Window]) -> Result<Figure> {
    let times = evaluation.time_ms.len();
    let sample = |t: f64| ((t / task.step_ms()) as usize).min(trials.steps - 1);
    let mut drawn = Vec::new();
    for (condition, label) in task.conditions().iter().enumerate() {
        let members: Vec<usize> = (0..trials.count).filter(|b| trials.condition[*b] == condition).collect();
        if members.is_empty() {
            continue;
        }
        let value = |b: &usize, t: usize| evaluation.output[(b * times + t) * evaluation.outputs];
        let values: Vec<f64> = members.iter().flat_map(|b| (0..times).map(move |t| value(b, t))).collect();
        let target_of = |b: usize, t: f64| f64::from(trials.target[(sample(t) * trials.count + b) * trials.outputs]);
        let target: Vec<f64> = evaluation
            .time_ms
            .iter()
            .map(|t| members.iter().map(|b| target_of(*b, *t)).sum::<f64>() / members.len() as f64)
            .collect();
        let (mean, sd) = mean_and_sd(&values, times)?;
        drawn.push((*label, mean, sd, target));
    }
    let conditions: Vec<Condition> =
        drawn.iter().map(|(label, mean, sd, target)| Condition { label, mean, sd, target: Some(target) }).collect();
    let mut thresholds: Vec<f64> = (0..task.conditions().len())
        .flat_map(|condition| match task.response(condition) {
            Response::Above(x) | Response::Below(x) => vec![x],
            Response::Within(x) => vec![x, -x],
        })
        .collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    let figure = Output {
        title: "Output of the LIF network",
        time_ms: &evaluation.time_ms,
        conditions: &conditions,
        windows,
        thresholds: &thresholds,
    };
    Ok(figure.draw()?)
}

/// Spikes of the recorded trials.
fn raster(evaluation: &Evaluation, task: &dyn Task, populations: &[Population], windows: &[Window]) -> Result<Figure> {
    let spikes: Vec<(Vec<f64>, Vec<u32>)> = evaluation
        .recorded
        .iter()
        .map(|run| run.spikes.iter().map(|s| (f64::from(s.step) * evaluation.step_ms, s.unit)).unzip())
        .collect();
    let trials: Vec<Trial> = spikes
        .iter()
        .zip(&evaluation.condition)
        .map(|((time_ms, unit), condition)| Trial { label: task.conditions()[*condition], time_ms, unit })
        .collect();
    let figure = Raster {
        title: "Spikes",
        duration_ms: task.steps() as f64 * task.step_ms(),
        populations,
        trials: &trials,
        windows,
        rate_bin_ms: Some(20.0),
        unit_rates: true,
    };
    Ok(figure.draw()?)
}

/// Potentials of the recorded units in the first trial.
fn membrane(
    evaluation: &Evaluation,
    task: &dyn Task,
    populations: &[Population],
    v_peak_mv: f64,
    windows: &[Window],
) -> Result<Figure> {
    let (run, units) = (&evaluation.recorded[0], &evaluation.recorded_units);
    let potential = |u: usize| run.v_mv.iter().skip(u).step_by(units.len()).copied().collect::<Vec<f64>>();
    let spikes_ms = |unit: usize| {
        let own = run.spikes.iter().filter(|s| s.unit as usize == unit);
        own.map(|s| f64::from(s.step) * evaluation.step_ms).collect::<Vec<f64>>()
    };
    let drawn: Vec<_> = units
        .iter()
        .enumerate()
        .map(|(u, unit)| (format!("unit {unit}"), populations[*unit], potential(u), spikes_ms(*unit)))
        .collect();
    let traces: Vec<Trace> = drawn
        .iter()
        .map(|(label, population, potential, spikes_ms)| Trace { label, population: *population, potential, spikes_ms })
        .collect();
    let figure = MembraneTraces {
        title: &format!("Membrane potentials, {}", task.conditions()[evaluation.condition[0]]),
        time_ms: &evaluation.time_ms,
        potential_unit: PotentialUnit::Millivolt,
        traces: &traces,
        threshold: Some(v_peak_mv),
        windows,
    };
    Ok(figure.draw()?)
}
