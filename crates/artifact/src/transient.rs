//! Files and folders that must not outlive the process: locks, unfinished writes, folders created for outputs.
//!
//! Each is removed by its owner. A process stopped by a signal has no time for that; [`remove_all`] removes all of them
//! at once.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Existing files and folders, in order of creation.
static PRESENT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The list of existing files and folders. While it is locked, none is created.
pub(crate) struct List(MutexGuard<'static, Vec<PathBuf>>);

impl List {
    pub fn lock() -> Self {
        Self(PRESENT.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a file or folder that was just created.
    pub fn add(&mut self, path: PathBuf) -> Transient {
        self.0.push(path.clone());
        Transient(path)
    }
}

/// An entry of the list, for the lifetime of this value.
#[derive(Debug)]
pub(crate) struct Transient(PathBuf);

impl Drop for Transient {
    fn drop(&mut self) {
        let mut list = List::lock();
        if let Some(place) = list.0.iter().rposition(|path| *path == self.0) {
            list.0.remove(place);
        }
    }
}

/// Removes everything on the list; folders only if they are empty. For a process about to end: a thread that would
/// create more such files blocks forever.
pub fn remove_all() {
    let list = List::lock();
    for path in list.0.iter().rev() {
        let _ = std::fs::remove_file(path).or_else(|_| std::fs::remove_dir(path));
    }
    std::mem::forget(list);
}
