//! Spike raster with units grouped by population, the rate of each population below and the rate of each unit beside
//! it.

use crate::canvas::{Canvas, Key, Type, first_of};
use crate::check::Check;
use crate::evaluation::{Evaluation, Spikes};
use crate::figure::Figure;
use crate::lanes::{self, Curve, Lanes};
use crate::mark::Path;
use crate::panel::{Axis, Frame, Panel, number};
use crate::window::{self, Window};
use crate::{Look, Population, ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::tasks::Evaluated;

const CHECK: Check = Check("spike raster");
/// Width of the panel of unit rates, and distance from the raster.
const UNIT_RATES: (f64, f64) = (80.0, 26.0);
/// Height of the panel of population rates, and distance from the raster.
const POPULATION_RATES: (f64, f64) = (74.0, 14.0);
/// Maximum height of the inputs of a trial, and distance from its raster.
const INPUT: (f64, f64) = (72.0, 13.0);
/// Distance between the rasters of two trials, with room for the name of the lower one.
const BETWEEN_TRIALS: f64 = 20.0;
/// Width of a spike, and its minimum height, in px.
const SPIKE_WIDTH: f64 = 0.9;
const LEAST_HEIGHT: f64 = 1.1;

/// Spikes of one trial.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// Name of the trial, such as its condition; shown for several trials.
    pub label: &'a str,
    /// Time of each spike, in ms, in any order.
    pub time_ms: &'a [f64],
    /// Unit of each spike.
    pub unit: &'a [u32],
    /// Stimulus and response windows.
    pub windows: &'a [Window<'a>],
    /// When the trial ended, if before the others (ms); spikes after that are drawn, but count in no rate.
    pub end_ms: Option<f64>,
}

/// Inputs of the trials of a raster.
#[derive(Clone, Copy, Debug)]
pub struct Stimulus<'a> {
    /// Names of the channels.
    pub names: &'a [String],
    /// Times of the inputs, ascending, in ms.
    pub time_ms: &'a [f64],
    /// Input of each trial, `[trials, times, channels]`.
    pub input: &'a [f32],
}

/// Maximum number of bins of the population rates: more than ten per pixel are invisible.
const MOST_BINS: f64 = 5000.0;

/// Maximum number of trials in a raster: more would not fit on a screen.
pub const MOST_TRIALS: usize = 8;

/// Spike raster of one or several trials.
#[derive(Clone, Copy, Debug)]
pub struct Raster<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Duration of a trial in ms.
    pub duration_ms: f64,
    /// Population of each unit; units are grouped by it, in the order of [`Population::ALL`] from the bottom.
    pub populations: &'a [Population],
    /// The trials, from the top; of more than [`MOST_TRIALS`] the first are drawn, and the figure says so.
    pub trials: &'a [Trial<'a>],
    /// Inputs, shown below the raster of each trial.
    pub stimulus: Option<Stimulus<'a>>,
    /// Windows of the panel with the rates of populations.
    pub windows: &'a [Window<'a>],
    /// Bin width of a panel with the rate of each population, mean over trials, in ms; wider for very long trials.
    pub rate_bin_ms: Option<f64>,
    /// Shows the rate of each unit beside the raster.
    pub unit_rates: bool,
    /// Spikes before this time (ms) count in no rate.
    pub counted_from_ms: f64,
}

