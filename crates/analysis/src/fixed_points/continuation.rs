//! Branches of fixed points while the input of one channel changes: bifurcations in context or coherence.
//!
//! ```text
//! F(z, s) = 0     under the input u + s e_k, s from 0 to both ends of its range
//! ```
//!
//! A branch is followed by its arc length (Keller 1977), so that it turns around at folds: a step along the tangent (ż, ṡ),
//! then Newton's iteration on F = 0 and żᵀ(z − z₀ − h ż)/σ² + ṡ (s − s₀ − h ṡ)/S² = 0, where σ is the spread of the states
//! and S the width of the range.

use super::linearise::is_stable;
use super::search::Point;
use super::system::System;
use crate::linear::{Factors, dot, largest};

/// A point of a branch.
#[derive(Clone, Debug)]
pub struct BranchPoint {
    /// Input s of the channel beyond the constant input.
    pub change: f64,
    /// State x `[N]`.
    pub state: Vec<f64>,
    /// Outputs `[O]`.
    pub output: Vec<f64>,
    /// True if small changes of the state die out.
    pub stable: bool,
}

/// What is followed.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// The equations at s = 0.
    pub system: &'a System<'a>,
    /// Channel k.
    pub channel: usize,
    /// Smallest and largest s.
    pub range: (f64, f64),
    /// Typical distance of two states, in the coordinates of the equations.
    pub spread: f64,
    /// Most points of a branch in each direction.
    pub most: usize,
}

/// z, then s.
type Place = Vec<f64>;

impl Path<'_> {
    /// The branch through a fixed point, in the order of its arc length. Starts that are no zeros have none.
    pub fn branch(&self, point: &Point) -> Vec<BranchPoint> {
        let start: Place = point.z.iter().copied().chain([0.0]).collect();
        let mut places: Vec<Place> = self.half(&start, -1.0);
        places.reverse();
        places.push(start.clone());
        places.extend(self.half(&start, 1.0));
        places.iter().map(|place| self.describe(place)).collect()
    }

    /// True if a branch passes a point at s = 0 other than its own.
    pub fn passes(&self, branch: &[BranchPoint], state: &[f64]) -> bool {
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        branch.windows(2).any(|pair| {
            let [a, b] = pair else { return false };
            if (a.change < 0.0) == (b.change < 0.0) && a.change != 0.0 && b.change != 0.0 {
                return false;
            }
            let part = if a.change == b.change { 0.0 } else { a.change / (a.change - b.change) };
            let between: Vec<f64> = a.state.iter().zip(&b.state).map(|(a, b)| a + part * (b - a)).collect();
            near(&between, state) <= 0.5 * near(&a.state, &b.state) + 1e-6
        })
    }

    fn describe(&self, place: &Place) -> BranchPoint {
        let system = self.at(place[place.len() - 1]);
        let state = system.state(&place[..place.len() - 1]);
        let model = system.model;
        BranchPoint {
            change: place[place.len() - 1],
            output: model.output(&state),
            stable: is_stable(model, &state),
            state,
        }
    }

    /// W_in e_k.
    fn direction(&self) -> Vec<f64> {
        let model = self.system.model;
        (0..model.units).map(|i| model.w_in[i * model.channels + self.channel]).collect()
    }

    /// The equations at s.
    fn at(&self, s: f64) -> System<'_> {
        let drive = self.system.drive.iter().zip(self.direction()).map(|(drive, along)| drive + s * along).collect();
        System { model: self.system.model, drive }
    }

    /// Factors of the derivative of F and of the arc length at a place, with the tangent as its last row.
    fn factors(&self, system: &System, place: &Place, tangent: &Place) -> Option<Factors> {
        let n = place.len() - 1;
        let (jacobian, along) = (system.jacobian(&place[..n]), system.derivative_along(&place[..n], &self.direction()));
        let mut bordered = Vec::with_capacity((n + 1) * (n + 1));
        for (row, along) in jacobian.chunks_exact(n).zip(along) {
            bordered.extend_from_slice(row);
            bordered.push(along);
        }
        bordered.extend(tangent[..n].iter().map(|t| t / self.spread.powi(2)));
        bordered.push(tangent[n] / self.width().powi(2));
        Factors::new(n + 1, bordered)
    }

    /// Length of a place or tangent in units of the spread and of s.
    fn length(&self, tangent: &[f64]) -> f64 {
        let n = tangent.len() - 1;
        (dot(&tangent[..n], &tangent[..n]) / self.spread.powi(2) + (tangent[n] / self.width()).powi(2)).sqrt()
    }

    fn width(&self) -> f64 {
        self.range.1 - self.range.0
    }

    /// The tangent that continues `before`.
    fn tangent(&self, place: &Place, before: &Place) -> Option<Place> {
        let n = place.len() - 1;
        let factors = self.factors(&self.at(place[n]), place, before)?;
        let mut along = vec![0.0; n + 1];
        along[n] = 1.0;
        let tangent = factors.solve(&along);
        let length = self.length(&tangent);
        (length.is_finite() && length > 0.0).then(|| tangent.into_iter().map(|t| t / length).collect())
    }

    /// Places after `start` in the direction of `sign`.
    fn half(&self, start: &Place, sign: f64) -> Vec<Place> {
        let n = start.len() - 1;
        let (mut place, mut places) = (start.clone(), Vec::new());
        let mut before = vec![0.0; n + 1];
        before[n] = sign;
        let Some(mut tangent) = self.tangent(start, &before) else { return places };
        let (mut step, least) = (0.02, 1e-4);
        while places.len() < self.most {
            match self.correct(&place, &tangent, step) {
                Some((next, iterations)) => {
                    if next[n] < self.range.0 || next[n] > self.range.1 {
                        return places;
                    }
                    let Some(turned) = self.tangent(&next, &tangent) else { return places };
                    (place, tangent) = (next, turned);
                    places.push(place.clone());
                    if iterations <= 3 {
                        step = (step * 1.5f64).min(0.1);
                    }
                }
                None if step > least => step /= 2.0,
                None => return places,
            }
        }
        places
    }

    /// The place on the branch at this arc length from `from`, and the iterations that it took.
    fn correct(&self, from: &Place, tangent: &Place, step: f64) -> Option<(Place, usize)> {
        const MOST: usize = 6;
        let n = from.len() - 1;
        let mut place: Place = from.iter().zip(tangent).map(|(x, t)| x + step * t).collect();
        for iteration in 0..MOST {
            let system = self.at(place[n]);
            let mut error = system.residual(&place[..n]);
            let moved: Vec<f64> =
                place.iter().zip(from).zip(tangent).map(|((x, from), t)| x - from - step * t).collect();
            error.push(
                dot(&moved[..n], &tangent[..n]) / self.spread.powi(2) + moved[n] * tangent[n] / self.width().powi(2),
            );
            if largest(&error) <= 1e-10 * (1.0 + largest(&place)) {
                let far = place.iter().zip(from).map(|(x, from)| x - from).collect::<Vec<f64>>();
                return (self.length(&far) <= 3.0 * step).then_some((place, iteration));
            }
            let change = self.factors(&system, &place, tangent)?.solve(&error);
            place.iter_mut().zip(&change).for_each(|(x, change)| *x -= change);
            if !place.iter().all(|x| x.is_finite()) {
                return None;
            }
        }
        None
    }
}
