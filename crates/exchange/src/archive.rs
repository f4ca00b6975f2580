//! Zip archives, which PyTorch's `.pth` and NumPy's `.npz` files are.
//!
//! An entry is read only when it is asked for, and only as far as it announced: stored entries lie within the file, packed
//! ones (deflate) are unpacked piece by piece. Sizes and checksum must agree with the central directory.

use crate::variables::LARGEST_FILE;
use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::io::{Cursor, Read};
use zip::{CompressionMethod, ZipArchive};

type Result<T> = std::result::Result<T, String>;

/// Entries that an archive may have.
const MOST_ENTRIES: usize = 10_000;

/// An archive in memory.
pub struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Whether entries may be packed.
    deflate: bool,
    /// Bytes unpacked so far.
    unpacked: u64,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive, whose entries may be packed if `deflate`.
    ///
    /// # Errors
    /// No archive, a damaged one, one with too many entries or two of one name.
    pub fn open(bytes: &'a [u8], deflate: bool) -> Result<Self> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
        if zip.len() > MOST_ENTRIES {
            return Err(format!("{} entries, more than {MOST_ENTRIES}", zip.len()));
        }
        if zip.has_duplicate_names() {
            return Err("two entries of one name".into());
        }
        Ok(Self { zip, deflate, unpacked: 0 })
    }

    /// The names of its entries.
    pub fn names(&self) -> Vec<String> {
        self.zip.file_names_raw().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Unpacks an entry of at most `most` bytes.
    ///
    /// # Errors
    /// No such entry, one that is larger, encrypted, packed by another method, or damaged.
    pub fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>> {
        let in_entry = |what: String| format!("entry `{name}`: {what}");
        let index = self.zip.index_for_name(name).ok_or_else(|| in_entry("not there".into()))?;
        let entry = self.zip.by_index_raw(index).map_err(|e| in_entry(e.to_string()))?;
        let (size, packed, checksum) = (entry.size(), entry.compressed_size(), entry.crc32());
        if size > most {
            return Err(in_entry(format!("{size} bytes, more than {most}")));
        }
        self.unpacked += size;
        if self.unpacked > LARGEST_FILE {
            return Err(format!("more than {} MiB of entries", LARGEST_FILE >> 20));
        }
        let bytes = match entry.compression() {
            _ if entry.encrypted() => Err("encrypted".into()),
            CompressionMethod::STORE if size != packed => Err("stored, but of two sizes".into()),
            CompressionMethod::STORE => take(entry, size),
            CompressionMethod::DEFLATE if self.deflate => take(DeflateDecoder::new(entry), size),
            other => Err(format!("packed by {other}")),
        };
        let bytes = bytes.map_err(in_entry)?;
        let mut crc = Crc::new();
        crc.update(&bytes);
        if crc.sum() != checksum { Err(in_entry("wrong checksum".into())) } else { Ok(bytes) }
    }
}

/// Exactly `size` bytes of a reader; memory grows with what arrives, not with what was announced.
fn take(reader: impl Read, size: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(size + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err(format!(
            "{}{} bytes, {size} announced",
            if bytes.len() as u64 > size { "more than " } else { "" },
            bytes.len()
        ))
    }
}
