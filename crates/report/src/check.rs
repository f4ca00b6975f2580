//! Checks of the data of a figure.

use crate::ReportError;

/// Checks of one figure, whose name is in every message.
#[derive(Clone, Copy)]
pub(crate) struct Check(pub &'static str);

impl Check {
    /// Checks that there is something to draw.
    pub fn not_empty<T>(self, what: &str, values: &[T]) -> Result<(), ReportError> {
        if values.is_empty() {
            return Err(ReportError::Empty { figure: self.0, what: what.into() });
        }
        Ok(())
    }

    /// Checks that a slice has the length of the one it belongs to.
    pub fn length<T>(self, what: &str, values: &[T], expected: usize) -> Result<(), ReportError> {
        if values.len() != expected {
            return Err(ReportError::Length { figure: self.0, what: what.into(), found: values.len(), expected });
        }
        Ok(())
    }

    /// Checks that every value is finite.
    pub fn finite<'a>(self, what: &str, values: impl IntoIterator<Item = &'a f64>) -> Result<(), ReportError> {
        match values.into_iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((index, &value)) => Err(ReportError::NotFinite { figure: self.0, what: what.into(), index, value }),
            None => Ok(()),
        }
    }

    /// Checks `holds`; otherwise the error says that `found` is not the `expected` value.
    pub fn value(
        self,
        what: &str,
        holds: bool,
        found: impl std::fmt::Display,
        expected: &str,
    ) -> Result<(), ReportError> {
        if holds {
            return Ok(());
        }
        let (found, expected) = (found.to_string(), expected.to_owned());
        Err(ReportError::Value { figure: self.0, what: what.into(), found, expected })
    }

    /// Checks that every interval is finite and contains its value.
    pub fn intervals(self, what: &str, values: impl IntoIterator<Item = (f64, (f64, f64))>) -> Result<(), ReportError> {
        for (index, (value, (low, high))) in values.into_iter().enumerate() {
            self.finite(&format!("{what} {index}"), &[value, low, high])?;
            let found = format_args!("{value} in [{low}, {high}]").to_string();
            self.value(
                &format!("{what} {index}"),
                low <= value && value <= high,
                found,
                "a value inside its interval",
            )?;
        }
        Ok(())
    }
}
