//! Zip archives, which PyTorch's `.pth` and NumPy's `.npz` files are.
//!
//! An entry is read only when it is asked for, and only as far as it announced: stored entries lie within the file, packed
//! ones (deflate) are unpacked piece by piece. Sizes and checksum must agree with the central directory.

use crate::variables::LARGEST_FILE;
use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::cmp::Ordering;
use std::io::{Cursor, Read};
use zip::read::ZipFile;
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
        let entry = self.entry(name).map_err(in_entry)?;
        let (size, checksum) = (entry.size(), entry.crc32());
        if size > most {
            return Err(in_entry(format!("{size} bytes, more than {most}")));
        }
        let bytes = unpack(entry, size + 1).map_err(in_entry)?;
        let unpacked = bytes.len() as u64;
        self.unpacked += unpacked;
        if self.unpacked > LARGEST_FILE {
            return Err(format!("more than {} MiB of entries", LARGEST_FILE >> 20));
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

    /// The first bytes of an entry, at most `count`, and the size that it announces.
    ///
    /// # Errors
    /// As [`Archive::read`], but for the checksum.
    pub fn begin(&mut self, name: &str, count: usize) -> Result<(Vec<u8>, u64)> {
        let in_entry = |what: String| format!("entry `{name}`: {what}");
        let entry = self.entry(name).map_err(in_entry)?;
        let size = entry.size();
        Ok((unpack(entry, count as u64).map_err(in_entry)?, size))
    }

    /// An entry as it is stored, if it can be unpacked.
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

/// The first bytes of an entry, at most `most`; memory grows with what arrives, not with what was announced.
fn unpack(entry: ZipFile<'_, Cursor<&[u8]>>, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match entry.compression() {
        CompressionMethod::STORE => entry.take(most).read_to_end(&mut bytes),
        _ => DeflateDecoder::new(entry).take(most).read_to_end(&mut bytes),
    }
    .map_err(|e| e.to_string())?;
    Ok(bytes)
}
