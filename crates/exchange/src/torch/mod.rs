//! PyTorch files, `.pth` or `.pt`, as `torch.save` writes them since version 1.6.
//!
//! ```text
//! file           = zip archive, entries stored
//! NAME/data.pkl  = a pickle: dictionaries of tensors, each a call _rebuild_tensor_v2(storage, offset, size, stride, …)
//! NAME/data/KEY  = the numbers of storage KEY
//! ```
//!
//! No code from a pickle is ever executed: see [`pickle`].

pub mod pickle;

use crate::archive::Archive;
use crate::numbers::{NumberType, gather};
use crate::variables::{Content, LARGEST_VARIABLE, Variable, elements};
use candle_core::pickle::Object;
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, String>;

/// The tensors, numbers and texts of a file whose names are `wanted`; those of inner dictionaries are named `outer.inner`.
///
/// # Errors
/// What is wrong with the file.
pub fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Variable>> {
    let mut archive = Archive::open(bytes, false)?;
    let names = archive.names();
    let folder = names.iter().filter_map(|name| name.strip_suffix("/data.pkl")).collect::<Vec<_>>();
    let [folder] = folder[..] else {
        return Err(format!("{} entries named data.pkl, expected one", folder.len()));
    };
    let order = format!("{folder}/byteorder");
    if names.contains(&order) && archive.read(&order, 16)? != b"little" {
        return Err("written on a big-endian machine; save it anew".into());
    }
    let object = pickle::read(&archive.read(&format!("{folder}/data.pkl"), pickle::LONGEST)?)?;
    let Object::Dict(pairs) = &object else {
        return Err("no dictionary of tensors; save the state_dict of a module".into());
    };
    let mut reader = Reader { archive, folder, wanted: &wanted, variables: BTreeMap::new() };
    reader.dictionary("", pairs)?;
    Ok(reader.variables)
}

/// The number type of a storage class.
fn storage(class: &str) -> Option<NumberType> {
    Some(match class {
        "FloatStorage" => NumberType::F32,
        "DoubleStorage" => NumberType::F64,
        "BoolStorage" => NumberType::Bool,
        "ByteStorage" => NumberType::U8,
        "CharStorage" => NumberType::I8,
        "ShortStorage" => NumberType::I16,
        "IntStorage" => NumberType::I32,
        "LongStorage" => NumberType::I64,
        _ => return None,
    })
}

/// Turns the objects of a pickle into variables.
struct Reader<'a, W> {
    archive: Archive<'a>,
    folder: &'a str,
    wanted: &'a W,
    variables: BTreeMap<String, Variable>,
}

impl<W: Fn(&str) -> bool> Reader<'_, W> {
    fn dictionary(&mut self, prefix: &str, pairs: &[(Object, Object)]) -> Result<()> {
        for (key, value) in pairs {
            let Object::Unicode(key) = key else { continue };
            let name = format!("{prefix}{key}");
            if let Object::Dict(inner) = value {
                self.dictionary(&format!("{name}."), inner)?;
            } else if (self.wanted)(&name) {
                let variable = self.variable(value).map_err(|what| format!("variable `{name}`: {what}"))?;
                if self.variables.insert(name.clone(), variable).is_some() {
                    return Err(format!("two variables named `{name}`"));
                }
            }
        }
        Ok(())
    }

    fn variable(&mut self, value: &Object) -> Result<Variable> {
        let number = |x: f64| Content::Numbers(vec![x]);
        let content = match value {
            Object::Reduce { callable, args } => return self.tensor(callable, args),
            Object::Int(x) => number(f64::from(*x)),
            Object::Float(x) => number(*x),
            Object::Bool(x) => number(f64::from(u8::from(*x))),
            Object::Unicode(text) => Content::Text(text.clone()),
            _ => Content::Other("another object"),
        };
        Ok(Variable { shape: Vec::new(), content })
    }

    fn tensor(&mut self, callable: &Object, arguments: &Object) -> Result<Variable> {
        let (Object::Class { class_name, .. }, Object::Tuple(arguments)) = (callable, arguments) else {
            return Err("no tensor".into());
        };
        match (class_name.as_str(), &arguments[..]) {
            ("_rebuild_parameter", [Object::Reduce { callable, args }, ..]) => self.tensor(callable, args),
            ("_rebuild_tensor_v2", [Object::PersistentLoad(storage), offset, size, stride, ..]) => {
                self.strided(storage, extent(offset)?, &extents(size)?, &extents(stride)?)
            }
            _ => Err("no tensor".into()),
        }
    }

    fn strided(&mut self, id: &Object, offset: usize, shape: &[usize], strides: &[usize]) -> Result<Variable> {
        let (numbers, key, stored) = storage_id(id).ok_or("a storage without its parts")?;
        let count = elements(shape, 8)?;
        if strides.len() != shape.len() || count > stored {
            return Err(format!("shape {shape:?} and strides {strides:?} of {stored} numbers"));
        }
        let most = (stored as u64).saturating_mul(numbers.width() as u64).min(LARGEST_VARIABLE);
        let bytes = self.archive.read(&format!("{}/data/{key}", self.folder), most)?;
        if Some(bytes.len()) != stored.checked_mul(numbers.width()) {
            return Err(format!("{} bytes, expected {stored} numbers of {} bytes", bytes.len(), numbers.width()));
        }
        let values = gather(&numbers.decode(&bytes), shape, strides, offset);
        let values = values.ok_or("a tensor that reaches beyond its storage")?;
        Ok(Variable { shape: shape.to_vec(), content: Content::Numbers(values) })
    }
}

/// Type, key and number count of a storage.
fn storage_id(id: &Object) -> Option<(NumberType, &str, usize)> {
    let Object::Tuple(parts) = id else { return None };
    let [_, Object::Class { class_name, .. }, Object::Unicode(key), _, count] = &parts[..] else { return None };
    Some((storage(class_name)?, key, extent(count).ok()?))
}

fn extent(object: &Object) -> Result<usize> {
    match object {
        Object::Int(extent) => usize::try_from(*extent).map_err(|_| format!("extent {extent}")),
        _ => Err("an extent that is no number".into()),
    }
}

fn extents(object: &Object) -> Result<Vec<usize>> {
    match object {
        Object::Tuple(extents) => extents.iter().map(extent).collect(),
        _ => Err("a shape that is no tuple".into()),
    }
}
