//! Search for the zeros of F, and for the minima of ½|F|² that are no zeros, from many starts.
//!
//! Each start takes Newton steps with a line search on ½|F|², and goes on with the same factors of dF/dz while they reduce F by
//! half. Where Newton's direction does not lead downwards, it takes Levenberg's, (JᵀJ + μ1) δ = −JᵀF. Starts run in rounds of
//! fixed size: a start that comes near a point of an earlier round tries that point's own factors first, which settles most
//! starts without factors of their own. The result does not depend on the number of threads.

use super::system::System;
use crate::linear::{Factors, dot, largest, norm, times_transposed};
use rayon::prelude::*;

/// Starts in a round.
const ROUND: usize = 16;
/// |F| of a fixed point, relative to 1 + |z|.
const EXACT: f64 = 1e-11;
/// Most steps of a start.
const STEPS: usize = 60;
/// Part of the spread of starts within which a start tries the factors of a known point.
const NEAR: f64 = 0.3;
/// Part of the spread of starts within which two points are one.
const SAME: f64 = 1e-3;

/// A point at which the network rests or nearly rests.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its coordinates.
    pub z: Vec<f64>,
    /// Speed q = ½ |−x + W φ(x) + I|² of its units.
    pub speed: f64,
    /// True for a zero of F, false for a minimum of |F| that is none.
    pub fixed: bool,
    /// Number of starts that came here.
    pub starts: usize,
}

/// A known point with the factors of its derivative.
struct Known {
    point: Point,
    factors: Option<Factors>,
}

/// End of one start.
enum End {
    Known(usize),
    New(Point),
    Nowhere,
}

/// Points that the starts `[count, size]` come to, in the order of their discovery. `spread` is the typical distance of
/// two starts; minima of |F| whose speed is above `slow` are left out.
pub fn search(system: &System, starts: &[Vec<f64>], spread: f64, slow: f64) -> Vec<Point> {
    let mut known: Vec<Known> = Vec::new();
    for round in starts.chunks(ROUND) {
        let ends: Vec<End> = round.par_iter().map(|start| settle(system, start, &known, spread)).collect();
        for end in ends {
            match end {
                End::Known(index) => known[index].point.starts += 1,
                End::New(point) if point.fixed || point.speed <= slow => add(system, point, &mut known, spread),
                End::New(_) | End::Nowhere => {}
            }
        }
    }
    known.into_iter().map(|known| known.point).collect()
}

fn add(system: &System, point: Point, known: &mut Vec<Known>, spread: f64) {
    match known.iter_mut().find(|known| same(&known.point, &point, spread)) {
        Some(found) => found.point.starts += 1,
        None => {
            let factors = point.fixed.then(|| Factors::new(system.size(), system.jacobian(&point.z))).flatten();
            known.push(Known { point, factors });
        }
    }
}

