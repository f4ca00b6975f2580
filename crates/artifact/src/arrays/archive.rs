//! Zip archives, the container of PyTorch's `.pth` and NumPy's `.npz` files.
//!
//! An entry is read only on request, and only up to its announced size: stored entries are slices of the file,
//! compressed ones (deflate) are unpacked in chunks. Sizes and checksums must agree with the central directory.

use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::cmp::Ordering;
use std::io::{Cursor, Read};
use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

type Result<T> = std::result::Result<T, String>;

/// Maximum number of entries in an archive.
const MOST_ENTRIES: usize = 10_000;

/// An archive in memory.
pub struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// True if entries may be compressed.
    deflate: bool,
    /// Maximum number of unpacked bytes, and those unpacked so far.
    most: u64,
    unpacked: u64,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive, whose entries may be compressed if `deflate`, and unpack to at most
    /// `most` bytes together.
    ///
    /// # Errors
    /// Data that is not an archive; a damaged archive, or one with too many entries or duplicate names.
    pub fn open(bytes: &'a [u8], deflate: bool, most: u64) -> Result<Self> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
        if zip.len() > MOST_ENTRIES {
            return Err(format!("{} entries, more than {MOST_ENTRIES}", zip.len()));
        }
        if zip.has_duplicate_names() {
            return Err("two entries of one name".into());
        }
        Ok(Self { zip, deflate, most, unpacked: 0 })
    }

    /// Names of the entries.
    pub fn names(&self) -> Vec<String> {
        self.zip.file_names_raw().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Unpacks an entry of at most `most` bytes.
    ///
    /// # Errors
    /// A missing entry, or one that is too large, encrypted, damaged or compressed by another method.
    pub fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>> {
        let in_entry = |what: String| format!("entry `{name}`: {what}");
        let entry = self.entry(name).map_err(in_entry)?;
        let (size, checksum) = (entry.size(), entry.crc32());
        if size > most {
            return Err(in_entry(format!("{size} bytes, more than {most}")));
        }
        let bytes = unpack(entry, size + 1).map_err(in_entry)?;
        let unpacked = bytes.len() as u64;
        self.unpacked += unpacked;
        if self.unpacked > self.most {
            return Err(format!("more than {} MiB of entries", self.most >> 20));
        }
        let mut crc = Crc::new();
        crc.update(&bytes);
        match unpacked.cmp(&size) {
            Ordering::Less => Err(in_entry(format!("{unpacked} bytes, {size} announced"))),
            Ordering::Greater => Err(in_entry(format!("more than the {size} bytes announced"))),
            Ordering::Equal if crc.sum() != checksum => Err(in_entry("wrong checksum".into())),
            Ordering::Equal => Ok(bytes),
        }
    }

    /// First bytes of an entry, at most `count`, and its announced size.
    ///
    /// # Errors
    /// As for [`Archive::read`], except for the checksum.
    pub fn begin(&mut self, name: &str, count: usize) -> Result<(Vec<u8>, u64)> {
        let in_entry = |what: String| format!("entry `{name}`: {what}");
        let entry = self.entry(name).map_err(in_entry)?;
        let size = entry.size();
        Ok((unpack(entry, count as u64).map_err(in_entry)?, size))
    }

    /// Stored bytes of an entry, if it can be unpacked.
    fn entry(&mut self, name: &str) -> Result<ZipFile<'_, Cursor<&'a [u8]>>> {
        let index = self.zip.index_for_name(name).ok_or("not there")?;
        let entry = self.zip.by_index_raw(index).map_err(|e| e.to_string())?;
        match entry.compression() {
            _ if entry.encrypted() => Err("encrypted".into()),
            CompressionMethod::STORE if entry.size() != entry.compressed_size() => {
                Err("stored, but of two sizes".into())
            }
            CompressionMethod::STORE => Ok(entry),
            CompressionMethod::DEFLATE if self.deflate => Ok(entry),
            other => Err(format!("packed by {other}")),
        }
    }
}

/// First bytes of an entry, at most `most`; memory grows with the data that arrives, not with the announced size.
fn unpack(entry: ZipFile<'_, Cursor<&[u8]>>, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match entry.compression() {
        CompressionMethod::STORE => entry.take(most).read_to_end(&mut bytes),
        _ => DeflateDecoder::new(entry).take(most).read_to_end(&mut bytes),
    }
    .map_err(|e| e.to_string())?;
    Ok(bytes)
}
