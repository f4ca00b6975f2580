//! Large files of a data set, which mirrors offer in zip archives of one file each.
//!
//! An archive is downloaded to a partial file, from which interrupted downloads resume, and verified by its MD5, the checksum that
//! its publishers give. The file inside gets its name after it has been unpacked whole and read. Files of a directory are
//! copied plain, or unpacked from .gz or .zip.

use super::collection::{Origin, Source, ZippedFile};
use super::download::download;
use super::event::{Event, Observer};
use crate::error::DataError;
use flate2::read::MultiGzDecoder;
use md5::{Digest, Md5};
use mdl_artifact::output::{hex, sha256_file};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use zip::ZipArchive;

/// Maximum size of a file (bytes).
const MOST_BYTES: u64 = 1 << 36;

/// Files that are in place, or none if one of them is missing.
pub(super) fn placed(files: &[ZippedFile], directory: &Path) -> Result<Vec<Source>, DataError> {
    let paths = files.iter().filter_map(|file| (file.find)(directory));
    let source = |path: PathBuf| match sha256_file(&path) {
        Ok(sha256) => Ok(Source { path, sha256 }),
        Err(reason) => Err(DataError::Unreadable { path, reason }),
    };
    paths.map(source).collect()
}

/// Files missing from `directory`; one of other content only counts as missing under `force`.
pub(super) fn missing<'a>(
    files: &'a [ZippedFile],
    directory: &Path,
    force: bool,
) -> Result<Vec<&'a ZippedFile>, DataError> {
    let mut missing = Vec::new();
    for file in files {
        match (file.find)(directory).map(|path| (file.check)(&path)) {
            Some(Ok(())) => {}
            Some(Err(reason)) if !force => return Err(DataError::Occupied { reason: Box::new(reason) }),
            _ => missing.push(file),
        }
    }
    Ok(missing)
}

/// Fetches every missing file from one source, and removes it from the list.
pub(super) fn place(
    origin: &Origin,
    missing: &mut Vec<&ZippedFile>,
    directory: &Path,
    observe: &mut Observer,
) -> Result<(), DataError> {
    std::fs::create_dir_all(directory).map_err(|reason| DataError::Unreadable { path: directory.into(), reason })?;
    while let Some(file) = missing.first() {
        match origin {
            Origin::Mirror(address) => from_mirror(address, file, directory, observe)?,
            Origin::Directory(path) => from_directory(path, file, directory)?,
            other => {
                let reason = format!("does not have {}", file.name);
                return Err(DataError::Package { program: other.to_string(), reason });
            }
        }
        missing.remove(0);
    }
    Ok(())
}

/// Downloads an archive and unpacks it. If a download continued from earlier bytes turns out wrong, it is repeated.
fn from_mirror(address: &str, file: &ZippedFile, directory: &Path, observe: &mut Observer) -> Result<(), DataError> {
    let archive = format!("{}.zip", file.name);
    let part = directory.join(format!("{archive}.part"));
    let mut watch = |bytes, of| observe(Event::Received { file: file.name, bytes, of });
    loop {
        let continued = part.metadata().is_ok_and(|part| part.len() > 0);
        let downloaded = download(&format!("{address}/{archive}"), &part, file.most_bytes, &mut watch);
        match downloaded.and_then(|()| verify(&part, file.md5)).and_then(|()| unpack_zip(&part, file, directory)) {
            Ok(()) => {
                let _ = std::fs::remove_file(&part);
                return Ok(());
            }
            Err(error @ (DataError::Download(_) | DataError::Interrupted | DataError::Output(_))) => return Err(error),
            Err(error) => {
                let removed = std::fs::remove_file(&part).is_ok();
                if !(continued && removed) {
                    return Err(error);
                }
            }
        }
    }
}

fn verify(archive: &Path, expected: &str) -> Result<(), DataError> {
    let read = || -> io::Result<String> {
        let (mut file, mut hasher, mut buffer) = (File::open(archive)?, Md5::new(), vec![0; 1 << 20]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hex(&hasher.finalize())),
                n => hasher.update(&buffer[..n]),
            }
        }
    };
    let found = read().map_err(|reason| DataError::Unreadable { path: archive.into(), reason })?;
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (format!("MD5 {found}"), expected.to_string());
    Err(DataError::Unexpected { path: archive.into(), found, expected })
}

