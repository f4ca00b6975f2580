//! A switch of context inside a trial (Lin & Huang, figures 4b and 4c).
//!
//! Context channels are input channels that are constant in every trial and differ between trials. Each trial runs again with
//! the context of another trial from a moment on (by default seven tenths of the trial); the rest of its input stays. The path between
//! attractors is the mean over trials that began in one context and ended in another.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `switching.context` | `[X, K]` | F64 | contexts: input of the context channels, 0 in others |
//! | `switching.from`, `switching.to` | `[W]` | U32 | contexts of each kind of switch |
//! | `switching.trials` | `[W]` | U32 | trials |
//! | `switching.moment_ms` | `[1]` | F64 | moment of the switch |
//! | `switching.path`, `switching.unswitched` | `[W, R, D]` | F64 | mean path in mode space, with and without the switch |
//! | `switching.output`, `switching.unswitched_output` | `[W, R, O]` | F64 | mean magnitudes of the outputs |
//! | `switching.crossed` | `[W]` | F64 | share of trials that ended nearer to the mean end state of the new context than of the old |

use crate::change::Change;
use crate::error::Error;
use crate::found::Found;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::subject::{Recording, Subject};
use mdl_artifact::Artifact;
use serde_json::json;

/// Part of the trial after which the context switches.
const MOMENT: f64 = 0.7;
/// Most kinds of switches.
const MOST: usize = 12;

/// Switches the context.
///
/// # Errors
/// [`Error`], those of running a network, and an interruption.
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let (contexts, of_trial) = contexts(subject);
    if contexts.len() < 2 {
        return Ok(Found::none("a task without context channels: constant in a trial and different between trials"));
    }
    let plane = Plane::of(subject)?;
    let trials = subject.trials();
    let moment = (MOMENT * trials.steps as f64) as usize;
    let mut kinds = Vec::new();
    for to in 0..contexts.len() {
        let mut switched = trials.clone();
        for trial in 0..trials.count {
            for step in moment..trials.length[trial] {
                let row = &mut switched.input[(step * trials.count + trial) * trials.channels..][..trials.channels];
                for (k, u) in row.iter_mut().enumerate().filter(|(k, _)| is_context(&contexts, *k)) {
                    *u = contexts[to][k] as f32;
                }
            }
        }
        let recording = subject.run(&Change::None, &switched)?;
        for from in (0..contexts.len()).filter(|from| *from != to) {
            let own: Vec<usize> = (0..trials.count).filter(|trial| of_trial[*trial] == from).collect();
            let goal: Vec<usize> = (0..trials.count).filter(|trial| of_trial[*trial] == to).collect();
            if !own.is_empty() && !goal.is_empty() && kinds.len() < MOST {
                kinds.push(Switch::new(subject, &recording, &plane, (from, to), &own, &goal));
            }
        }
    }
    let (w, times) = (kinds.len(), subject.recording().times);
    let (d, o) = (plane.directions.len(), trials.outputs);
    let numbers = |of: &dyn Fn(&Switch) -> u32| kinds.iter().map(of).collect::<Vec<u32>>();
    let values = |of: &dyn Fn(&Switch) -> Vec<f64>| kinds.iter().flat_map(of).collect::<Vec<f64>>();
    artifact.insert("switching.context", &[contexts.len(), trials.channels], contexts.concat());
    artifact.insert("switching.from", &[w], numbers(&|switch| switch.from as u32));
    artifact.insert("switching.to", &[w], numbers(&|switch| switch.to as u32));
    artifact.insert("switching.trials", &[w], numbers(&|switch| switch.trials));
    artifact.insert("switching.moment_ms", &[1], vec![moment as f64 * subject.task().step_ms()]);
    artifact.insert("switching.path", &[w, times, d], values(&|switch| switch.path.clone()));
    artifact.insert("switching.unswitched", &[w, times, d], values(&|switch| switch.unswitched.clone()));
    artifact.insert("switching.output", &[w, times, o], values(&|switch| switch.output.clone()));
    artifact.insert("switching.unswitched_output", &[w, times, o], values(&|switch| switch.unswitched_output.clone()));
    artifact.insert("switching.crossed", &[w], kinds.iter().map(|switch| switch.crossed).collect());
    let summary = |switch: &Switch| {
        json!({
            "from": contexts[switch.from],
            "to": contexts[switch.to],
            "trials": switch.trials,
            "crossed": switch.crossed,
        })
    };
    Ok(Found::some(json!(kinds.iter().map(summary).collect::<Vec<_>>())))
}

