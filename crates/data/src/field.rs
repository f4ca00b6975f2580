//! Error of a config field with an impossible value.

use std::fmt::Display;

/// Config field with an impossible value: the field, the found value and the expected values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: found {found}, expected {expected}")]
pub struct InvalidField {
    /// Path of the field in the config, such as `task.steps`.
    pub field: String,
    /// The value found.
    pub found: String,
    /// Accepted values.
    pub expected: String,
}

impl InvalidField {
    /// The same error as seen from outside the section `parent`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}

/// Refuses `found` as the value of `field` unless `ok`.
///
/// # Errors
/// [`InvalidField`] if `ok` is false.
pub fn require(ok: bool, field: &str, found: impl Display, expected: &str) -> Result<(), InvalidField> {
    if ok {
        return Ok(());
    }
    Err(InvalidField { field: field.into(), found: shortened(found.to_string()), expected: expected.into() })
}

/// A bound in readable form.
fn short(bound: f64) -> String {
    let text = bound.to_string();
    if text.len() > 8 { format!("{bound:e}") } else { text }
}

/// A number of many digits in scientific notation; any other text unchanged.
fn shortened(text: String) -> String {
    const LONG: usize = 20;
    match text.parse::<f64>() {
        Ok(number) if text.len() > LONG => format!("{number:e}"),
        _ => text,
    }
}

/// Largest number with which single precision computes safely: its square, and some sums of squares, are still finite.
pub const LARGEST: f64 = 1e6;
/// Smallest positive number with an effect in single precision.
const SMALLEST: f64 = 1e-6;
/// Shortest and longest duration (ms).
const DURATIONS_MS: [f64; 2] = [1e-4, 1e9];
/// Maximum number of trials.
pub const MOST_TRIALS: u32 = 1_000_000_000;

/// Refuses a number outside of `least ..= most`.
///
/// # Errors
/// [`InvalidField`] naming `field`.
pub fn require_between(field: &str, found: f64, least: f64, most: f64) -> Result<(), InvalidField> {
    require(
        (least..=most).contains(&found),
        field,
        found,
        &format!("a number from {} to {}", short(least), short(most)),
    )
}

/// Refuses a number that is not positive, or out of range for computations in single precision.
///
/// # Errors
/// [`InvalidField`] naming `field`.
pub fn require_positive(field: &str, found: f64) -> Result<(), InvalidField> {
    require_between(field, found, SMALLEST, LARGEST)
}

/// Refuses a negative number, or one out of range for computations in single precision.
///
/// # Errors
/// [`InvalidField`] naming `field`.
pub fn require_not_negative(field: &str, found: f64) -> Result<(), InvalidField> {
    require_between(field, found, 0.0, LARGEST)
}

/// Refuses a duration that is not positive, or out of range for simulations.
///
/// # Errors
/// [`InvalidField`] naming `field`.
pub fn require_duration_ms(field: &str, found: f64) -> Result<(), InvalidField> {
    let [least, most] = DURATIONS_MS;
    require((least..=most).contains(&found), field, found, &format!("a duration from {least} to {most:e} ms"))
}

/// Refuses a number of trials that is zero or too large.
///
/// # Errors
/// [`InvalidField`] naming `field`.
pub fn require_trials(field: &str, found: u32) -> Result<(), InvalidField> {
    require((1..=MOST_TRIALS).contains(&found), field, found, &format!("1 to {MOST_TRIALS}"))
}

/// A count as the length of an object in memory.
pub const fn length(count: u32) -> usize {
    const { assert!(usize::BITS >= u32::BITS) }
    count as usize
}

/// Refuses a number outside [0, 1].
///
/// # Errors
/// [`InvalidField`] naming `field`.
pub fn require_probability(field: &str, found: f64) -> Result<(), InvalidField> {
    require((0.0..=1.0).contains(&found), field, found, "a number from 0 to 1")
}
