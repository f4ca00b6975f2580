//! Data of the part of a report that can be explored: what its script, `explore.js`, draws.
//!
//! Numbers have four significant digits, and the trials, units, potentials and modes are the first or most important ones, so that
//! a report stays small.

use crate::check::Check;
use crate::evaluation::{Evaluation, Spikes};
use crate::figures::membrane::thresholds;
use crate::figures::output;
use crate::mode_space::ModeSpace;
use crate::outputs::Outputs;
use crate::{Population, ReportError, style};
use mdl_artifact::Artifact;
use mdl_data::field::length;
use mdl_data::tasks::Evaluated;
use serde_json::{Map, Value, json};

const CHECK: Check = Check("data to explore");
/// Maximum numbers of trials, of spikes in all of them, of potentials and their times, of modes.
const MOST_TRIALS: usize = 8;
const MOST_SPIKES: usize = 200_000;
const MOST_POTENTIALS: usize = 8;
const MOST_TIMES: usize = 1000;
/// Maximum number of units whose rates are compared.
const MOST_UNITS: usize = 1000;

/// Data of an evaluation or recording, as JSON that can be in a page; none for other artifacts, and without recorded
/// trials.
///
/// # Errors
/// [`ReportError`]: a missing or mismatched tensor.
pub(crate) fn data(artifact: &Artifact) -> Result<Option<String>, ReportError> {
    let Some(evaluation) = Evaluation::with_activity(artifact)? else { return Ok(None) };
    let spikes = evaluation.spikes()?;
    let task = evaluation.task();
    let outputs = match task.filter(|_| artifact.has("output") && artifact.has("target")) {
        Some(task) => Some(Outputs::of(&evaluation, task, CHECK)?),
        None => None,
    };
    let recorded = match &outputs {
        _ if !spikes.is_empty() => spikes.len(),
        Some(outputs) if artifact.has("input") => artifact.shape::<3>("input")?[0].min(outputs.conditions.len()),
        _ => 0,
    };
    let mut total = 0;
    let few = |trial: &usize| {
        total += spikes.get(*trial).map_or(0, |spikes| spikes.unit.len());
        *trial == 0 || total <= MOST_SPIKES
    };
    let trials: Vec<usize> = (0..recorded.min(MOST_TRIALS)).take_while(few).collect();
    if trials.is_empty() {
        return Ok(None);
    }
    let explored = Explored { artifact, evaluation: &evaluation, outputs: outputs.as_ref(), trials: trials.len() };
    let text = explored.data(&spikes)?.to_string();
    // Inside a script element, only this character could end it.
    Ok(Some(text.replace('<', "\\u003c")))
}

/// An evaluation and what of it is explored.
struct Explored<'a> {
    artifact: &'a Artifact,
    evaluation: &'a Evaluation<'a>,
    outputs: Option<&'a Outputs<'a>>,
    /// Number of trials, which are the first ones.
    trials: usize,
}

/// Mode variables of each trial and of the rate network in it, and what holds for all trials.
type Modes = ([Vec<Value>; 2], Value);

