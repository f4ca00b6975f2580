//! safetensors files of other programs.

use crate::numbers::NumberType;
use crate::variables::{Content, LARGEST_FILE, Variable, elements};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;

/// The tensors of a file whose names are `wanted`.
///
/// # Errors
/// What is wrong with the file.
pub fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Variable>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let (mut variables, mut unpacked) = (BTreeMap::new(), 0u64);
    for (name, view) in file.iter().filter(|(name, _)| wanted(name)) {
        let in_tensor = |what: String| format!("tensor `{name}`: {what}");
        let number = number_type(view.dtype());
        let number = number.ok_or_else(|| in_tensor(format!("numbers of type {:?}", view.dtype())))?;
        unpacked += 8 * elements(view.shape(), 8).map_err(in_tensor)? as u64;
        if unpacked > LARGEST_FILE {
            return Err(format!("more than {} MiB of tensors", LARGEST_FILE >> 20));
        }
        let content = Content::Numbers(number.decode(view.data()));
        variables.insert(name.to_string(), Variable { shape: view.shape().to_vec(), content });
    }
    Ok(variables)
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
        Dtype::F32 => NumberType::F32,
        Dtype::F64 => NumberType::F64,
        _ => return None,
    })
}
