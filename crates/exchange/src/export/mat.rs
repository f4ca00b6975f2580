//! MATLAB version 5: rate and LIF networks in the layout of the published rate code, other artifacts one variable per
//! tensor.

use super::format::Format;
use super::published;
use crate::mat::{self, Matrix};
use crate::{Error, Result};
use mdl_artifact::{Artifact, Kind};
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use std::path::Path;

/// MATLAB version 5.
pub struct Mat;

impl Format for Mat {
    fn ending(&self) -> &'static str {
        "mat"
    }

    fn write(&self, artifact: &Artifact, experiment: &Experiment, origin: &Path) -> Result<Vec<u8>> {
        let variables = match (artifact.kind, &experiment.network) {
            (Kind::Rate | Kind::Lif, NetworkConfig::Rate(config)) => {
                published::variables(artifact, experiment, config, origin)?
            }
            _ => tensors(artifact),
        };
        mat::write(&variables).map_err(|message| Error::Unfit { path: origin.into(), message })
    }
}

/// One variable per tensor; names in MATLAB cannot contain dots.
fn tensors(artifact: &Artifact) -> Vec<(String, Matrix)> {
    let variable = |(name, array): (&String, &mdl_artifact::Array)| {
        (name.replace('.', "_"), Matrix::numbers(&array.shape, array.values.clone()))
    };
    artifact.tensors.iter().map(variable).collect()
}
