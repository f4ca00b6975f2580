//! PyTorch files, `.pth` or `.pt`, as written by `torch.save` since version 1.6.
//!
//! ```text
//! file           = zip archive, entries stored
//! NAME/data.pkl  = a pickle: dictionaries of tensors, each a call _rebuild_tensor_v2(storage, offset, size, stride, …)
//! NAME/data/KEY  = the numbers of storage KEY
//! ```
//!
//! No code from a pickle is ever executed: see [`pickle`].

pub mod pickle;
mod storage;

use candle_core::pickle::Object;
use mdl_artifact::FileType;
use mdl_artifact::arrays::archive::Archive;
use mdl_artifact::arrays::numbers::{NumberType, gather};
use mdl_artifact::arrays::{Content, Contents, Entry, Limits, Reader as FileReader, Variable};
use storage::storage;

type Result<T> = std::result::Result<T, String>;

/// The reader of PyTorch files.
pub struct Torch;

impl FileReader for Torch {
    fn name(&self) -> &'static str {
        "a PyTorch file"
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        FileType::of(bytes) == FileType::Torch
    }

    fn read(&self, bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Contents> {
        read(bytes, wanted)
    }
}

/// Tensors, numbers and texts of a file, and the values of those whose names are `wanted`; those in inner dictionaries
/// are named `outer.inner`.
///
/// # Errors
/// Description of the fault in the file.
pub fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Contents> {
    let mut archive = Archive::open(bytes, false, Limits::NETWORK.file)?;
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
    let mut reader = Reader { archive, folder, wanted: &wanted, contents: Contents::default() };
    reader.dictionary("", pairs)?;
    Ok(reader.contents)
}

/// Turns the objects of a pickle into variables.
struct Reader<'a, W> {
    archive: Archive<'a>,
    folder: &'a str,
    wanted: &'a W,
    contents: Contents,
}

impl<W: Fn(&str) -> bool> Reader<'_, W> {
    fn dictionary(&mut self, prefix: &str, pairs: &[(Object, Object)]) -> Result<()> {
        // candle stores the last pair first.
        for (key, value) in pairs.iter().rev() {
            let name = match key {
                Object::Unicode(key) => format!("{prefix}{key}"),
                Object::Int(key) => format!("{prefix}{key}"),
                _ => continue,
            };
            if matches!(key, Object::Unicode(key) if key == "_metadata") {
                // Versions of the parts of a module, an attribute of its state_dict.
                continue;
            }
            if let Object::Dict(inner) = value {
                self.dictionary(&format!("{name}."), inner)?;
                continue;
            }
            let in_variable = |what: String| format!("variable `{name}`: {what}");
            let entry = entry(&name, value).map_err(in_variable)?;
            if self.contents.entries.iter().any(|other| other.name == name) {
                return Err(format!("two variables named `{name}`"));
            }
            if (self.wanted)(&name) {
                let variable = self.variable(value).map_err(in_variable)?;
                self.contents.by_name.insert(name, variable);
            }
            self.contents.entries.push(entry);
        }
        Ok(())
    }

    fn variable(&mut self, value: &Object) -> Result<Variable> {
        if let Some(tensor) = Tensor::of(value)? {
            return self.values(&tensor);
        }
        let number = |x: f64| Content::Numbers(vec![x]);
        let content = match value {
            Object::Int(x) => number(f64::from(*x)),
            Object::Float(x) => number(*x),
            Object::Bool(x) => number(f64::from(u8::from(*x))),
            Object::Unicode(text) => Content::Text(text.clone()),
            _ => Content::Other("another object".into()),
        };
        Ok(Variable { shape: Vec::new(), content })
    }

    fn values(&mut self, tensor: &Tensor) -> Result<Variable> {
        let Tensor { storage, offset, shape, strides } = tensor;
        let numbers = match storage.numbers {
            Ok(numbers) => numbers,
            Err(what) => return Ok(Variable { shape: shape.clone(), content: Content::Other(what.into()) }),
        };
        let count = Limits::NETWORK.elements(shape, 8)?;
        let stored = storage.count;
        if strides.len() != shape.len() || count > stored {
            return Err(format!("shape {shape:?} and strides {strides:?} of {stored} numbers"));
        }
        let most = (stored as u64).saturating_mul(numbers.width() as u64).min(Limits::NETWORK.array);
        let bytes = self.archive.read(&format!("{}/data/{}", self.folder, storage.key), most)?;
        if Some(bytes.len()) != stored.checked_mul(numbers.width()) {
            return Err(format!("{} bytes, expected {stored} numbers of {} bytes", bytes.len(), numbers.width()));
        }
        let values = gather(&numbers.decode(&bytes), shape, strides, *offset);
        let values = values.ok_or("a tensor that reaches beyond its storage")?;
        Ok(Variable { shape: shape.clone(), content: Content::Numbers(values) })
    }
}

/// A value as shown in a listing.
fn entry(name: &str, value: &Object) -> Result<Entry> {
    let (shape, kind) = match (Tensor::of(value)?, value) {
        (Some(tensor), _) => {
            (tensor.shape.clone(), tensor.storage.numbers.map_or_else(String::from, |n| n.name().into()))
        }
        (None, Object::Int(_)) => (Vec::new(), "int".into()),
        (None, Object::Float(_)) => (Vec::new(), "float".into()),
        (None, Object::Bool(_)) => (Vec::new(), "bool".into()),
        (None, Object::Unicode(_)) => (Vec::new(), "text".into()),
        (None, Object::List(items) | Object::Tuple(items)) => (vec![items.len()], "list".into()),
        (None, Object::None) => (Vec::new(), "None".into()),
        _ => (Vec::new(), "another object".into()),
    };
    Ok(Entry { name: name.into(), shape, kind })
}

/// A tensor: a view of a storage.
struct Tensor<'a> {
    storage: Storage<'a>,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

/// Location of the numbers of a tensor: type, key and count.
struct Storage<'a> {
    numbers: std::result::Result<NumberType, &'static str>,
    key: &'a str,
    count: usize,
}

impl<'a> Tensor<'a> {
    /// The value as a tensor, if it is one.
    fn of(value: &'a Object) -> Result<Option<Self>> {
        let Object::Reduce { callable, args } = value else { return Ok(None) };
        let (Object::Class { class_name, .. }, Object::Tuple(arguments)) = (&**callable, &**args) else {
            return Err("no tensor".into());
        };
        if !class_name.starts_with("_rebuild") {
            return Ok(None);
        }
        match (class_name.as_str(), &arguments[..]) {
            ("_rebuild_parameter", [inner @ Object::Reduce { .. }, ..]) => Self::of(inner),
            ("_rebuild_tensor_v2", [Object::PersistentLoad(storage), offset, size, stride, ..]) => {
                let storage = Storage::of(storage).ok_or("a storage without its parts")?;
                let (shape, strides) = (extents(size)?, extents(stride)?);
                Ok(Some(Self { storage, offset: extent(offset)?, shape, strides }))
            }
            _ => Err("no tensor".into()),
        }
    }
}

impl<'a> Storage<'a> {
    fn of(id: &'a Object) -> Option<Self> {
        let Object::Tuple(parts) = id else { return None };
        let [_, Object::Class { class_name, .. }, Object::Unicode(key), _, count] = &parts[..] else { return None };
        Some(Self { numbers: storage(class_name)?, key, count: extent(count).ok()? })
    }
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
