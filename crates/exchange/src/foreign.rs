//! A file of another tool: its type, by its first bytes, and what it holds.

use crate::readers::{READERS, Reader};
use crate::variables::{Contents, Entry};
use crate::{Error, Result, Variables};
use mdl_artifact::FileType;
use std::path::{Path, PathBuf};

/// A file of another tool, of which everything is listed.
pub struct ForeignFile<'a> {
    bytes: &'a [u8],
    path: PathBuf,
    reader: &'static dyn Reader,
    entries: Vec<Entry>,
}

impl<'a> ForeignFile<'a> {
    /// The file of these bytes; `path` names it in messages.
    ///
    /// # Errors
    /// [`Error::Foreign`] for a type that is not read, [`Error::Damaged`].
    pub fn open(bytes: &'a [u8], path: &Path) -> Result<Self> {
        let reader = READERS.into_iter().find(|reader| reader.matches(bytes));
        let reader = reader.ok_or_else(|| Error::Foreign { path: path.into(), found: FileType::of(bytes) })?;
        let mut file = Self { bytes, path: path.into(), reader, entries: Vec::new() };
        file.entries = file.contents(&|_| false)?.entries;
        Ok(file)
    }

    /// Its path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its type.
    pub fn file_type(&self) -> FileType {
        FileType::of(self.bytes)
    }

    /// Every variable of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Names under which arrays can be asked for: those of the file, and `X` where there are `X_orig` and `X_mask`.
    pub fn names(&self) -> Vec<String> {
        let names = || self.entries.iter().map(|entry| entry.name.as_str());
        let masked = |name: &&str| names().any(|other| other.strip_suffix("_mask") == Some(name));
        let pruned = names().filter_map(|name| name.strip_suffix("_orig")).filter(masked);
        names().chain(pruned).map(String::from).collect()
    }

    /// The variables of the file, with the values of those whose names are wanted.
    ///
    /// # Errors
    /// [`Error::Damaged`]; a pruned array that does not fit its mask.
    pub fn variables(&self, wanted: impl Fn(&str) -> bool) -> Result<Variables> {
        let contents = self.contents(&|name| wanted(name) || pruned(name).is_some_and(&wanted))?;
        Variables::new(&self.path, contents)
    }

    fn contents(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Contents> {
        self.reader.read(self.bytes, wanted).map_err(Error::damaged(&self.path, self.reader.name()))
    }
}

/// The array that is pruned, if the name is that of its values or of its mask.
fn pruned(name: &str) -> Option<&str> {
    ["_orig", "_mask"].iter().find_map(|ending| name.strip_suffix(ending))
}