fn from_directory(from: &Path, file: &ZippedFile, directory: &Path) -> Result<(), DataError> {
    let unreadable = |path: &Path, reason| DataError::Unreadable { path: path.into(), reason };
    if let Some(path) = (file.find)(from) {
        (file.check)(&path)?;
        let plain = File::open(&path).map_err(|reason| unreadable(&path, reason))?;
        return write(plain, &path, file, directory);
    }
    let [gz, zip] = ["gz", "zip"].map(|ending| from.join(format!("{}.{ending}", file.name)));
    if gz.exists() {
        let packed = File::open(&gz).map_err(|reason| unreadable(&gz, reason))?;
        return write(MultiGzDecoder::new(io::BufReader::new(packed)), &gz, file, directory);
    }
    if zip.exists() {
        return unpack_zip(&zip, file, directory);
    }
    let reason = io::Error::new(io::ErrorKind::NotFound, "no such file, plain, .gz or .zip");
    Err(unreadable(&from.join(file.name), reason))
}

fn unpack_zip(path: &Path, file: &ZippedFile, directory: &Path) -> Result<(), DataError> {
    let no_archive = |reason: zip::result::ZipError| DataError::Unexpected {
        path: path.into(),
        found: format!("no zip archive ({reason})"),
        expected: format!("an archive with {}", file.name),
    };
    let opened = File::open(path).map_err(|reason| DataError::Unreadable { path: path.into(), reason })?;
    let mut archive = ZipArchive::new(opened).map_err(no_archive)?;
    let named = |name: &Cow<str>| Path::new(name.as_ref()).file_name().is_some_and(|name| name == file.name);
    let name = archive.file_names().flatten().find(named).map(Cow::into_owned);
    let name = name.ok_or_else(|| no_archive(zip::result::ZipError::FileNotFound))?;
    let entry = archive.by_name(&name).map_err(no_archive)?;
    write(entry, path, file, directory)
}

