//! Reader of IDX files: images and labels as bytes, plain or compressed by gzip.
//!
//! ```text
//! 00 00 type dimensions     type 08: unsigned bytes; 1 dimension: labels, 3: images
//! size of each dimension    32 bit, big-endian: count, or count, rows, columns
//! values                    row by row
//! ```
//!
//! Files come from the network and from users and are not trusted: the header is checked before memory is allocated,
//! and no more is read or decompressed than the header announces, plus one byte to detect excess data.

use crate::error::DataError;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Rows and columns of an image.
pub const SIDE: usize = 28;
/// Pixels of an image.
pub const PIXELS: usize = SIDE * SIDE;
/// Classes of the labels, 0 … 9.
pub const CLASSES: usize = CLASS_NAMES.len();
/// Names of the classes.
pub const CLASS_NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
/// Maximum number of examples in a file.
pub const MAX_EXAMPLES: usize = 1_000_000;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const UNSIGNED_BYTE: u8 = 0x08;
/// Maximum number of uncompressed bytes per compressed byte in gzip data.
const MAX_GZIP_RATIO: usize = 1032;

/// Content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Images of 28 × 28 pixels.
    Images,
    /// Labels from 0 to 9.
    Labels,
}

impl Content {
    /// Size of the header (bytes).
    pub const fn header_bytes(self) -> usize {
        4 + 4 * self.dimensions()
    }

    /// Size of an example (bytes).
    pub const fn example_bytes(self) -> usize {
        match self {
            Self::Images => PIXELS,
            Self::Labels => 1,
        }
    }

    /// Size of an uncompressed file of `count` examples (bytes).
    pub const fn file_bytes(self, count: usize) -> usize {
        self.header_bytes() + count * self.example_bytes()
    }

    const fn dimensions(self) -> usize {
        match self {
            Self::Images => 3,
            Self::Labels => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Images => "IDX images",
            Self::Labels => "IDX labels",
        }
    }
}

/// A checked IDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The uncompressed file.
    bytes: Vec<u8>,
    content: Content,
}

impl Idx {
    /// Number of images or labels in the file.
    pub fn count(&self) -> usize {
        self.values().len() / self.content.example_bytes()
    }

    /// Values: `[count, 784]` pixels or `[count]` labels.
    pub fn values(&self) -> &[u8] {
        &self.bytes[self.content.header_bytes()..]
    }

    /// The uncompressed file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads a file of images like [`read`]; returns its uncompressed content.
pub(crate) fn read_images(path: &Path) -> Result<Vec<u8>, DataError> {
    Ok(read(path, Content::Images)?.into_bytes())
}

/// Reads a file of labels like [`read`]; returns its uncompressed content.
pub(crate) fn read_labels(path: &Path) -> Result<Vec<u8>, DataError> {
    Ok(read(path, Content::Labels)?.into_bytes())
}

/// Reads a file of images or labels, plain or gzip, whatever its name.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::Truncated`], [`DataError::Gzip`], or [`DataError::Unexpected`] for anything
/// that is not an IDX file of this content.
pub fn read(path: &Path, content: Content) -> Result<Idx, DataError> {
    let unreadable = |reason| DataError::Unreadable { path: path.into(), reason };
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("not a regular file")));
    }
    let file = File::open(path).map_err(unreadable)?;
    let stored = file.metadata().map_err(unreadable)?.len();
    let stored = usize::try_from(stored).unwrap_or(usize::MAX);
    read_stream(BufReader::with_capacity(1 << 16, file), stored, path, content)
}

/// Reads images or labels, plain or gzip, from a stream of at most `stored` bytes; messages name it `path`.
///
/// # Errors
/// As for [`read`].
pub fn read_stream(mut stream: impl BufRead, stored: usize, path: &Path, content: Content) -> Result<Idx, DataError> {
    let start = stream.fill_buf().map_err(|reason| DataError::Unreadable { path: path.into(), reason })?;
    if start.starts_with(&GZIP_MAGIC) {
        let most = stored.saturating_mul(MAX_GZIP_RATIO);
        Decoder { path, content, most, gzip: true }.decode(MultiGzDecoder::new(stream))
    } else {
        Decoder { path, content, most: stored, gzip: false }.decode(stream)
    }
}

/// Reads one stream of uncompressed bytes.
struct Decoder<'a> {
    path: &'a Path,
    content: Content,
    /// Maximum number of bytes in the stream.
    most: usize,
    gzip: bool,
}

