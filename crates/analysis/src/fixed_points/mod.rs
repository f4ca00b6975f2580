//! Fixed and slow points of a rate network under constant input (Sussillo & Barak 2013).
//!
//! Starts are states of the recorded trials, every other one with noise of half their spread, so that saddles between
//! attractors are found as well. A point counts as slow if it is a minimum of the speed q that is no zero and q is below a
//! thousandth of its median over the recorded states. From each fixed point, branches are followed along every input channel.
//!
//! | tensor | shape | type | content |
//! |---|---|---|---|
//! | `fixed_points.input` | `[I, K]` | F64 | the constant inputs |
//! | `fixed_points.condition` | `[I]` | U32 | first condition with this input; the number of conditions for a given input |
//! | `fixed_points.of_input` | `[Q]` | U32 | input of each point |
//! | `fixed_points.is_fixed` | `[Q]` | U8 | 1 for a fixed point, 0 for a slow one |
//! | `fixed_points.speed` | `[Q]` | F64 | q |
//! | `fixed_points.starts` | `[Q]` | U32 | starts that came to the point |
//! | `fixed_points.unstable` | `[Q]` | U32 | eigenvalues of a step outside the unit circle; 0: stable |
//! | `fixed_points.state`, `fixed_points.selection`, `fixed_points.slow_direction` | `[Q, N]` | F64 | x, ℓ, ρ |
//! | `fixed_points.output` | `[Q, O]` | F64 | outputs |
//! | `fixed_points.readout` | `[Q, O, N]` | F64 | W_out diag(φ'(x)) |
//! | `fixed_points.selected_input` | `[Q, K]` | F64 | ℓᵀ diag(a) W_in |
//! | `fixed_points.eigenvalue` | `[Q, N, 2]` | F64 | real and imaginary part |
//! | `fixed_points.time_constant_ms`, `fixed_points.frequency_hz` | `[Q, E]` | F64 | of the first eigenvalues |
//! | `fixed_points.coordinate` | `[Q, D]` | F64 | place in the coordinates of mode space |
//! | `continuation.*` | | | branches, see [`continuation`] |

pub mod continuation;
pub mod linearise;
pub mod search;
pub mod system;

use crate::constant_inputs::{ConstantInput, constant_inputs};
use crate::error::Error;
use crate::found::Found;
use crate::linear::norm;
use crate::plane::Plane;
use crate::rate_model::RateModel;
use crate::settings::Settings;
use crate::subject::Subject;
use continuation::{BranchPoint, Path};
use linearise::{Linearised, frequency_hz, linearise, time_constant_ms};
use mdl_artifact::{Artifact, Kind};
use mdl_kernels::random::{Purpose, Stream};
use mdl_model::NetworkConfig;
use mdl_model::rate::parameters::RateParameters;
use rayon::prelude::*;
use search::{Point, search};
use serde_json::json;
use system::System;

/// Most points per input that are described.
const MOST_POINTS: usize = 20;
/// Eigenvalues whose time constants are given.
const SLOWEST: usize = 10;
/// A slow point is this much slower than the median of the recorded states.
const SLOW: f64 = 1e-3;
/// Most points of a branch in each direction.
const MOST_BRANCH: usize = 60;
/// Most branches.
const MOST_BRANCHES: usize = 200;
/// Largest sum of the cubed number of equations over the points of all branches, from which no other is begun.
const MOST_WORK: usize = 250 * 250 * 250 * 300;

/// A point with its description.
struct Described {
    input: usize,
    point: Point,
    near: Linearised,
}

