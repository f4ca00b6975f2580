//! Why a network cannot be taken in or given out.

use mdl_artifact::{ArtifactError, FileType, Purpose};
use mdl_experiment::ExperimentError;
use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a network cannot be taken in or given out. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is of a type that is not read.
    #[error("{}: {}", path.display(), found.mismatch(Purpose::Network))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: FileType,
    },
    /// The file is not of its format, or damaged, or hostile.
    #[error("{}: not {format} that can be read, or a damaged one: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The format, with its article.
        format: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A variable is missing, has another shape or type, or holds an impossible value.
    #[error("{}: variable `{name}`: found {found}, expected {expected}", path.display())]
    Variable {
        /// The file.
        path: PathBuf,
        /// Name of the variable.
        name: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// Arrays that change what the network does, and that nothing here can read.
    #[error("{}: {}", path.display(), unread(arrays))]
    Unread {
        /// The file.
        path: PathBuf,
        /// Each array, and what it holds.
        arrays: Vec<(String, &'static str)>,
    },
    /// The file does not say enough.
    #[error("{}: {message}", path.display())]
    Undecided {
        /// The file.
        path: PathBuf,
        /// What is missing, and what would help.
        message: String,
    },
    /// The network has no place in the format it should be written in.
    #[error("{}: {message}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What does not fit, and what would.
        message: String,
    },
    /// The artifact to export is damaged.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The experiment that follows from the file cannot be run.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
}

impl Error {
    /// A function that turns what is wrong with a file of `format` into an error about `path`.
    pub fn damaged(path: &Path, format: &'static str) -> impl Fn(String) -> Self {
        let path = path.to_path_buf();
        move |message| Self::Damaged { path: path.clone(), format, message }
    }
}

/// What is said about arrays that cannot be read.
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
