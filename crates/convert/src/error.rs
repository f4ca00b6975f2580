//! What can go wrong between a rate network and a judged LIF network.

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
        /// The array, as dynamics.md calls it.
        name: &'static str,
        /// Its length.
        found: usize,
        /// The length that would fit.
        expected: usize,
    },
    /// An array with a value no network can run with.
    #[error("{name}[{index}]: found {found}, expected {expected}")]
    Value {
        /// The array, as dynamics.md calls it.
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
    /// Asked to stop.
    #[error("interrupted; no output was written")]
    Interrupted,
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
