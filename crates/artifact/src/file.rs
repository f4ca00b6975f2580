//! An artifact in memory.

mod read;

use crate::file_type::{FileType, Purpose};
use crate::output::{OutputError, sha256, write_atomically};
use crate::provenance::{Input, Provenance};
use crate::values::{Array, Element};
use safetensors::tensor::{Dtype, TensorInfo};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Value of the metadata key `format`.
pub const FORMAT: &str = "mdl-rnn";
/// Value of the metadata key `version`.
pub const VERSION: &str = "1";
/// Maximum size of a header (bytes). Those of this project's artifacts have a few thousand.
const HEADER_MOST: usize = 1 << 20;
/// Placeholder for the checksum while it is computed.
const NO_CHECKSUM: [u8; 64] = [b'0'; 64];

/// Kind of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A trained rate network.
    Rate,
    /// A trained spiking mode network.
    Spiking,
    /// A LIF network made from a rate network, with its scaling factor.
    Lif,
    /// A set of trials.
    Trials,
    /// Results of a network on a set of trials.
    Evaluation,
    /// States of a network at every step of a set of trials.
    Activity,
    /// Results of analyses of a network.
    Analysis,
    /// State of an interrupted stage.
    Checkpoint,
}

impl Kind {
    /// The kind with its article: a rate, an evaluation.
    pub fn with_article(self) -> String {
        let article = if matches!(self, Self::Evaluation | Self::Activity | Self::Analysis) { "an" } else { "a" };
        format!("{article} {self}")
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rate => "rate",
            Self::Spiking => "spiking",
            Self::Lif => "lif",
            Self::Trials => "trials",
            Self::Evaluation => "evaluation",
            Self::Activity => "activity",
            Self::Analysis => "analysis",
            Self::Checkpoint => "checkpoint",
        })
    }
}

/// Error of an artifact. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file is of another type.
    #[error("{}: {}", path.display(), found.mismatch(Purpose::Artifact))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Type of the file.
        found: FileType,
    },
    /// The file is not a safetensors file, or is damaged.
    #[error("{}: not a safetensors file, or a damaged one: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Description of the fault.
        message: String,
    },
    /// A safetensors file of another program or format version, or with unreadable metadata.
    #[error("{}: metadata `{key}`: found {found}, expected {expected}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// Metadata key.
        key: &'static str,
        /// Found value.
        found: String,
        /// Expected value.
        expected: String,
    },
    /// A tensor is missing, has the wrong shape or type, or has an impossible value.
    #[error("{}: tensor `{name}`: found {found}, expected {expected}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Found value.
        found: String,
        /// Expected value.
        expected: String,
    },
}

impl ArtifactError {
    /// Message without the path, for callers that name the file from which they made the artifact.
    pub fn without_path(&self) -> String {
        let (Self::Metadata { path, .. } | Self::Tensor { path, .. } | Self::Damaged { path, .. }) = self else {
            return self.to_string();
        };
        let text = self.to_string();
        text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&text).into()
    }
}

/// Names of tensors, and the place of each among the bytes after the header.
pub(crate) type Places = Vec<(String, Range<usize>)>;

/// A file that passes between stages: named tensors, their config and their provenance.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Kind of the artifact.
    pub kind: Kind,
    /// Whole resolved config.
    pub config: Value,
    /// Provenance of the artifact.
    pub provenance: Provenance,
    /// Tensors, by name.
    pub tensors: BTreeMap<String, Array>,
    /// File it was read from, for messages; empty for a new artifact.
    path: PathBuf,
    /// SHA-256 of that file.
    sha256: String,
}

impl Artifact {
    /// Creates an artifact without tensors.
    pub fn new(kind: Kind, config: Value, provenance: Provenance) -> Self {
        Self { kind, config, provenance, tensors: BTreeMap::new(), path: PathBuf::new(), sha256: String::new() }
    }

