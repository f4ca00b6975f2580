//! Writing of outputs: atomically, and never over an existing file unless requested.

use crate::transient::{List, Transient};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Maximum number of links followed, as in Linux.
const MOST_LINKS: usize = 40;

/// Error of writing an output or hashing a file.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The output exists.
    #[error("{} exists; use --force to overwrite it", .0.display())]
    Exists(PathBuf),
    /// The output is a directory.
    #[error("{} is a directory; expected a file name", .0.display())]
    Directory(PathBuf),
    /// The output is neither a file nor a directory.
    #[error("{} is {what}; expected the name of a regular file", path.display())]
    Special {
        /// The output.
        path: PathBuf,
        /// Type of the output.
        what: &'static str,
    },
    /// The output is a standard stream.
    #[error("{} is a stream, and the output has to be a file of its own: name a file{}", .0.display(), own_dash(.0))]
    Stream(PathBuf),
    /// Another process writes the output.
    #[error("{} is being written by another process", .0.display())]
    Busy(PathBuf),
    /// The directory of the output cannot be created.
    #[error("cannot create the directory {}: {source}", path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Writing failed; no file was left under the name of the output.
    #[error("cannot write {}: {source} (nothing was left there)", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// Spelling for a file named `-`.
fn own_dash(path: &Path) -> &'static str {
    if path == Path::new("-") { " (./- for one that is called -)" } else { "" }
}

/// Checks, before any work is done, that `path` can be written: it does not exist or, with `force`, is a regular file.
/// Links are followed.
///
/// # Errors
/// [`OutputError::Exists`] (without `force`), [`OutputError::Directory`], [`OutputError::Special`],
/// [`OutputError::Stream`]; [`OutputError::Write`] for a name without a target, such as circular links.
pub fn check_free(path: &Path, force: bool) -> Result<(), OutputError> {
    if path == Path::new("-") || leads_to_stream(path) {
        return Err(OutputError::Stream(path.into()));
    }
    if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(OutputError::Directory(path.into()));
    }
    match path.metadata() {
        Ok(found) if found.is_dir() => Err(OutputError::Directory(path.into())),
        Ok(found) if !found.is_file() => Err(OutputError::Special { path: path.into(), what: special(&found) }),
        Ok(_) if !force => Err(OutputError::Exists(path.into())),
        Ok(_) => Ok(()),
        // Errors about the name or its folder are reported by the write.
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename) => {
            Ok(())
        }
        Err(source) => Err(OutputError::Write { path: path.into(), source }),
    }
}

/// Type of a file that is neither regular nor a directory.
#[cfg(unix)]
fn special(found: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = found.file_type();
    match () {
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

/// Type of a file that is neither regular nor a directory.
#[cfg(not(unix))]
fn special(_: &Metadata) -> &'static str {
    "no regular file"
}

/// True if a name refers to an open file of a process, like `/dev/stdout`.
fn leads_to_stream(path: &Path) -> bool {
    let of_process = |link: &PathBuf| parent(link).canonicalize().is_ok_and(|folder| folder.starts_with("/proc"));
    links(path).any(|link| of_process(&link))
}

/// Chain of links from a name, including itself.
fn links(path: &Path) -> impl Iterator<Item = PathBuf> {
    let is_link = |path: &PathBuf| path.symlink_metadata().is_ok_and(|found| found.is_symlink());
    std::iter::successors(Some(path.to_owned()).filter(is_link), move |link| next(link).filter(is_link))
        .take(MOST_LINKS + 1)
}

/// Target of a link.
fn next(link: &Path) -> Option<PathBuf> {
    Some(parent(link).join(std::fs::read_link(link).ok()?))
}

/// File that a name refers to: links are followed, even if the final target does not exist.
pub(crate) fn behind_links(path: &Path) -> PathBuf {
    links(path).last().and_then(|link| next(&link)).unwrap_or_else(|| path.to_owned())
}

/// Directory of a file.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Directory of a file, created if it is missing.
pub(crate) fn directory_of(path: &Path) -> Result<&Path, OutputError> {
    let directory = parent(path);
    std::fs::create_dir_all(directory).map_err(|source| OutputError::NoDirectory { path: directory.into(), source })?;
    Ok(directory)
}

/// Prefix of the names of temporary files for writes of `path`.
pub(crate) fn temporary_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".writing-");
    prefix
}

