//! A network as trained, read from its artifact, and the batches in which it runs trials.

use crate::{OrExit, Status};
use candle_core::Device;
use mdl_artifact::Artifact;
use mdl_experiment::Experiment;
use mdl_kernels::random::Purpose;
use mdl_model::NetworkConfig;
use mdl_model::rate::network::{NoiseKey, RateNetwork};
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::network::SpikingNetwork;

/// Number of trials or examples whose states are in memory at the same time.
pub(crate) const BATCH: usize = 100;

/// Noise of the batch of trials that begins with trial `start`.
pub(crate) fn noise(seed: u64, start: usize) -> NoiseKey {
    NoiseKey { seed, purpose: Purpose::EvaluationNoise, index: (start / BATCH) as u64 }
}

/// A trained network.
pub(crate) enum Trained {
    Rate(RateNetwork),
    Spiking(SpikingNetwork),
}

impl Trained {
    /// Reads the network of an artifact.
    ///
    /// # Errors
    /// Tensors that do not fit the config (status 3).
    pub(crate) fn read(artifact: &Artifact, experiment: &Experiment, device: &Device) -> anyhow::Result<Self> {
        Self::read_for(artifact, experiment, experiment.task.channels_and_outputs(), device)
    }

    /// Reads a network for inputs and outputs of other sizes than the task's.
    ///
    /// # Errors
    /// Tensors that do not fit the config or the sizes (status 3).
    pub(crate) fn read_for(
        artifact: &Artifact,
        experiment: &Experiment,
        (channels, outputs): (usize, usize),
        device: &Device,
    ) -> anyhow::Result<Self> {
        match &experiment.network {
            NetworkConfig::Spiking(config) => {
                let network =
                    SpikingNetwork::read(artifact, config, channels, outputs).or_exit(Status::DamagedInput)?;
                Ok(Self::Spiking(network.to_device(device)?))
            }
            NetworkConfig::Rate(config) => {
                let parameters = RateParameters::read(artifact, config, "").or_exit(Status::DamagedInput)?;
                Ok(Self::Rate(RateNetwork::new(config, parameters, experiment.task.step_ms(), device)?))
            }
        }
    }
}
