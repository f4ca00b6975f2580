//! Trajectories in mode space (Lin & Huang, figure 4).
//!
//! The coordinates are the activities Ξ_outᵀ r of the three most important modes, or the first three principal components of
//! the rates of a network without modes.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `mode_space.mode` | `[D]` | U32 | modes of the coordinates; absent for principal components |
//! | `mode_space.time_ms` | `[R]` | F64 | times |
//! | `mode_space.mean`, `mode_space.mean_in` | `[C, R, D]` | F64 | means of each condition: the coordinates, and Ξ_inᵀ r of the same modes; 0 for one without trials |
//! | `mode_space.trial`, `mode_space.trial_in` | `[S, R, D]` | F32 | the same of single trials, the first ones |
//! | `mode_space.trial_condition` | `[S]` | U32 | their conditions |
//! | `mode_space.orthogonal` | `[C, R, G]` | F64 | means of each condition, in the orthonormal coordinates of the columns of W_in and Ξ_in, in this order (Gram–Schmidt) |
//! | `mode_space.orthogonal_column` | `[G]` | U32 | column of each: an input channel, or K plus a mode |

pub mod attractors;
pub mod clusters;
pub mod flow;
pub mod perturbed;

use crate::error::Error;
use crate::found::Found;
use crate::linear::{dot, orthonormal};
use crate::modes::Modes;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use serde_json::json;

/// Most single trials that are kept.
const MOST_TRIALS: usize = 100;
/// Most orthonormal coordinates.
const MOST_ORTHOGONAL: usize = 20;

/// Projects the trials to mode space.
///
/// # Errors
/// [`Error`].
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    _settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let plane = Plane::of(subject)?;
    let modes = Modes::of(subject.artifact())?;
    let into = modes.as_ref().map(|modes| Plane {
        directions: plane.modes.iter().map(|mode| modes.column_in(*mode)).collect(),
        ..plane.clone()
    });
    plane.write("mode_space.", artifact);
    let recording = subject.recording();
    let kept = recording.trials.min(MOST_TRIALS);
    let conditions: Vec<u32> = subject.trials().condition.iter().take(kept).map(|c| *c as u32).collect();
    artifact.insert("mode_space.trial_condition", &[kept], conditions);
    artifact.insert("mode_space.time_ms", &[recording.times], recording.time_ms.clone());
    let mut project = |name: &str, directions: &Plane| {
        let d = directions.directions.len();
        artifact.insert(
            &format!("mode_space.mean{name}"),
            &[subject.task().conditions().len(), recording.times, d],
            means(subject, directions),
        );
        let single =
            (0..kept).flat_map(|trial| (0..recording.times).flat_map(move |time| at(subject, directions, trial, time)));
        artifact.insert(
            &format!("mode_space.trial{name}"),
            &[kept, recording.times, d],
            single.map(|x| x as f32).collect::<Vec<f32>>(),
        );
    };
    project("", &plane);
    if let Some(into) = &into {
        project("_in", into);
    }
    let orthogonal = orthogonal(subject, modes.as_ref())?;
    let (columns, basis): (Vec<u32>, Vec<Vec<f64>>) = orthogonal.into_iter().unzip();
    let (offsets, count) = (vec![0.0; basis.len()], basis.len());
    let coordinates = Plane { directions: basis, offsets, modes: Vec::new() };
    artifact.insert(
        "mode_space.orthogonal",
        &[subject.task().conditions().len(), recording.times, count],
        means(subject, &coordinates),
    );
    artifact.insert("mode_space.orthogonal_column", &[count], columns);
    Ok(Found::some(json!({ "modes": plane.modes, "coordinates": plane.directions.len() })))
}

/// Coordinates of a trial at a recorded step.
fn at<E>(subject: &dyn Subject<Error = E>, plane: &Plane, trial: usize, time: usize) -> Vec<f64> {
    // After the end of a trial its last state is repeated.
    let time = time.min(subject.last(trial));
    let rates: Vec<f64> = subject.recording().rates(trial, time).iter().map(|r| f64::from(*r)).collect();
    plane.at(&rates)
}

/// Mean coordinates of each condition, `[C, R, D]`.
fn means<E>(subject: &dyn Subject<Error = E>, plane: &Plane) -> Vec<f64> {
    let (times, d) = (subject.recording().times, plane.directions.len());
    let mut means = vec![0.0; subject.task().conditions().len() * times * d];
    for (condition, own) in subject.conditions() {
        for time in 0..times {
            let mut mean = vec![0.0; subject.units()];
            for trial in &own {
                let rates = subject.recording().rates(*trial, time.min(subject.last(*trial)));
                mean.iter_mut().zip(rates).for_each(|(mean, r)| *mean += f64::from(*r) / own.len() as f64);
            }
            means[(condition * times + time) * d..][..d].copy_from_slice(&plane.at(&mean));
        }
    }
    means
}

/// Orthonormal directions of the columns of [W_in, Ξ_in], each with its column.
fn orthogonal<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    modes: Option<&Modes>,
) -> Result<Vec<(u32, Vec<f64>)>, Error> {
    let artifact = subject.artifact();
    let (n, [_, channels]) = (subject.units(), artifact.shape::<2>("w_in")?);
    let w_in = artifact.values::<f32>("w_in", &[n, channels])?;
    let column = |k: usize| w_in.iter().skip(k).step_by(channels).map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let inputs = (0..channels).map(column);
    let of_modes = modes.into_iter().flat_map(|modes| (0..modes.count).map(|mode| modes.column_in(mode)));
    let mut kept: Vec<(u32, Vec<f64>)> = Vec::new();
    for (column, vector) in (0u32..).zip(inputs.chain(of_modes)).take(MOST_ORTHOGONAL) {
        let known: Vec<f64> = kept.iter().flat_map(|(_, vector)| vector.clone()).chain(vector).collect();
        if let Some(new) = orthonormal(n, &known).into_iter().nth(kept.len()) {
            debug_assert!((dot(&new, &new) - 1.0).abs() < 1e-6);
            kept.push((column, new));
        }
    }
    Ok(kept)
}