impl Decoder<'_> {
    fn decode(&self, mut stream: impl Read) -> Result<Idx, DataError> {
        let header_bytes = self.content.header_bytes();
        let mut bytes = Vec::with_capacity(header_bytes);
        self.fill(&mut stream, &mut bytes, header_bytes)?;
        let count = self.check_header(&bytes)?;

        let expected = self.content.file_bytes(count);
        bytes.reserve_exact((expected + 1).min(self.most.saturating_add(1)).saturating_sub(bytes.len()));
        self.fill(&mut stream, &mut bytes, expected + 1)?;
        if bytes.len() < expected {
            return Err(DataError::Truncated { path: self.path.into(), found: bytes.len(), expected });
        }
        if bytes.len() > expected {
            return Err(
                self.unexpected("more bytes".into(), format!("an end after byte {expected}, as its header says"))
            );
        }
        let idx = Idx { bytes, content: self.content };
        self.check_labels(&idx)?;
        Ok(idx)
    }

    /// Reads until `bytes` has `length` bytes or the stream ends.
    fn fill(&self, stream: &mut impl Read, bytes: &mut Vec<u8>, length: usize) -> Result<(), DataError> {
        let missing = length.saturating_sub(bytes.len()) as u64;
        match stream.take(missing).read_to_end(bytes) {
            Ok(_) => Ok(()),
            // Compressed data that end early are judged by the length of their content. If only the checksum is
            // missing, or there is no content, the length is not informative.
            Err(e) if self.gzip && is_cut(&e) && !bytes.is_empty() && bytes.len() + 1 < length => Ok(()),
            Err(reason) if self.gzip => Err(DataError::Gzip { path: self.path.into(), reason }),
            Err(reason) => Err(DataError::Unreadable { path: self.path.into(), reason }),
        }
    }

    /// Checks the header and returns the number of examples.
    fn check_header(&self, header: &[u8]) -> Result<usize, DataError> {
        let (content, expected) = (self.content, format!("{} of unsigned bytes", self.content.name()));
        let magic = [0, 0, UNSIGNED_BYTE, content.dimensions() as u8];
        if !header.starts_with(&magic[..header.len().min(4)]) {
            return Err(self.unexpected(describe(header, self.gzip), expected));
        }
        let header_bytes = content.header_bytes();
        if header.len() < header_bytes {
            let found = format!("{} bytes", header.len());
            let found = if header.is_empty() { "an empty file".into() } else { found };
            return Err(self.unexpected(found, format!("{expected}, with a header of {header_bytes} bytes")));
        }
        let size = |d: usize| {
            let [a, b, c, e] = [0, 1, 2, 3].map(|i| header[4 + 4 * d + i]);
            u32::from_be_bytes([a, b, c, e]) as usize
        };
        if content == Content::Images && [size(1), size(2)] != [SIDE, SIDE] {
            let found = format!("images of {} × {} pixels", size(1), size(2));
            return Err(self.unexpected(found, format!("{SIDE} × {SIDE}")));
        }
        if !(1..=MAX_EXAMPLES).contains(&size(0)) {
            return Err(self.unexpected(format!("{} examples", size(0)), format!("1 to {MAX_EXAMPLES}")));
        }
        Ok(size(0))
    }

    fn check_labels(&self, idx: &Idx) -> Result<(), DataError> {
        if self.content == Content::Images {
            return Ok(());
        }
        match idx.values().iter().enumerate().find(|(_, label)| usize::from(**label) >= CLASSES) {
            Some((at, label)) => {
                Err(self.unexpected(format!("label {label} of example {at}"), "labels from 0 to 9".into()))
            }
            None => Ok(()),
        }
    }

    fn unexpected(&self, found: String, expected: String) -> DataError {
        DataError::Unexpected { path: self.path.into(), found, expected }
    }
}

fn is_cut(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

/// Describes the type of a file by its first bytes, if it is not the expected one.
fn describe(start: &[u8], inside_gzip: bool) -> String {
    let lower = start.to_ascii_lowercase();
    let text = lower.trim_ascii_start();
    let what = match start {
        _ if text.starts_with(b"<!") || text.starts_with(b"<h") => "an HTML page",
        _ if text.starts_with(b"<") => "an XML document",
        _ if text.starts_with(b"version") => "a pointer to a file kept elsewhere (Git LFS)",
        [0x1f, 0x8b, ..] => "gzip data",
        [b'P', b'K', ..] => "a ZIP archive",
        [0, 0, UNSIGNED_BYTE, 1, ..] => "IDX labels",
        [0, 0, UNSIGNED_BYTE, 3, ..] => "IDX images",
        [0, 0, UNSIGNED_BYTE, n, ..] => return format!("IDX data of {n} dimensions"),
        [0, 0, 0x09 | 0x0b..=0x0e, ..] => "IDX data that are no unsigned bytes",
        _ if start.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => {
            return format!("text that starts with {:?}", String::from_utf8_lossy(start));
        }
        _ => return format!("a file that starts with bytes {start:02x?}"),
    };
    if inside_gzip { format!("{what} inside gzip data") } else { what.into() }
}
