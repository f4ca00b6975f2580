//! NumPy files, `.npz`, as `numpy.savez` and `numpy.savez_compressed` write them.
//!
//! ```text
//! file     = zip archive of NAME.npy, entries stored or deflated
//! NAME.npy = "\x93NUMPY", version (2 bytes), length of the header (u16, from version 2 on u32), header, data
//! header   = Python's {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
//! ```
//!
//! Objects (pickles) and structured arrays are not read.

use crate::archive::Archive;
use crate::numbers::{NumberType, column_major, gather};
use crate::variables::{Content, Variable, elements};
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, String>;

/// Longest header (bytes) that is read, as in NumPy.
const LONGEST_HEADER: usize = 10_000;
/// Bytes before the header: magic, version, length.
const BEFORE_HEADER: usize = 12;

/// The arrays of a file whose names are `wanted`.
///
/// # Errors
/// What is wrong with the file.
pub fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Variable>> {
    let mut archive = Archive::open(bytes, true)?;
    let mut variables = BTreeMap::new();
    for entry in archive.names() {
        let Some(name) = entry.strip_suffix(".npy").filter(|name| wanted(name)) else { continue };
        let variable = array(&mut archive, &entry).map_err(|what| format!("array `{name}`: {what}"))?;
        variables.insert(name.to_string(), variable);
    }
    Ok(variables)
}

fn array(archive: &mut Archive, entry: &str) -> Result<Variable> {
    let (start, size) = archive.begin(entry, BEFORE_HEADER + LONGEST_HEADER)?;
    let header = Header::read(&start)?;
    let count = elements(&header.shape, 8)?;
    let data = count.checked_mul(header.item.width()).map(|bytes| bytes + header.length);
    if data.map(|bytes| bytes as u64) != Some(size) {
        return Err(format!(
            "{size} bytes, expected a header of {} and an array of shape {:?}",
            header.length, header.shape
        ));
    }
    let bytes = &archive.read(entry, size)?[header.length..];
    let content = match header.item {
        Item::Text(_) => text(bytes).map(Content::Text).ok_or("text that is no Unicode")?,
        Item::Number(number) => {
            let stored = number.decode(bytes);
            let columns = header.fortran_order.then(|| gather(&stored, &header.shape, &column_major(&header.shape), 0));
            Content::Numbers(columns.unwrap_or(Some(stored)).ok_or("a shape that does not fit its data")?)
        }
    };
    Ok(Variable { shape: header.shape, content })
}

/// A text of fixed length in UTF-32, filled up with zeros.
fn text(bytes: &[u8]) -> Option<String> {
    let units = bytes.as_chunks().0.iter().map(|unit| u32::from_le_bytes(*unit));
    units.take_while(|unit| *unit != 0).map(char::from_u32).collect()
}

/// Type of an item of an array.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Number(NumberType),
    /// Text of that many characters.
    Text(usize),
}

impl Item {
    fn width(self) -> usize {
        match self {
            Self::Number(number) => number.width(),
            Self::Text(characters) => characters.saturating_mul(4),
        }
    }

    /// The type of a `descr` in little-endian order.
    fn named(descr: &str, scalar: bool) -> Option<Self> {
        if let Some(characters) = descr.strip_prefix("<U") {
            let characters = characters.parse().ok().filter(|characters| scalar && elements(&[*characters], 4).is_ok());
            return characters.map(Self::Text);
        }
        Some(Self::Number(match descr {
            "|b1" => NumberType::Bool,
            "|i1" => NumberType::I8,
            "|u1" => NumberType::U8,
            "<i2" => NumberType::I16,
            "<u2" => NumberType::U16,
            "<i4" => NumberType::I32,
            "<u4" => NumberType::U32,
            "<i8" => NumberType::I64,
            "<u8" => NumberType::U64,
            "<f4" => NumberType::F32,
            "<f8" => NumberType::F64,
            _ => return None,
        }))
    }
}

