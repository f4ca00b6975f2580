//! Errors of import and export.

use mdl_artifact::{ArtifactError, FileType, Purpose};
use mdl_experiment::ExperimentError;
use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Error of an import or export. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The task cannot draw a trial.
    #[error(transparent)]
    Task(#[from] mdl_data::tasks::TaskError),
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file has a type that cannot be read.
    #[error("{}: {}", path.display(), found.mismatch(Purpose::Network))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Type of the file.
        found: FileType,
    },
    /// The file does not follow its format, is damaged, or is hostile.
    #[error("{}: not {format} that can be read, or a damaged one: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The format, with its article.
        format: &'static str,
        /// Description of the fault.
        message: String,
    },
    /// A variable is missing, has the wrong shape or type, or has an impossible value.
    #[error("{}: variable `{name}`: found {found}, expected {expected}", path.display())]
    Variable {
        /// The file.
        path: PathBuf,
        /// Name of the variable.
        name: String,
        /// Found value.
        found: String,
        /// Expected value.
        expected: String,
    },
    /// Unread arrays that change the behaviour of the network.
    #[error("{}: {}", path.display(), unread(arrays))]
    Unread {
        /// The file.
        path: PathBuf,
        /// Each array, with its role.
        arrays: Vec<(String, &'static str)>,
    },
    /// The file does not contain enough information.
    #[error("{}: {message}", path.display())]
    Undecided {
        /// The file.
        path: PathBuf,
        /// Missing information, and the option that provides it.
        message: String,
    },
    /// The format cannot represent the network.
    #[error("{}: {message}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Feature that does not fit, and alternatives.
        message: String,
    },
    /// The artifact to export is damaged.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The experiment described by the file cannot be run.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
}

impl Error {
    /// Function that turns the description of a fault in a file of `format` into an error about `path`.
    pub fn damaged(path: &Path, format: &'static str) -> impl Fn(String) -> Self {
        let path = path.to_path_buf();
        move |message| Self::Damaged { path: path.clone(), format, message }
    }
}

/// Message about arrays that cannot be read.
fn unread(arrays: &[(String, &'static str)]) -> String {
    let named: Vec<String> = arrays.iter().map(|(name, what)| format!("`{name}` ({what})")).collect();
    let options: Vec<String> = arrays.iter().map(|(name, _)| format!("--ignore {name}")).collect();
    let names: Vec<String> = arrays.iter().map(|(name, _)| format!("{name:?}")).collect();
    format!(
        "{}: found, but not read; the network would be another one without. A mapping may read them (docs/import.md); {}, or \
         \"ignore\": [{}] in the mapping, leaves them out all the same",
        named.join(", "),
        options.join(" "),
        names.join(", ")
    )
}
