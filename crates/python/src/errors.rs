//! Errors of Rust as Python's exceptions, which are classes of `mdl_rnn._errors`.

use mdl_cli::Status;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// An exception of the class `name` of `mdl_rnn._errors`.
pub fn exception(py: Python, name: &str, text: &str) -> PyErr {
    let class = py.import("mdl_rnn._errors").and_then(|module| module.getattr(name));
    match class.and_then(|class| class.call1(PyTuple::new(py, [text])?)) {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

/// A wrong argument.
pub fn argument(py: Python, name: &str, found: &str, expected: &str) -> PyErr {
    exception(py, "ArgumentError", &format!("{name}: found {found}, expected {expected}"))
}

/// The exception for an error with a status.
pub fn of(py: Python, error: &anyhow::Error) -> PyErr {
    let (status, text) = Status::of(error);
    // Options have the names of arguments.
    let text = text.strip_prefix("--").unwrap_or(&text).replace(" --set ", " set ");
    let class = match status {
        Status::Usage if text.starts_with("config ") => "ConfigError",
        Status::Usage => "ArgumentError",
        Status::DamagedInput => "DamagedFileError",
        Status::Interrupted | Status::Killed => "Interrupted",
        Status::Done | Status::Failed | Status::CriterionNotMet => "RunError",
    };
    exception(py, class, &text)
}

/// The exception for a panic with this payload.
pub fn of_panic(py: Python, payload: &(dyn std::any::Any + Send)) -> PyErr {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    let text = payload.downcast_ref::<&str>().copied().or(owned).unwrap_or("no message");
    exception(py, "InternalError", &format!("internal error: {text}; please report it"))
}

/// Conversion of results.
pub trait OrRaise<T> {
    /// The value, or the exception for the error.
    ///
    /// # Errors
    /// The exception.
    fn or_raise(self, py: Python) -> PyResult<T>;
}

impl<T, E: Into<anyhow::Error>> OrRaise<T> for Result<T, E> {
    fn or_raise(self, py: Python) -> PyResult<T> {
        self.map_err(|error| of(py, &error.into()))
    }
}