/// Contexts, and the one of each trial.
fn contexts<E>(subject: &dyn Subject<Error = E>) -> (Vec<Vec<f64>>, Vec<usize>) {
    let trials = subject.trials();
    let at =
        |t: usize, trial: usize, k: usize| f64::from(trials.input[(t * trials.count + trial) * trials.channels + k]);
    let constant =
        |k: usize| (0..trials.count).all(|trial| (1..trials.length[trial]).all(|t| at(t, trial, k) == at(0, trial, k)));
    let kept: Vec<bool> = (0..trials.channels).map(constant).collect();
    let (mut contexts, mut of_trial) = (Vec::new(), Vec::new());
    for trial in 0..trials.count {
        let own: Vec<f64> = (0..trials.channels).map(|k| if kept[k] { at(0, trial, k) } else { 0.0 }).collect();
        let known = contexts.iter().position(|known| *known == own);
        of_trial.push(known.unwrap_or_else(|| {
            contexts.push(own);
            contexts.len() - 1
        }));
    }
    // Channels that differ from trial to trial are no contexts.
    if contexts.len() > 8 { (Vec::new(), of_trial) } else { (contexts, of_trial) }
}

/// True for a channel that differs between the contexts.
fn is_context(contexts: &[Vec<f64>], channel: usize) -> bool {
    contexts.iter().any(|context| context[channel] != contexts[0][channel])
}

/// Mean of the trials that begin in one context and end in another.
struct Switch {
    from: usize,
    to: usize,
    trials: u32,
    path: Vec<f64>,
    unswitched: Vec<f64>,
    output: Vec<f64>,
    unswitched_output: Vec<f64>,
    crossed: f64,
}

impl Switch {
    fn new<E>(
        subject: &dyn Subject<Error = E>,
        switched: &Recording,
        plane: &Plane,
        (from, to): (usize, usize),
        own: &[usize],
        goal: &[usize],
    ) -> Self {
        let before = subject.recording();
        let ends = |recording: &Recording, trial: usize| -> Vec<f64> {
            recording.rates(trial, subject.last(trial)).iter().map(|r| f64::from(*r)).collect()
        };
        let mean_end = |trials: &[usize]| {
            let mut mean = vec![0.0; subject.units()];
            for trial in trials {
                let end = ends(before, *trial);
                mean.iter_mut().zip(end).for_each(|(mean, r)| *mean += r / trials.len() as f64);
            }
            mean
        };
        let (old, new) = (mean_end(own), mean_end(goal));
        let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let crossed = own.iter().filter(|trial| {
            let end = ends(switched, **trial);
            distance(&end, &new) < distance(&end, &old)
        });
        let crossed = crossed.count() as f64 / own.len() as f64;
        let path = |recording: &Recording| mean_path(subject, recording, plane, own);
        let output = |recording: &Recording| mean_output(recording, own);
        Self {
            from,
            to,
            trials: own.len() as u32,
            path: path(switched),
            unswitched: path(before),
            output: output(switched),
            unswitched_output: output(before),
            crossed,
        }
    }
}

/// Mean coordinates over trials at each recorded step, `[R, D]`.
fn mean_path<E>(subject: &dyn Subject<Error = E>, recording: &Recording, plane: &Plane, own: &[usize]) -> Vec<f64> {
    let at = |time: usize| {
        let mut mean = vec![0.0; subject.units()];
        for trial in own {
            let rates = recording.rates(*trial, time.min(subject.last(*trial)));
            mean.iter_mut().zip(rates).for_each(|(mean, r)| *mean += f64::from(*r) / own.len() as f64);
        }
        plane.at(&mean)
    };
    (0..recording.times).flat_map(at).collect()
}

/// Mean magnitudes of the outputs over trials at each recorded step, `[R, O]`.
fn mean_output(recording: &Recording, own: &[usize]) -> Vec<f64> {
    let at = |time: usize| {
        let mut mean = vec![0.0; recording.outputs];
        for trial in own {
            let outputs = recording.outputs(*trial, time);
            mean.iter_mut().zip(outputs).for_each(|(mean, y)| *mean += f64::from(y.abs()) / own.len() as f64);
        }
        mean
    };
    (0..recording.times).flat_map(at).collect()
}
