//! NumPy's `.npz`: a ZIP archive with one `.npy` file per array.
//!
//! ```text
//! .npy = "\x93NUMPY" 1 0, length of the header u16, header, data row-major
//! header = a Python dict of type, order and shape, padded with spaces and a line feed to a multiple of 64 bytes
//! ```
//!
//! Besides the tensors, the texts `kind`, `config` and `provenance` are stored as zero-dimensional arrays.

use super::format::Format;
use crate::Error;
use mdl_artifact::{Artifact, Values};
use mdl_experiment::Experiment;
use serde_json::Value;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// NumPy.
pub struct Npz;

impl Format for Npz {
    fn ending(&self) -> &'static str {
        "npz"
    }

    fn write(&self, artifact: &Artifact, experiment: &Experiment, origin: &Path) -> crate::Result<Vec<u8>> {
        write(artifact, &experiment.to_json()).map_err(|message| Error::Unfit { path: origin.into(), message })
    }
}

/// An artifact, with the resolved config of its experiment, as the bytes of a `.npz` file. The same content gives the
/// same bytes.
///
/// # Errors
/// Content that the archive cannot represent.
pub fn write(artifact: &Artifact, config: &Value) -> Result<Vec<u8>, String> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    let provenance = serde_json::to_string(&artifact.provenance).map_err(|e| e.to_string())?;
    let texts = [("kind", artifact.kind.to_string()), ("config", config.to_string()), ("provenance", provenance)];
    let texts = texts.iter().map(|(name, text)| ((*name).to_string(), text_array(text)));
    let tensors =
        artifact.tensors.iter().map(|(name, array)| (name.clone(), number_array(&array.shape, &array.values)));
    for (name, content) in texts.chain(tensors) {
        archive.start_file(format!("{name}.npy"), options).map_err(|e| e.to_string())?;
        archive.write_all(&content).map_err(|e| e.to_string())?;
    }
    Ok(archive.finish().map_err(|e| e.to_string())?.into_inner())
}

fn number_array(shape: &[usize], values: &Values) -> Vec<u8> {
    macro_rules! array {
        ($descr:literal, $values:expr) => {
            npy($descr, shape, $values.iter().flat_map(|x| x.to_le_bytes()))
        };
    }
    match values {
        Values::F32(v) => array!("<f4", v),
        Values::F64(v) => array!("<f8", v),
        Values::I64(v) => array!("<i8", v),
        Values::U32(v) => array!("<u4", v),
        Values::U8(v) => array!("|u1", v),
    }
}

fn text_array(text: &str) -> Vec<u8> {
    let descr = format!("<U{}", text.chars().count());
    npy(&descr, &[], text.chars().flat_map(|c| u32::from(c).to_le_bytes()))
}

/// The bytes of a `.npy` file.
fn npy(descr: &str, shape: &[usize], data: impl Iterator<Item = u8>) -> Vec<u8> {
    let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", extents.trim_end());
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 11;
    header = format!("{header:<padded$}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}
