//! Errors of an analysis.

use mdl_artifact::ArtifactError;
use mdl_data::field::InvalidField;

/// Error of an analysis.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tensor of the network is missing or does not fit its config.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A setting with which nothing can be analysed.
    #[error(transparent)]
    Setting(#[from] InvalidField),
    /// Eigenvalues were not found.
    #[error("no eigenvalues of a matrix of {size} rows after {iterations} iterations")]
    Eigenvalues {
        /// Rows of the matrix.
        size: usize,
        /// Allowed iterations.
        iterations: usize,
    },
}
