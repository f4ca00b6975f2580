//! Training on a GPU against training on the processor. Where there is no GPU these tests say so and why.
#![cfg(feature = "cuda")]

use candle_core::Device;
use mdl_device::DeviceChoice;
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::rate::network::RateNetwork;
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_train::network::Network;
use mdl_train::task::TaskProblem;
use mdl_train::trainer::{Event, State, train};
use std::ops::ControlFlow;
use std::path::Path;

const UPDATES: u64 = 50;

fn experiment(name: &str, set: &[&str]) -> Experiment {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../configs/{name}.json"));
    let fixed = [
        format!("training.max_updates={UPDATES}"),
        format!("training.evaluate_every={UPDATES}"),
        "training.evaluation_trials=20".into(),
        "training.stop=null".into(),
    ];
    let set: Vec<String> = set.iter().map(|s| s.to_string()).chain(fixed).collect();
    Experiment::load(&path, &set, Some(1)).unwrap()
}

/// Trains on a cognitive task; returns the losses and all trained values.
fn trained(network: &impl Network, experiment: &Experiment) -> (Vec<f64>, Vec<f32>) {
    let task = experiment.task.task().unwrap();
    let problem = TaskProblem::new(network, task, Vec::new(), &experiment.training, experiment.seed);
    let mut losses = Vec::new();
    let mut observe = |event: Event| {
        if let Event::Updated { loss, .. } = event {
            losses.push(loss);
        }
        Ok(ControlFlow::Continue(()))
    };
    let state = State::new(&experiment.training, &problem).unwrap();
    train(&experiment.training, &problem, state, &mut observe).unwrap();
    let values = network.variables().into_iter().map(|(_, v)| v.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    (losses, values.collect::<Vec<_>>().concat())
}

fn on(device: &Device, experiment: &Experiment) -> (Vec<f64>, Vec<f32>) {
    let (channels, outputs) = experiment.task.channels_and_outputs();
    match &experiment.network {
        NetworkConfig::Rate(config) => {
            let parameters = RateParameters::draw(config, channels, outputs, experiment.seed);
            trained(&RateNetwork::new(config, parameters, experiment.task.step_ms(), device).unwrap(), experiment)
        }
        NetworkConfig::Spiking(config) => {
            let network = SpikingNetwork::initial(config, channels, outputs, experiment.seed).unwrap();
            trained(&network.to_device(device).unwrap(), experiment)
        }
    }
}

/// Two runs on the GPU have the same bits. The processor's first loss agrees within rounding, the last within `drift`: rounding
/// moves single spikes, and later updates see the difference.
fn check(experiment: &Experiment, drift: f64) {
    let Some(gpu) = DeviceChoice::first_gpu_or_skip() else { return };
    let (first, again) = (on(&gpu, experiment), on(&gpu, experiment));
    assert!(first.1.iter().map(|x| x.to_bits()).eq(again.1.iter().map(|x| x.to_bits())), "two runs differ");
    let (expected, found) = (on(&Device::Cpu, experiment).0, first.0);
    let difference = |i: usize| (found[i] - expected[i]).abs() / expected[i];
    assert!(difference(0) < 1e-4, "first loss: {} {}", found[0], expected[0]);
    let last = expected.len() - 1;
    assert!(difference(last) < drift, "loss of update {UPDATES}: {} {}", found[last], expected[last]);
}

#[test]
fn spiking_networks_agree() {
    check(&experiment("mante-spiking", &[]), 0.05);
}

#[test]
fn dense_rate_networks_agree() {
    check(&experiment("go-nogo", &[]), 1e-3);
}

#[test]
fn rate_networks_with_modes_agree() {
    check(&experiment("go-nogo-modes", &[]), 1e-3);
}
