//! NumPy files: `.npz`, written by `numpy.savez` and `numpy.savez_compressed`, and `.npy`, written by `numpy.save`.
//!
//! ```text
//! .npz     = zip archive of NAME.npy, entries stored or deflated
//! NAME.npy = "\x93NUMPY", version (2 bytes), length of the header (u16, from version 2 on u32), header, data
//! header   = Python's {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
//! ```
//!
//! Objects (pickles), structured arrays and complex numbers are listed but not read.

use super::archive::Archive;
use super::contents::{Content, Contents, Entry, Limits, Variable};
use super::numbers::{NumberType, column_major, gather};
use super::reader::Reader;
use crate::FileType;

type Result<T> = std::result::Result<T, String>;

/// Maximum length of a header (bytes), as in NumPy.
const LONGEST_HEADER: usize = 10_000;
/// Maximum number of texts in an array.
const MOST_TEXTS: usize = 1 << 20;
/// Bytes before the header: magic, version, length.
const BEFORE_HEADER: usize = 12;
/// Name given to the array of a `.npy` file, which has none.
const ONLY: &str = "array";

/// The reader of `.npz` files.
pub struct Npz;

impl Reader for Npz {
    fn name(&self) -> &'static str {
        "a NumPy file"
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        FileType::of(bytes) == FileType::Npz
    }

    fn read(&self, bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Contents> {
        read(bytes, wanted)
    }
}

/// The reader of `.npy` files.
pub struct Npy;

impl Reader for Npy {
    fn name(&self) -> &'static str {
        "a NumPy file"
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        FileType::of(bytes) == FileType::Npy
    }

    fn read(&self, bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Contents> {
        read_one(bytes, wanted)
    }
}

/// Arrays of a `.npz` file, and the values of those whose names are `wanted`.
///
/// # Errors
/// Description of the fault in the file.
pub fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Contents> {
    read_within(&Limits::NETWORK, bytes, wanted)
}

