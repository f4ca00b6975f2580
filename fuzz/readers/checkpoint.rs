//! Reader of checkpoints of training runs.

use mdl_artifact::Artifact;
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_train::task::TaskProblem;
use mdl_train::trainer::State;
use std::path::Path;

/// A checkpoint, for training a network of three spiking neurons.
pub fn read(data: &[u8]) {
    let Ok(checkpoint) = Artifact::from_bytes(data, Path::new("fuzz")) else { return };
    let json = serde_json::json!({
        "name": "fuzz",
        "task": { "kind": "go-nogo" },
        "network": { "kind": "spiking", "neurons": 3, "modes": 1, "neuron": { "dt_ms": 5, "tau_rise_ms": 5 } },
        "training": { "max_updates": 20, "evaluate_every": 5, "evaluation_trials": 2, "batch_size": 2, "stop": null },
    });
    let experiment = Experiment::from_json(json, &[], None, "fuzz").expect("a config");
    let NetworkConfig::Spiking(config) = &experiment.network else { return };
    let (channels, outputs) = experiment.task.channels_and_outputs();
    let network = SpikingNetwork::initial(config, channels, outputs, 1).expect("a network");
    let (task, training) = (experiment.task.task().expect("a task"), &experiment.training);
    let problem = TaskProblem::new(&network, task, Vec::new(), training, 1);
    let mut state = State::new(training, &problem).expect("a state");
    if state.restore(&checkpoint, training).is_ok() {
        assert!((1..=20).contains(&state.updates()) && state.history().len() < 4);
    }
}
