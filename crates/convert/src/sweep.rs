//! Sweeps over a parameter of the LIF network: for each of its values a search for the scaling factor, then an evaluation
//! with the chosen factor on fresh trials, so that the choice does not flatter the performance.

use crate::behaviour::{Behaviour, Monitor};
use crate::error::Result;
use crate::evaluate::{Score, evaluate};
use crate::mapping::published_factors;
use crate::search::search;
use crate::stored::{rate_config, read_network};
use mdl_data::random::Purpose;
use mdl_data::tasks::Trials;
use mdl_model::artifact::Artifact;
use mdl_model::experiment::{EvaluationConfig, Experiment};

/// What one network did with one setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swept {
    /// The chosen scaling factor.
    pub scaling_factor: f64,
    /// Performance with it on fresh trials.
    pub score: Score,
    /// Mean firing rate of the units on these (Hz).
    pub rate_hz: f64,
}

/// Searches and evaluates a rate network as `experiment` says.
///
/// # Errors
/// Those of the mapping and the simulation, and an interruption.
pub fn search_and_evaluate(rate: &Artifact, experiment: &Experiment, monitor: &Monitor) -> Result<Swept> {
    let (task, seed) = (experiment.task.task()?, experiment.seed);
    let network = read_network(rate, experiment)?;
    let behaviour = Behaviour::new(&network, &experiment.lif, task, seed)?;
    let published = published_factors(rate_config(experiment)?.activation);
    let factors = experiment.search.factors.clone().unwrap_or(published);
    let scaling_factor = search(&behaviour, &factors, &experiment.search, monitor)?.chosen().scaling_factor;
    let trials = Trials::draw(task, seed, Purpose::EvaluationTrial, 0, experiment.evaluation.trials);
    let unrecorded =
        EvaluationConfig { recorded_trials: 0, recorded_units: Vec::new(), ..experiment.evaluation.clone() };
    let evaluation = evaluate(&behaviour, network.units, scaling_factor, &trials, &unrecorded, monitor)?;
    let rate_hz = evaluation.rate_hz.iter().sum::<f64>() / network.units as f64;
    Ok(Swept { scaling_factor, score: evaluation.score(), rate_hz })
}
