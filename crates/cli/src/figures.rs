//! The figures of searches and of LIF evaluations.

use mdl_convert::evaluate::Evaluation;
use mdl_convert::search::{Candidate, Found};
use mdl_data::tasks::{Judged, Task, Trials};
use mdl_report::figures::membrane::{PotentialUnit, Trace};
use mdl_report::figures::raster::Trial;
use mdl_report::figures::{MembraneTraces, Raster, RateDistribution, SearchCurve, Window, search};
use mdl_report::from_trials::TrialOutput;
use mdl_report::{Figure, Population, ReportError};

/// Performance and firing rate against the scaling factor.
///
/// # Errors
/// The data cannot be drawn.
pub fn search_curve(
    candidates: &[Candidate],
    chosen: f64,
    predicted: Option<f64>,
    criterion: f64,
) -> Result<Figure, ReportError> {
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
    curve.draw()
}

/// The figure of a search that just ended.
///
/// # Errors
/// The data cannot be drawn.
pub fn found_curve(found: &Found, predicted: Option<f64>, criterion: f64) -> Result<Figure, ReportError> {
    search_curve(&found.candidates, found.chosen().scaling_factor, predicted, criterion)
}

/// A figure with its name, or why it cannot be drawn.
pub type Drawn = (&'static str, Result<Figure, ReportError>);

/// The figures of an evaluation, by name.
pub fn evaluation_figures(
    evaluation: &Evaluation,
    trials: &Trials,
    task: &dyn Task,
    populations: &[Population],
    v_peak_mv: f64,
) -> Vec<Drawn> {
    let response = task.response_window(Judged::Lif);
    let windows = [Window {
        label: "response",
        from_ms: response.start as f64 * task.step_ms(),
        to_ms: response.end as f64 * task.step_ms(),
    }];
    let output = TrialOutput {
        time_ms: &evaluation.time_ms,
        values: &evaluation.output,
        width: evaluation.outputs,
        judged: Judged::Lif,
    };
    let mut figures = vec![("output", output.draw("Output of the LIF network", trials, task, &windows))];
    if !evaluation.recorded.is_empty() {
        figures.push(("raster", raster(evaluation, task, populations, &windows)));
    }
    let rates = RateDistribution { title: "Firing rates from step 10 on", rates_hz: &evaluation.rate_hz, populations };
    figures.push(("rates", rates.draw()));
    if !evaluation.recorded.is_empty() && !evaluation.recorded_units.is_empty() {
        figures.push(("membrane", membrane(evaluation, task, populations, v_peak_mv, &windows)));
    }
    figures
}

/// Spikes of the recorded trials.
fn raster(
    evaluation: &Evaluation,
    task: &dyn Task,
    populations: &[Population],
    windows: &[Window],
) -> Result<Figure, ReportError> {
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
    figure.draw()
}

/// Potentials of the recorded units in the first trial.
fn membrane(
    evaluation: &Evaluation,
    task: &dyn Task,
    populations: &[Population],
    v_peak_mv: f64,
    windows: &[Window],
) -> Result<Figure, ReportError> {
    let (run, units) = (&evaluation.recorded[0], &evaluation.recorded_units);
    let potential = |u: usize| run.v_mv.iter().skip(u).step_by(units.len()).copied().collect::<Vec<f64>>();
    let spikes = run.spikes.iter().map(|s| (f64::from(s.step) * evaluation.step_ms, s.unit));
    let spikes_ms = by_unit(spikes, populations.len());
    let drawn: Vec<_> = units
        .iter()
        .enumerate()
        .map(|(u, unit)| (format!("unit {unit}"), populations[*unit], potential(u), &spikes_ms[*unit]))
        .collect();
    let traces: Vec<Trace> = drawn
        .iter()
        .map(|(label, population, potential, spikes_ms)| Trace {
            label,
            population: *population,
            potential,
            spikes_ms,
            threshold: Some(v_peak_mv),
        })
        .collect();
    let figure = MembraneTraces {
        title: &format!("Membrane potentials, {}", task.conditions()[evaluation.condition[0]]),
        time_ms: &evaluation.potential_time_ms,
        potential_unit: PotentialUnit::Millivolt,
        traces: &traces,
        windows,
    };
    figure.draw()
}

/// Times of the spikes of each of so many units, from the time and unit of each spike.
pub fn by_unit(spikes: impl Iterator<Item = (f64, u32)>, units: usize) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::new(); units];
    spikes.for_each(|(time, unit)| times[unit as usize].push(time));
    times
}
