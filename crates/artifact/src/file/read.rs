//! Reader of artifacts, which trusts nothing in the file.
//!
//! The header is checked against the length of the file before anything is allocated, and has at most [`HEADER_MOST`]
//! bytes. The tensors are then read one after the other, each directly to its destination, so a file needs no more
//! memory than its own size and that of its parsed header. Both checksums are computed at the same time.

use super::{Artifact, ArtifactError, FORMAT, HEADER_MOST, Kind, NO_CHECKSUM, VERSION, checksum_place};
use crate::file_type::FileType;
use crate::json;
use crate::output::hex;
use crate::provenance::Provenance;
use crate::values::{Array, Values};
use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

impl Artifact {
    /// Reads an artifact of any kind. Checks sizes, format, version, metadata, the checksum if there is one, and that
    /// every number is finite.
    ///
    /// A file needs at most its own size in memory, plus a few times that of its header, which has at most one
    /// mebibyte.
    ///
    /// # Errors
    /// Any [`ArtifactError`].
    pub fn read_any(path: &Path) -> Result<Self, ArtifactError> {
        Self::read_file(path, true)
    }

    /// Reads an artifact of any kind, including numbers that are not finite.
    ///
    /// # Errors
    /// Any [`ArtifactError`].
    pub fn read_for_inspection(path: &Path) -> Result<Self, ArtifactError> {
        Self::read_file(path, false)
    }

    fn read_file(path: &Path, finite: bool) -> Result<Self, ArtifactError> {
        Self::read_own(path, finite).map_err(|error| match FileType::read(path) {
            Ok(found) => name_foreign(error, found, path),
            Err(_) => error,
        })
    }

    fn read_own(path: &Path, finite: bool) -> Result<Self, ArtifactError> {
        let unreadable = |source| ArtifactError::Unreadable { path: path.into(), source };
        // Checked before opening, because opening a named pipe without a writer would block.
        let metadata = path.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(unreadable(io::Error::other("not a regular file")));
        }
        let file = File::open(path).map_err(unreadable)?;
        Self::read_stream(file, metadata.len(), path, finite)
    }

    /// Reads only the config, from the header of an artifact of any kind.
    ///
    /// # Errors
    /// Any [`ArtifactError`] from reading a header.
    pub fn read_config(path: &Path) -> Result<Value, ArtifactError> {
        let unreadable = |source| ArtifactError::Unreadable { path: path.into(), source };
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut stream = Hashed { stream: file, whole: Sha256::new(), content: None };
        let damaged = |message: String| ArtifactError::Damaged { path: path.into(), message };
        let header = read_header(&mut stream, length, &damaged, &unreadable)?;
        let none = HashMap::new();
        let metadata = MetadataReader { path, map: header.metadata().as_ref().unwrap_or(&none) };
        Ok(metadata.artifact()?.config)
    }

    /// Reads an artifact of any kind from memory; messages name it `path`.
    ///
    /// # Errors
    /// As for [`Artifact::read_any`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ArtifactError> {
        let read = Self::read_stream(bytes, bytes.len() as u64, path, true);
        read.map_err(|error| name_foreign(error, FileType::of(bytes), path))
    }

    fn read_stream(stream: impl Read, length: u64, path: &Path, finite: bool) -> Result<Self, ArtifactError> {
        let damaged = |message: String| ArtifactError::Damaged { path: path.into(), message };
        let cut = |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it is cut short".into()),
            _ => ArtifactError::Unreadable { path: path.into(), source: e },
        };
        let mut stream = Hashed { stream, whole: Sha256::new(), content: None };
        let (mut artifact, tensors, declared) = {
            let header = read_header(&mut stream, length, &damaged, &cut)?;
            let tensors = tensors_in_order(&header);
            let none = HashMap::new();
            let metadata = MetadataReader { path, map: header.metadata().as_ref().unwrap_or(&none) };
            (metadata.artifact()?, tensors, metadata.map.get("checksum").cloned())
        };
        if declared.is_some() && stream.content.is_none() {
            return Err(damaged("its checksum is not where it is expected".into()));
        }
        for (name, info) in tensors {
            let array = read_tensor(&mut stream, &name, info, &artifact, &cut)?;
            if let Some((index, value)) = array.values.not_finite().filter(|_| finite) {
                let found = format!("{value} at element {index}");
                return Err(artifact.tensor_error(&name, found, "finite numbers".into()));
            }
            artifact.tensors.insert(name, array);
        }
        if let (Some(declared), Some(content)) = (declared, stream.content) {
            let found = hex(&content.finalize());
            if found != declared {
                return Err(ArtifactError::Metadata {
                    path: path.into(),
                    key: "checksum",
                    found: format!("{declared}, but the content has {found}"),
                    expected: "a file as it was written; it is damaged, or was changed by another program".into(),
                });
            }
        }
        artifact.sha256 = hex(&stream.whole.finalize());
        Ok(artifact)
    }
}

/// Error about a file of a known type: names the type if it explains the error.
fn name_foreign(error: ArtifactError, found: FileType, path: &Path) -> ArtifactError {
    let damaged = !matches!(error, ArtifactError::Metadata { key: "format", .. });
    match found {
        FileType::Artifact | FileType::Unknown => error,
        FileType::Safetensors if damaged => error,
        found => ArtifactError::Foreign { path: path.into(), found },
    }
}