/// Writes a file from the stream of `source`, under its name once it is complete and has been read.
fn write(mut from: impl Read, source: &Path, file: &ZippedFile, directory: &Path) -> Result<(), DataError> {
    let path = directory.join(file.name);
    let failed = |reason| DataError::Unreadable { path: path.clone(), reason };
    let unexpected = |found: String| DataError::Unexpected { path: source.into(), found, expected: file.name.into() };
    let mut to = NamedTempFile::new_in(directory).map_err(failed)?;
    let (mut buffer, mut written) = (vec![0; 1 << 20], 0);
    loop {
        let n = from.read(&mut buffer).map_err(|reason| unexpected(format!("damaged data ({reason})")))?;
        if n == 0 {
            break;
        }
        written += n as u64;
        if written > MOST_BYTES {
            return Err(unexpected(format!("more than {MOST_BYTES} bytes")));
        }
        to.write_all(&buffer[..n]).map_err(failed)?;
    }
    to.flush().and_then(|()| to.as_file().sync_all()).map_err(failed)?;
    (file.check)(to.path()).map_err(|error| match error {
        DataError::Unexpected { found, expected, .. } => DataError::Unexpected { path: source.into(), found, expected },
        DataError::Truncated { found, expected, .. } => DataError::Truncated { path: source.into(), found, expected },
        other => other,
    })?;
    to.persist(&path).map(|_| ()).map_err(|error| failed(error.error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::net::TcpListener;
    use std::ops::ControlFlow;
    use zip::write::{SimpleFileOptions, ZipWriter};

    const CONTENT: &[u8] = b"spikes of many examples";

    fn check(path: &Path) -> Result<(), DataError> {
        let bytes = std::fs::read(path).map_err(|reason| DataError::Unreadable { path: path.into(), reason })?;
        if bytes == CONTENT {
            return Ok(());
        }
        Err(DataError::Unexpected { path: path.into(), found: "other spikes".into(), expected: "spikes".into() })
    }

    fn find(directory: &Path) -> Option<PathBuf> {
        Some(directory.join("words.h5")).filter(|path| path.exists())
    }

    fn archive(content: &[u8]) -> Vec<u8> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        let deflated = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        zip.start_file("folder/words.h5", deflated).unwrap();
        zip.write_all(content).unwrap();
        zip.finish().unwrap().into_inner()
    }

    fn file(archive: &[u8]) -> ZippedFile {
        let md5 = Box::leak(hex(&Md5::digest(archive)).into_boxed_str());
        ZippedFile { name: "words.h5", md5, most_bytes: 10_000, find, check }
    }

    /// Answers one request with these bytes.
    fn mirror(bytes: Vec<u8>) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes));
        });
        Origin::Mirror(address)
    }

    fn place_one(origin: &Origin, file: &ZippedFile, directory: &Path) -> Result<(), String> {
        let mut missing = vec![file];
        let placed = place(origin, &mut missing, directory, &mut |_| ControlFlow::Continue(()));
        assert_eq!(missing.is_empty(), placed.is_ok());
        placed.map_err(|error| error.to_string())
    }

    fn names(directory: &Path) -> Vec<String> {
        std::fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn an_archive_is_downloaded_verified_and_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = archive(CONTENT);
        place_one(&mirror(bytes.clone()), &file(&bytes), dir.path()).unwrap();
        assert_eq!(names(dir.path()), ["words.h5"]);
        assert_eq!(std::fs::read(dir.path().join("words.h5")).unwrap(), CONTENT);
        assert!(missing(&[file(&bytes)], dir.path(), false).unwrap().is_empty());
    }

    #[test]
    fn other_archives_leave_nothing_behind() {
        let (right, other) = (archive(CONTENT), archive(b"other"));
        let dir = tempfile::tempdir().unwrap();
        let error = place_one(&mirror(other.clone()), &file(&right), dir.path()).unwrap_err();
        assert!(error.contains("words.h5.zip.part: found MD5 ") && error.contains(file(&right).md5), "{error}");
        let error = place_one(&mirror(other.clone()), &file(&other), dir.path()).unwrap_err();
        assert!(error.contains("words.h5.zip.part: found other spikes, expected spikes"), "{error}");
        let error = place_one(&mirror(vec![0; 10_001]), &file(&right), dir.path()).unwrap_err();
        assert!(error.contains("at most 10000 bytes"), "{error}");
        assert_eq!(names(dir.path()), [""; 0]);
    }

    #[test]
    fn files_of_a_directory_are_copied_or_unpacked() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(CONTENT).unwrap();
        let (zip, gzip) = (archive(CONTENT), gzip.finish().unwrap());
        for (name, bytes) in [("words.h5", CONTENT), ("words.h5.gz", &gzip), ("words.h5.zip", &zip)] {
            let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            std::fs::write(from.path().join(name), bytes).unwrap();
            let from = Origin::Directory(from.path().into());
            place_one(&from, &file(&zip), to.path()).unwrap();
            assert_eq!(std::fs::read(to.path().join("words.h5")).unwrap(), CONTENT, "{name}");
        }
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let origin = Origin::Directory(from.path().into());
        let error = place_one(&origin, &file(&zip), to.path()).unwrap_err();
        assert!(error.contains("words.h5: no such file, plain, .gz or .zip"), "{error}");
        std::fs::write(from.path().join("words.h5.gz"), &gzip[..gzip.len() - 9]).unwrap();
        let error = place_one(&origin, &file(&zip), to.path()).unwrap_err();
        assert!(error.contains("words.h5.gz: found damaged data"), "{error}");
        assert_eq!(names(to.path()), [""; 0]);
    }

    #[test]
    fn other_peoples_files_are_replaced_only_by_force() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("words.h5"), "mine").unwrap();
        let files = [file(b"")];
        assert!(matches!(missing(&files, dir.path(), false), Err(DataError::Occupied { .. })));
        assert_eq!(missing(&files, dir.path(), true).unwrap().len(), 1);
    }
}
