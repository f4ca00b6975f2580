//! A file of another tool: its type, recognised by its first bytes, and its content.

use crate::readers::{READERS, Reader};
use crate::{Error, Result, Variables};
use mdl_artifact::FileType;
use mdl_artifact::arrays::{Contents, Entry};
use std::path::{Path, PathBuf};

/// A file of another tool, with a listing of its content.
pub struct ForeignFile<'a> {
    bytes: &'a [u8],
    path: PathBuf,
    reader: &'static dyn Reader,
    entries: Vec<Entry>,
}

impl<'a> ForeignFile<'a> {
    /// Reads a file from its bytes; `path` names it in messages.
    ///
    /// # Errors
    /// [`Error::Foreign`] for an unsupported type, [`Error::Damaged`].
    pub fn open(bytes: &'a [u8], path: &Path) -> Result<Self> {
        let reader = READERS.into_iter().find(|reader| reader.matches(bytes));
        let reader = reader.ok_or_else(|| Error::Foreign { path: path.into(), found: FileType::of(bytes) })?;
        let mut file = Self { bytes, path: path.into(), reader, entries: Vec::new() };
        file.entries = file.contents(&|_| false)?.entries;
        Ok(file)
    }

    /// Path of the file, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Type of the file.
    pub fn file_type(&self) -> FileType {
        FileType::of(self.bytes)
    }

    /// Every variable of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Names of arrays that can be requested: those in the file, and `X` for a pair of `X_orig` and `X_mask`.
    pub fn names(&self) -> Vec<String> {
        let names = || self.entries.iter().map(|entry| entry.name.as_str());
        let masked = |name: &&str| names().any(|other| other.strip_suffix("_mask") == Some(name));
        let pruned = names().filter_map(|name| name.strip_suffix("_orig")).filter(masked);
        names().chain(pruned).map(String::from).collect()
    }

    /// Variables of the file, with the values of the requested ones.
    ///
    /// # Errors
    /// [`Error::Damaged`]; a pruned array that does not match its mask.
    pub fn variables(&self, wanted: impl Fn(&str) -> bool) -> Result<Variables> {
        let contents = self.contents(&|name| wanted(name) || pruned(name).is_some_and(&wanted))?;
        Variables::new(&self.path, contents)
    }

    fn contents(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Contents> {
        self.reader.read(self.bytes, wanted).map_err(Error::damaged(&self.path, self.reader.name()))
    }
}

/// Name of the pruned array that a name of values or of a mask belongs to.
fn pruned(name: &str) -> Option<&str> {
    ["_orig", "_mask"].iter().find_map(|ending| name.strip_suffix(ending))
}
