//! Trajectories after random perturbations: of rate networks computed without noise under constant input, of others run on trials
//! with pulses of current along the coordinates of mode space.

use crate::change::Change;
use crate::constant_inputs::{ConstantInput, constant_inputs};
use crate::error::Error;
use crate::fixed_points::system::System;
use crate::linear::{norm, times};
use crate::modes::Modes;
use crate::plane::Plane;
use crate::rate_model::RateModel;
use crate::settings::Settings;
use crate::subject::{Recording, Subject};
use crate::weights::recurrent;
use mdl_artifact::Kind;
use mdl_data::tasks::Trials;
use mdl_kernels::random::{Purpose, Stream};
use mdl_model::NetworkConfig;
use mdl_model::rate::parameters::RateParameters;
use rayon::prelude::*;

/// Perturbed trajectories under one input.
#[derive(Clone, Debug)]
pub struct Perturbed {
    /// First condition with this input.
    pub condition: usize,
    /// Time between two places of a path (ms).
    pub step_ms: f64,
    /// Paths in the coordinates of mode space, from the perturbation on, `[S][R][D]`
    pub paths: Vec<Vec<Vec<f64>>>,
    /// Rates at the end of each path, `[S][N]`
    pub ends: Vec<Vec<f64>>,
    /// Outputs at the end of each path, `[S][O]`
    pub outputs: Vec<Vec<f64>>,
    /// True for paths that were computed, false for trials of a network with spikes.
    pub computed: bool,
}

/// Streams of these perturbations among those of analyses.
const STREAM: u64 = 1 << 32;
/// Perturbed starts per input of a rate network.
const STARTS: usize = 100;
/// Duration of a computed path, in largest time constants.
const TIME_CONSTANTS: f64 = 40.0;
/// Steps of a computed path that are kept, the first ones.
const KEPT: usize = 20;

/// Perturbed trajectories of a network, for each of its constant inputs, or for each of its conditions. Without `to_rest`, computed
/// ones end after the steps that are kept.
///
/// # Errors
/// [`Error`], those of running a network, and an interruption.
pub fn perturbed<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    plane: &Plane,
    settings: &Settings,
    to_rest: bool,
) -> Result<Vec<Perturbed>, E> {
    match (subject.network(), subject.kind()) {
        (NetworkConfig::Rate(config), Kind::Rate) => {
            let parameters = RateParameters::read(subject.artifact(), config, "").map_err(Error::from)?;
            let model = RateModel::new(config, &parameters, subject.task().step_ms());
            let inputs = constant_inputs(subject, settings);
            let of_input = |(index, input): (usize, &ConstantInput)| {
                subject.check()?;
                let system = System::new(&model, &input.u);
                Ok(computed(subject, plane, &system, (input.condition, index as u64), to_rest))
            };
            inputs.iter().enumerate().map(of_input).collect()
        }
        _ => run(subject, plane),
    }
}

