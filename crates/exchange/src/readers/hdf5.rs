//! Readers of HDF5: NIR graphs, arrays saved with h5py, and MATLAB files of version 7.3.
//!
//! Arrays are named by their paths, as in `node/nodes/lif/tau`. MATLAB files are HDF5 files after a first block of their
//! own: dimensions are reversed, text is an array of character codes, fields of a struct are named as in
//! `settings.tau`, and cells are in the group `#refs#`, which is not read.

use hdf5_pure::{AttrValue, DType, Dataset, File, Group, VlenStringReadOptions};
use mdl_artifact::FileType;
use mdl_artifact::arrays::numbers::{column_major, gather};
use mdl_artifact::arrays::{Content, Contents, Entry, Limits, Reader, Variable};
use std::collections::HashMap;

type Result<T> = std::result::Result<T, String>;

/// Maximum number of groups and datasets of a file.
const MOST_OBJECTS: usize = 20_000;
/// Maximum depth of groups; a group may contain itself.
const DEEPEST: usize = 16;
/// Maximum number of bytes of text in a dataset.
const MOST_TEXT: usize = 16 << 20;
/// Group with the cells of a MATLAB file.
const CELLS: &str = "#refs#";

/// The reader of HDF5 files that are not MATLAB's.
pub struct Hdf5;

impl Reader for Hdf5 {
    fn name(&self) -> &'static str {
        "an HDF5 file"
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        matches!(FileType::of(bytes), FileType::Hdf5 | FileType::Nir)
    }

    fn read(&self, bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Contents> {
        Walk::new(wanted, false).read(bytes)
    }
}

/// The reader of MATLAB files of version 7.3.
pub struct Matlab73;

impl Reader for Matlab73 {
    fn name(&self) -> &'static str {
        "a MATLAB file of version 7.3"
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        FileType::of(bytes) == FileType::Matlab73
    }

    fn read(&self, bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Contents> {
        Walk::new(wanted, true).read(bytes)
    }
}

/// A walk over the groups of a file.
struct Walk<'a> {
    wanted: &'a dyn Fn(&str) -> bool,
    matlab: bool,
    objects: usize,
    unpacked: u64,
    contents: Contents,
}

impl<'a> Walk<'a> {
    fn new(wanted: &'a dyn Fn(&str) -> bool, matlab: bool) -> Self {
        Self { wanted, matlab, objects: 0, unpacked: 0, contents: Contents::default() }
    }

    fn read(mut self, bytes: &[u8]) -> Result<Contents> {
        let file = File::from_bytes(bytes.to_vec()).map_err(|e| e.to_string())?;
        self.group(&file.root(), "", 0)?;
        Ok(self.contents)
    }