/// Spikes of the recorded trials of an evaluation.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub fn from_artifact(artifact: &Artifact, look: Look) -> Result<Option<Figure>, ReportError> {
    let Some(evaluation) = Evaluation::with_activity(artifact)? else { return Ok(None) };
    let spikes = evaluation.spikes()?;
    if spikes.is_empty() {
        return Ok(None);
    }
    let mut trials = Vec::new();
    let windows = evaluation.windows_by_trial(spikes.len())?;
    let ends_ms = evaluation.ends_ms()?;
    for (index, (Spikes { label, time_ms, unit }, windows)) in spikes.iter().zip(&windows).enumerate() {
        let end_ms = ends_ms.and_then(|ends| ends.get(index)).copied();
        trials.push(Trial { label, time_ms, unit, windows, end_ms });
    }
    let rate_bin_ms = match evaluation.evaluated {
        Evaluated::Lif => 20.0,
        Evaluated::Trained => 10.0 * evaluation.experiment.task.step_ms(),
    };
    let figure = Raster {
        title: "Spikes",
        duration_ms: evaluation.duration_ms(),
        populations: &evaluation.drawn_populations(CHECK)?,
        trials: &trials,
        stimulus: stimulus(&evaluation, trials.len())?,
        windows: &evaluation.windows(),
        rate_bin_ms: Some(rate_bin_ms),
        unit_rates: true,
        counted_from_ms: match evaluation.evaluated {
            Evaluated::Lif => mdl_convert::lif::FIRST_COUNTED_STEP as f64 * evaluation.experiment.lif.step_ms(),
            Evaluated::Trained => 0.0,
        },
    };
    figure.draw(look).map(Some)
}

/// Inputs of the recorded trials; none for images and in evaluations of earlier versions.
fn stimulus<'a>(evaluation: &'a Evaluation, trials: usize) -> Result<Option<Stimulus<'a>>, ReportError> {
    let artifact = evaluation.artifact;
    let Some(task) = evaluation.task().filter(|_| artifact.has("input")) else { return Ok(None) };
    let [times] = artifact.shape("time_ms")?;
    let input = artifact.values::<f32>("input", &[trials, times, task.channels()])?;
    Ok(Some(Stimulus { names: task.inputs(), time_ms: artifact.values("time_ms", &[times])?, input }))
}

/// A population with the row of each of its units.
struct Group {
    population: Population,
    units: Vec<usize>,
    first_row: usize,
}