/// Removes remains of unfinished writes of `path` by a killed process. Only for the holder of the lock.
pub fn remove_unfinished(path: &Path) {
    let prefix = temporary_prefix(path);
    let Ok(entries) = std::fs::read_dir(parent(path)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Creates an empty temporary file for a write of `path`, in the same directory.
pub(crate) fn temporary_file(path: &Path) -> io::Result<(tempfile::NamedTempFile, Transient)> {
    let (prefix, mut builder) = (temporary_prefix(path), tempfile::Builder::new());
    builder.prefix(&prefix).suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut list = List::lock();
    let file = builder.tempfile_in(parent(path))?;
    let transient = list.add(file.path().to_owned());
    Ok((file, transient))
}

/// Writes `bytes` as `path`: to a temporary file beside it, flushed to disk and then renamed. Missing directories are
/// created. A link remains a link, and its target is replaced.
///
/// # Errors
/// Any [`OutputError`]; after an error, `path` is unchanged.
pub fn write_atomically(path: &Path, bytes: &[u8], force: bool) -> Result<(), OutputError> {
    let mut file = PendingFile::create(path, force)?;
    file.write(|file| file.write_all(bytes))?;
    file.commit()
}

/// A file under a temporary name, which is removed unless it is given its own.
#[derive(Debug)]
pub(crate) struct PendingFile {
    file: tempfile::NamedTempFile,
    _transient: Transient,
    path: PathBuf,
    target: PathBuf,
    force: bool,
}

impl PendingFile {
    /// Creates an empty temporary file beside `path`, and missing directories.
    ///
    /// # Errors
    /// Any [`OutputError`].
    pub fn create(path: &Path, force: bool) -> Result<Self, OutputError> {
        check_free(path, force)?;
        let target = behind_links(path);
        directory_of(&target)?;
        let failed = |source| OutputError::Write { path: path.into(), source };
        let (file, transient) = temporary_file(&target).map_err(failed)?;
        Ok(Self { file, _transient: transient, path: path.into(), target, force })
    }

    /// Lets `write` write to the file.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn write(&mut self, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), OutputError> {
        write(self.file.as_file_mut()).map_err(|source| OutputError::Write { path: self.path.clone(), source })
    }

    /// Flushes the file to disk and renames it.
    ///
    /// # Errors
    /// [`OutputError::Write`], or [`OutputError::Exists`] without `force`.
    pub fn commit(mut self) -> Result<(), OutputError> {
        self.write(|file| file.sync_all())?;
        let Self { file, _transient, path, target, force } = self;
        let failed = |source| OutputError::Write { path: path.clone(), source };
        if force {
            file.persist(&target).map_err(|e| failed(e.error))?;
        } else {
            file.persist_noclobber(&target).map_err(|e| match e.error.kind() {
                ErrorKind::AlreadyExists => OutputError::Exists(path.clone()),
                _ => failed(e.error),
            })?;
        }
        // The rename reaches the disk with the directory; if directories cannot be synced, this is left to the system.
        if let Ok(handle) = File::open(parent(&target)) {
            let _ = handle.sync_all();
        }
        Ok(())
    }
}

/// SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file, in hexadecimal, read in chunks.
///
/// # Errors
/// The error of reading.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    sha256_of(&mut File::open(path)?)
}

/// SHA-256 of the rest of a stream, in hexadecimal, read in chunks.
pub(crate) fn sha256_of(stream: &mut impl Read) -> io::Result<String> {
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0u8; 1 << 20]);
    loop {
        match stream.read(&mut buffer)? {
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
