//! The artifact format: what one stage writes and the next one reads.
//!
//! An artifact is a safetensors file whose `__metadata__` holds
//!
//! | key | value |
//! |---|---|
//! | `format` | `mdl-rnn` |
//! | `version` | version of the format, now `1` |
//! | `kind` | [`Kind`]: `rate`, `spiking`, `lif`, `trials`, `evaluation`, `checkpoint` |
//! | `config` | the whole resolved config, as JSON |
//! | `provenance` | [`Provenance`], as JSON |
//!
//! The same content gives the same bytes: the header is sorted, and holds no date and no path.

use mdl_stage::output::{OutputError, sha256, write_atomically};
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Value of the metadata key `format`.
pub const FORMAT: &str = "mdl-rnn";
/// Value of the metadata key `version`.
pub const VERSION: &str = "1";

/// What an artifact holds.
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
    /// What a network did on a set of trials.
    Evaluation,
    /// The state of a stage that was stopped.
    Checkpoint,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rate => "rate",
            Self::Spiking => "spiking",
            Self::Lif => "lif",
            Self::Trials => "trials",
            Self::Evaluation => "evaluation",
            Self::Checkpoint => "checkpoint",
        })
    }
}

/// An input of the stage that wrote an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// File name, without its directory.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Where an artifact comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Program that wrote it.
    pub program: String,
    /// Version of that program.
    pub version: String,
    /// Seed it ran with.
    pub seed: u64,
    /// Every file it read, but for the config, which the artifact holds.
    pub inputs: Vec<Input>,
    /// Provenance of the artifact it was made from.
    pub parent: Option<Box<Provenance>>,
}

impl Provenance {
    /// Provenance of an artifact that `program` writes in a run under `seed`.
    pub fn new(program: &str, seed: u64) -> Self {
        let version = env!("CARGO_PKG_VERSION").into();
        Self { program: program.into(), version, seed, inputs: Vec::new(), parent: None }
    }

    /// The same, made from another artifact.
    #[must_use]
    pub fn from(mut self, parent: &Artifact) -> Self {
        self.inputs.push(parent.as_input());
        self.parent = Some(Box::new(parent.provenance.clone()));
        self
    }
}

/// Why an artifact cannot be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no safetensors file, or a damaged one.
    #[error("{}: not a safetensors file, or a damaged one: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A safetensors file of another program, another format version, or with unreadable metadata.
    #[error("{}: metadata `{key}`: found {found}, expected {expected}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// Metadata key.
        key: &'static str,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// A tensor is missing, has another shape or type, or holds an impossible value.
    #[error("{}: tensor `{name}`: found {found}, expected {expected}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
}

/// The values of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// 64-bit floating point.
    F64(Vec<f64>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit unsigned integers.
    U32(Vec<u32>),
    /// Bytes: masks and flags.
    U8(Vec<u8>),
}

impl Values {
    fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
            Self::I64(_) => Dtype::I64,
            Self::U32(_) => Dtype::U32,
            Self::U8(_) => Dtype::U8,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::U8(v) => v.len(),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::U32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::U8(v) => v.clone(),
        }
    }

    /// The values of a tensor of a safetensors file, or its type where no artifact has such tensors.
    fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Result<Self, Dtype> {
        Ok(match dtype {
            Dtype::F32 => Self::F32(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            Dtype::F64 => Self::F64(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()),
            Dtype::I64 => Self::I64(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
            Dtype::U32 => Self::U32(bytes.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect()),
            Dtype::U8 => Self::U8(bytes.to_vec()),
            other => return Err(other),
        })
    }

    /// First value that is not finite, with its index.
    fn not_finite(&self) -> Option<(usize, f64)> {
        match self {
            Self::F32(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, f64::from(v[i]))),
            Self::F64(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, v[i])),
            _ => None,
        }
    }
}

/// A number type a tensor can hold.
pub trait Element: Copy {
    /// Name of the type in messages.
    const NAME: &'static str;
    /// The values, if they are of this type.
    fn of(values: &Values) -> Option<&[Self]>;
    /// Values of this type.
    fn into_values(values: Vec<Self>) -> Values;
}