/// What stands before the data.
#[derive(Debug, PartialEq)]
struct Header {
    item: Item,
    fortran_order: bool,
    shape: Vec<usize>,
    /// Bytes from the beginning to the data.
    length: usize,
}

impl Header {
    /// The header that `start` begins with.
    fn read(start: &[u8]) -> Result<Self> {
        let (begin, length) = match start {
            [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
            [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
                (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize)
            }
            _ => return Err("no array of NumPy".into()),
        };
        if length > LONGEST_HEADER {
            return Err(format!("a header of {length} bytes, more than {LONGEST_HEADER}"));
        }
        let text = start.get(begin..begin + length).and_then(|text| str::from_utf8(text).ok());
        let text = text.ok_or("the header ends early, or is no text")?;
        let mut parser = Parser(text);
        parser.fields().map(|fields| fields.header(begin + length)).ok_or_else(|| format!("the header {text:?}"))?
    }
}

/// The fields of a header, as far as they were read.
#[derive(Default)]
struct Fields<'a> {
    descr: Option<&'a str>,
    fortran_order: Option<bool>,
    shape: Option<Vec<usize>>,
}

impl Fields<'_> {
    fn header(self, length: usize) -> Result<Header> {
        let (Some(descr), Some(fortran_order), Some(shape)) = (self.descr, self.fortran_order, self.shape) else {
            return Err("a header without type, order or shape".into());
        };
        let item = Item::named(descr, shape.is_empty());
        let item = item.ok_or_else(|| format!("items of type {descr:?}, expected numbers"))?;
        Ok(Header { item, fortran_order, shape, length })
    }
}

/// Reads a header from left to right; what is left of it.
struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    /// The fields of a whole header.
    fn fields(&mut self) -> Option<Fields<'a>> {
        let mut fields = Fields::default();
        self.token("{")?;
        while self.token("}").is_none() {
            let key = self.quoted()?;
            self.token(":")?;
            match key {
                "descr" => fields.descr = Some(self.quoted()?),
                "fortran_order" => {
                    let yes = self.token("True").is_some();
                    if !yes {
                        self.token("False")?;
                    }
                    fields.fortran_order = Some(yes);
                }
                "shape" => fields.shape = Some(self.shape()?),
                _ => return None,
            }
            if self.token(",").is_none() {
                self.token("}")?;
                break;
            }
        }
        self.0.trim().is_empty().then_some(fields)
    }

    fn token(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start();
        let quote = rest.chars().next().filter(|quote| ['\'', '"'].contains(quote))?;
        let (text, rest) = rest[1..].split_once(quote)?;
        self.0 = rest;
        Some(text)
    }

    fn shape(&mut self) -> Option<Vec<usize>> {
        self.token("(")?;
        let (extents, rest) = self.0.split_once(')')?;
        self.0 = rest;
        let extents: Vec<&str> = extents.trim().trim_end_matches(',').split(',').map(str::trim).collect();
        if extents == [""] { Some(Vec::new()) } else { extents.iter().map(|extent| extent.parse().ok()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<Header> {
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        Header::read(&bytes)
    }

    #[test]
    fn headers_as_numpy_writes_them() {
        let read = header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }      \n").unwrap();
        assert_eq!((read.item, read.fortran_order), (Item::Number(NumberType::F32), false));
        assert_eq!((read.shape, read.length), (vec![3, 4], 76));
        assert_eq!(header("{'descr': '|u1', 'fortran_order': True, 'shape': (7,)}").unwrap().shape, [7]);
        assert_eq!(header("{'shape': (), 'descr': '<U5', 'fortran_order': False}").unwrap().item, Item::Text(5));
    }

    #[test]
    fn other_headers_are_refused() {
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '>f4', 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<U99999999999999999999', 'fortran_order': False, 'shape': ()}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, , 4)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} and more",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
            &"(".repeat(9000),
        ] {
            assert!(header(text).is_err(), "{text}");
        }
    }
}
