//! Artifacts as files of other tools.
//!
//! | format | of | what |
//! |---|---|---|
//! | `.mat` | rate and LIF networks | MATLAB version 5, in the layout of the published rate code: [`published`] |
//! | `.mat` | every other artifact | one variable a tensor |
//! | `.npz` | every artifact | one array a tensor, and its metadata as text: [`npz`] |
//! | `.nir` | LIF and spiking networks | a graph for simulators and neuromorphic chips: [`nir`] |

pub mod nir;
pub mod npz;
pub mod published;

use crate::{Error, Result, mat};
use mdl_artifact::{Artifact, Kind};
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use std::path::Path;

/// A format to export to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// MATLAB version 5.
    Mat,
    /// Neuromorphic intermediate representation.
    Nir,
    /// NumPy.
    Npz,
}

impl Format {
    /// The format that the ending of a file's name tells.
    ///
    /// # Errors
    /// [`Error::Unfit`] for any other ending.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("mat") => Ok(Self::Mat),
            Some("nir") => Ok(Self::Nir),
            Some("npz") => Ok(Self::Npz),
            _ => {
                let message = "expected a name that ends in .mat, .nir or .npz".into();
                Err(Error::Unfit { path: path.into(), message })
            }
        }
    }
}

/// An artifact as the bytes of a file of `format`; `origin` is the artifact's file, for messages.
///
/// # Errors
/// A tensor that is missing or does not fit; an artifact that has no place in the format.
pub fn bytes(artifact: &Artifact, experiment: &Experiment, format: Format, origin: &Path) -> Result<Vec<u8>> {
    let unfit = |message: String| Error::Unfit { path: origin.into(), message };
    match format {
        Format::Nir => nir::write(artifact, experiment, origin),
        Format::Npz => npz::write(artifact, &experiment.to_json()).map_err(unfit),
        Format::Mat => {
            let variables = match (artifact.kind, &experiment.network) {
                (Kind::Rate | Kind::Lif, NetworkConfig::Rate(config)) => {
                    published::variables(artifact, experiment, config, origin)?
                }
                _ => tensors(artifact),
            };
            mat::write(&variables).map_err(unfit)
        }
    }
}

/// One variable a tensor; MATLAB knows no dot in a name.
fn tensors(artifact: &Artifact) -> Vec<(String, mat::Matrix)> {
    let variable = |(name, array): (&String, &mdl_artifact::Array)| {
        (name.replace('.', "_"), mat::Matrix::numbers(&array.shape, array.values.clone()))
    };
    artifact.tensors.iter().map(variable).collect()
}