/// The same within other limits.
///
/// # Errors
/// Description of the fault in the file.
pub fn read_within(limits: &Limits, bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Contents> {
    let mut archive = Archive::open(bytes, true, limits.file)?;
    let mut contents = Contents::default();
    for file in archive.names() {
        let Some(name) = file.strip_suffix(".npy") else { continue };
        let in_array = |what: String| format!("array `{name}`: {what}");
        let (start, size) = archive.begin(&file, BEFORE_HEADER + LONGEST_HEADER).map_err(in_array)?;
        let header = Header::read(&start).map_err(in_array)?;
        if wanted(name) {
            header.check(limits, size).map_err(in_array)?;
            let data = archive.read(&file, size).map_err(in_array)?;
            contents.by_name.insert(name.into(), header.variable(&data).map_err(in_array)?);
        }
        contents.entries.push(header.entry(name));
    }
    Ok(contents)
}

/// Array of a `.npy` file, named `array`, with its values if that name is `wanted`.
///
/// # Errors
/// Description of the fault in the file.
pub fn read_one(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Contents> {
    let header = Header::read(&bytes[..bytes.len().min(BEFORE_HEADER + LONGEST_HEADER)])?;
    let mut contents = Contents { entries: vec![header.entry(ONLY)], ..Contents::default() };
    if wanted(ONLY) {
        header.check(&Limits::NETWORK, bytes.len() as u64)?;
        contents.by_name.insert(ONLY.into(), header.variable(bytes)?);
    }
    Ok(contents)
}

/// Text of fixed length in UTF-32, padded with zeros.
fn text(bytes: &[u8], big_endian: bool) -> Option<String> {
    let from = if big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    let units = bytes.as_chunks().0.iter().map(|unit| from(*unit));
    units.take_while(|unit| *unit != 0).map(char::from_u32).collect()
}

/// Type of the items of an array.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Number(NumberType),
    /// Text of this number of characters, in UTF-32.
    Text(usize),
    /// Text of this number of bytes.
    Bytes(usize),
    /// Unsupported type, by description.
    Other(String),
}

impl Item {
    /// Bytes per item; none for unsupported types.
    fn width(&self) -> Option<usize> {
        match self {
            Self::Number(number) => Some(number.width()),
            Self::Text(characters) => characters.checked_mul(4),
            Self::Bytes(count) => Some(*count),
            Self::Other(_) => None,
        }
    }

    /// Type given by `descr` after its byte order.
    fn named(descr: &str) -> Self {
        let length =
            |digits: &str| digits.parse().ok().filter(|length| Limits::NETWORK.elements(&[*length], 4).is_ok());
        let number = match descr {
            "b1" => NumberType::Bool,
            "i1" => NumberType::I8,
            "u1" => NumberType::U8,
            "i2" => NumberType::I16,
            "u2" => NumberType::U16,
            "i4" => NumberType::I32,
            "u4" => NumberType::U32,
            "i8" => NumberType::I64,
            "u8" => NumberType::U64,
            "f2" => NumberType::F16,
            "f4" => NumberType::F32,
            "f8" => NumberType::F64,
            "O" => return Self::Other("pickled objects".into()),
            "c8" | "c16" => return Self::Other("complex numbers".into()),
            _ => {
                let texts = [
                    descr.strip_prefix('U').and_then(length).map(Self::Text),
                    descr.strip_prefix('S').and_then(length).map(Self::Bytes),
                ];
                let other = Self::Other(format!("items of type {descr}"));
                return texts.into_iter().flatten().next().unwrap_or(other);
            }
        };
        Self::Number(number)
    }
}

/// Header in front of the data.
#[derive(Debug, PartialEq)]
struct Header {
    item: Item,
    big_endian: bool,
    fortran_order: bool,
    shape: Vec<usize>,
    /// Bytes before the data.
    length: usize,
}

impl Header {
    /// Parses the header at the start of `start`.
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

    /// Checks the shape against a file of `size` bytes, before memory is allocated.
    fn check(&self, limits: &Limits, size: u64) -> Result<()> {
        let count = limits.elements(&self.shape, 8)?;
        let Some(width) = self.item.width() else { return Ok(()) };
        match count.checked_mul(width).map(|bytes| (bytes + self.length) as u64) {
            Some(expected) if expected == size => Ok(()),
            _ => Err(format!(
                "{size} bytes, expected a header of {} and an array of shape {:?}",
                self.length, self.shape
            )),
        }
    }

    fn entry(&self, name: &str) -> Entry {
        let kind = match &self.item {
            Item::Number(number) if self.big_endian => format!("{}, big-endian", number.name()),
            Item::Number(number) => number.name().into(),
            Item::Text(_) | Item::Bytes(_) => "text".into(),
            Item::Other(what) => what.clone(),
        };
        Entry { name: name.into(), shape: self.shape.clone(), kind }
    }

    /// Array of a file of the right size.
    fn variable(self: &Header, file: &[u8]) -> Result<Variable> {
        let data = file.get(self.length..).unwrap_or_default();
        let one = self.shape.iter().product::<usize>() == 1;
        let content = match &self.item {
            Item::Text(_) | Item::Bytes(_) => {
                if self.shape.iter().product::<usize>() > MOST_TEXTS {
                    return Ok(Variable {
                        shape: self.shape.clone(),
                        content: Content::Other("too many texts".into()),
                    });
                }
                let texts = self.texts(data).ok_or("text that is no Unicode")?;
                if one { Content::Text(texts.concat()) } else { Content::Texts(texts) }
            }
            Item::Other(what) => Content::Other(what.clone()),
            Item::Number(number) => {
                let stored = if self.big_endian { number.decode_big_endian(data) } else { number.decode(data) };
                let columns = self.fortran_order.then(|| gather(&stored, &self.shape, &column_major(&self.shape), 0));
                Content::Numbers(columns.unwrap_or(Some(stored)).ok_or("a shape that does not fit its data")?)
            }
        };
        let shape = if matches!(content, Content::Text(_)) { Vec::new() } else { self.shape.clone() };
        Ok(Variable { shape, content })
    }
}

impl Header {
    /// Texts of an array, row-major; none if one is no Unicode.
    fn texts(&self, data: &[u8]) -> Option<Vec<String>> {
        let count: usize = self.shape.iter().product();
        let stored = match self.item.width() {
            None | Some(0) => vec![String::new(); count],
            Some(width) => {
                let one = |item: &[u8]| match self.item {
                    Item::Text(_) => text(item, self.big_endian),
                    _ => String::from_utf8(item.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()).ok(),
                };
                data.chunks_exact(width).map(one).collect::<Option<Vec<String>>>()?
            }
        };
        if !self.fortran_order {
            return Some(stored);
        }
        let places: Vec<f64> = (0..count).map(|at| at as f64).collect();
        let order = gather(&places, &self.shape, &column_major(&self.shape), 0)?;
        order.into_iter().map(|at| stored.get(at as usize).cloned()).collect()
    }
}

/// Type of an array in its header.
#[derive(Clone, Copy)]
enum Descr<'a> {
    Simple(&'a str),
    /// A list of named fields.
    Structured,
}

/// Fields of a header read so far.
#[derive(Default)]
struct Fields<'a> {
    descr: Option<Descr<'a>>,
    fortran_order: Option<bool>,
    shape: Option<Vec<usize>>,
}

