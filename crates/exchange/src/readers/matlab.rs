//! Reader of MATLAB files.

use crate::mat::format::{HEADER, class, element};
use flate2::read::ZlibDecoder;
use mdl_artifact::FileType;
use mdl_artifact::arrays::Reader;
use mdl_artifact::arrays::numbers::{NumberType, column_major, gather};
use mdl_artifact::arrays::{Content, Contents, Entry, Limits, Variable};
use std::io::Read;

type Result<T> = std::result::Result<T, String>;

/// Maximum number of dimensions of an array.
const MOST_DIMENSIONS: usize = 8;
/// Maximum length of a variable name; MATLAB allows 63.
const LONGEST_NAME: usize = 255;

/// The reader of MATLAB files.
pub struct Matlab;

impl Reader for Matlab {
    fn name(&self) -> &'static str {
        "a MATLAB file"
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        FileType::of(bytes) == FileType::Matlab5
    }

    fn read(&self, bytes: &[u8], wanted: &dyn Fn(&str) -> bool) -> Result<Contents> {
        read(bytes, wanted)
    }
}

/// Variables of a MATLAB file, and the values of those whose names are `wanted`; the others are not unpacked.
///
/// # Errors
/// Description of the fault in the file.
pub fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Contents> {
    let mut rest = after_header(bytes)?;
    let (mut contents, mut unpacked) = (Contents::default(), 0u64);
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let found = top_element(&mut rest).and_then(|array| array.read(&wanted));
        let Some((entry, variable)) = found.map_err(|what| format!("{what} (in the element at byte {at})"))? else {
            continue;
        };
        if let Some(variable) = variable {
            unpacked += 8 * variable.shape.iter().product::<usize>() as u64;
            if unpacked > Limits::NETWORK.file {
                return Err(format!("more than {} MiB of variables", Limits::NETWORK.file >> 20));
            }
            contents.by_name.insert(entry.name.clone(), variable);
        }
        contents.entries.push(entry);
    }
    Ok(contents)
}

/// Elements of a file of version 5 in little-endian order.
fn after_header(bytes: &[u8]) -> Result<&[u8]> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
        return Err(format!("{} bytes, expected a header of {HEADER}", bytes.len()));
    };
    match &header[124..] {
        [0, 1, b'I', b'M'] => Ok(rest),
        [1, 0, b'M', b'I'] => Err("written on a big-endian machine; load and save it on this one".into()),
        [0, 2, b'I', b'M'] => Err("version 7.3; save it with -v7".into()),
        _ => Err("no header of version 5 (save it with -v7)".into()),
    }
}

/// An array of the file, compressed or not.
enum Packed<'a> {
    Plain(&'a [u8]),
    Compressed(&'a [u8]),
    /// Any other element.
    Skipped,
}

/// Reads the next element of `rest`.
fn top_element<'a>(rest: &mut &'a [u8]) -> Result<Packed<'a>> {
    let (tag, data) = rest.split_at_checked(8).ok_or("the file ends within a tag")?;
    let [kind, size] = words(tag.try_into().expect("8 bytes"));
    if kind >> 16 != 0 {
        return Err(format!("a small element of type {}", kind & 0xffff));
    }
    let size = size as usize;
    let padded = if kind == element::COMPRESSED { size } else { size.next_multiple_of(8) };
    // The padding of the last element may be missing.
    let body = data.get(..size).ok_or_else(|| format!("{size} bytes announced, {} left", data.len()))?;
    *rest = &data[padded.min(data.len())..];
    Ok(match kind {
        element::MATRIX => Packed::Plain(body),
        element::COMPRESSED => Packed::Compressed(body),
        _ => Packed::Skipped,
    })
}

impl Packed<'_> {
    /// The array, with its values if it is wanted.
    fn read(self, wanted: &impl Fn(&str) -> bool) -> Result<Option<Found>> {
        match self {
            Self::Skipped => Ok(None),
            Self::Plain(body) => Array { left: body.len() as u64, reader: body }.read(wanted),
            Self::Compressed(body) => {
                let mut reader = ZlibDecoder::new(body);
                let mut tag = [0; 8];
                reader.read_exact(&mut tag).map_err(|e| format!("compressed data: {e}"))?;
                let [kind, size] = words(tag);
                if kind != element::MATRIX {
                    return Err(format!("compressed data: an element of type {kind}, expected an array"));
                }
                Array { left: u64::from(size), reader }.read(wanted)
            }
        }
    }
}

