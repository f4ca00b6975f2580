//! Attractors: where perturbed states end, and from which share of the starts.
//!
//! Of rate networks, recorded states are moved by noise of their own spread, and the network runs without noise under constant
//! input until it rests, at most for 40 of its largest time constants. Of networks with spikes, trials get a pulse of current, and
//! the end state is the mean over the last tenth of the trial. End states are clustered by single linkage, cut at the largest
//! gap between links: clouds that touch count as one attractor.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `attractors.condition` | `[A]` | U32 | first condition of the input of each attractor |
//! | `attractors.coordinate` | `[A, D]` | F64 | its mean end state in mode space |
//! | `attractors.output` | `[A, O]` | F64 | its mean outputs |
//! | `attractors.basin` | `[A]` | F64 | share of the starts under this input that end there |
//! | `attractors.start` | `[S, D]` | F64 | perturbed starts |
//! | `attractors.end` | `[S, D]` | F64 | their ends |
//! | `attractors.of_start` | `[S]` | U32 | attractor at which each ends |

use super::clusters::clusters;
use super::perturbed::{Perturbed, perturbed};
use crate::error::Error;
use crate::found::Found;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use serde_json::json;

/// Finds attractors and their basins.
///
/// # Errors
/// [`Error`], those of running a network, and an interruption.
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let plane = Plane::of(subject)?;
    let (d, outputs) = (plane.directions.len(), subject.trials().outputs);
    let mut all = Attractors::default();
    let mut summary = Vec::new();
    for perturbed in perturbed(subject, &plane, settings, true)? {
        let first = all.basin.len();
        all.add(&plane, &perturbed);
        summary.push(json!({
            "condition": subject.task().conditions().get(perturbed.condition),
            "attractors": all.basin.len() - first,
            "basins": all.basin[first..],
            "outputs": all.output[first..],
        }));
    }
    let (count, starts) = (all.basin.len(), all.of_start.len());
    artifact.insert("attractors.condition", &[count], all.condition);
    artifact.insert("attractors.coordinate", &[count, d], all.coordinate.concat());
    artifact.insert("attractors.output", &[count, outputs], all.output.concat());
    artifact.insert("attractors.basin", &[count], all.basin);
    artifact.insert("attractors.start", &[starts, d], all.start.concat());
    artifact.insert("attractors.end", &[starts, d], all.end.concat());
    artifact.insert("attractors.of_start", &[starts], all.of_start);
    Ok(Found::some(json!(summary)))
}

#[derive(Default)]
struct Attractors {
    condition: Vec<u32>,
    coordinate: Vec<Vec<f64>>,
    output: Vec<Vec<f64>>,
    basin: Vec<f64>,
    start: Vec<Vec<f64>>,
    end: Vec<Vec<f64>>,
    of_start: Vec<u32>,
}

impl Attractors {
    fn add(&mut self, plane: &Plane, perturbed: &Perturbed) {
        let starts: Vec<Vec<f64>> = perturbed.paths.iter().filter_map(|path| path.first().cloned()).collect();
        // Ends much closer to each other than the starts are one attractor.
        let cluster = clusters(&perturbed.ends, 0.02 * spread(&perturbed.ends).max(0.05 * spread(&starts)));
        let first = self.basin.len() as u32;
        let count = cluster.iter().max().map_or(0, |last| last + 1);
        for attractor in 0..count {
            let own: Vec<usize> = (0..cluster.len()).filter(|k| cluster[*k] == attractor).collect();
            let mean = |of: &[Vec<f64>]| {
                let mut mean = vec![0.0; of[own[0]].len()];
                for k in &own {
                    mean.iter_mut().zip(&of[*k]).for_each(|(mean, x)| *mean += x / own.len() as f64);
                }
                mean
            };
            self.condition.push(perturbed.condition as u32);
            self.coordinate.push(plane.at(&mean(&perturbed.ends)));
            self.output.push(mean(&perturbed.outputs));
            self.basin.push(own.len() as f64 / cluster.len() as f64);
        }
        self.start.extend(starts);
        self.end.extend(perturbed.ends.iter().map(|end| plane.at(end)));
        self.of_start.extend(cluster.iter().map(|k| first + *k as u32));
    }
}

/// Root mean square distance of points from their mean.
fn spread(points: &[Vec<f64>]) -> f64 {
    let count = points.len().max(1) as f64;
    let width = points.first().map_or(0, Vec::len);
    let variance = |k: usize| {
        let mean = points.iter().map(|point| point[k]).sum::<f64>() / count;
        points.iter().map(|point| (point[k] - mean).powi(2)).sum::<f64>() / count
    };
    (0..width).map(variance).sum::<f64>().sqrt()
}
