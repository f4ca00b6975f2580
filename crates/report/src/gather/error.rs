//! Errors of gathering runs.

use crate::ReportError;
use mdl_artifact::ArtifactError;
use std::path::PathBuf;

/// Error of gathering runs. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// A path does not exist.
    #[error("{}: no such file or directory; expected the directory of a run, or an artifact", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A directory without a file of a run.
    #[error("{}: found no {expected} in this directory; name the directory of a run, or an artifact", path.display())]
    NoRun {
        /// The directory.
        path: PathBuf,
        /// Files of a run.
        expected: String,
    },
    /// A directory with two networks.
    #[error("{}: found both {} and {}, expected one network per directory; name the artifact instead", path.display(), files[0], files[1])]
    TwoNetworks {
        /// The directory.
        path: PathBuf,
        /// Both files.
        files: [&'static str; 2],
    },
    /// An artifact that is no stage of a run.
    #[error("{}: found {found}, expected {expected}", path.display())]
    NoStage {
        /// The file.
        path: PathBuf,
        /// Its content.
        found: String,
        /// Expected content.
        expected: &'static str,
    },
    /// The same artifact twice, under whatever names.
    #[error("{}: the same as {}; name each network once, because rows count as independent networks", second.display(), first.display())]
    Twice {
        /// First path.
        first: PathBuf,
        /// Second path.
        second: PathBuf,
    },
    /// An artifact and one that was made from it.
    #[error("{}: an earlier stage of {}; name only the latter, or their directory", earlier.display(), later.display())]
    EarlierStage {
        /// The earlier artifact.
        earlier: PathBuf,
        /// The later artifact.
        later: PathBuf,
    },
    /// There is no such column.
    #[error("{option}: found {found}, expected a column of the table: {known}")]
    NoColumn {
        /// Option that names it.
        option: &'static str,
        /// Found name.
        found: String,
        /// Columns of the table.
        known: String,
    },
    /// A cell is not a number.
    #[error("--y {column}: found {found} for {run}, expected numbers; name another column")]
    NoNumber {
        /// The column.
        column: String,
        /// Found value.
        found: String,
        /// The run.
        run: String,
    },
    /// No run has a value in both columns of a figure.
    #[error("--y {column}: no run has a value of it and of {x}; name columns that are not empty")]
    Nothing {
        /// The column.
        column: String,
        /// Column of the horizontal axis.
        x: String,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// An artifact that was named cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A figure cannot be drawn.
    #[error(transparent)]
    Figure(#[from] ReportError),
    /// The table cannot be written as text.
    #[error("the table cannot be written as CSV: {0}")]
    Csv(#[from] csv::Error),
}