/// Variable of the file, with its values if requested.
type Found = (Entry, Option<Variable>);

/// Two little-endian words of a tag.
fn words(tag: [u8; 8]) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = tag;
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}

/// Body of an array as a stream, limited to the announced size.
struct Array<R> {
    reader: R,
    left: u64,
}

/// Part of an array: its type, its size, and its data if small.
struct Part {
    kind: u32,
    size: usize,
    small: Option<[u8; 4]>,
}

impl<R: Read> Array<R> {
    fn read(mut self, wanted: &impl Fn(&str) -> bool) -> Result<Option<Found>> {
        let flags = self.part("flags", element::UINT32, 8)?;
        let (class, complex) = (flags[0], flags[1] & 8 != 0);
        let other = class::OTHER.iter().find(|(number, _)| *number == class).map(|(_, what)| *what);
        if class == class::OPAQUE {
            // Objects that MATLAB stores in a separate workspace, such as text in double quotes and tables, have no
            // dimensions.
            let name = self.name()?;
            let kind = other.unwrap_or_default();
            let variable = wanted(&name).then(|| Variable { shape: Vec::new(), content: Content::Other(kind.into()) });
            return Ok(Some((Entry { name, shape: Vec::new(), kind: kind.into() }, variable)));
        }
        let dimensions = self.part("dimensions", element::INT32, 4 * MOST_DIMENSIONS)?;
        let name = self.name()?;
        if name.is_empty() {
            // The workspace of opaque objects.
            return Ok(None);
        }
        let in_variable = |what: String| format!("variable `{name}`: {what}");
        let shape = shape(&dimensions).map_err(in_variable)?;
        let kind = match (other, class) {
            (Some(what), _) => what,
            _ if complex => "complex numbers",
            (None, _) => class::NAMES.iter().find(|(number, _)| *number == class).map_or("unknown", |(_, name)| name),
        };
        let entry = Entry { name: name.clone(), shape: shape.clone(), kind: kind.into() };
        if !wanted(&name) {
            return Ok(Some((entry, None)));
        }
        let content = match class {
            _ if other.is_some() || complex => Content::Other(kind.into()),
            class::CHAR => self.text(&shape).map_err(in_variable)?,
            class::DOUBLE..=class::UINT64 => self.numbers(&shape).map_err(in_variable)?,
            _ => return Err(in_variable(format!("unknown class {class}"))),
        };
        let shape = if matches!(content, Content::Text(_)) { Vec::new() } else { shape };
        Ok(Some((entry, Some(Variable { shape, content }))))
    }

    fn name(&mut self) -> Result<String> {
        let name = self.part("name", element::INT8, LONGEST_NAME)?;
        String::from_utf8(name).map_err(|_| "a name that is not text".into())
    }

    /// Reads `count` bytes.
    fn take(&mut self, count: usize) -> Result<Vec<u8>> {
        self.left = self.left.checked_sub(count as u64).ok_or("an array is shorter than its parts")?;
        let mut bytes = Vec::with_capacity(count.min(1 << 20));
        let read = self.reader.by_ref().take(count as u64).read_to_end(&mut bytes).map_err(|e| format!("data: {e}"))?;
        if read < count {
            return Err(format!("data ends {} bytes early", count - read));
        }
        Ok(bytes)
    }

    fn tag(&mut self) -> Result<Part> {
        let tag: [u8; 8] = self.take(8)?.try_into().expect("8 bytes");
        let [first, second] = words(tag);
        Ok(match first >> 16 {
            0 => Part { kind: first, size: second as usize, small: None },
            size => Part { kind: first & 0xffff, size: size as usize, small: Some(second.to_le_bytes()) },
        })
    }

