//! Artifacts written piece by piece, for tensors that need not fit in memory.
//!
//! Names, types and shapes of all tensors are known before the first value. The header is therefore written first, and
//! the values then go to their places in the file, in any order. The file has the same bytes as one written by
//! [`Artifact::write`].

use crate::file::{Artifact, checksum_place};
use crate::output::{OutputError, PendingFile, sha256_of};
use crate::values::{Element, Values};
use safetensors::tensor::Dtype;
use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// An artifact some of whose tensors are to be written in pieces.
#[derive(Debug)]
pub struct Outline {
    artifact: Artifact,
    later: BTreeMap<String, (Dtype, Vec<usize>)>,
}

impl Outline {
    /// Starts from an artifact, all of whose tensors are written when the file is created.
    pub fn new(artifact: Artifact) -> Self {
        Self { artifact, later: BTreeMap::new() }
    }

    /// Adds a tensor whose values are written later.
    ///
    /// # Panics
    /// If there is a tensor of this name, which is an error of the caller.
    pub fn declare<T: Element>(&mut self, name: &str, shape: &[usize]) {
        let dtype = T::into_values(Vec::new()).dtype();
        let known = self.later.insert(name.into(), (dtype, shape.into())).is_some() || self.artifact.has(name);
        assert!(!known, "tensor {name} twice");
    }

    /// Creates the file, atomically: until [`ArtifactStream::finish`], it has a temporary name.
    ///
    /// # Errors
    /// Any [`OutputError`].
    pub fn create(self, path: &Path, force: bool) -> Result<ArtifactStream, OutputError> {
        let failed = |message: String| OutputError::Write { path: path.into(), source: io::Error::other(message) };
        let now =
            self.artifact.tensors.iter().map(|(name, array)| (&name[..], (array.values.dtype(), &array.shape[..])));
        let later = self.later.iter().map(|(name, (dtype, shape))| (&name[..], (*dtype, &shape[..])));
        let (header, places) = self.artifact.header(now.chain(later).collect()).map_err(failed)?;
        let length = places.iter().map(|(_, place)| place.end).max().unwrap_or(0);
        let first = header.len() as u64;
        let mut file = PendingFile::create(path, force)?;
        file.write(|file| {
            file.write_all(&header)?;
            file.set_len(first + length as u64)
        })?;
        let later = self.later;
        let place = |(name, place): (String, std::ops::Range<usize>)| {
            let (dtype, _) = later.get(&name)?;
            Some((name, Place { dtype: *dtype, start: first + place.start as u64, bytes: place.len() }))
        };
        let mut stream = ArtifactStream { file, header, places: BTreeMap::new() };
        for (name, place) in &places {
            if let Some(array) = self.artifact.tensors.get(name) {
                stream.put(first + place.start as u64, &array.values)?;
            }
        }
        stream.places = places.into_iter().filter_map(place).collect();
        Ok(stream)
    }
}

/// Place of a tensor in the file.
#[derive(Debug)]
struct Place {
    dtype: Dtype,
    /// Position of its first byte.
    start: u64,
    bytes: usize,
}

/// An artifact under construction. Dropped before its end, it leaves no file. Values never written are 0.
#[derive(Debug)]
pub struct ArtifactStream {
    file: PendingFile,
    header: Vec<u8>,
    places: BTreeMap<String, Place>,
}

impl ArtifactStream {
    /// Writes values of a declared tensor, from its value number `first` (row-major) onwards.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    ///
    /// # Panics
    /// If no such tensor was declared, or one with other values, which is an error of the caller.
    pub fn write<T: Element>(&mut self, name: &str, first: usize, values: Vec<T>) -> Result<(), OutputError> {
        let values = T::into_values(values);
        let width = values.dtype().bitsize() / 8;
        let place = self.places.get(name);
        let place =
            place.filter(|place| place.dtype == values.dtype() && (first + values.len()) * width <= place.bytes);
        let place = place.unwrap_or_else(|| panic!("tensor {name} has no room for {} values", values.len()));
        self.put(place.start + (first * width) as u64, &values)
    }

    fn put(&mut self, start: u64, values: &Values) -> Result<(), OutputError> {
        self.file.write(|file| {
            file.seek(SeekFrom::Start(start))?;
            file.write_all(&values.to_bytes())
        })
    }

    /// Adds the checksum and gives the file its name.
    ///
    /// # Errors
    /// Any [`OutputError`].
    pub fn finish(mut self) -> Result<(), OutputError> {
        let digits = checksum_place(&self.header);
        self.file.write(|file| {
            let digits = digits.ok_or_else(|| io::Error::other("no place for the checksum"))?;
            file.rewind()?;
            let checksum = sha256_of(file)?;
            file.seek(SeekFrom::Start(digits.start as u64))?;
            file.write_all(checksum.as_bytes())
        })?;
        self.file.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Provenance};

    fn artifact() -> Artifact {
        let mut artifact =
            Artifact::new(Kind::Activity, serde_json::json!({"name": "ü"}), Provenance::new("test", None, 1));
        artifact.insert("condition", &[3], vec![2u32, 0, 1]);
        artifact.insert("time_ms", &[2], vec![0.0, 5.0]);
        artifact
    }

    /// Pieces in any order make the file that is written at once.
    #[test]
    fn pieces_make_the_same_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let [whole, pieces] = ["whole", "pieces"].map(|name| directory.path().join(name));
        let mut all = artifact();
        all.insert("output", &[3, 2], vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
        all.insert("correct", &[3], vec![1u8, 0, 1]);
        all.insert("empty", &[3, 0], Vec::<f32>::new());
        all.write(&whole, false).unwrap();

        let mut outline = Outline::new(artifact());
        outline.declare::<f32>("output", &[3, 2]);
        outline.declare::<f32>("empty", &[3, 0]);
        outline.declare::<u8>("correct", &[3]);
        let mut stream = outline.create(&pieces, false).unwrap();
        stream.write("output", 4, vec![5f32, 6.0]).unwrap();
        stream.write("correct", 0, vec![1u8, 0, 1]).unwrap();
        stream.write("output", 0, vec![1f32, 2.0, 3.0, 4.0]).unwrap();
        assert!(!pieces.exists());
        stream.finish().unwrap();
        assert_eq!(std::fs::read(&pieces).unwrap(), std::fs::read(&whole).unwrap());
        assert_eq!(Artifact::read(&pieces, Kind::Activity).unwrap().tensors, all.tensors);
    }

    #[test]
    fn an_unfinished_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("activity");
        drop(Outline::new(artifact()).create(&path, false).unwrap());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        std::fs::write(&path, "kept").unwrap();
        assert!(matches!(Outline::new(artifact()).create(&path, false), Err(OutputError::Exists(_))));
        drop(Outline::new(artifact()).create(&path, true).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    }
}
