//! Configs that validate, run for one update if they are tiny.

use candle_core::Device;
use mdl_experiment::Experiment;
use mdl_experiment::memory::Estimate;
use mdl_model::NetworkConfig;
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_train::config::TrainingConfig;
use mdl_train::network::Network;
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{State, train};
use std::ops::ControlFlow;

/// Maximum memory of a short run (bytes).
const TINY: f64 = 12e6;

/// Every estimate is a number; a tiny experiment trains, or reports why it cannot.
pub fn read(data: &[u8]) {
    let Ok(json) = mdl_artifact::json::parse(data) else { return };
    let Ok(experiment) = Experiment::from_json(json, &[], None, "fuzz") else { return };
    let needed = Estimate::training(&experiment).bytes();
    assert!(needed.is_finite() && Estimate::lif_evaluation(&experiment, 1, 1).bytes().is_finite());
    let Ok(task) = experiment.task.task() else { return };
    if needed > TINY || task.steps() > 1000 {
        return;
    }
    let (channels, outputs) = experiment.task.channels_and_outputs();
    let (seed, step_ms) = (experiment.seed, task.step_ms());
    let training = TrainingConfig { max_updates: 1, evaluate_every: 1, ..experiment.training.clone() };
    match &experiment.network {
        NetworkConfig::Rate(config) => {
            let parameters = RateParameters::draw(config, channels, outputs, seed);
            let network = RateNetwork::new(config, parameters, step_ms, &Device::Cpu).expect("a network");
            update(&TaskProblem::new(&network, task, Vec::new(), &training, seed), &training);
        }
        NetworkConfig::Spiking(config) => {
            let network = SpikingNetwork::initial(config, channels, outputs, seed).expect("a network");
            update(&TaskProblem::new(&network, task, Vec::new(), &training, seed), &training);
        }
    }
}

fn update<N: Network>(problem: &TaskProblem<N>, training: &TrainingConfig) {
    let state = State::new(training, problem).expect("a state");
    match train(training, problem, state, &mut |_| Ok(ControlFlow::Continue(()))) {
        Ok(trained) => assert_eq!(trained.updates, 1),
        Err(error) => assert!(error.to_string().starts_with("training "), "{error}"),
    }
}