macro_rules! element {
    ($type:ty, $variant:ident) => {
        impl Element for $type {
            const NAME: &'static str = stringify!($variant);
            fn of(values: &Values) -> Option<&[Self]> {
                if let Values::$variant(v) = values { Some(v) } else { None }
            }
            fn into_values(values: Vec<Self>) -> Values {
                Values::$variant(values)
            }
        }
    };
}
element!(f32, F32);
element!(f64, F64);
element!(i64, I64);
element!(u32, U32);
element!(u8, U8);

/// A tensor: shape and values, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Extent of each dimension.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Values,
}

impl View for &Array {
    fn dtype(&self) -> Dtype {
        self.values.dtype()
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.values.to_bytes())
    }
    fn data_len(&self) -> usize {
        self.values.len() * self.values.dtype().bitsize() / 8
    }
}

/// A file that passes between stages: named tensors, the config they were made with, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// What it holds.
    pub kind: Kind,
    /// The whole resolved config.
    pub config: Value,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The tensors, by name.
    pub tensors: BTreeMap<String, Array>,
    /// The file it was read from, for messages; empty for a new artifact.
    path: PathBuf,
    /// SHA-256 of that file.
    sha256: String,
}

impl Artifact {
    /// A new artifact without tensors.
    pub fn new(kind: Kind, config: Value, provenance: Provenance) -> Self {
        Self { kind, config, provenance, tensors: BTreeMap::new(), path: PathBuf::new(), sha256: String::new() }
    }

    /// Adds a tensor.
    ///
    /// # Panics
    /// If `shape` and `values` do not have the same number of elements: a mistake of the caller, not of an input.
    pub fn insert<T: Element>(&mut self, name: &str, shape: &[usize], values: Vec<T>) {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "tensor {name}: shape {shape:?}");
        self.tensors.insert(name.into(), Array { shape: shape.into(), values: T::into_values(values) });
    }

    /// Reads an artifact of any kind: checks format, version, metadata, and that every number is finite.
    ///
    /// # Errors
    /// Any [`ArtifactError`].
    pub fn read_any(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = std::fs::read(path).map_err(|source| ArtifactError::Unreadable { path: path.into(), source })?;
        let damaged = |message: String| ArtifactError::Damaged { path: path.into(), message };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(e.to_string()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(e.to_string()))?;
        let none = HashMap::new();
        let metadata = MetadataReader { path, map: header.metadata().as_ref().unwrap_or(&none) };
        metadata.expect("format", FORMAT)?;
        metadata.expect("version", VERSION)?;
        let kind =
            metadata.json::<Kind>("kind", |text| Value::String(text.into()).to_string(), "a kind of artifact")?;
        let config = metadata.json("config", str::to_string, "a config as JSON")?;
        let provenance = metadata.json("provenance", str::to_string, "a provenance as JSON")?;
        let mut artifact = Self::new(kind, config, provenance);
        artifact.path = path.into();
        artifact.sha256 = sha256(&bytes);
        for (name, view) in file.tensors() {
            let values = Values::from_bytes(view.dtype(), view.data()).map_err(|dtype| {
                artifact.tensor_error(&name, format!("type {dtype:?}"), "F32, F64, I64, U32 or U8".into())
            })?;
            if let Some((index, value)) = values.not_finite() {
                return Err(artifact.tensor_error(
                    &name,
                    format!("{value} at element {index}"),
                    "finite numbers".into(),
                ));
            }
            artifact.tensors.insert(name, Array { shape: view.shape().to_vec(), values });
        }
        Ok(artifact)
    }

    /// Reads an artifact that must be of one kind.
    ///
    /// # Errors
    /// Any [`ArtifactError`].
    pub fn read(path: &Path, kind: Kind) -> Result<Self, ArtifactError> {
        let artifact = Self::read_any(path)?;
        if artifact.kind != kind {
            return Err(ArtifactError::Metadata {
                path: path.into(),
                key: "kind",
                found: artifact.kind.to_string(),
                expected: kind.to_string(),
            });
        }
        Ok(artifact)
    }

    /// Writes the artifact whole or not at all; over an existing file only with `force`.
    ///
    /// # Errors
    /// Any [`OutputError`].
    pub fn write(&self, path: &Path, force: bool) -> Result<(), OutputError> {
        let failed = |message: String| OutputError::Write { path: path.into(), source: std::io::Error::other(message) };
        let bytes = self.to_bytes().map_err(failed)?;
        write_atomically(path, &bytes, force)
    }

    /// The file's bytes.
    fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let provenance = serde_json::to_string(&self.provenance).map_err(|e| e.to_string())?;
        let metadata = HashMap::from([
            ("format".to_string(), FORMAT.to_string()),
            ("version".to_string(), VERSION.to_string()),
            ("kind".to_string(), self.kind.to_string()),
            ("config".to_string(), self.config.to_string()),
            ("provenance".to_string(), provenance),
        ]);
        let bytes = safetensors::serialize(&self.tensors, Some(metadata)).map_err(|e| e.to_string())?;
        sort_header(&bytes).ok_or_else(|| "the header is not sortable JSON".to_string())
    }

    /// This artifact as an input of the next stage.
    pub fn as_input(&self) -> Input {
        let file = self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Input { file, sha256: self.sha256.clone() }
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of a tensor that must have `N` dimensions.
    ///
    /// # Errors
    /// [`ArtifactError::Tensor`] when it is missing or has another rank.
    pub fn shape<const N: usize>(&self, name: &str) -> Result<[usize; N], ArtifactError> {
        let shape = &self.array(name, &format!("a tensor of {N} dimensions"))?.shape;
        shape
            .as_slice()
            .try_into()
            .map_err(|_| self.tensor_error(name, format!("shape {shape:?}"), format!("{N} dimensions")))
    }

    /// The values of a tensor that must have this type and shape.
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

    /// An error about one of this artifact's tensors.
    pub fn tensor_error(&self, name: &str, found: String, expected: String) -> ArtifactError {
        ArtifactError::Tensor { path: self.path.clone(), name: name.into(), found, expected }
    }

    /// An error about this artifact's config.
    pub fn config_error(&self, found: String, expected: &str) -> ArtifactError {
        ArtifactError::Metadata { path: self.path.clone(), key: "config", found, expected: expected.into() }
    }
}

