//! A file of another tool: its type, by its first bytes, and what it holds.

use crate::variables::{Contents, Entry};
use crate::{Error, Result, Variables, mat, numpy, tensors, torch};
use mdl_artifact::FileType;
use std::path::{Path, PathBuf};

/// Reads the variables of a file, and the values of those that are wanted.
type Read = fn(&[u8], &dyn Fn(&str) -> bool) -> std::result::Result<Contents, String>;

/// A file format: the type by which it is recognised, its name with an article, and its reader.
pub type Reader = (FileType, &'static str, Read);

/// Every format that is read.
pub const READERS: [Reader; 5] = [
    (FileType::Matlab5, "a MATLAB file", |bytes, wanted| mat::read(bytes, wanted)),
    (FileType::Torch, "a PyTorch file", |bytes, wanted| torch::read(bytes, wanted)),
    (FileType::Npz, "a NumPy file", |bytes, wanted| numpy::read(bytes, wanted)),
    (FileType::Npy, "a NumPy file", |bytes, wanted| numpy::read_one(bytes, wanted)),
    (FileType::Safetensors, "a safetensors file", |bytes, wanted| tensors::read(bytes, wanted)),
];

/// A file of another tool, of which everything is listed.
pub struct ForeignFile<'a> {
    bytes: &'a [u8],
    path: PathBuf,
    reader: &'static Reader,
    entries: Vec<Entry>,
}

impl<'a> ForeignFile<'a> {
    /// The file of these bytes; `path` names it in messages.
    ///
    /// # Errors
    /// [`Error::Foreign`] for a type that is not read, [`Error::Damaged`].
    pub fn open(bytes: &'a [u8], path: &Path) -> Result<Self> {
        let found = FileType::of(bytes);
        let reader = READERS.iter().find(|(kind, ..)| *kind == found);
        let reader = reader.ok_or_else(|| Error::Foreign { path: path.into(), found })?;
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
        self.reader.0
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
        let (_, format, read) = self.reader;
        read(self.bytes, wanted).map_err(Error::damaged(&self.path, format))
    }
}

/// The array that is pruned, if the name is that of its values or of its mask.
fn pruned(name: &str) -> Option<&str> {
    ["_orig", "_mask"].iter().find_map(|ending| name.strip_suffix(ending))
}