/// Finds the fixed points of a rate network; none for networks of other kinds.
///
/// # Errors
/// [`Error`], and an interruption.
pub fn analyse<E: From<Error>>(
    subject: &dyn Subject<Error = E>,
    settings: &Settings,
    artifact: &mut Artifact,
) -> Result<Found, E> {
    let NetworkConfig::Rate(config) = subject.network() else { return Ok(Found::none("not a rate network")) };
    if subject.kind() != Kind::Rate {
        return Ok(Found::none("not a rate network; analyze the rate network that it was made from"));
    }
    let parameters = RateParameters::read(subject.artifact(), config, "").map_err(Error::from)?;
    let model = RateModel::new(config, &parameters, subject.task().step_ms());
    let inputs = constant_inputs(subject, settings);
    let plane = Plane::of(subject)?;
    let (mut found, mut branches, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    let mut work = 0;
    for (index, input) in inputs.iter().enumerate() {
        subject.check()?;
        let system = System::new(&model, &input.u);
        let starts = Starts::draw(subject, &system, settings.starts, index as u64);
        let points = search(&system, &starts.places, starts.spread, starts.slow);
        counts.push(points.len());
        let points = representative(points);
        for point in points.iter().filter(|point| point.fixed) {
            subject.check()?;
            branches_of(&system, point, (index, starts.spread), subject, &mut branches, &mut work);
        }
        let near: Vec<Linearised> =
            points.par_iter().map(|point| linearise(&system, point)).collect::<Result<_, _>>()?;
        found.extend(points.into_iter().zip(near).map(|(point, near)| Described { input: index, point, near }));
    }
    write(&model, &plane, &inputs, &found, artifact);
    plane.write("fixed_points.", artifact);
    continuation_tensors(&model, &plane, &branches, artifact);
    let of_input = |index: usize| {
        let own = || found.iter().filter(move |found| found.input == index);
        let stable = own().filter(|found| found.point.fixed && found.near.unstable == 0).count();
        let saddles = own().filter(|found| found.point.fixed && found.near.unstable > 0).count();
        let slow = own().filter(|found| !found.point.fixed).count();
        json!({
            "input": inputs[index].u,
            "found": counts[index],
            "stable": stable,
            "unstable": saddles,
            "slow": slow,
            "outputs": own().map(|found| found.near.output.clone()).collect::<Vec<_>>(),
        })
    };
    Ok(Found::some(json!({ "starts": settings.starts, "inputs": (0..inputs.len()).map(of_input).collect::<Vec<_>>() })))
}

/// Starts of a search.
struct Starts {
    places: Vec<Vec<f64>>,
    /// Root mean square distance of the recorded states from their mean.
    spread: f64,
    /// Speed below which a minimum counts as a slow point.
    slow: f64,
}

impl Starts {
    fn draw<E: From<Error>>(subject: &dyn Subject<Error = E>, system: &System, count: usize, index: u64) -> Self {
        let recording = subject.recording();
        let mut stream = Stream::new(subject.seed(), Purpose::Analysis, index);
        let drawn = |stream: &mut Stream| {
            let trial = stream.below(recording.trials.max(1) as u32) as usize;
            let time = stream.below(subject.last(trial) as u32 + 1) as usize;
            let rates: Vec<f64> = recording.rates(trial, time).iter().map(|r| f64::from(*r)).collect();
            system.coordinates(&rates)
        };
        let mut places: Vec<Vec<f64>> = (0..count).map(|_| drawn(&mut stream)).collect();
        let size = system.size();
        let mean = |k: usize| places.iter().map(|z| z[k]).sum::<f64>() / count as f64;
        let variance = |k: usize| {
            let mean = mean(k);
            places.iter().map(|z| (z[k] - mean).powi(2)).sum::<f64>() / count as f64
        };
        let variances: Vec<f64> = (0..size).map(variance).collect();
        let spread = variances.iter().sum::<f64>().sqrt();
        let mut speeds: Vec<f64> = places.iter().take(100).map(|z| system.speed(z)).collect();
        speeds.sort_by(f64::total_cmp);
        let slow = SLOW * speeds.get(speeds.len() / 2).copied().unwrap_or(0.0);
        for place in places.iter_mut().skip(1).step_by(2) {
            place.iter_mut().zip(&variances).for_each(|(z, v)| *z += 0.5 * v.sqrt() * f64::from(stream.normal()));
        }
        Self { places, spread: if spread > 0.0 { spread } else { 1.0 }, slow }
    }
}

/// At most [`MOST_POINTS`] points: those that most starts came to, or of very many the ones that are far apart.
fn representative(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| b.fixed.cmp(&a.fixed).then(b.starts.cmp(&a.starts)));
    if points.len() <= MOST_POINTS {
        return points;
    }
    let distance = |a: &Point, b: &Point| norm(&a.z.iter().zip(&b.z).map(|(a, b)| a - b).collect::<Vec<f64>>());
    let mut kept = vec![0usize];
    let mut gaps: Vec<f64> = points.iter().map(|point| distance(point, &points[0])).collect();
    while kept.len() < MOST_POINTS {
        let farthest = (0..points.len()).fold(0, |best, k| if gaps[k] > gaps[best] { k } else { best });
        kept.push(farthest);
        let gap = |k: usize| gaps[k].min(distance(&points[k], &points[farthest]));
        gaps = (0..points.len()).map(gap).collect();
    }
    kept.sort_unstable();
    kept.into_iter().map(|k| points[k].clone()).collect()
}

/// A branch with its input and channel.
struct Branch {
    input: usize,
    channel: usize,
    points: Vec<BranchPoint>,
}

/// Adds the branches through a fixed point, one per channel, unless an earlier one passes it.
fn branches_of<E: From<Error>>(
    system: &System,
    point: &Point,
    (input, spread): (usize, f64),
    subject: &dyn Subject<Error = E>,
    branches: &mut Vec<Branch>,
    work: &mut usize,
) {
    let trials = subject.trials();
    let state = system.state(&point.z);
    let path_of = |channel: usize| {
        let own = trials.input.iter().skip(channel).step_by(trials.channels.max(1));
        let largest = own.fold(0.0, |largest: f64, u| largest.max(f64::from(u.abs())));
        Path { system, channel, range: (-largest, largest), spread, most: MOST_BRANCH }
    };
    let is_new = |path: &Path| {
        let own = |branch: &&Branch| (branch.input, branch.channel) == (input, path.channel);
        path.range.1 > 0.0 && !branches.iter().filter(own).any(|branch| path.passes(&branch.points, &state))
    };
    let room = MOST_BRANCHES.saturating_sub(branches.len());
    let paths: Vec<Path> = (0..system.model.channels).map(path_of).filter(is_new).take(room).collect();
    if *work >= MOST_WORK {
        return;
    }
    let found: Vec<Vec<BranchPoint>> = paths.par_iter().map(|path| path.branch(point)).collect();
    for (path, points) in paths.iter().zip(found) {
        *work += points.len() * system.size().pow(3);
        branches.push(Branch { input, channel: path.channel, points });
    }
}