/// Reads the metadata of one file.
struct MetadataReader<'a> {
    path: &'a Path,
    map: &'a HashMap<String, String>,
}

impl MetadataReader<'_> {
    fn error(&self, key: &'static str, found: String, expected: &str) -> ArtifactError {
        ArtifactError::Metadata { path: self.path.into(), key, found, expected: expected.into() }
    }

    fn get(&self, key: &'static str, expected: &str) -> Result<&str, ArtifactError> {
        self.map.get(key).map(String::as_str).ok_or_else(|| self.error(key, "nothing".into(), expected))
    }

    fn expect(&self, key: &'static str, expected: &str) -> Result<(), ArtifactError> {
        match self.get(key, expected)? {
            found if found == expected => Ok(()),
            found => Err(self.error(key, format!("{found:?}"), expected)),
        }
    }

    fn json<T: for<'d> Deserialize<'d>>(
        &self,
        key: &'static str,
        quote: impl Fn(&str) -> String,
        expected: &str,
    ) -> Result<T, ArtifactError> {
        let text = self.get(key, expected)?;
        serde_json::from_str(&quote(text)).map_err(|e| self.error(key, e.to_string(), expected))
    }
}

/// Sorts the header of a safetensors file, whose metadata the library writes in no fixed order. Tensor data stay in place.
fn sort_header(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    // serde_json keeps the keys of an object sorted.
    let header: Value = serde_json::from_slice(rest.get(..length)?).ok()?;
    let mut text = header.to_string();
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    let mut sorted = Vec::with_capacity(bytes.len());
    sorted.extend_from_slice(&(text.len() as u64).to_le_bytes());
    sorted.extend_from_slice(text.as_bytes());
    sorted.extend_from_slice(&rest[length..]);
    Some(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Artifact {
        let provenance = Provenance {
            program: "test".into(),
            version: "0".into(),
            seed: 1,
            inputs: vec![Input { file: "a".into(), sha256: "b".into() }],
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
        assert_eq!(read.as_input().sha256, mdl_stage::output::sha256_file(&path).unwrap());
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
    fn a_foreign_safetensors_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("foreign.safetensors");
        let tensors = example().tensors;
        std::fs::write(&path, safetensors::serialize(&tensors, None).unwrap()).unwrap();
        let message = Artifact::read_any(&path).unwrap_err().to_string();
        assert!(message.contains("metadata `format`: found nothing, expected mdl-rnn"), "{message}");
    }
}
