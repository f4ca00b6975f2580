//! Errors of figures.

/// Error of a figure. Every message names the figure and the data at fault.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is nothing to draw.
    #[error("{figure}: no {what} to draw")]
    Empty {
        /// The figure.
        figure: &'static str,
        /// Missing data.
        what: String,
    },
    /// Two slices that belong together have different lengths.
    #[error("{figure}: {what}: found {found} values, expected {expected}")]
    Length {
        /// The figure.
        figure: &'static str,
        /// Name of the data.
        what: String,
        /// Length found.
        found: usize,
        /// Length expected.
        expected: usize,
    },
    /// A value is NaN or infinite.
    #[error("{figure}: {what}: value {index} is {value}, expected a finite number")]
    NotFinite {
        /// The figure.
        figure: &'static str,
        /// Name of the data.
        what: String,
        /// Index of the value.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A value is impossible.
    #[error("{figure}: {what}: found {found}, expected {expected}")]
    Value {
        /// The figure.
        figure: &'static str,
        /// Name of the data.
        what: String,
        /// Found value.
        found: String,
        /// Expected value.
        expected: String,
    },
    /// An artifact of an earlier version lacks a tensor that a figure needs.
    #[error("{figure}: no tensor `{tensor}`, which earlier versions of {program} did not write; run {program} again")]
    Missing {
        /// The figure.
        figure: &'static str,
        /// The tensor.
        tensor: &'static str,
        /// Program that writes the tensor.
        program: String,
    },
    /// The config of an artifact cannot be used.
    #[error(transparent)]
    Experiment(#[from] mdl_experiment::ExperimentError),
    /// An artifact lacks data that a figure needs.
    #[error(transparent)]
    Artifact(#[from] mdl_artifact::ArtifactError),
    /// A figure could not be written.
    #[error(transparent)]
    Output(#[from] mdl_artifact::output::OutputError),
    /// The SVG could not be rendered as PNG.
    #[error("cannot render the figure as PNG: {0}")]
    Png(String),
    /// The figure could not be written as PDF.
    #[error("cannot write the figure as PDF: {0}")]
    Pdf(String),
}
