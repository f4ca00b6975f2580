//! Reader of lists of numbers in HDF5 files: datasets of one dimension whose elements are numbers, or lists of numbers of
//! different lengths.
//!
//! ```text
//! element        length, address of a heap, index in it       16 bytes: HDF5 File Format Specification, global heap ID
//! heap           GCOL 1 0 0 0, size, objects
//! object         index, references, 0, size, data             16 bytes and the data, to a multiple of 8
//! ```
//!
//! Groups, types and chunks are read by `hdf5-pure`, which does not resolve lists. Files are not trusted: no more memory is
//! allocated than the file has bytes.

use crate::error::DataError;
use hdf5_pure::{Dataset, Datatype, DatatypeByteOrder, Error, File as Hdf5, FloatingPointLayout, FormatError};
use mdl_artifact::FileType;
use mdl_artifact::arrays::numbers::NumberType;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes of an element that is a list.
const ELEMENT: usize = 16;
/// Bytes of the header of a heap, and of an object in it.
const HEADER: usize = 16;
/// Maximum number of elements of a dataset.
const MOST_ELEMENTS: u64 = 1_000_000;

/// An HDF5 file.
pub(super) struct Numbers<'a> {
    path: &'a Path,
    file: Hdf5,
    /// The same file, for heaps.
    bytes: File,
    length: u64,
    /// Description of the expected file, for messages.
    expected: &'a str,
}

/// Numbers, or lists of numbers, in a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    number: NumberType,
    big_endian: bool,
}

impl Layout {
    fn decode(self, bytes: &[u8]) -> Vec<f64> {
        if self.big_endian { self.number.decode_big_endian(bytes) } else { self.number.decode(bytes) }
    }
}

impl<'a> Numbers<'a> {
    /// Opens a file; `expected` describes it in messages.
    ///
    /// # Errors
    /// A file that cannot be read, or is no HDF5 file.
    pub(super) fn open(path: &'a Path, expected: &'a str) -> Result<Self, DataError> {
        let unreadable = |reason| DataError::Unreadable { path: path.into(), reason };
        let kind = FileType::read(path).map_err(unreadable)?;
        if !matches!(kind, FileType::Hdf5 | FileType::Nir | FileType::Matlab73) {
            return Err(DataError::Unexpected {
                path: path.into(),
                found: kind.to_string(),
                expected: expected.into(),
            });
        }
        let bytes = File::open(path).map_err(unreadable)?;
        let length = bytes.metadata().map_err(unreadable)?.len();
        let file = Hdf5::open_streaming(path).map_err(|error| damaged(path, &error, expected))?;
        let superblock = file.superblock();
        if (superblock.offset_size, superblock.length_size) != (8, 8) {
            let found = format!("addresses of {} bytes", superblock.offset_size);
            return Err(DataError::Unexpected { path: path.into(), found, expected: "addresses of 8 bytes".into() });
        }
        Ok(Self { path, file, bytes, length, expected })
    }

    fn unexpected(&self, found: String, expected: impl Into<String>) -> DataError {
        DataError::Unexpected { path: self.path.into(), found, expected: expected.into() }
    }

    /// A dataset of one dimension, and its number of elements.
    fn dataset(&self, name: &str) -> Result<(Dataset, usize), DataError> {
        let dataset = self.file.dataset(name).map_err(|error| match error {
            Error::Format(FormatError::PathNotFound(_)) | Error::NotAGroup(_) | Error::NotADataset(_) => {
                self.unexpected(format!("no dataset `{name}`"), self.expected)
            }
            other => damaged(self.path, &other, self.expected),
        })?;
        let shape = dataset.shape().map_err(|error| damaged(self.path, &error, self.expected))?;
        match shape[..] {
            [count @ 1..=MOST_ELEMENTS] => Ok((dataset, count as usize)),
            [count] => {
                Err(self.unexpected(format!("{count} elements in `{name}`"), format!("1 to {MOST_ELEMENTS} examples")))
            }
            _ => Err(self.unexpected(format!("`{name}` of shape {shape:?}"), "one dimension, of examples")),
        }
    }

    /// Number of elements of a dataset.
    ///
    /// # Errors
    /// No such dataset of one dimension.
    pub(super) fn count(&self, name: &str) -> Result<usize, DataError> {
        Ok(self.dataset(name)?.1)
    }