impl Explored<'_> {
    fn data(&self, spikes: &[Spikes]) -> Result<Value, ReportError> {
        let (artifact, evaluation) = (self.artifact, self.evaluation);
        let populations = evaluation.drawn_populations(CHECK)?;
        let occurring = self.occurring();
        let task = evaluation.task();
        let condition = |(index, condition): (usize, &usize)| {
            let name = task.map_or("", |task| task.conditions()[*condition].as_str());
            json!({ "name": name, "colour": style::condition_colour(index) })
        };
        let time_ms: &[f64] = match artifact.has("time_ms") {
            true => artifact.values("time_ms", &artifact.shape::<1>("time_ms")?)?,
            false => &[],
        };
        let windows = evaluation.windows();
        let start = windows.first().map_or(evaluation.duration_ms() / 2.0, |window| window.from_ms);
        let units = match evaluation.is_recording() {
            true => json!(artifact.values::<u32>("recorded_unit", &artifact.shape::<1>("recorded_unit")?)?),
            false => Value::Null,
        };
        let outputs = self.outputs.map_or(0, |outputs| outputs.width);
        let names = task.map_or(&[][..], |task| task.output_names());
        let levels =
            |output| task.map(|task| output::thresholds(task, evaluation.evaluated, output)).unwrap_or_default();
        let potential = self.potential(&populations)?;
        let modes = self.modes(&occurring)?;
        let mut trials = self.trials(spikes, &occurring)?;
        if let Some((values, _)) = &potential {
            put(&mut trials, "potential", values);
        }
        if let Some((values, _)) = &modes {
            put(&mut trials, "modes", &values[0]);
            put(&mut trials, "rateModes", &values[1]);
        }
        Ok(json!({
            "network": evaluation.network(),
            "duration": evaluation.duration_ms(),
            "cursor": start,
            "step": if time_ms.len() > 1 { rounded(time_ms[1] - time_ms[0]) } else { json!(0) },
            "time": list(time_ms.iter().copied()),
            "windows": pairs(&windows),
            "conditions": occurring.iter().enumerate().map(condition).collect::<Vec<_>>(),
            "inputs": if artifact.has("input") { task.map_or(&[][..], |task| task.inputs()) } else { &[] },
            "outputs": names.iter().take(outputs).collect::<Vec<_>>(),
            "thresholds": (0..outputs).map(|output| list(levels(output))).collect::<Vec<_>>(),
            "populations": Population::ALL.map(|p| json!({ "name": p.label(), "colour": p.colour() })),
            "population": populations.iter().map(|population| *population as u8).collect::<Vec<_>>(),
            "units": units,
            "means": self.means(&occurring)?,
            "trials": trials,
            "potential": potential.map(|(_, about)| about),
            "modes": modes.map(|(_, about)| about),
            "rates": self.rates(&occurring, populations.len())?,
        }))
    }

    /// Conditions with trials, in order.
    fn occurring(&self) -> Vec<usize> {
        let Some(outputs) = self.outputs else { return Vec::new() };
        let mut occurring = outputs.conditions.clone();
        occurring.sort_unstable();
        occurring.dedup();
        occurring
    }

    /// The trials, without potentials and modes.
    fn trials(&self, spikes: &[Spikes], occurring: &[usize]) -> Result<Vec<Value>, ReportError> {
        let (artifact, evaluation) = (self.artifact, self.evaluation);
        let labels = evaluation.labels()?;
        let correct: &[u8] = match artifact.has("correct") {
            true => artifact.values("correct", &artifact.shape::<1>("correct")?)?,
            false => &[],
        };
        let windows = evaluation.windows_by_trial(self.trials)?;
        let inputs = self.inputs()?;
        let of_trial = |trial: usize| -> Value {
            let mut value = json!({
                "label": labels.get(trial),
                "correct": correct.get(trial).map(|correct| *correct != 0),
                "windows": pairs(&windows[trial]),
                "input": inputs.get(trial),
            });
            if let Some(outputs) = self.outputs {
                let channels = |values: &[f32]| -> Value {
                    (0..outputs.width).map(|channel| list(outputs.of_trial(values, trial, channel))).collect()
                };
                value["condition"] = json!(occurring.iter().position(|own| *own == outputs.conditions[trial]));
                value["output"] = channels(outputs.output);
                value["target"] = channels(outputs.target);
                value["rate"] = outputs.rate_network.map(channels).into();
            }
            if let Some(spikes) = spikes.get(trial) {
                let tenths = spikes.time_ms.iter().map(|time| json!((time * 10.0).round() / 10.0));
                value["spikes"] = json!({ "time": tenths.collect::<Vec<_>>(), "unit": spikes.unit });
            }
            value
        };
        Ok((0..self.trials).map(of_trial).collect())
    }

    /// Inputs of the trials, each `[K][times]`; none if they were not recorded.
    fn inputs(&self) -> Result<Vec<Value>, ReportError> {
        if !self.artifact.has("input") || self.outputs.is_none() {
            return Ok(Vec::new());
        }
        let shape @ [recorded, times, channels] = self.artifact.shape::<3>("input")?;
        let input = self.artifact.values::<f32>("input", &shape)?;
        Ok((0..recorded.min(self.trials))
            .map(|trial| columns(&input[trial * times * channels..], times, channels))
            .collect())
    }

    /// Means over the trials of each condition.
    fn means(&self, occurring: &[usize]) -> Result<Vec<Value>, ReportError> {
        let (Some(outputs), artifact) = (self.outputs, self.artifact) else { return Ok(Vec::new()) };
        let input = match artifact.has("mean_input") {
            true => Some((
                artifact.values::<f32>("mean_input", &artifact.shape::<3>("mean_input")?)?,
                artifact.shape::<3>("mean_input")?,
            )),
            false => None,
        };
        let mut means = Vec::new();
        for condition in occurring {
            let members = outputs.members(*condition);
            let mut value = Map::from_iter([("n".to_owned(), json!(members.len()))]);
            let arrays =
                [("output", Some(outputs.output)), ("target", Some(outputs.target)), ("rate", outputs.rate_network)];
            for (name, values) in arrays.into_iter().filter_map(|(name, values)| Some((name, values?))) {
                let (mut mean, mut sd) = (Vec::new(), Vec::new());
                for channel in 0..outputs.width {
                    let (own_mean, own_sd) = outputs.mean_and_sd(values, &members, channel)?;
                    mean.push(list(own_mean));
                    sd.push(list(own_sd));
                }
                value.insert(name.into(), mean.into());
                if name == "output" {
                    value.insert("sd".into(), sd.into());
                }
            }
            if let Some((input, [_, times, channels])) = input {
                value.insert("input".into(), columns(&input[condition * times * channels..], times, channels));
            }
            means.push(value.into());
        }
        Ok(means)
    }

    /// Potentials of each trial, and what is common to them.
    fn potential(&self, populations: &[Population]) -> Result<Option<(Vec<Value>, Value)>, ReportError> {
        let (artifact, evaluation) = (self.artifact, self.evaluation);
        let lif = evaluation.evaluated == Evaluated::Lif;
        let name = if lif { "v_mv" } else { "potential" };
        if evaluation.is_recording() || !artifact.has(name) {
            return Ok(None);
        }
        let shape @ [recorded, times, units] = artifact.shape::<3>(name)?;
        if recorded * times * units == 0 {
            return Ok(None);
        }
        let values = artifact.values::<f32>(name, &shape)?;
        let numbers = artifact.values::<u32>("recorded_unit", &[units])?;
        let shown = units.min(MOST_POTENTIALS);
        let every = times.div_ceil(MOST_TIMES);
        let time_ms: Vec<f64> = match lif {
            true => artifact.values::<f64>("potential_time_ms", &[times])?.to_vec(),
            false => (0..times).map(|step| step as f64 * evaluation.experiment.task.step_ms()).collect(),
        };
        let of_unit = |trial: usize, unit: usize| -> Value {
            list((0..times).step_by(every).map(|time| f64::from(values[(trial * times + time) * units + unit])))
        };
        let of_trial = |trial: usize| -> Value { (0..shown).map(|unit| of_unit(trial, unit)).collect() };
        let population = |unit: &u32| populations.get(length(*unit)).copied().unwrap_or(Population::Unsigned) as u8;
        let thresholds = thresholds(evaluation, units)?;
        let (label, unit) = if lif { ("Potential (mV)", "mV") } else { ("Potential", "") };
        let about = json!({
            "time": list(time_ms.into_iter().step_by(every)),
            "units": &numbers[..shown],
            "population": numbers[..shown].iter().map(population).collect::<Vec<_>>(),
            "threshold": list(thresholds.into_iter().take(shown)),
            "label": label,
            "unit": unit,
        });
        Ok(Some(((0..recorded.min(self.trials)).map(of_trial).collect(), about)))
    }

    /// Mode variables of each trial and of the rate network in it, and their means by condition, of the most important modes.
    fn modes(&self, occurring: &[usize]) -> Result<Option<Modes>, ReportError> {
        let (artifact, Some(task)) = (self.artifact, self.evaluation.task()) else { return Ok(None) };
        let Some(space) = ModeSpace::of(artifact, task, self.evaluation.experiment.task.step_ms(), self.outputs)?
        else {
            return Ok(None);
        };
        let of = |values: &[f32], times: usize| -> Value {
            space
                .order
                .iter()
                .map(|mode| list((0..times).map(|time| f64::from(values[time * space.modes + mode]))))
                .collect()
        };
        let row = |condition: &usize| {
            if !space.conditions.contains(condition) {
                return Value::Null;
            }
            let times = space.time_ms.len();
            of(&space.means[condition * times * space.modes..][..times * space.modes], times)
        };
        let of_trials = |trials: Option<(&[f32], [usize; 3])>| {
            trials.map_or_else(Vec::new, |(values, [recorded, times, _])| {
                (0..recorded.min(self.trials)).map(|trial| of(&values[trial * times * space.modes..], times)).collect()
            })
        };
        let trials = [of_trials(space.trials), of_trials(space.rate_network)];
        let about = json!({
            "count": space.order.len(),
            "names": space.order.iter().map(|mode| format!("Mode {mode}")).collect::<Vec<_>>(),
            "time": list(space.time_ms.iter().copied()),
            "means": occurring.iter().map(row).collect::<Vec<_>>(),
        });
        Ok(Some((trials, about)))
    }

    /// Rates of each unit in the LIF and in the rate network, by condition.
    fn rates(&self, occurring: &[usize], units: usize) -> Result<Value, ReportError> {
        let artifact = self.artifact;
        if !artifact.has("rate_mean_rate") || !artifact.has("rate_hz_by_condition") || units > MOST_UNITS {
            return Ok(Value::Null);
        }
        let shape = artifact.shape::<2>("rate_mean_rate")?;
        CHECK.value("units of rate_mean_rate", shape[1] == units, shape[1], &units.to_string())?;
        let rows = |name| -> Result<Value, ReportError> {
            let values = artifact.values::<f64>(name, &shape)?;
            Ok(occurring.iter().map(|condition| list(values[condition * units..][..units].iter().copied())).collect())
        };
        Ok(json!({ "rate": rows("rate_mean_rate")?, "hz": rows("rate_hz_by_condition")? }))
    }
}

/// Puts a value into each of the first trials.
fn put(trials: &mut [Value], name: &str, values: &[Value]) {
    trials.iter_mut().zip(values).for_each(|(trial, value)| trial[name] = value.clone());
}

fn pairs(windows: &[crate::window::Window]) -> Value {
    windows.iter().map(|window| json!([window.from_ms, window.to_ms])).collect()
}

/// The channels of `[times, channels]`, each a list.
fn columns(values: &[f32], times: usize, channels: usize) -> Value {
    let column = |channel: usize| list((0..times).map(|time| f64::from(values[time * channels + channel])));
    (0..channels).map(column).collect()
}

fn list(values: impl IntoIterator<Item = f64>) -> Value {
    values.into_iter().map(rounded).collect()
}

/// Four significant digits.
fn rounded(x: f64) -> Value {
    let short: f64 = format!("{x:.3e}").parse().unwrap_or(f64::NAN);
    if short.fract() == 0.0 && short.abs() < 1e15 { json!(short as i64) } else { json!(short) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(list([0.123_456, 1.0, -2e-7, 123_456.0, f64::NAN]).to_string(), "[0.1235,1,-2e-7,123500,null]");
    }
}