    /// Adds a tensor.
    ///
    /// # Panics
    /// If `shape` and `values` do not have the same number of elements, which is an error of the caller, not of an
    /// input.
    pub fn insert<T: Element>(&mut self, name: &str, shape: &[usize], values: Vec<T>) {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "tensor {name}: shape {shape:?}");
        self.tensors.insert(name.into(), Array { shape: shape.into(), values: T::into_values(values) });
    }

    /// Reads an artifact of a given kind.
    ///
    /// # Errors
    /// Any [`ArtifactError`].
    pub fn read(path: &Path, kind: Kind) -> Result<Self, ArtifactError> {
        Self::read_one_of(path, &[kind])
    }

    /// Reads an artifact of one of these kinds.
    ///
    /// # Errors
    /// Any [`ArtifactError`].
    pub fn read_one_of(path: &Path, kinds: &[Kind]) -> Result<Self, ArtifactError> {
        let artifact = Self::read_any(path)?;
        if !kinds.contains(&artifact.kind) {
            return Err(ArtifactError::Metadata {
                path: path.into(),
                key: "kind",
                found: artifact.kind.to_string(),
                expected: kinds.iter().map(Kind::to_string).collect::<Vec<_>>().join(" or "),
            });
        }
        Ok(artifact)
    }

    /// Writes the artifact atomically; replaces an existing file only with `force`.
    ///
    /// # Errors
    /// Any [`OutputError`].
    pub fn write(&self, path: &Path, force: bool) -> Result<(), OutputError> {
        let failed = |message: String| OutputError::Write { path: path.into(), source: std::io::Error::other(message) };
        let bytes = self.to_bytes().map_err(failed)?;
        write_atomically(path, &bytes, force)
    }

    /// Bytes of the file.
    fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let tensors = self.tensors.iter().map(|(name, array)| (&name[..], (array.values.dtype(), &array.shape[..])));
        let (mut bytes, places) = self.header(tensors.collect())?;
        let digits = checksum_place(&bytes).ok_or_else(|| "no place for the checksum".to_string())?;
        places.iter().for_each(|(name, _)| bytes.extend(self.tensors[name].values.to_bytes()));
        let checksum = sha256(&bytes);
        bytes[digits].copy_from_slice(checksum.as_bytes());
        Ok(bytes)
    }

    /// Header of a file with these tensors, given by type and shape, and the place of each in the bytes after the
    /// header, in order: wide numbers first, so that all are aligned, then by name. The keys are sorted, and the checksum
    /// is 0.
    pub(crate) fn header(&self, tensors: BTreeMap<&str, (Dtype, &[usize])>) -> Result<(Vec<u8>, Places), String> {
        let provenance = serde_json::to_string(&self.provenance).map_err(|e| e.to_string())?;
        let metadata = json!({
            "format": FORMAT,
            "version": VERSION,
            "kind": self.kind.to_string(),
            "config": self.config.to_string(),
            "provenance": provenance,
            "checksum": String::from_utf8_lossy(&NO_CHECKSUM),
        });
        // serde_json sorts the keys of an object.
        let mut header = Map::from_iter([("__metadata__".to_string(), metadata)]);
        let mut ordered: Vec<_> = tensors.into_iter().collect();
        ordered.sort_by(|(_, (a, _)), (_, (b, _))| b.cmp(a));
        let (mut places, mut end) = (Vec::new(), 0usize);
        for (name, (dtype, shape)) in ordered {
            let bytes = shape.iter().try_fold(dtype.bitsize() / 8, |bytes, size| bytes.checked_mul(*size));
            let next = bytes.and_then(|bytes| end.checked_add(bytes));
            let next = next.ok_or_else(|| format!("tensor {name} of shape {shape:?} is too large"))?;
            let info = TensorInfo { dtype, shape: shape.into(), data_offsets: (end, next) };
            header.insert(name.into(), serde_json::to_value(info).map_err(|e| e.to_string())?);
            places.push((name.to_string(), end..next));
            end = next;
        }
        let mut text = Value::Object(header).to_string();
        text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
        if text.len() + 8 > HEADER_MOST {
            return Err(format!("a header of {} bytes, expected at most {HEADER_MOST}", text.len() + 8));
        }
        let length = (text.len() as u64).to_le_bytes();
        Ok(([&length, text.as_bytes()].concat(), places))
    }

    /// The artifact as it would be read from the file `path` after it had been written there.
    ///
    /// # Errors
    /// The reason that it cannot be written.
    pub fn as_written(mut self, path: &Path) -> Result<Self, String> {
        self.sha256 = sha256(&self.to_bytes()?);
        self.path = path.into();
        Ok(self)
    }

    /// This artifact as an input of the next stage.
    pub fn as_input(&self) -> Input {
        let file = self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Input { file, sha256: self.sha256.clone() }
    }

    /// File it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True if there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Shape of a tensor that must have `N` dimensions.
    ///
    /// # Errors
    /// [`ArtifactError::Tensor`] if it is missing or has another rank.
    pub fn shape<const N: usize>(&self, name: &str) -> Result<[usize; N], ArtifactError> {
        let shape = &self.array(name, &format!("a tensor of {N} dimensions"))?.shape;
        shape
            .as_slice()
            .try_into()
            .map_err(|_| self.tensor_error(name, format!("shape {shape:?}"), format!("{N} dimensions")))
    }

    /// Values of a tensor that must have this type and shape.
    ///
    /// # Errors
    /// [`ArtifactError::Tensor`].
    pub fn values<T: Element>(&self, name: &str, shape: &[usize]) -> Result<&[T], ArtifactError> {
        let expected = format!("{} {shape:?}", T::NAME);
        let array = self.array(name, &expected)?;
        match T::of(&array.values) {
            Some(values) if array.shape == shape => Ok(values),
            _ => {
                let found = format!("{:?} {:?}", array.values.dtype(), array.shape);
                Err(self.tensor_error(name, found, expected))
            }
        }
    }

    fn array(&self, name: &str, expected: &str) -> Result<&Array, ArtifactError> {
        self.tensors.get(name).ok_or_else(|| self.tensor_error(name, "no such tensor".into(), expected.into()))
    }

    /// Error about one of this artifact's tensors.
    pub fn tensor_error(&self, name: &str, found: String, expected: String) -> ArtifactError {
        ArtifactError::Tensor { path: self.path.clone(), name: name.into(), found, expected }
    }

    /// Error about this artifact's config.
    pub fn config_error(&self, found: String, expected: &str) -> ArtifactError {
        ArtifactError::Metadata { path: self.path.clone(), key: "config", found, expected: expected.into() }
    }
}