fn write(model: &RateModel, plane: &Plane, inputs: &[ConstantInput], found: &[Described], artifact: &mut Artifact) {
    let (n, k, o, q) = (model.units, model.channels, model.outputs, found.len());
    let mut put = |name: &str, shape: &[usize], values: Vec<f64>| {
        artifact.insert(&format!("fixed_points.{name}"), shape, values);
    };
    let all = |of: &dyn Fn(&Described) -> Vec<f64>| found.iter().flat_map(of).collect::<Vec<f64>>();
    let slowest = SLOWEST.min(n);
    put("input", &[inputs.len(), k], inputs.iter().flat_map(|input| input.u.clone()).collect());
    put("speed", &[q], all(&|found| vec![found.point.speed]));
    put("state", &[q, n], all(&|found| found.near.state.clone()));
    put("output", &[q, o], all(&|found| found.near.output.clone()));
    put("readout", &[q, o, n], all(&|found| found.near.readout.clone()));
    put("selection", &[q, n], all(&|found| found.near.selection.clone()));
    put("slow_direction", &[q, n], all(&|found| found.near.slow_direction.clone()));
    put("selected_input", &[q, k], all(&|found| found.near.selected_input.clone()));
    put("eigenvalue", &[q, n, 2], all(&|found| found.near.eigenvalues.iter().flat_map(|m| [m.re, m.im]).collect()));
    let first = |found: &Described, of: &dyn Fn(&nalgebra::Complex<f64>) -> f64| {
        found.near.eigenvalues.iter().take(slowest).map(of).collect::<Vec<f64>>()
    };
    let step_ms = model.step_ms;
    put("time_constant_ms", &[q, slowest], all(&|found| first(found, &|m| time_constant_ms(*m, step_ms))));
    put("frequency_hz", &[q, slowest], all(&|found| first(found, &|m| frequency_hz(*m, step_ms))));
    let coordinates = plane.directions.len();
    put("coordinate", &[q, coordinates], all(&|found| plane.at(&model.rates(&found.near.state))));
    let numbers = |of: &dyn Fn(&Described) -> u32| found.iter().map(of).collect::<Vec<u32>>();
    let conditions = inputs.iter().map(|input| input.condition as u32).collect();
    artifact.insert("fixed_points.condition", &[inputs.len()], conditions);
    artifact.insert("fixed_points.of_input", &[q], numbers(&|found| found.input as u32));
    artifact.insert("fixed_points.starts", &[q], numbers(&|found| found.point.starts as u32));
    artifact.insert("fixed_points.unstable", &[q], numbers(&|found| found.near.unstable as u32));
    artifact.insert("fixed_points.is_fixed", &[q], found.iter().map(|found| u8::from(found.point.fixed)).collect());
}

/// Adds the branches:
///
/// | tensor | shape | type | content |
/// |---|---|---|---|
/// | `continuation.branch`, `continuation.of_input`, `continuation.channel` | `[M]` | U32 | branch, constant input and channel of each point, in the order of the arc length |
/// | `continuation.change` | `[M]` | F64 | input of the channel beyond the constant input |
/// | `continuation.output`, `continuation.coordinate` | `[M, O]`, `[M, D]` | F64 | outputs, and place in the coordinates of mode space |
/// | `continuation.is_stable` | `[M]` | U8 | 1 if small changes die out |
fn continuation_tensors(model: &RateModel, plane: &Plane, branches: &[Branch], artifact: &mut Artifact) {
    let all = || branches.iter().enumerate().flat_map(|(b, branch)| branch.points.iter().map(move |point| (b, point)));
    let count = all().count();
    let mut put = |name: &str, values: Vec<u32>| artifact.insert(&format!("continuation.{name}"), &[count], values);
    put("branch", all().map(|(branch, _)| branch as u32).collect());
    put("of_input", all().map(|(branch, _)| branches[branch].input as u32).collect());
    put("channel", all().map(|(branch, _)| branches[branch].channel as u32).collect());
    artifact.insert("continuation.change", &[count], all().map(|(_, point)| point.change).collect());
    artifact.insert("continuation.is_stable", &[count], all().map(|(_, point)| u8::from(point.stable)).collect());
    let outputs = all().flat_map(|(_, point)| point.output.clone()).collect();
    artifact.insert("continuation.output", &[count, model.outputs], outputs);
    let coordinates = all().flat_map(|(_, point)| plane.at(&model.rates(&point.state))).collect();
    artifact.insert("continuation.coordinate", &[count, plane.directions.len()], coordinates);
}
