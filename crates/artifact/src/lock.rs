//! Locks for outputs: if two processes write the same file, one succeeds and the other reports it.
//!
//! The lock is a system lock on a file `.<name>.lock` beside the output. The system releases it when the process ends
//! for any reason: the lock file of a killed process blocks no other, and the next one removes it.

use crate::output::{OutputError, behind_links, directory_of, remove_unfinished};
use crate::transient::{List, Transient};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Exclusive right to write one output, valid for the lifetime of this value.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: Option<File>,
    transient: Option<Transient>,
}

impl Lock {
    /// Acquires the right to write `output`, or the target if it is a link, and creates a missing directory. Removes
    /// remains of unfinished writes of a killed process.
    ///
    /// On file systems without locks it warns and continues without one.
    ///
    /// # Errors
    /// [`OutputError::Busy`] while another process holds the lock; [`OutputError::NoDirectory`], [`OutputError::Write`]
    /// if the output cannot be written.
    pub fn on(output: &Path) -> Result<Self, OutputError> {
        let target = behind_links(output);
        directory_of(&target)?;
        let path = lock_file(&target);
        let failed = |source| OutputError::Write { path: output.into(), source };
        loop {
            let mut list = List::lock();
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let file = file.map_err(failed)?;
            match file.try_lock() {
                // The process that held the lock may have removed its file in the meantime; this lock would then guard
                // nothing.
                Ok(()) if !is_at(&file, &path).map_err(failed)? => continue,
                Ok(()) => {
                    remove_unfinished(&target);
                    let transient = Some(list.add(path.clone()));
                    return Ok(Self { path, file: Some(file), transient });
                }
                Err(TryLockError::WouldBlock) => return Err(OutputError::Busy(output.into())),
                Err(TryLockError::Error(e)) => {
                    tracing::warn!("no lock on {}: {e}; let no other process write it", output.display());
                    let transient = Some(list.add(path.clone()));
                    return Ok(Self { path, file: None, transient });
                }
            }
        }
    }
}

/// Lock file of an output that is not a link.
pub(crate) fn lock_file(target: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".lock");
    target.with_file_name(name)
}

impl Drop for Lock {
    /// Removes the file before releasing the lock, so that no process waits on a removed file.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        drop(self.transient.take());
        drop(self.file.take());
    }
}

/// True if an open file is still the one under this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (open, named) = (file.metadata()?, path.symlink_metadata());
    match named {
        Ok(named) => Ok((open.dev(), open.ino()) == (named.dev(), named.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// On other systems an open file cannot be removed.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("Ausgabe mit ü.safetensors");
        let first = Lock::on(&output).unwrap();
        let error = Lock::on(&output).unwrap_err();
        assert!(matches!(error, OutputError::Busy(_)) && error.to_string().contains("ü.safetensors"), "{error}");
        let other = Lock::on(&dir.path().join("other")).unwrap();
        drop(first);
        drop(Lock::on(&output).unwrap());
        drop(other);
        assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
    }

    /// Many threads, each with its own handle, like processes: at most one holds the lock at any time.
    #[test]
    fn removed_lock_files_let_no_second_one_in() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("output");
        let (holders, taken) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Ok(lock) = Lock::on(&output) {
                            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                            std::thread::yield_now();
                            taken.fetch_add(1, Ordering::SeqCst);
                            holders.fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                        }
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("a.bin");
        for name in [".a.bin.lock", ".a.bin.writing-xyz.tmp", ".ab.bin.writing-xyz.tmp"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        drop(Lock::on(&output).unwrap());
        assert_eq!(names(dir.path()), [".ab.bin.writing-xyz.tmp"]);
    }
}
