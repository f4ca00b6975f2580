//! The error of a config field that no network can run with.

use std::fmt::Display;

/// A config field whose value is impossible: which field, what was found, what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: found {found}, expected {expected}")]
pub struct InvalidField {
    /// Path of the field in the config, as `task.steps`.
    pub field: String,
    /// The value found.
    pub found: String,
    /// What would be accepted.
    pub expected: String,
}

impl InvalidField {
    /// The same error seen from outside the section `parent`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}

/// Refuses `found` as the value of `field` unless `ok`.
///
/// # Errors
/// [`InvalidField`] when `ok` is false.
pub fn require(ok: bool, field: &str, found: impl Display, expected: &str) -> Result<(), InvalidField> {
    if ok {
        return Ok(());
    }
    Err(InvalidField { field: field.into(), found: found.to_string(), expected: expected.into() })
}

/// Refuses a number that is not finite and above zero.
///
/// # Errors
/// [`InvalidField`] naming `field`.
pub fn require_positive(field: &str, found: f64) -> Result<(), InvalidField> {
    require(found.is_finite() && found > 0.0, field, found, "a number above 0")
}

/// Refuses a number that is not finite and at least zero.
///
/// # Errors
/// [`InvalidField`] naming `field`.
pub fn require_not_negative(field: &str, found: f64) -> Result<(), InvalidField> {
    require(found.is_finite() && found >= 0.0, field, found, "a number that is not negative")
}

/// Refuses a number outside [0, 1].
///
/// # Errors
/// [`InvalidField`] naming `field`.
pub fn require_probability(field: &str, found: f64) -> Result<(), InvalidField> {
    require((0.0..=1.0).contains(&found), field, found, "a number from 0 to 1")
}