/// A stream with the checksums of the bytes read: of the file, and of the file without its own checksum.
struct Hashed<R> {
    stream: R,
    whole: Sha256,
    content: Option<Sha256>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.whole.update(&buffer[..n]);
        if let Some(content) = &mut self.content {
            content.update(&buffer[..n]);
        }
        Ok(n)
    }
}

/// Reads and checks the header: its length, and that its tensors cover exactly the rest of the file.
fn read_header<R: Read>(
    stream: &mut Hashed<R>,
    length: u64,
    damaged: &impl Fn(String) -> ArtifactError,
    cut: &impl Fn(io::Error) -> ArtifactError,
) -> Result<Metadata, ArtifactError> {
    let mut bytes = [0u8; 8];
    stream.read_exact(&mut bytes).map_err(cut)?;
    let (rest, size) = (length.saturating_sub(8), u64::from_le_bytes(bytes));
    if size > rest || size > HEADER_MOST as u64 {
        let most = rest.min(HEADER_MOST as u64);
        return Err(damaged(format!("a header of {size} bytes, expected at most {most}")));
    }
    let mut text = vec![0u8; size as usize];
    stream.read_exact(&mut text).map_err(cut)?;
    stream.content = checksum_place(&text).map(|digits| {
        let (before, after) = (&text[..digits.start], &text[digits.end..]);
        Sha256::new().chain_update(bytes).chain_update(before).chain_update(NO_CHECKSUM).chain_update(after)
    });
    let unreadable = |e: serde_json::Error| damaged(format!("its header: {e}"));
    // Checked before memory is allocated for the header, because a truncated file must not allocate it.
    let Extent(expected) = serde_json::from_slice(&text).map_err(unreadable)?;
    let found = rest - size;
    if found != expected {
        return Err(damaged(format!("{found} bytes of tensors, expected {expected}")));
    }
    serde_json::from_slice(&text).map_err(unreadable)
}

/// End of the last tensor in a header, parsed without storing anything except names.
struct Extent(u64);

/// Entry of a header, a tensor or the metadata: the end of the tensor.
#[derive(Default)]
struct Entry {
    end: u64,
}

impl<'d> Deserialize<'d> for Entry {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self::default())
    }
}

impl<'d> Visitor<'d> for Entry {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a tensor, or metadata")
    }

    fn visit_map<M: MapAccess<'d>>(mut self, mut map: M) -> Result<Self, M::Error> {
        let mut keys = Keys::default();
        while let Some(key) = keys.next(&mut map)? {
            if key == "data_offsets" {
                self.end = map.next_value::<(u64, u64)>()?.1;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(self)
    }
}

/// Keys of an object, without duplicates.
#[derive(Default)]
struct Keys(HashSet<String>);

impl Keys {
    fn next<'d, M: MapAccess<'d>>(&mut self, map: &mut M) -> Result<Option<String>, M::Error> {
        let Some(key) = map.next_key::<String>()? else { return Ok(None) };
        if self.0.insert(key.clone()) {
            Ok(Some(key))
        } else {
            Err(M::Error::custom(format_args!("`{key}` is given twice")))
        }
    }
}

impl<'d> Deserialize<'d> for Extent {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self(0))
    }
}

impl<'d> Visitor<'d> for Extent {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<M: MapAccess<'d>>(mut self, mut map: M) -> Result<Self, M::Error> {
        let mut keys = Keys::default();
        while keys.next(&mut map)?.is_some() {
            self.0 = self.0.max(map.next_value::<Entry>()?.end);
        }
        Ok(self)
    }
}

/// Tensors described by a header, in file order.
fn tensors_in_order(header: &Metadata) -> Vec<(String, TensorInfo)> {
    let named = header.offset_keys().into_iter();
    named.filter_map(|name| header.info(&name).cloned().map(|info| (name, info))).collect()
}

fn read_tensor(
    stream: &mut impl Read,
    name: &str,
    info: TensorInfo,
    artifact: &Artifact,
    cut: &impl Fn(io::Error) -> ArtifactError,
) -> Result<Array, ArtifactError> {
    // The product was checked against the tensor's part of the file when the header was parsed.
    let count = info.shape.iter().product();
    let unknown = || artifact.tensor_error(name, format!("type {:?}", info.dtype), "F32, F64, I64, U32 or U8".into());
    let values = Values::read(stream, info.dtype, count).map_err(cut)?.ok_or_else(unknown)?;
    Ok(Array { shape: info.shape, values })
}

/// Reads the metadata of one file.
struct MetadataReader<'a> {
    path: &'a Path,
    map: &'a HashMap<String, String>,
}

impl MetadataReader<'_> {
    /// Artifact without its tensors.
    fn artifact(&self) -> Result<Artifact, ArtifactError> {
        self.expect("format", FORMAT)?;
        self.expect("version", VERSION)?;
        let kind = self.json::<Kind>("kind", |text| Value::String(text.into()).to_string(), "a kind of artifact")?;
        let config = self.json("config", str::to_string, "a config as JSON")?;
        let provenance = self.json::<Provenance>("provenance", str::to_string, "a provenance as JSON")?;
        let mut artifact = Artifact::new(kind, config, provenance);
        artifact.path = self.path.into();
        Ok(artifact)
    }

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
        let value = json::parse(quote(text).as_bytes()).map_err(|e| self.error(key, e.to_string(), expected))?;
        serde_json::from_value(value).map_err(|e| self.error(key, e.to_string(), expected))
    }
}
