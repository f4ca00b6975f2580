//! Files and folders that must not outlive the process: locks, unfinished writes, folders made for outputs that never came.
//!
//! Each is removed by its owner. A process that is ended by a signal has no time for that: [`remove_all`] does it at once.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What there is, in the order in which it was made.
static PRESENT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The list of what there is. While it is held nothing else is made.
pub(crate) struct List(MutexGuard<'static, Vec<PathBuf>>);

impl List {
    pub fn lock() -> Self {
        Self(PRESENT.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a file or folder that was just made.
    pub fn add(&mut self, path: PathBuf) -> Transient {
        self.0.push(path.clone());
        Transient(path)
    }
}

/// An entry of the list, for as long as this value lives.
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

/// Removes everything on the list; folders only if they are empty. For a process that ends now: whatever would make more
/// files of this sort waits for ever.
pub fn remove_all() {
    let list = List::lock();
    for path in list.0.iter().rev() {
        let _ = std::fs::remove_file(path).or_else(|_| std::fs::remove_dir(path));
    }
    std::mem::forget(list);
}
