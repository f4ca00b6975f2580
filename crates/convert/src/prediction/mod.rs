//! Prediction of the scaling factor: the search, run on the network in mean field ([`crate::prediction::mean_field`]).
//!
//! A LIF network does the same as the rate network if its units fire at scaling factor · φ(x). How well this holds
//! depends on the inputs of the units in the network. For each factor of the grid, the task is therefore run with rates
//! from the transfer function of the LIF neuron at the noise of this network. The predicted factor is the middle of the
//! resulting plateau; for a network that was trained for a factor, it is that factor.

pub mod mean_field;

use crate::conversion::Conversion;
use crate::error::Result;
use crate::lif::{LifNetwork, Timing, TrialDraws};
use crate::prediction::mean_field::{Course, MeanField};
use crate::search::trials::TrialSet;
use crate::search::{Candidate, Found, Select, choose};
use mdl_data::tasks::{Criterion, Evaluated};
use mdl_kernels::lanes::LANES;
use rayon::prelude::*;

/// Number of trials of a prediction.
const TRIALS: u32 = 20;

/// Result of a search over the grid of the config in mean field, on the first trials of the search; none for a
/// quadratic neuron or without noise, where there is no transfer function.
///
/// # Errors
/// A config that cannot run.
pub fn predict(network: &LifNetwork, conversion: &Conversion) -> Result<Option<Found>> {
    let task = conversion.task.task()?;
    let timing = Timing::new(conversion.lif, task.steps(), task.step_ms())?;
    let Some(field) = MeanField::new(network, conversion.lif, &timing) else { return Ok(None) };
    let trial = |trial: u32, factors: &[f64]| {
        let drawn = TrialSet::Search.trial(task, conversion.seed, trial)?;
        let criterion = Criterion::new(&drawn.rules, Evaluated::Lif, task.rule_set());
        let draws = TrialDraws { seed: conversion.seed, trial: TrialSet::Search.draw(trial) };
        let course = field.run(&drawn.input, factors, draws, &criterion.windows);
        Ok((criterion, course))
    };
    let unit_seconds = timing.steps as f64 * timing.step_ms / 1000.0 * network.units as f64;
    let (mut grid, trained_for) = (conversion.grid()?, conversion.rate()?.scaling_factor());
    if let Some(factor) = trained_for.filter(|factor| !grid.contains(factor)) {
        grid.push(factor);
        grid.sort_by(f64::total_cmp);
    }
    let mut candidates = Vec::new();
    for factors in grid.chunks(LANES) {
        let courses: Result<Vec<_>> = (0..TRIALS).into_par_iter().map(|t| trial(t, factors)).collect();
        let courses: Vec<(Criterion, Course)> = courses?;
        candidates.extend(factors.iter().enumerate().map(|(l, factor)| {
            let is_correct = |(criterion, course): &&(Criterion, Course)| {
                criterion.accepts(|window, o| course.extremes[window * network.outputs + o][l])
            };
            let spikes: f64 = courses.iter().map(|(_, course)| f64::from(course.spikes[l])).sum();
            Candidate {
                scaling_factor: *factor,
                trials: TRIALS,
                correct: courses.iter().filter(is_correct).count() as u32,
                rate_hz: spikes / (unit_seconds * f64::from(TRIALS)),
                fidelity: None,
            }
        }));
    }
    let mut found = choose(&candidates, Select::Plateau, 0);
    if let Some(own) = trained_for.and_then(|factor| candidates.iter().position(|c| c.scaling_factor == factor)) {
        found.chosen = own;
    }
    Ok(Some(found))
}
