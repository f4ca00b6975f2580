//! What can go wrong between a rate network and a judged LIF network.

use mdl_data::field::InvalidField;
use mdl_model::artifact::ArtifactError;
use mdl_model::partial::PartialError;
use mdl_report::ReportError;
use mdl_stage::output::OutputError;
use mdl_stage::{OrExit, Status};

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
    /// A figure that cannot be drawn.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A figure or report that cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Partial results that cannot be used, or not be kept.
    #[error(transparent)]
    Partial(#[from] PartialError),
    /// A GPU failed.
    #[error("on the GPU: {0}")]
    Device(#[from] candle_core::Error),
    /// Inputs and outputs that do not fit together.
    #[error("{0}")]
    Paths(String),
    /// Asked to stop.
    #[error("interrupted; no output was written")]
    Interrupted,
    /// Asked to stop; partial results are kept.
    #[error("interrupted; the results so far are kept: the same command with --resume goes on from them")]
    Kept,
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The exit status of a program that ends with this error.
    pub fn status(&self) -> Status {
        match self {
            Self::Field(_) | Self::NegativeRates | Self::Paths(_) | Self::Output(OutputError::Exists(_)) => {
                Status::Usage
            }
            Self::Length { .. } | Self::Value { .. } | Self::Artifact(_) => Status::DamagedInput,
            Self::Partial(error) => error.status(),
            Self::Report(_) | Self::Output(_) | Self::Device(_) => Status::Failed,
            Self::Interrupted | Self::Kept => Status::Interrupted,
        }
    }
}

/// Lets a program end with the status of the error.
///
/// # Errors
/// The error of `result`.
pub fn with_status<T>(result: Result<T>) -> anyhow::Result<T> {
    result.or_else(|error| {
        let status = error.status();
        Err(error).or_exit(status)
    })
}
