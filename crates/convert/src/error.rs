//! Errors between a rate network and an evaluated LIF network.

use mdl_artifact::ArtifactError;
use mdl_artifact::checkpoint::PartialError;
use mdl_artifact::output::OutputError;
use mdl_data::field::InvalidField;
use mdl_data::tasks::TaskError;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A config field with which no network can run.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// The task cannot draw a trial.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// An array whose length does not fit the network.
    #[error("{name}: found {found} values, expected {expected}")]
    Length {
        /// The array, by its name in an artifact.
        name: &'static str,
        /// Length found.
        found: usize,
        /// Length expected.
        expected: usize,
    },
    /// An array with a value with which no network can run.
    #[error("{name}[{index}]: found {found}, expected {expected}")]
    Value {
        /// The array, by its name in an artifact.
        name: &'static str,
        /// Index of the value, counted from 0.
        index: usize,
        /// The value.
        found: f64,
        /// Accepted values.
        expected: &'static str,
    },
    /// A network with rates that can be negative.
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
    /// Partial results that cannot be used or kept.
    #[error(transparent)]
    Partial(#[from] PartialError),
    /// A GPU failed.
    #[error("on the GPU: {0}")]
    Device(#[from] candle_core::Error),
    /// Stopped on request.
    #[error("interrupted; no output was written")]
    Interrupted,
    /// Stopped on request; partial results are kept.
    #[error("interrupted; the results so far are kept: the same command with --resume goes on from them")]
    Kept,
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