    /// Data of a part.
    fn data(&mut self, part: &Part) -> Result<Vec<u8>> {
        if let Some(bytes) = part.small {
            return Ok(bytes.get(..part.size).ok_or("a small element of more than 4 bytes")?.to_vec());
        }
        let data = self.take(part.size)?;
        let padding = part.size.next_multiple_of(8) - part.size;
        // The padding of the last part may be missing.
        self.take(padding.min(usize::try_from(self.left).unwrap_or(usize::MAX)))?;
        Ok(data)
    }

    /// Data of a part that must be of one type and have at most `most` bytes.
    fn part(&mut self, what: &str, kind: u32, most: usize) -> Result<Vec<u8>> {
        let part = self.tag()?;
        if part.kind != kind || part.size > most {
            let found = format!("type {}, {} bytes", part.kind, part.size);
            return Err(format!("{what}: {found}, expected type {kind}, at most {most} bytes"));
        }
        let data = self.data(&part)?;
        if what == "flags" && data.len() != 8 { Err("flags of another size".into()) } else { Ok(data) }
    }

    /// Data of `count` values, with their type.
    fn values(&mut self, count: usize) -> Result<(u32, Vec<u8>)> {
        let part = self.tag()?;
        let width = width(part.kind).ok_or_else(|| format!("data of type {}", part.kind))?;
        // Text in UTF-8 has its own size.
        let fits = if part.kind == element::UTF8 { part.size <= 4 * count } else { part.size == width * count };
        if !fits {
            return Err(format!("{} bytes of data, expected {count} values of {width} bytes", part.size));
        }
        Ok((part.kind, self.data(&part)?))
    }

    fn numbers(&mut self, shape: &[usize]) -> Result<Content> {
        let (kind, data) = self.values(Limits::NETWORK.elements(shape, 8)?)?;
        let stored = number_type(kind).ok_or_else(|| format!("numbers of type {kind}"))?.decode(&data);
        let values = gather(&stored, shape, &column_major(shape), 0).ok_or("a shape that does not fit its data")?;
        Ok(Content::Numbers(values))
    }

    fn text(&mut self, shape: &[usize]) -> Result<Content> {
        let count = Limits::NETWORK.elements(shape, 8)?;
        if shape.len() > 2 || shape[0] > 1 {
            return Ok(Content::Other("several lines of text".into()));
        }
        let (kind, data) = self.values(count)?;
        let text = match kind {
            element::UINT16 | element::UTF16 => {
                let (units, _) = data.as_chunks();
                String::from_utf16(&units.iter().map(|b| u16::from_le_bytes(*b)).collect::<Vec<_>>()).ok()
            }
            element::UTF8 | element::INT8 | element::UINT8 => String::from_utf8(data).ok(),
            _ => None,
        };
        text.map(Content::Text).ok_or_else(|| "text in an unknown encoding".into())
    }
}

/// Sizes of the dimensions of an array, from its dimensions part.
fn shape(part: &[u8]) -> Result<Vec<usize>> {
    let (dimensions, rest) = part.as_chunks::<4>();
    if dimensions.len() < 2 || !rest.is_empty() {
        return Err(format!("{} bytes of dimensions", part.len()));
    }
    let extent = |bytes: &[u8; 4]| {
        let extent = i32::from_le_bytes(*bytes);
        usize::try_from(extent).map_err(|_| format!("dimension {extent}"))
    };
    dimensions.iter().map(extent).collect()
}

/// Number type of an element type.
fn number_type(kind: u32) -> Option<NumberType> {
    Some(match kind {
        element::INT8 => NumberType::I8,
        element::UINT8 => NumberType::U8,
        element::INT16 => NumberType::I16,
        element::UINT16 => NumberType::U16,
        element::INT32 => NumberType::I32,
        element::UINT32 => NumberType::U32,
        element::SINGLE => NumberType::F32,
        element::DOUBLE => NumberType::F64,
        element::INT64 => NumberType::I64,
        element::UINT64 => NumberType::U64,
        _ => return None,
    })
}

/// Bytes of a value of an element type.
fn width(kind: u32) -> Option<usize> {
    match kind {
        element::UTF8 => Some(1),
        element::UTF16 => Some(2),
        _ => number_type(kind).map(NumberType::width),
    }
}
