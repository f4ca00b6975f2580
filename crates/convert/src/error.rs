//! What can go wrong between a rate network and a judged LIF network.

use mdl_artifact::ArtifactError;
use mdl_artifact::checkpoint::PartialError;
use mdl_artifact::output::OutputError;
use mdl_data::field::InvalidField;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A config field no network can run with.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// An array whose length does not fit the network.
    #[error("{name}: found {found} values, expected {expected}")]
    Length {
        /// The array, by its name in an artifact.
        name: &'static str,
        /// Its length.
        found: usize,
        /// The length that would fit.
        expected: usize,
    },
    /// An array with a value no network can run with.
    #[error("{name}[{index}]: found {found}, expected {expected}")]
    Value {
        /// The array, by its name in an artifact.
        name: &'static str,
        /// Where it stands, counted from 0.
        index: usize,
        /// The value.
        found: f64,
        /// What would be accepted.
        expected: &'static str,
    },
    /// A network whose rates can be negative.
    #[error(
        "a tanh network cannot become spikes: its rates can be negative, a firing rate cannot; train with \
         network.activation = sigmoid, softplus or relu"
    )]
    NegativeRates,
    /// An artifact that cannot be used.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A figure or report that cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Partial results that cannot be used, or not be kept.
    #[error(transparent)]
    Partial(#[from] PartialError),
    /// A GPU failed.
    #[error("on the GPU: {0}")]
    Device(#[from] candle_core::Error),
    /// Asked to stop.
    #[error("interrupted; no output was written")]
    Interrupted,
    /// Asked to stop; partial results are kept.
    #[error("interrupted; the results so far are kept: the same command with --resume goes on from them")]
    Kept,
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