impl Raster<'_> {
    /// Draws the figure.
    ///
    /// # Errors
    /// [`ReportError`]: no unit or no trial, different lengths, a spike of an unknown unit or outside the trial, a
    /// duration or bin width that is not positive. A trial without spikes is not an error.
    pub fn draw(&self, look: Look) -> Result<Figure, ReportError> {
        self.check()?;
        let trials = &self.trials[..self.trials.len().min(MOST_TRIALS)];
        let rate_bin_ms = self.rate_bin_ms.map(|bin_ms| bin_ms.max(self.duration_ms / MOST_BINS));
        Ok(Self { trials, rate_bin_ms, ..*self }.draw_all(look, self.trials.len()))
    }

    /// Draws all trials, which are the first of this number.
    fn draw_all(&self, look: Look, of: usize) -> Figure {
        let groups = self.groups();
        let mut canvas = Canvas::new(look, look.wide(), self.title);
        canvas.note_part(self.trials.len(), of, "recorded trials");
        canvas.legend(&self.keys(&groups));
        let frames = self.frames(&canvas);
        let lowest = frames[frames.len() - 1];
        let rates = self.rate_bin_ms.map_or(0.0, |_| POPULATION_RATES.0 + POPULATION_RATES.1);
        let height = lowest.bottom() + self.strip() - canvas.top + rates + style::BOTTOM;
        let highest_rate = self.trials.iter().flat_map(|trial| self.unit_rates_hz(trial)).fold(0.0, f64::max);
        for (index, (trial, &frame)) in self.trials.iter().zip(&frames).enumerate() {
            let last = index + 1 == self.trials.len();
            self.draw_trial(&mut canvas, height, frame, trial, &groups, last);
            if index == 0 {
                self.letter_panels(&mut canvas, frame);
            }
            self.draw_stimulus(&mut canvas, height, frame, index, last);
            if self.unit_rates {
                self.draw_unit_rates(&mut canvas, height, frame, trial, &groups, (highest_rate, last));
            }
        }
        if let Some(bin_ms) = self.rate_bin_ms {
            let top = lowest.bottom() + self.strip() + POPULATION_RATES.1;
            let frame = Frame { top, height: POPULATION_RATES.0, ..lowest };
            canvas.letter(frame, style::LEFT);
            self.draw_population_rates(&mut canvas, height, frame, &groups, bin_ms);
        }
        let mut description = self.description(&groups);
        if self.trials.len() < of {
            description = format!("{description} {}", first_of(self.trials.len(), of, "recorded trials"));
        }
        canvas.finish(height, description, self.caption())
    }

    /// Letters of the panels of the first trial, whose raster is in `frame`.
    fn letter_panels(&self, canvas: &mut Canvas, frame: Frame) {
        canvas.letter(frame, style::LEFT);
        if self.unit_rates {
            canvas.letter(Frame { left: frame.right() + UNIT_RATES.1, ..frame }, 16.0);
        }
        if self.stimulus.is_some() {
            canvas.letter(Frame { top: frame.bottom() + INPUT.1, ..frame }, style::LEFT);
        }
    }

    fn caption(&self) -> String {
        let trials = if self.trials.len() == 1 { "one trial".into() } else { format!("{} trials", self.trials.len()) };
        let mut text = format!("Spikes in {trials}: a row per unit, sorted by population.");
        if self.unit_rates {
            text.push_str(" Right: rate of each unit in the trial.");
        }
        if self.stimulus.is_some() {
            text.push_str(" Below each raster: the inputs of the trial.");
        }
        if let Some(bin_ms) = self.rate_bin_ms {
            text.push_str(&format!(
                " Bottom: mean rate of each population over these trials, in bins of {} ms.",
                number(bin_ms)
            ));
        }
        if self.counted_from_ms > 0.0 {
            text.push_str(&format!(
                " Rates leave out spikes before {} ms, as the evaluation does.",
                number(self.counted_from_ms)
            ));
        }
        let windows: Vec<Window> = self.trials.iter().flat_map(|trial| trial.windows).copied().collect();
        text.push_str(&window::sentence(&windows));
        text
    }

    /// Positions of the rasters of the trials.
    fn frames(&self, canvas: &Canvas) -> Vec<Frame> {
        let count = self.trials.len();
        let height = match count {
            1 => 260.0,
            2 => 160.0,
            _ => 110.0,
        };
        let beside = if self.unit_rates { UNIT_RATES.0 + UNIT_RATES.1 } else { 0.0 };
        let name = if count > 1 { BETWEEN_TRIALS } else { 0.0 };
        let top = |index: usize| canvas.top + name + index as f64 * (height + self.strip() + name);
        let width = canvas.panel_width() - beside;
        (0..count).map(|index| Frame { left: style::LEFT, top: top(index), width, height }).collect()
    }

    /// Height of the inputs of a trial, with their distance from the raster.
    fn strip(&self) -> f64 {
        let height = |stimulus: &Stimulus| INPUT.1 + lanes::height(stimulus.names.len(), INPUT.0);
        self.stimulus.as_ref().map_or(0.0, height)
    }

    /// Draws the inputs of a trial below its raster in `raster`.
    fn draw_stimulus(&self, canvas: &mut Canvas, height: f64, raster: Frame, trial: usize, last: bool) {
        let Some(Stimulus { names, time_ms, input }) = self.stimulus else { return };
        let channels = names.len();
        let own = &input[trial * time_ms.len() * channels..][..time_ms.len() * channels];
        let curve = |channel: usize| Curve {
            channel,
            colour: style::INK,
            values: own.iter().skip(channel).step_by(channels).map(|x| f64::from(*x)).collect(),
        };
        let curves: Vec<Curve> = (0..channels).map(curve).collect();
        let frame = Frame { top: raster.bottom() + INPUT.1, height: self.strip() - INPUT.1, ..raster };
        let time = self.time_axis(last && self.rate_bin_ms.is_none());
        let lanes = Lanes { label: "Input", names, time_ms, curves: &curves, windows: self.trials[trial].windows };
        lanes.draw(canvas, height, frame, time);
    }

    fn draw_trial(&self, canvas: &mut Canvas, height: f64, frame: Frame, trial: &Trial, groups: &[Group], last: bool) {
        let time = self.time_axis(last && self.rate_bin_ms.is_none() && self.stimulus.is_none());
        let label = if groups.len() > 1 { "Units, by population" } else { "Unit" };
        let units = Axis::count(label, self.populations.len());
        let panel = Panel::new(canvas.size(height), frame, time, units);
        window::shade(canvas, &panel, trial.windows);
        let rows = self.rows(groups);
        let pitch = frame.height / self.populations.len() as f64;
        let tall = if pitch > 3.0 { pitch - 1.0 } else { pitch.max(LEAST_HEIGHT) };
        for (index, group) in groups.iter().enumerate() {
            canvas.outline(group.population.colour(), tall, |path| draw_spikes(path, &panel, trial, &rows, index));
        }
        canvas.axes(&panel);
        if self.trials.len() > 1 {
            canvas.text((frame.left, frame.top - 5.0), trial.label, Type::new(style::TICK_SIZE).bold());
        }
    }

    fn draw_unit_rates(
        &self,
        canvas: &mut Canvas,
        height: f64,
        frame: Frame,
        trial: &Trial,
        groups: &[Group],
        (highest, last): (f64, bool),
    ) {
        let frame = Frame { left: frame.right() + UNIT_RATES.1, width: UNIT_RATES.0, ..frame };
        let rate = Axis::from_zero("Rate (Hz)", [highest], 2);
        let units = Axis::count("", self.populations.len()).bare();
        let panel = Panel::new(canvas.size(height), frame, if last { rate } else { rate.bare() }, units);
        let (rates, pitch) = (self.unit_rates_hz(trial), frame.height / self.populations.len() as f64);
        for group in groups {
            canvas.fill(group.population.colour(), 1.0, |path| {
                for (index, &unit) in group.units.iter().enumerate().filter(|(_, unit)| rates[**unit] > 0.0) {
                    let (end, middle) = panel.at((rates[unit], (group.first_row + index) as f64 + 0.5));
                    let tall = if pitch > 3.0 { pitch - 1.0 } else { pitch };
                    path.rectangle(frame.left, middle - tall / 2.0, end - frame.left, tall);
                }
            });
        }
        canvas.axes(&panel);
    }

    fn draw_population_rates(&self, canvas: &mut Canvas, height: f64, frame: Frame, groups: &[Group], bin_ms: f64) {
        let curves: Vec<_> = groups.iter().map(|group| self.population_rate_hz(group, bin_ms)).collect();
        let values = curves.iter().flatten().map(|&(_, rate)| rate);
        let rate = Axis::from_zero("Rate (Hz)", values, 3);
        let panel = Panel::new(canvas.size(height), frame, self.time_axis(true), rate);
        window::shade(canvas, &panel, self.windows);
        for (group, curve) in groups.iter().zip(&curves) {
            canvas.curve(&panel, curve, group.population.colour(), None);
        }
        canvas.axes(&panel);
    }

    /// Mean rate of the units of a group in each bin, over all trials: (middle of the bin in ms, rate in Hz).
    fn population_rate_hz(&self, group: &Group, bin_ms: f64) -> Vec<(f64, f64)> {
        let bins = (self.duration_ms / bin_ms).ceil().max(1.0) as usize;
        let mut counts = vec![0u64; bins];
        for trial in self.trials {
            for (time, &unit) in trial.time_ms.iter().zip(trial.unit) {
                if self.populations[unit as usize] == group.population && self.counts(trial, *time) {
                    counts[((time / bin_ms) as usize).min(bins - 1)] += 1;
                }
            }
        }
        let rate = |(bin, &count): (usize, &u64)| {
            let (from, to) = (bin as f64 * bin_ms, ((bin + 1) as f64 * bin_ms).min(self.duration_ms));
            let from_counted = from.max(self.counted_from_ms);
            let lasted = |trial: &Trial| (self.end_ms(trial).min(to) - from_counted).max(0.0);
            let unit_seconds = self.trials.iter().map(lasted).sum::<f64>() / 1000.0 * group.units.len() as f64;
            (unit_seconds > 0.0).then(|| ((from + to) / 2.0, count as f64 / unit_seconds))
        };
        counts.iter().enumerate().map_while(rate).collect()
    }

    fn end_ms(&self, trial: &Trial) -> f64 {
        trial.end_ms.unwrap_or(self.duration_ms)
    }

    /// True if a spike at this time counts in the rates.
    fn counts(&self, trial: &Trial, time_ms: f64) -> bool {
        (self.counted_from_ms..=self.end_ms(trial)).contains(&time_ms)
    }

    fn unit_rates_hz(&self, trial: &Trial) -> Vec<f64> {
        let mut rates = vec![0.0; self.populations.len()];
        let counted_ms = self.end_ms(trial) - self.counted_from_ms;
        for (_, &unit) in trial.time_ms.iter().zip(trial.unit).filter(|(time, _)| self.counts(trial, **time)) {
            rates[unit as usize] += 1000.0 / counted_ms;
        }
        rates
    }

    fn time_axis(&self, lowest: bool) -> Axis {
        let axis = Axis::exact("Time (ms)", (0.0, self.duration_ms)).with_ticks(6);
        if lowest { axis } else { axis.bare() }
    }

    fn groups(&self) -> Vec<Group> {
        let mut first_row = 0;
        let place = |(population, units): (Population, Vec<usize>)| {
            let group = Group { population, first_row, units };
            first_row += group.units.len();
            group
        };
        Population::groups(self.populations).into_iter().map(place).collect()
    }

    /// Group and row of each unit.
    fn rows(&self, groups: &[Group]) -> Vec<(usize, usize)> {
        let mut rows = vec![(0, 0); self.populations.len()];
        for (index, group) in groups.iter().enumerate() {
            for (position, &unit) in group.units.iter().enumerate() {
                rows[unit] = (index, group.first_row + position);
            }
        }
        rows
    }

    fn keys(&self, groups: &[Group]) -> Vec<(Key, String)> {
        let name = |group: &Group| format!("{} (n = {})", group.population.label(), group.units.len());
        let mut keys: Vec<_> = groups.iter().map(|g| (Key::Block(g.population.colour()), name(g))).collect();
        let windows: Vec<Window> = self.trials.iter().flat_map(|trial| trial.windows).copied().collect();
        keys.extend(window::keys(&windows));
        keys
    }

    fn description(&self, groups: &[Group]) -> String {
        let spikes: usize = self.trials.iter().map(|trial| trial.unit.len()).sum();
        let name = |group: &Group| format!("{} {}", group.units.len(), group.population.label());
        let groups: Vec<_> = groups.iter().map(name).collect();
        let trials = if self.trials.len() == 1 { "one trial".into() } else { format!("{} trials", self.trials.len()) };
        format!("Raster of {spikes} spikes in {trials} of {} ms: {}.", self.duration_ms, groups.join(", "))
    }

    fn check(&self) -> Result<(), ReportError> {
        CHECK.not_empty("unit", self.populations)?;
        CHECK.not_empty("trial", self.trials)?;
        let positive = |what, value: f64| CHECK.value(what, value > 0.0 && value.is_finite(), value, "a positive time");
        positive("duration", self.duration_ms)?;
        if let Some(bin_ms) = self.rate_bin_ms {
            positive("bin of the population rate", bin_ms)?;
        }
        window::check(self.windows, CHECK)?;
        if let Some(Stimulus { names, time_ms, input }) = self.stimulus {
            CHECK.not_empty("input channel", names)?;
            CHECK.not_empty("time of the input", time_ms)?;
            CHECK.length("input", input, self.trials.len() * time_ms.len() * names.len())?;
        }
        for trial in self.trials {
            window::check(trial.windows, CHECK)?;
            let what = format!("units of the spikes of trial {}", trial.label);
            CHECK.length(&what, trial.unit, trial.time_ms.len())?;
            let unknown = trial.unit.iter().find(|&&unit| unit as usize >= self.populations.len());
            let expected = format!("a unit below {}", self.populations.len());
            CHECK.value(&what, unknown.is_none(), unknown.unwrap_or(&0), &expected)?;
            let outside = trial.time_ms.iter().find(|&&time| !(0.0..=self.duration_ms).contains(&time));
            let (what, expected) =
                (format!("spikes of trial {}", trial.label), format!("0 to {} ms", self.duration_ms));
            CHECK.value(&what, outside.is_none(), outside.unwrap_or(&0.0), &expected)?;
        }
        Ok(())
    }
}

