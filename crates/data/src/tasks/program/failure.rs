//! Errors of the language as those of a task: one line, with the place in the file.

use crate::tasks::task::TaskError;

/// The error of `file` that the language reports.
pub(super) fn of(file: &str, error: starlark::Error) -> TaskError {
    let line = error.span().map(|span| span.resolve_span().begin.line + 1);
    let text = error.without_diagnostic().to_string();
    // The language doubts the place of this error; the line of `trial` takes it.
    let text = text.split("This error is usually emitted").next().unwrap_or_default();
    let message = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
    TaskError { file: file.into(), line, message }
}

/// The line that defines a name.
pub(super) fn definition(source: &str, name: &str) -> Option<usize> {
    let defines = |line: &str| {
        let rest = line.strip_prefix("def ").unwrap_or(line).strip_prefix(name)?;
        rest.trim_start().starts_with(['=', '(']).then_some(())
    };
    source.lines().position(|line| defines(line).is_some()).map(|line| line + 1)
}

/// The error of a declaration, which begins with its name, with the line of its definition.
pub(super) fn at_definition(source: &str, error: TaskError) -> TaskError {
    let name = error.message.split(':').next().unwrap_or_default();
    TaskError { line: error.line.or_else(|| definition(source, name)), ..error }
}

/// What a call of the language is refused with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub String);

/// An error of a call, formatted as by `format!`.
macro_rules! refused {
    ($($text:tt)*) => { starlark::Error::new_other($crate::tasks::program::failure::Refusal(format!($($text)*))) };
}

pub(super) use refused;