/// Paths of a rate network without noise from recorded states with noise of their own spread.
fn computed<E>(
    subject: &dyn Subject<Error = E>,
    plane: &Plane,
    system: &System,
    (condition, index): (usize, u64),
    to_rest: bool,
) -> Perturbed {
    let (recording, model) = (subject.recording(), system.model);
    let mut stream = Stream::new(subject.seed(), Purpose::Analysis, STREAM + index);
    let states: Vec<Vec<f64>> = (0..STARTS)
        .map(|_| {
            let trial = stream.below(recording.trials.max(1) as u32) as usize;
            let time = stream.below(subject.last(trial) as u32 + 1) as usize;
            let rates: Vec<f64> = recording.rates(trial, time).iter().map(|r| f64::from(*r)).collect();
            system.coordinates(&rates)
        })
        .collect();
    let count = states.len() as f64;
    let mean = |k: usize| states.iter().map(|z| z[k]).sum::<f64>() / count;
    let sd = |k: usize| (states.iter().map(|z| (z[k] - mean(k)).powi(2)).sum::<f64>() / count).sqrt();
    let spreads: Vec<f64> = (0..system.size()).map(sd).collect();
    let starts: Vec<Vec<f64>> = states
        .iter()
        .map(|z| {
            let moved = z.iter().zip(&spreads).map(|(z, sd)| z + sd * f64::from(stream.normal()));
            system.state(&moved.collect::<Vec<f64>>())
        })
        .collect();
    let slowest = model.leak.iter().copied().fold(f64::INFINITY, f64::min);
    let most = if to_rest { TIME_CONSTANTS / slowest } else { 0.0 };
    let steps = (most as usize).clamp(KEPT, 20_000);
    let run = |start: &Vec<f64>| {
        let mut x = start.clone();
        let mut path = vec![plane.at(&model.rates(&x))];
        for step in 1..=steps {
            let before = x.clone();
            model.step(&mut x, &system.drive);
            if step <= KEPT {
                path.push(plane.at(&model.rates(&x)));
            }
            let moved = norm(&x.iter().zip(&before).map(|(x, before)| x - before).collect::<Vec<f64>>());
            if step > KEPT && moved <= 1e-10 * (1.0 + norm(&x)) {
                break;
            }
        }
        (path, model.rates(&x), model.output(&x))
    };
    let (mut paths, mut ends, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
    for (path, end, output) in starts.par_iter().map(run).collect::<Vec<_>>() {
        paths.push(path);
        ends.push(end);
        outputs.push(output);
    }
    Perturbed { condition, step_ms: model.step_ms, paths, ends, outputs, computed: true }
}

/// Trials of a network with spikes, each with a pulse of current that begins in the second half of the trial.
fn run<E: From<Error>>(subject: &dyn Subject<Error = E>, plane: &Plane) -> Result<Vec<Perturbed>, E> {
    let trials = subject.trials();
    let directions = currents(subject, plane)?;
    let (pulses, wider) = pulses(subject, directions.len());
    let recording = subject.run(&Change::Inputs { directions }, &wider)?;
    let of_condition = |(condition, own): (usize, Vec<usize>)| {
        let mut found = Perturbed {
            condition,
            step_ms: step_ms(&recording),
            paths: Vec::new(),
            ends: Vec::new(),
            outputs: Vec::new(),
            computed: false,
        };
        for trial in own {
            let duration_ms = trials.length[trial] as f64 * subject.task().step_ms();
            let last = recording.last(duration_ms);
            let first = recording.last(pulses[trial].1 * subject.task().step_ms()).min(last);
            let path = (first..=last).map(|time| plane.at(&rates(&recording, trial, time, time))).collect();
            let tail = recording.last(duration_ms * 0.9).max(first);
            found.paths.push(path);
            found.ends.push(rates(&recording, trial, tail, last));
            let count = (last + 1 - tail) as f64;
            let mut output = vec![0.0; recording.outputs];
            for time in tail..=last {
                let row = recording.outputs(trial, time);
                output.iter_mut().zip(row).for_each(|(sum, y)| *sum += f64::from(*y) / count);
            }
            found.outputs.push(output);
        }
        found
    };
    Ok(subject.conditions().into_iter().map(of_condition).collect())
}

/// Mean rates of a trial over recorded steps, `[N]`.
fn rates(recording: &Recording, trial: usize, first: usize, last: usize) -> Vec<f64> {
    let mut mean = vec![0.0; recording.units];
    for time in first..=last {
        let row = recording.rates(trial, time).iter();
        mean.iter_mut().zip(row).for_each(|(mean, r)| *mean += f64::from(*r) / (last + 1 - first) as f64);
    }
    mean
}

fn step_ms(recording: &Recording) -> f64 {
    recording.time_ms.windows(2).next().map_or(1.0, |pair| pair[1] - pair[0])
}

/// Current along each coordinate that equals the recurrent one at a standard deviation of the coordinate, `[D][N]`.
fn currents<E: From<Error>>(subject: &dyn Subject<Error = E>, plane: &Plane) -> Result<Vec<Vec<f64>>, Error> {
    let (recording, artifact, n) = (subject.recording(), subject.artifact(), subject.units());
    let every = (recording.trials * recording.times / 2000).max(1);
    let places: Vec<Vec<f64>> = (recording.rate.chunks_exact(n.max(1)).step_by(every))
        .map(|row| plane.at(&row.iter().map(|r| f64::from(*r)).collect::<Vec<f64>>()))
        .collect();
    let count = places.len().max(1) as f64;
    let sd = |k: usize| {
        let mean = places.iter().map(|place| place[k]).sum::<f64>() / count;
        (places.iter().map(|place| (place[k] - mean).powi(2)).sum::<f64>() / count).sqrt()
    };
    let scale = match artifact.kind {
        Kind::Lif => 1.0 / artifact.values::<f64>("scaling_factor", &[1])?[0],
        _ => 1.0,
    };
    let modes = Modes::of(artifact)?;
    let mut found = Vec::new();
    for (k, direction) in plane.directions.iter().enumerate() {
        let factor = scale * sd(k);
        let along: Vec<f64> = match (&modes, plane.modes.get(k)) {
            (Some(modes), Some(mode)) => {
                modes.column_in(*mode).iter().map(|x| x * modes.score[*mode] * factor).collect()
            }
            _ => times(&recurrent(artifact, n)?, direction).iter().map(|x| x * factor).collect(),
        };
        found.push(along);
    }
    Ok(found)
}

/// Steps of the pulse of each trial (from, to), and the trials with `added` channels that carry them.
fn pulses<E>(subject: &dyn Subject<Error = E>, added: usize) -> (Vec<(f64, f64)>, Trials) {
    const STRENGTH: f64 = 3.0;
    const DURATION_MS: f64 = 50.0;
    let trials = subject.trials();
    let step_ms = subject.task().step_ms();
    let mut stream = Stream::new(subject.seed(), Purpose::Analysis, 2 * STREAM);
    let mut wider = trials.clone();
    let channels = trials.channels + added;
    wider.channels = channels;
    wider.input = Vec::with_capacity(trials.steps * trials.count * channels);
    for row in trials.input.chunks_exact(trials.channels.max(1)) {
        wider.input.extend_from_slice(row);
        wider.input.extend(std::iter::repeat_n(0.0, added));
    }
    let mut windows = Vec::new();
    for trial in 0..trials.count {
        let length = trials.length[trial];
        let duration = ((DURATION_MS / step_ms) as usize).clamp(1, (length / 4).max(1));
        let from = length / 2 + stream.below((length / 4).max(1) as u32) as usize;
        let to = (from + duration).min(length);
        for channel in 0..added {
            let strength = STRENGTH * f64::from(stream.normal());
            for step in from..to {
                wider.input[(step * trials.count + trial) * channels + trials.channels + channel] = strength as f32;
            }
        }
        windows.push((from as f64, to as f64));
    }
    (windows, wider)
}