/// Draws the spikes of a group, line by line: units less than half a px apart share a line, and touching spikes share a
/// run. The file stays small however many spikes there are.
fn draw_spikes(path: &mut Path, panel: &Panel, trial: &Trial, rows: &[(usize, usize)], group: usize) {
    let line = |row: usize| (panel.at_y(row as f64 + 0.5) * 2.0).round() as i64;
    let width = (SPIKE_WIDTH * 10.0) as i64;
    let mut spikes: Vec<(i64, i64)> = (trial.time_ms.iter().zip(trial.unit))
        .filter(|(_, unit)| rows[**unit as usize].0 == group)
        .map(|(&time, &unit)| (line(rows[unit as usize].1), (panel.at_x(time) * 10.0).round() as i64))
        .collect();
    spikes.sort_unstable();
    for run in spikes.chunk_by(|a, b| a.0 == b.0 && b.1 - a.1 <= width) {
        let (line, from) = run[0];
        let to = run[run.len() - 1].1 + width;
        path.run(line as f64 / 2.0, from as f64 / 10.0, to as f64 / 10.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_spikes_a_second() {
        let populations = [Population::Inhibitory, Population::Excitatory, Population::Excitatory];
        let trial =
            Trial { label: "", time_ms: &[5.0, 15.0, 250.0, 250.0], unit: &[1, 2, 2, 0], windows: &[], end_ms: None };
        let raster = Raster {
            title: "",
            duration_ms: 250.0,
            populations: &populations,
            trials: &[trial, trial],
            stimulus: None,
            windows: &[],
            rate_bin_ms: Some(100.0),
            unit_rates: true,
            counted_from_ms: 0.0,
        };
        assert_eq!(raster.unit_rates_hz(&trial), [4.0, 4.0, 8.0]);
        let groups = raster.groups();
        assert_eq!(raster.rows(&groups), [(1, 2), (0, 0), (0, 1)]);
        // Two excitatory units in two trials; the last bin has half the width.
        assert_eq!(raster.population_rate_hz(&groups[0], 100.0), [(50.0, 10.0), (150.0, 0.0), (225.0, 10.0)]);
        let ended = [Trial { end_ms: Some(100.0), ..trial }];
        let raster = Raster { trials: &ended, ..raster };
        assert_eq!(raster.unit_rates_hz(&ended[0]), [0.0, 10.0, 10.0]);
        assert_eq!(raster.population_rate_hz(&groups[0], 100.0), [(50.0, 10.0)], "nothing after the end");
        let late = Raster { trials: &[trial], counted_from_ms: 10.0, ..raster };
        assert_eq!(late.unit_rates_hz(&trial)[1], 0.0, "nothing before the beginning");
        assert_eq!(late.population_rate_hz(&groups[0], 100.0)[0], (50.0, 1.0 / (2.0 * 0.09)));
    }
    #[test]
    fn many_trials_make_the_picture_of_the_first() {
        let trials = [Trial { label: "Go", time_ms: &[5.0], unit: &[0], windows: &[], end_ms: None }; 200];
        let draw = |count: usize| {
            let raster = Raster {
                title: "",
                duration_ms: 10.0,
                populations: &[Population::Unsigned],
                trials: &trials[..count],
                stimulus: None,
                windows: &[],
                rate_bin_ms: None,
                unit_rates: false,
                counted_from_ms: 0.0,
            };
            raster.draw(Look::SCREEN).unwrap()
        };
        let many = draw(200);
        assert!(many.svg().contains("The first 8 of 200 recorded trials.") && many.description().contains("8 of 200"));
        assert!(!draw(MOST_TRIALS).svg().contains("The first"));
        assert!(many.svg().matches(">Go<").count() == MOST_TRIALS && many.png(2.0).is_ok());
    }
}
