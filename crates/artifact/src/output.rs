//! Writing outputs: whole or not at all, and never over an existing file unless asked to.

use crate::lock::Lock;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// Why an output cannot be written, or a file not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The output exists.
    #[error("{} exists; use --force to overwrite it", .0.display())]
    Exists(PathBuf),
    /// The output is a directory.
    #[error("{} is a directory; expected a file name", .0.display())]
    Directory(PathBuf),
    /// Another process writes the output.
    #[error("{} is being written by another process", .0.display())]
    Busy(PathBuf),
    /// The output's directory cannot be made.
    #[error("cannot create the directory {}: {source}", path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Writing failed; nothing was left under the output's name.
    #[error("cannot write {}: {source} (nothing was left there)", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Checks, before any work is done, that `path` may be written.
///
/// # Errors
/// [`OutputError::Exists`] (without `force`), [`OutputError::Directory`].
pub fn check_free(path: &Path, force: bool) -> Result<(), OutputError> {
    if path.is_dir() {
        return Err(OutputError::Directory(path.into()));
    }
    if !force && path.symlink_metadata().is_ok() {
        return Err(OutputError::Exists(path.into()));
    }
    Ok(())
}

/// An output that this process, and no other, may write: its path, under a [`Lock`].
#[derive(Debug)]
pub struct Claimed {
    path: PathBuf,
    _lock: Lock,
}

impl Claimed {
    /// Takes the right to write `path`.
    ///
    /// # Errors
    /// Those of [`check_free`] and [`Lock::on`].
    pub fn new(path: &Path, force: bool) -> Result<Self, OutputError> {
        check_free(path, force)?;
        let lock = Lock::on(path)?;
        // Another process may have written it since the first look.
        check_free(path, force)?;
        Ok(Self { path: path.into(), _lock: lock })
    }
}

impl Deref for Claimed {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.path
    }
}

impl Serialize for Claimed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.path.serialize(serializer)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The directory of a file, made if it is missing.
pub(crate) fn directory_of(path: &Path) -> Result<&Path, OutputError> {
    let directory = parent(path);
    std::fs::create_dir_all(directory).map_err(|source| OutputError::NoDirectory { path: directory.into(), source })?;
    Ok(directory)
}

/// How the names of temporary files of writes of `path` begin.
fn temporary_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".writing-");
    prefix
}

/// Removes what a killed process left of unfinished writes of `path`. For who holds the right to write it.
pub fn remove_unfinished(path: &Path) {
    let prefix = temporary_prefix(path);
    let Ok(entries) = std::fs::read_dir(parent(path)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Writes `bytes` as `path`: a temporary file beside it, flushed to disk, then renamed. Missing directories are made.
///
/// # Errors
/// Any [`OutputError`]; on all of them `path` is what it was before.
pub fn write_atomically(path: &Path, bytes: &[u8], force: bool) -> Result<(), OutputError> {
    check_free(path, force)?;
    let directory = directory_of(path)?;
    let failed = |source| OutputError::Write { path: path.into(), source };
    let (prefix, mut builder) = (temporary_prefix(path), tempfile::Builder::new());
    builder.prefix(&prefix).suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(directory).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    if force {
        file.persist(path).map_err(|e| failed(e.error))?;
    } else {
        file.persist_noclobber(path).map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => OutputError::Exists(path.into()),
            _ => failed(e.error),
        })?;
    }
    // The rename itself reaches the disk with the directory; where directories cannot be synced, it is left to the system.
    if let Ok(handle) = File::open(directory) {
        let _ = handle.sync_all();
    }
    Ok(())
}

/// SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file, in hexadecimal, read piece by piece.
///
/// # Errors
/// The error of the read.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0u8; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten_unless_forced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/sub dir/ü.bin");
        write_atomically(&path, b"one", false).unwrap();
        assert!(matches!(write_atomically(&path, b"two", false), Err(OutputError::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write_atomically(&path, b"two", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
        assert!(matches!(check_free(dir.path(), true), Err(OutputError::Directory(_))));
    }

    #[test]
    fn sha256_of_a_known_message() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        assert_eq!(sha256_file(file.path()).unwrap(), expected);
    }
}
