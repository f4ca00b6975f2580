//! The flow field: mean velocity of the state in the plane of the first two coordinates of mode space.
//!
//! Of rate networks it is computed from the network without noise under constant input; of networks with spikes it is estimated
//! from trials with pulses of current, after the pulse. Other coordinates are not held fixed: the velocity of a cell is the mean
//! over the states that come to it.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `flow.condition` | `[I]` | U32 | first condition of each input |
//! | `flow.place` | `[I, G, 2]` | F64 | middle of each cell |
//! | `flow.velocity` | `[I, G, 2]` | F64 | mean velocity there (1/s); 0 where no state came |
//! | `flow.states` | `[I, G]` | U32 | states that came |
//! | `flow.is_computed` | `[1]` | U8 | 1 if the velocities were computed, 0 if they were estimated from trials |

use super::perturbed::{Perturbed, perturbed};
use crate::error::Error;
use crate::found::Found;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::subject::Subject;
use mdl_artifact::Artifact;
use serde_json::json;

/// Cells of a side.
const SIDE: usize = 12;
/// Time over which velocities are estimated from trials (ms).
const LAG_MS: f64 = 20.0;

/// Computes or estimates the flow field.
///
/// # Errors
/// [`Error`], those of running a network, and an interruption.
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let plane = Plane::of(subject)?;
    if plane.directions.len() < 2 {
        return Ok(Found::none("a flow field needs two modes"));
    }
    let all = perturbed(subject, &plane, settings, false)?;
    let computed = all.iter().all(|perturbed| perturbed.computed);
    let (mut conditions, mut places, mut velocities, mut states) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for perturbed in &all {
        let field = field(perturbed);
        conditions.push(perturbed.condition as u32);
        for cell in field {
            places.extend(cell.place);
            velocities.extend(cell.velocity);
            states.push(cell.states);
        }
    }
    let (inputs, cells) = (all.len(), SIDE * SIDE);
    let visited = states.iter().filter(|states| **states > 0).count();
    artifact.insert("flow.condition", &[inputs], conditions);
    artifact.insert("flow.place", &[inputs, cells, 2], places);
    artifact.insert("flow.velocity", &[inputs, cells, 2], velocities);
    artifact.insert("flow.states", &[inputs, cells], states);
    artifact.insert("flow.is_computed", &[1], vec![u8::from(computed)]);
    Ok(Found::some(json!({ "inputs": inputs, "visited_cells": visited, "computed": computed })))
}

/// A cell of the field.
#[derive(Clone, Copy, Debug)]
struct Cell {
    place: [f64; 2],
    velocity: [f64; 2],
    states: u32,
}

fn field(perturbed: &Perturbed) -> Vec<Cell> {
    let all = || perturbed.paths.iter().flatten();
    let range = |k: usize| {
        let mut values: Vec<f64> = all().map(|place| place[k]).collect();
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values.get((part * (values.len().max(1) - 1) as f64) as usize).copied().unwrap_or(0.0);
        // Without the few states that are far away.
        let (low, high) = (at(0.01), at(0.99));
        if high > low { (low, high) } else { (low - 0.5, high + 0.5) }
    };
    let ranges = [range(0), range(1)];
    let width = ranges.map(|(low, high)| (high - low) / SIDE as f64);
    let middle = |k: usize, cell: usize| ranges[k].0 + (cell as f64 + 0.5) * width[k];
    let mut cells: Vec<Cell> = (0..SIDE * SIDE)
        .map(|c| Cell { place: [middle(0, c % SIDE), middle(1, c / SIDE)], velocity: [0.0; 2], states: 0 })
        .collect();
    let lag = if perturbed.computed { 1 } else { ((LAG_MS / perturbed.step_ms).round() as usize).max(1) };
    let seconds = lag as f64 * perturbed.step_ms / 1000.0;
    for path in &perturbed.paths {
        for (from, to) in path.iter().zip(path.iter().skip(lag)) {
            let cell = |k: usize| {
                let place = (from[k] - ranges[k].0) / width[k];
                (0.0..SIDE as f64).contains(&place).then_some(place as usize)
            };
            if let (Some(x), Some(y)) = (cell(0), cell(1)) {
                let cell = &mut cells[y * SIDE + x];
                cell.states += 1;
                (0..2).for_each(|k| cell.velocity[k] += (to[k] - from[k]) / seconds);
            }
        }
    }
    for cell in &mut cells {
        cell.velocity = cell.velocity.map(|sum| sum / f64::from(cell.states.max(1)));
    }
    cells
}