impl Fields<'_> {
    fn header(self, length: usize) -> Result<Header> {
        let (Some(descr), Some(fortran_order), Some(shape)) = (self.descr, self.fortran_order, self.shape) else {
            return Err("a header without type, order or shape".into());
        };
        let (item, big_endian) = match descr {
            Descr::Structured => (Item::Other("records".into()), false),
            Descr::Simple(descr) => {
                (Item::named(descr.trim_start_matches(['<', '>', '|', '='])), descr.starts_with('>'))
            }
        };
        Ok(Header { item, big_endian, fortran_order, shape, length })
    }
}

/// Parser of a header from left to right; the unread rest.
struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    /// Fields of a whole header.
    fn fields(&mut self) -> Option<Fields<'a>> {
        let mut fields = Fields::default();
        self.token("{")?;
        while self.token("}").is_none() {
            let key = self.quoted()?;
            self.token(":")?;
            match key {
                "descr" => fields.descr = Some(self.descr()?),
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

    fn descr(&mut self) -> Option<Descr<'a>> {
        if self.token("[").is_none() {
            return self.quoted().map(Descr::Simple);
        }
        // A list of tuples, which may contain lists.
        let mut depth = 1;
        let end = self.0.char_indices().find(|(_, c)| {
            depth += i32::from(*c == '[') - i32::from(*c == ']');
            depth == 0
        });
        self.0 = &self.0[end?.0 + 1..];
        Some(Descr::Structured)
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
        let big = header("{'descr': '>f2', 'fortran_order': False, 'shape': (3,)}").unwrap();
        assert_eq!((big.item, big.big_endian), (Item::Number(NumberType::F16), true));
    }

    #[test]
    fn what_is_not_read_is_listed_by_what_it_is() {
        let kind = |descr: &str| {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3,)}}");
            header(&text).unwrap().entry("a").kind
        };
        assert_eq!(kind("'|O'"), "pickled objects");
        assert_eq!(kind("'<c8'"), "complex numbers");
        assert_eq!(kind("[('a', '<f4'), ('b', [('c', '<i4')])]"), "records");
        assert_eq!(kind("'<f16'"), "items of type f16");
        assert_eq!(kind("'<U99999999999999999999'"), "items of type U99999999999999999999");
    }

    #[test]
    fn other_headers_are_refused() {
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': [('a', '<f4'), 'fortran_order': False, 'shape': (3,)}",
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