    /// Bytes of the elements of a dataset, each of `width` bytes.
    fn elements(&self, dataset: &Dataset, name: &str, width: usize, count: usize) -> Result<Vec<u8>, DataError> {
        let raw =
            dataset.read_raw().map_err(|error| damaged(self.path, &error, &format!("the elements of `{name}`")))?;
        if raw.len() != width * count {
            return Err(self.unexpected(format!("{} bytes in `{name}`", raw.len()), format!("{}", width * count)));
        }
        Ok(raw)
    }

    /// Numbers of a dataset.
    ///
    /// # Errors
    /// No such dataset, or one of other content.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, DataError> {
        let (dataset, count) = self.dataset(name)?;
        let kind = dataset.datatype().map_err(|error| damaged(self.path, &error, self.expected))?;
        let layout = layout(&kind).ok_or_else(|| self.unexpected(format!("`{name}` of {}", told(&kind)), "numbers"))?;
        Ok(layout.decode(&self.elements(&dataset, name, layout.number.width(), count)?))
    }

    /// Lists of numbers of a dataset, to be read one by one.
    ///
    /// # Errors
    /// No such dataset, or one of other content.
    pub(super) fn lists(&self, name: &'static str) -> Result<Lists<'_>, DataError> {
        let (dataset, count) = self.dataset(name)?;
        let kind = dataset.datatype().map_err(|error| damaged(self.path, &error, self.expected))?;
        let layout = match &kind {
            Datatype::VariableLength { is_string: false, base_type, .. } => layout(base_type),
            _ => None,
        };
        let layout = layout
            .ok_or_else(|| self.unexpected(format!("`{name}` of {}", told(&kind)), "a list of numbers per example"))?;
        let references = self.elements(&dataset, name, ELEMENT, count)?;
        let (references, _) = references.as_chunks::<ELEMENT>();
        let total: u64 = references.iter().map(|reference| u64::from(word(&reference[..4]))).sum();
        if total.saturating_mul(layout.number.width() as u64) > self.length {
            let found = format!("{total} numbers in `{name}`");
            return Err(self.unexpected(found, format!("at most the {} bytes of the file", self.length)));
        }
        Ok(Lists { file: self, name, layout, references: references.to_vec(), heap: None })
    }
}

/// Lists of a dataset.
pub(super) struct Lists<'a> {
    file: &'a Numbers<'a>,
    name: &'static str,
    layout: Layout,
    references: Vec<[u8; ELEMENT]>,
    /// Address of the heap read last, and its bytes.
    heap: Option<(u64, Vec<u8>)>,
}

impl Lists<'_> {
    /// Name of the dataset.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Number of lists.
    pub(super) fn count(&self) -> usize {
        self.references.len()
    }

    /// One of the lists.
    ///
    /// # Errors
    /// A file that ends early, or whose heaps are damaged.
    pub(super) fn read(&mut self, at: usize) -> Result<Vec<f64>, DataError> {
        let reference = self.references[at];
        let (length, address, index) = (word(&reference[..4]), long(&reference[4..12]), word(&reference[12..]));
        if length == 0 {
            return Ok(Vec::new());
        }
        let in_list = |found: String| format!("{found}, for element {at} of `{}`", self.name);
        if self.heap.as_ref().is_none_or(|(read, _)| *read != address) {
            let heap = self.file.heap(address).map_err(|error| match error {
                DataError::Unexpected { path, found, expected } => {
                    DataError::Unexpected { path, found: in_list(found), expected }
                }
                other => other,
            })?;
            self.heap = Some((address, heap));
        }
        let heap = self.heap.as_ref().map_or(&[][..], |(_, heap)| heap.as_slice());
        let bytes = length as usize * self.layout.number.width();
        let object = object(heap, index).and_then(|object| object.get(..bytes));
        let object = object.ok_or_else(|| {
            self.file.unexpected(in_list(format!("no object {index} of {bytes} bytes in a heap")), "its numbers")
        })?;
        Ok(self.layout.decode(object))
    }
}

