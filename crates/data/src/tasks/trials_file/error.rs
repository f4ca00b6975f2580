//! Errors of trials in a file.

use crate::field::InvalidField;
use std::path::{Path, PathBuf};

/// Error of trials in a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialsError {
    /// The file is missing, damaged, or does not hold what it should.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Array, found and expected content, remedy.
        message: String,
    },
    /// A field of the section is impossible, on its own or for these trials.
    #[error(transparent)]
    Field(#[from] InvalidField),
}

impl TrialsError {
    /// An error about a file.
    pub(super) fn file(path: &Path, message: impl Into<String>) -> Self {
        Self::File { path: path.into(), message: message.into() }
    }

    /// An error about an array of a file.
    pub(super) fn array(path: &Path, name: &str, found: impl std::fmt::Display, expected: &str) -> Self {
        Self::file(path, format!("array `{name}`: found {found}, expected {expected}"))
    }

    /// An error about a field inside the section.
    pub(super) fn field(field: &str, found: impl std::fmt::Display, expected: impl Into<String>) -> Self {
        Self::Field(InvalidField { field: field.into(), found: found.to_string(), expected: expected.into() })
    }
}