/// Position of the digits of the checksum in a header. Inside another text, the quotes of the key would be escaped.
pub(crate) fn checksum_place(header: &[u8]) -> Option<Range<usize>> {
    const KEY: &[u8] = br#""checksum":""#;
    let start = header.windows(KEY.len()).position(|text| text == KEY)? + KEY.len();
    let end = start + NO_CHECKSUM.len();
    (header.get(end) == Some(&b'"')).then_some(start..end)
}

impl Provenance {
    /// The same, made from another artifact.
    #[must_use]
    pub fn from(mut self, parent: &Artifact) -> Self {
        self.inputs.push(parent.as_input());
        self.parent = Some(Box::new(parent.provenance.clone()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Artifact {
        let provenance = Provenance {
            program: "test".into(),
            version: "0".into(),
            revision: None,
            device: None,
            seed: 1,
            inputs: vec![Input { file: "a".into(), sha256: "b".into() }],
            differs: BTreeMap::new(),
            drawn_anew: Vec::new(),
            parent: None,
        };
        let mut artifact = Artifact::new(Kind::Rate, serde_json::json!({"name": "ü"}), provenance);
        artifact.insert("w", &[2, 3], vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
        artifact.insert("d", &[1], vec![1f64]);
        artifact.insert("i", &[2], vec![-1i64, 7]);
        artifact.insert("m", &[3], vec![0u8, 1, 1]);
        artifact
    }

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        let written = example();
        written.write(&path, false).unwrap();
        let read = Artifact::read(&path, Kind::Rate).unwrap();
        assert_eq!(
            (&read.tensors, &read.config, &read.provenance),
            (&written.tensors, &written.config, &written.provenance)
        );
        assert_eq!(read.values::<f32>("w", &[2, 3]).unwrap()[5], 6.0);
        assert_eq!(read.as_input().sha256, crate::output::sha256_file(&path).unwrap());
        assert_eq!(written.as_written(&path).unwrap(), read);
        for _ in 0..20 {
            assert_eq!(example().to_bytes().unwrap(), std::fs::read(&path).unwrap());
        }
        let message = Artifact::read(&path, Kind::Lif).unwrap_err().to_string();
        assert!(message.contains("found rate, expected lif"), "{message}");
        let message = read.values::<f32>("w", &[3, 2]).unwrap_err().to_string();
        assert!(message.contains("`w`: found F32 [2, 3], expected F32 [3, 2]"), "{message}");
        assert!(
            read.values::<f64>("w", &[2, 3]).is_err() && read.shape::<1>("w").is_err() && read.shape::<2>("x").is_err()
        );
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nan.safetensors");
        let mut artifact = example();
        artifact.insert("bad", &[2], vec![0f32, f32::NAN]);
        artifact.write(&path, false).unwrap();
        let message = Artifact::read_any(&path).unwrap_err().to_string();
        assert!(message.contains("`bad`: found NaN at element 1"), "{message}");
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut.safetensors");
        let bytes = example().to_bytes().unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(Artifact::read_any(&path).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn files_of_other_types_are_named_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let refusal = |path: &Path| Artifact::read_any(path).unwrap_err().to_string();
        for (bytes, expected) in [
            (&b"\x89HDF\r\n\x1a\n\0"[..], "found an HDF5 file, expected an artifact of mdl-rnn; import-network makes"),
            (b"\x93NUMPY\x01\0", "found a NumPy file of a single array"),
            (b"{\"name\": \"go-nogo\"}", "found JSON, expected an artifact"),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                "found a Git LFS pointer, expected an artifact of mdl-rnn; `git lfs pull`",
            ),
            (b"", "found an empty file"),
        ] {
            let path = dir.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            let message = refusal(&path);
            assert!(message.contains(expected), "{message}");
            assert_eq!(Artifact::from_bytes(bytes, &path).unwrap_err().to_string(), message);
        }
        assert!(
            refusal(dir.path()).contains("found a directory, expected an artifact of mdl-rnn; name the file in it")
        );
    }

    /// The tensors of an artifact in a file written by the library of the format.
    fn by_the_library(artifact: &Artifact) -> Vec<u8> {
        use safetensors::tensor::TensorView;
        let bytes: Vec<Vec<u8>> = artifact.tensors.values().map(|array| array.values.to_bytes()).collect();
        let mut views = Vec::new();
        for ((name, array), bytes) in artifact.tensors.iter().zip(&bytes) {
            views.push((name, TensorView::new(array.values.dtype(), array.shape.clone(), bytes).unwrap()));
        }
        safetensors::serialize(views, None).unwrap()
    }

    #[test]
    fn tensors_are_where_the_library_puts_them() {
        let (own, library) = (example().to_bytes().unwrap(), by_the_library(&example()));
        let parts = |bytes: &[u8]| {
            let (length, header) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
            let places = header.tensors().into_iter().map(|(name, info)| (name, info.data_offsets)).collect();
            (places, bytes[8 + length..].to_vec())
        };
        let [own, library]: [(BTreeMap<String, _>, Vec<u8>); 2] = [&own, &library].map(|bytes| parts(bytes));
        assert_eq!(own, library);
        assert_eq!(own.0.len(), 4);
    }

    #[test]
    fn a_foreign_safetensors_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("foreign.safetensors");
        std::fs::write(&path, by_the_library(&example())).unwrap();
        let message = Artifact::read_any(&path).unwrap_err().to_string();
        let expected = "found a safetensors file of another program, expected an artifact of mdl-rnn; import-network";
        assert!(message.contains(expected), "{message}");
    }
}