    fn group(&mut self, group: &Group, prefix: &str, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(format!("groups within groups, more than {DEEPEST} deep, at `{prefix}`"));
        }
        let mut datasets: Vec<_> = group.iter_datasets().map_err(|e| e.to_string())?.collect();
        datasets.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, dataset) in datasets {
            self.count()?;
            let name = format!("{prefix}{name}");
            self.dataset(&name, &dataset).map_err(|what| format!("variable `{name}`: {what}"))?;
        }
        let separator = if self.matlab { "." } else { "/" };
        let mut groups: Vec<_> = group.iter_groups().map_err(|e| e.to_string())?.collect();
        groups.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, group) in groups {
            self.count()?;
            if !(self.matlab && depth == 0 && name == CELLS) {
                self.group(&group, &format!("{prefix}{name}{separator}"), depth + 1)?;
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        self.objects += 1;
        if self.objects > MOST_OBJECTS { Err(format!("more than {MOST_OBJECTS} groups and arrays")) } else { Ok(()) }
    }

    fn dataset(&mut self, name: &str, dataset: &Dataset) -> Result<()> {
        let text = |e: hdf5_pure::Error| e.to_string();
        let attributes = if self.matlab { dataset.attrs().map_err(text)? } else { HashMap::new() };
        let class = attributes.get("MATLAB_class").map_or("", text_of);
        let kind = dataset.dtype().map_err(text)?;
        let extents = dataset.shape().map_err(text)?;
        let mut shape: Vec<usize> = extents
            .iter()
            .map(|n| usize::try_from(*n))
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| e.to_string())?;
        if self.matlab {
            shape.reverse();
        }
        let empty = attributes.contains_key("MATLAB_empty");
        let described = if class.is_empty() || class == "double" { number_name(&kind) } else { class.into() };
        let mut entry = Entry { name: name.into(), shape: shape.clone(), kind: described };
        if (self.wanted)(name) {
            let content = match class {
                _ if empty => Content::Numbers(Vec::new()),
                "cell" | "struct" | "string" | "function_handle" => Content::Other(format!("a {class} of MATLAB")),
                _ => self.content(dataset, &kind, &shape)?,
            };
            let variable = match content {
                Content::Numbers(values) if class == "char" => as_text(shape, &values),
                content if empty => Variable { shape: vec![0, 0], content },
                content => Variable { shape, content },
            };
            entry.shape.clone_from(&variable.shape);
            self.contents.by_name.insert(name.into(), variable);
        }
        self.contents.entries.push(entry);
        Ok(())
    }

    /// Content of a dataset, row-major.
    fn content(&mut self, dataset: &Dataset, kind: &DType, shape: &[usize]) -> Result<Content> {
        let text = |e: hdf5_pure::Error| e.to_string();
        let width = usize::try_from(dataset.element_size().map_err(text)?).map_err(|e| e.to_string())?.max(8);
        let count = Limits::NETWORK.elements(shape, width)?;
        if let Some(chunk) = dataset.chunk_shape().map_err(text)? {
            let chunk: Vec<usize> = chunk.iter().map(|n| usize::try_from(*n).unwrap_or(usize::MAX)).collect();
            Limits::NETWORK.elements(&chunk, width).map_err(|what| format!("chunks: {what}"))?;
        }
        self.unpacked += (width * count) as u64;
        if self.unpacked > Limits::NETWORK.file {
            return Err(format!("more than {} MiB of arrays", Limits::NETWORK.file >> 20));
        }
        let numbers = match kind {
            DType::String | DType::VariableLengthString => return strings(dataset, kind, shape),
            DType::Compound(_) => return Ok(Content::Other("compound numbers, as complex ones".into())),
            DType::ObjectReference => return Ok(Content::Other("references to other arrays".into())),
            // h5py's Boolean numbers
            DType::Enum(names) if names.len() == 2 && dataset.element_size().is_ok_and(|width| width == 1) => {
                dataset.read_raw().map_err(text)?.iter().map(|byte| f64::from(u8::from(*byte != 0))).collect()
            }
            DType::Array(..) | DType::Enum(_) => return Ok(Content::Other(number_name(kind))),
            DType::Other(_) => match dataset.read_f64() {
                Ok(numbers) => numbers,
                Err(_) => return Ok(Content::Other(number_name(kind))),
            },
            _ => dataset.read_f64().map_err(text)?,
        };
        if numbers.len() != count {
            return Err(format!("{} numbers, expected {count}", numbers.len()));
        }
        if self.matlab {
            let turned = gather(&numbers, shape, &column_major(shape), 0);
            return turned.map(Content::Numbers).ok_or_else(|| "an array beyond its data".into());
        }
        Ok(Content::Numbers(numbers))
    }
}

/// Text of an attribute; empty for other content.
fn text_of(attribute: &AttrValue) -> &str {
    match attribute {
        AttrValue::String(text) | AttrValue::AsciiString(text) | AttrValue::VarLenAsciiString(text) => text,
        AttrValue::StringSized { value, .. } | AttrValue::AsciiStringSized { value, .. } => value,
        _ => "",
    }
}

/// Text of a dataset of strings.
fn strings(dataset: &Dataset, kind: &DType, shape: &[usize]) -> Result<Content> {
    let texts = if *kind == DType::VariableLengthString {
        let limits = VlenStringReadOptions::new().with_max_elements(MOST_OBJECTS).with_max_payload_bytes(MOST_TEXT);
        dataset.read_vlen_strings(limits)
    } else {
        dataset.read_string()
    };
    let mut texts = texts.map_err(|e| e.to_string())?;
    Ok(if shape.is_empty() && texts.len() == 1 { Content::Text(texts.remove(0)) } else { Content::Texts(texts) })
}

/// Rows of character codes as text.
fn as_text(shape: Vec<usize>, codes: &[f64]) -> Variable {
    let rows = shape.first().copied().unwrap_or(1);
    let line = |row: &[f64]| String::from_utf16_lossy(&row.iter().map(|code| *code as u16).collect::<Vec<_>>());
    let content = match codes.len().checked_div(rows) {
        Some(length) if rows > 1 && length > 0 => Content::Texts(codes.chunks_exact(length).map(line).collect()),
        _ => Content::Text(line(codes)),
    };
    Variable { shape, content }
}

/// Name of a number type, as in NumPy.
fn number_name(kind: &DType) -> String {
    match kind {
        DType::F32 => "float32".into(),
        DType::F64 => "float64".into(),
        DType::I8 => "int8".into(),
        DType::I16 => "int16".into(),
        DType::I32 => "int32".into(),
        DType::I64 => "int64".into(),
        DType::U8 => "uint8".into(),
        DType::U16 => "uint16".into(),
        DType::U32 => "uint32".into(),
        DType::U64 => "uint64".into(),
        DType::Enum(names) if names.len() == 2 => "bool".into(),
        DType::String | DType::VariableLengthString => "text".into(),
        DType::Compound(_) => "compound".into(),
        other => other.to_string(),
    }
}
