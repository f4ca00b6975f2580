//! safetensors files of other programs.

use super::contents::{Content, Contents, Entry, Limits, Variable};
use super::numbers::NumberType;
use super::reader::Reader;
use crate::FileType;
use safetensors::{Dtype, SafeTensors};

/// The reader of safetensors files.
pub struct Tensors;

impl Reader for Tensors {
    fn name(&self) -> &'static str {
        "a safetensors file"
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        FileType::of(bytes) == FileType::Safetensors
    }

    fn read(&self, bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Contents, String> {
        read(bytes, wanted)
    }
}

/// Tensors of a file, and the values of those whose names are `wanted`.
///
/// # Errors
/// Description of the fault in the file.
pub fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Contents, String> {
    read_within(&Limits::NETWORK, bytes, wanted)
}

/// The same within other limits.
///
/// # Errors
/// Description of the fault in the file.
pub fn read_within(limits: &Limits, bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Contents, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let (mut contents, mut unpacked) = (Contents::default(), 0u64);
    for (name, view) in file.iter() {
        let number = number_type(view.dtype());
        let kind = number.map_or_else(|| format!("{:?}", view.dtype()), |number| number.name().into());
        let entry = Entry { name: name.into(), shape: view.shape().to_vec(), kind };
        if wanted(name) {
            let in_tensor = |what: String| format!("tensor `{name}`: {what}");
            unpacked += 8 * limits.elements(view.shape(), 8).map_err(in_tensor)? as u64;
            if unpacked > limits.file {
                return Err(format!("more than {} MiB of tensors", limits.file >> 20));
            }
            let content = match number {
                Some(number) => Content::Numbers(number.decode(view.data())),
                None => Content::Other(format!("numbers of type {}", entry.kind)),
            };
            contents.by_name.insert(name.to_string(), Variable { shape: entry.shape.clone(), content });
        }
        contents.entries.push(entry);
    }
    contents.entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(contents)
}

fn number_type(dtype: Dtype) -> Option<NumberType> {
    Some(match dtype {
        Dtype::BOOL => NumberType::Bool,
        Dtype::I8 => NumberType::I8,
        Dtype::U8 => NumberType::U8,
        Dtype::I16 => NumberType::I16,
        Dtype::U16 => NumberType::U16,
        Dtype::I32 => NumberType::I32,
        Dtype::U32 => NumberType::U32,
        Dtype::I64 => NumberType::I64,
        Dtype::U64 => NumberType::U64,
        Dtype::F16 => NumberType::F16,
        Dtype::BF16 => NumberType::BF16,
        Dtype::F32 => NumberType::F32,
        Dtype::F64 => NumberType::F64,
        _ => return None,
    })
}