fn same(a: &Point, b: &Point, spread: f64) -> bool {
    a.fixed == b.fixed && distance(&a.z, &b.z) <= SAME * spread
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The point that a start comes to.
fn settle(system: &System, start: &[f64], known: &[Known], spread: f64) -> End {
    let mut z = start.to_vec();
    let mut f = system.residual(&z);
    let mut damping = 0.0;
    let mut tried = vec![false; known.len()];
    for _ in 0..STEPS {
        if is_zero(&z, &f) {
            return new(system, z, true);
        }
        if let Some(index) = nearest(&z, known, &tried, spread) {
            tried[index] = true;
            if leads_to(system, &z, &f, &known[index], spread) {
                return End::Known(index);
            }
        }
        let jacobian = system.jacobian(&z);
        // Levenberg's steps continue until one of them is nearly Newton's.
        let newton = if damping == 0.0 { Factors::new(z.len(), jacobian.clone()) } else { None };
        let full = newton.and_then(|newton| {
            let step = newton.solve(&f);
            descend(system, &z, &f, &step).map(|next| (next, newton))
        });
        if let Some(((next, next_f), newton)) = full {
            let much = norm(&next_f) <= 0.25 * norm(&f);
            (z, f) = (next, next_f);
            if much {
                chords(system, &mut z, &mut f, &newton);
            }
            continue;
        }
        match levenberg(system, &z, &f, &jacobian, &mut damping) {
            Some((next, next_f)) => {
                let (before, after) = (dot(&f, &f), dot(&next_f, &next_f));
                (z, f) = (next, next_f);
                if before - after <= 1e-9 * before {
                    return rests(system, z, &f);
                }
                if damping < 1e-12 || after <= 0.1 * before {
                    damping = 0.0;
                }
            }
            None => return rests(system, z, &f),
        }
    }
    if is_zero(&z, &f) { new(system, z, true) } else { rests(system, z, &f) }
}

fn is_zero(z: &[f64], f: &[f64]) -> bool {
    largest(f) <= EXACT * (1.0 + largest(z))
}

fn new(system: &System, z: Vec<f64>, fixed: bool) -> End {
    let speed = system.speed(&z);
    End::New(Point { z, speed, fixed, starts: 1 })
}

/// A minimum of |F|, where JᵀF is small compared with F: the decay alone has J = −1.
fn rests(system: &System, z: Vec<f64>, f: &[f64]) -> End {
    let jacobian = system.jacobian(&z);
    let gradient = times_transposed(&jacobian, z.len(), f);
    if norm(&gradient) <= 1e-3 * norm(f) { new(system, z, false) } else { End::Nowhere }
}

/// The nearest known fixed point that has not been tried, if it is near.
fn nearest(z: &[f64], known: &[Known], tried: &[bool], spread: f64) -> Option<usize> {
    let candidates = known.iter().enumerate().filter(|(index, known)| !tried[*index] && known.factors.is_some());
    let distances = candidates.map(|(index, known)| (index, distance(z, &known.point.z)));
    distances.filter(|(_, distance)| *distance <= NEAR * spread).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
}

/// True if steps with a point's own factors lead to it.
fn leads_to(system: &System, z: &[f64], f: &[f64], known: &Known, spread: f64) -> bool {
    let Some(factors) = &known.factors else { return false };
    let (mut z, mut f) = (z.to_vec(), f.to_vec());
    chords(system, &mut z, &mut f, factors);
    // From here the point's own derivative, at which the step was computed, is exact enough.
    distance(&z, &known.point.z) <= SAME * spread && largest(&f) <= 1e-3 * (1.0 + largest(&z)) && {
        let step = factors.solve(&f);
        norm(&step) <= 2.0 * SAME * spread
    }
}

/// Steps with old factors, as long as each at least halves F.
fn chords(system: &System, z: &mut Vec<f64>, f: &mut Vec<f64>, factors: &Factors) {
    const MOST: usize = 40;
    for _ in 0..MOST {
        if is_zero(z, f) {
            return;
        }
        let step = factors.solve(f);
        let next: Vec<f64> = z.iter().zip(&step).map(|(z, step)| z - step).collect();
        let next_f = system.residual(&next);
        if norm(&next_f).is_nan() || norm(&next_f) > 0.5 * norm(f) {
            return;
        }
        (*z, *f) = (next, next_f);
    }
}

/// The first of z − step, z − step/2, … that reduces ½|F|² enough, with its F.
fn descend(system: &System, z: &[f64], f: &[f64], step: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    const HALVINGS: usize = 6;
    let before = norm(f);
    let mut part = 1.0;
    for _ in 0..HALVINGS {
        let next: Vec<f64> = z.iter().zip(step).map(|(z, step)| z - part * step).collect();
        let next_f = system.residual(&next);
        if norm(&next_f) <= (1.0 - 0.1 * part) * before {
            return Some((next, next_f));
        }
        part /= 2.0;
    }
    None
}

/// A step of Levenberg, whose damping is raised until it reduces |F|.
fn levenberg(
    system: &System,
    z: &[f64],
    f: &[f64],
    jacobian: &[f64],
    damping: &mut f64,
) -> Option<(Vec<f64>, Vec<f64>)> {
    const RAISES: usize = 12;
    let n = z.len();
    let gradient = times_transposed(jacobian, n, f);
    let mut squares = vec![0.0; n * n];
    for row in jacobian.chunks_exact(n) {
        for (to, factor) in squares.chunks_exact_mut(n).zip(row) {
            if *factor != 0.0 {
                to.iter_mut().zip(row).for_each(|(to, value)| *to += factor * value);
            }
        }
    }
    if *damping == 0.0 {
        *damping = 1e-3;
    }
    for _ in 0..RAISES {
        let mut damped = squares.clone();
        (0..n).for_each(|i| damped[i * n + i] += *damping);
        if let Some(factors) = Factors::new(n, damped) {
            let step = factors.solve(&gradient);
            let next: Vec<f64> = z.iter().zip(&step).map(|(z, step)| z - step).collect();
            let next_f = system.residual(&next);
            if norm(&next_f) < norm(f) {
                *damping /= 10.0;
                return Some((next, next_f));
            }
        }
        *damping *= 10.0;
    }
    None
}