impl Numbers<'_> {
    /// Bytes of the heap at an address.
    fn heap(&self, address: u64) -> Result<Vec<u8>, DataError> {
        let start = address.saturating_add(self.file.superblock().base_address.get());
        let read = |from: u64, count: usize| -> Result<Vec<u8>, DataError> {
            let left = self.length.saturating_sub(from);
            if (count as u64) > left {
                return Err(DataError::Truncated {
                    path: self.path.into(),
                    found: usize::try_from(self.length).unwrap_or(usize::MAX),
                    expected: usize::try_from(from.saturating_add(count as u64)).unwrap_or(usize::MAX),
                });
            }
            let mut bytes = vec![0; count];
            let mut file = &self.bytes;
            let filled = file.seek(SeekFrom::Start(from)).and_then(|_| file.read_exact(&mut bytes));
            filled.map_err(|reason: io::Error| DataError::Unreadable { path: self.path.into(), reason })?;
            Ok(bytes)
        };
        let header = read(start, HEADER)?;
        let size = usize::try_from(long(&header[8..])).unwrap_or(usize::MAX);
        if header[..4] != *b"GCOL" || header[4] != 1 || size < HEADER {
            return Err(self.unexpected(format!("no heap at byte {start}"), "one of version 1"));
        }
        read(start, size)
    }
}

/// Data of an object in a heap.
fn object(heap: &[u8], wanted: u32) -> Option<&[u8]> {
    let mut rest = heap.get(HEADER..)?;
    while let Some((header, data)) = rest.split_at_checked(HEADER) {
        let index = u32::from(u16::from_le_bytes([header[0], header[1]]));
        let size = usize::try_from(long(&header[8..])).ok()?;
        // Object 0 is the free space at the end.
        if index == 0 {
            return None;
        }
        if index == wanted {
            return data.get(..size);
        }
        rest = data.get(size.checked_next_multiple_of(8)?..)?;
    }
    None
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn long(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |long, byte| long << 8 | u64::from(*byte))
}

/// Layout of numbers of a type, if it is one of NumPy's.
fn layout(kind: &Datatype) -> Option<Layout> {
    const HALF: FloatingPointLayout = FloatingPointLayout {
        bit_offset: 0,
        bit_precision: 16,
        exponent_location: 10,
        exponent_size: 5,
        mantissa_location: 0,
        mantissa_size: 10,
        exponent_bias: 15,
    };
    let (number, order) = match kind {
        Datatype::FixedPoint { size, byte_order, layout } => {
            if layout.bit_offset != 0 || u32::from(layout.bit_precision) != 8 * size {
                return None;
            }
            let number = match (size, layout.signed) {
                (1, true) => NumberType::I8,
                (1, false) => NumberType::U8,
                (2, true) => NumberType::I16,
                (2, false) => NumberType::U16,
                (4, true) => NumberType::I32,
                (4, false) => NumberType::U32,
                (8, true) => NumberType::I64,
                (8, false) => NumberType::U64,
                _ => return None,
            };
            (number, byte_order)
        }
        Datatype::FloatingPoint { byte_order, layout, .. } => {
            let number = match *layout {
                HALF => NumberType::F16,
                FloatingPointLayout::IEEE754_BINARY32 => NumberType::F32,
                FloatingPointLayout::IEEE754_BINARY64 => NumberType::F64,
                _ => return None,
            };
            (number, byte_order)
        }
        _ => return None,
    };
    match order {
        DatatypeByteOrder::LittleEndian => Some(Layout { number, big_endian: false }),
        DatatypeByteOrder::BigEndian => Some(Layout { number, big_endian: true }),
        _ => None,
    }
}

/// Type of a dataset, for messages.
fn told(kind: &Datatype) -> String {
    let name = |kind: &Datatype| layout(kind).map_or("another type", |layout| layout.number.name());
    match kind {
        Datatype::VariableLength { is_string: true, .. } | Datatype::String { .. } => "text".into(),
        Datatype::VariableLength { base_type, .. } => format!("lists of {}", name(base_type)),
        other => name(other).into(),
    }
}

/// Error of a file that `hdf5-pure` refuses.
fn damaged(path: &Path, error: &Error, expected: &str) -> DataError {
    match error {
        Error::Io(reason) => {
            DataError::Unreadable { path: path.into(), reason: io::Error::new(reason.kind(), reason.to_string()) }
        }
        other => DataError::Unexpected {
            path: path.into(),
            found: format!("HDF5 data that are damaged or cut off ({other})"),
            expected: expected.into(),
        },
    }
}
