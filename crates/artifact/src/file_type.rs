//! File types recognised by their first bytes, and remedies for files of the wrong type.
//!
//! Every program that reads a user's file uses this module to name an unexpected type. Signatures follow the
//! specifications of the formats; formats without one (MATLAB 4, pickles, text) are recognised by their structure.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes examined at the beginning of a file; in HDF5, names of groups may come some way in.
const HEAD: usize = 1 << 20;
/// Bytes examined at the end of a file; a zip archive lists its entries there.
const TAIL: usize = 1 << 16;

/// Type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FileType {
    Empty,
    Directory,
    /// An artifact of this project.
    Artifact,
    /// safetensors file of another program.
    Safetensors,
    Matlab5,
    Matlab73,
    Matlab4,
    OctaveText,
    OctaveBinary,
    Hdf5,
    Nir,
    Npy,
    Npz,
    /// PyTorch 1.6 and later.
    Torch,
    TorchLegacy,
    TorchScript,
    Pickle,
    Onnx,
    Idx,
    Zip,
    Gzip,
    Tar,
    OtherArchive,
    GitLfsPointer,
    GitAnnexPointer,
    Html,
    Xml,
    Json,
    Utf16,
    Text,
    Png,
    Jpeg,
    Gif,
    Pdf,
    Parquet,
    Sqlite,
    Executable,
    Unknown,
}

/// Purpose for which a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An artifact of this project.
    Artifact,
    /// A network of another tool.
    Network,
    /// A config or a mapping.
    Json,
}

/// Signatures at a fixed position.
const SIGNATURES: [(usize, &[u8], FileType); 27] = [
    (0, b"version https://git-lfs.github.com/spec/", FileType::GitLfsPointer),
    (0, b"/annex/objects/", FileType::GitAnnexPointer),
    (0, b"MATLAB 7.3 MAT-file", FileType::Matlab73),
    (124, b"\x00\x02IM", FileType::Matlab73),
    (124, b"\x00\x01IM", FileType::Matlab5),
    (124, b"\x01\x00MI", FileType::Matlab5),
    (0, b"MATLAB 5.0 MAT-file", FileType::Matlab5),
    (0, b"# Created by Octave", FileType::OctaveText),
    (0, b"Octave-1-", FileType::OctaveBinary),
    (0, b"\x93NUMPY", FileType::Npy),
    (0, b"PAR1", FileType::Parquet),
    (0, b"SQLite format 3\0", FileType::Sqlite),
    (0, b"\x89PNG\r\n\x1a\n", FileType::Png),
    (0, b"\xff\xd8\xff", FileType::Jpeg),
    (0, b"GIF8", FileType::Gif),
    (0, b"%PDF-", FileType::Pdf),
    (0, b"\x1f\x8b", FileType::Gzip),
    (0, b"BZh", FileType::OtherArchive),
    (0, b"\xfd7zXZ\0", FileType::OtherArchive),
    (0, b"\x28\xb5\x2f\xfd", FileType::OtherArchive),
    (0, b"7z\xbc\xaf\x27\x1c", FileType::OtherArchive),
    (0, b"Rar!\x1a\x07", FileType::OtherArchive),
    (0, b"\x7fELF", FileType::Executable),
    (0, b"\xff\xfe", FileType::Utf16),
    (0, b"\xfe\xff", FileType::Utf16),
    (0, b"\0\0\x08\x01", FileType::Idx),
    (0, b"\0\0\x08\x03", FileType::Idx),
];

/// First number of a PyTorch file from before version 1.6: a pickle of the number 0x1950a86a20f9469cfc6c.
const TORCH_LEGACY: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
/// Signature of HDF5, which may follow a block of 512, 1024, 2048, … bytes.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

impl FileType {
    /// Type of a file.
    ///
    /// # Errors
    /// The error of reading; a pipe or a device, which cannot be read twice.
    pub fn read(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        if metadata.is_dir() {
            return Ok(Self::Directory);
        }
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut file = File::open(path)?;
        let mut sample = Vec::new();
        file.by_ref().take(HEAD as u64).read_to_end(&mut sample)?;
        let length = metadata.len();
        if length > HEAD as u64 {
            let from = (length - TAIL as u64).max(HEAD as u64);
            file.seek(SeekFrom::Start(from))?;
            file.take(TAIL as u64).read_to_end(&mut sample)?;
        }
        Ok(Self::of(&sample))
    }

    /// Type of a file with these bytes, or with these first and last bytes.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        let signature = SIGNATURES.iter().find(|(at, signature, _)| starts(bytes, *at, signature));
        let recognisers = [hdf5, zip, tar, pickle, safetensors, matlab4, onnx, text];
        match signature {
            Some((_, _, kind)) => *kind,
            None => recognisers.iter().find_map(|recognise| recognise(bytes)).unwrap_or(Self::Unknown),
        }
    }

    /// True if `import-network` reads arrays from a file of this type.
    pub fn holds_arrays(self) -> bool {
        let matlab_or_hdf5 = matches!(self, Self::Matlab5 | Self::Matlab73 | Self::Hdf5 | Self::Nir);
        matlab_or_hdf5 || matches!(self, Self::Torch | Self::Npz | Self::Npy | Self::Safetensors)
    }

    /// Remedy for a file of this type read for `purpose`; empty if none is known.
    pub fn remedy(self, purpose: Purpose) -> &'static str {
        match (self, purpose) {
            (Self::Empty, _) => "it was not written whole, or not copied",
            (Self::Directory, Purpose::Json) => "name the JSON file in it",
            (Self::Directory, _) => "name the file in it",
            (Self::GitLfsPointer, _) => "`git lfs pull` gets the file itself",
            (Self::GitAnnexPointer, _) => "`git annex get` gets the file itself",
            (Self::Html | Self::Xml, _) => "a download that failed, perhaps: get the file itself",
            (Self::Gzip | Self::Zip | Self::Tar | Self::OtherArchive, _) => "unpack it, and name the file inside",
            (Self::Artifact, Purpose::Network) => {
                "the programs here read it as it is; export-network writes it for other tools"
            }
            (Self::Artifact, Purpose::Json) => "`inspect FILE --json | jq .config` prints the config inside",
            (Self::Utf16, Purpose::Json) => "save it as UTF-8",
            (_, Purpose::Json) => "",
            (_, Purpose::Network) => self.network_remedy(),
            (kind, Purpose::Artifact) if kind.holds_arrays() && kind != Self::Npy => {
                "import-network makes an artifact of a network in it"
            }
            (_, Purpose::Artifact) => self.network_remedy(),
        }
    }

    /// Way to convert the network in an unsupported file to a supported one.
    fn network_remedy(self) -> &'static str {
        match self {
            Self::Matlab4 => "save it in MATLAB with `save(name, '-v7', …)`, then import-network takes it",
            Self::OctaveText | Self::OctaveBinary => "save it in Octave with `save -v7`, then import-network takes it",
            Self::Npy => "one array is no network: save all arrays in one file with `numpy.savez`",
            Self::Pickle => {
                "a pickle can run code and is not read: load it in Python, save its arrays with `numpy.savez` or \
                 `torch.save(model.state_dict(), …)`, then import-network takes it"
            }
            Self::TorchLegacy => {
                "load it with a recent PyTorch and save it again with `torch.save`, then import-network takes it"
            }
            Self::TorchScript => {
                "it holds a program: save the weights with `torch.save(torch.jit.load(…).state_dict(), …)`, then \
                 import-network takes it"
            }
            Self::Onnx => {
                "read its initializers with the onnx package, save them with `numpy.savez`, and use import-network --mapping"
            }
            Self::Idx => "it holds images or labels; get-data and `task.directory` take it",
            Self::Json | Self::Text | Self::Parquet | Self::Sqlite => {
                "save the weights with `numpy.savez` or as MATLAB version 5, then import-network takes them"
            }
            _ => "",
        }
    }

    /// Type found and remedy, as the end of a message: `found an HDF5 file, expected …; …`.
    pub fn mismatch(self, purpose: Purpose) -> String {
        let expected = match purpose {
            Purpose::Artifact => "an artifact of mdl-rnn",
            Purpose::Network => {
                "a network in a MATLAB (5 or 7.3), NIR, HDF5, PyTorch, NumPy (.npz) or safetensors file"
            }
            Purpose::Json => "a JSON file",
        };
        match self.remedy(purpose) {
            "" => format!("found {self}, expected {expected}"),
            remedy => format!("found {self}, expected {expected}; {remedy}"),
        }
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Directory => "a directory",
            Self::Artifact => "an artifact of mdl-rnn",
            Self::Safetensors => "a safetensors file of another program",
            Self::Matlab5 => "a MATLAB file",
            Self::Matlab73 => "a MATLAB file of version 7.3 (HDF5)",
            Self::Matlab4 => "a MATLAB file of version 4",
            Self::OctaveText => "Octave's text format",
            Self::OctaveBinary => "Octave's binary format",
            Self::Hdf5 => "an HDF5 file",
            Self::Nir => "a NIR graph (HDF5)",
            Self::Npy => "a NumPy file of a single array (.npy)",
            Self::Npz => "a NumPy file (.npz)",
            Self::Torch => "a PyTorch file",
            Self::TorchLegacy => "a PyTorch file of before version 1.6",
            Self::TorchScript => "a TorchScript program",
            Self::Pickle => "a Python pickle",
            Self::Onnx => "an ONNX graph",
            Self::Idx => "an IDX file, as MNIST's",
            Self::Zip => "a zip archive",
            Self::Gzip => "gzip data",
            Self::Tar => "a tar archive",
            Self::OtherArchive => "compressed data",
            Self::GitLfsPointer => "a Git LFS pointer",
            Self::GitAnnexPointer => "a git-annex pointer",
            Self::Html => "an HTML page",
            Self::Xml => "an XML file",
            Self::Json => "JSON",
            Self::Utf16 => "text in UTF-16",
            Self::Text => "plain text",
            Self::Png => "a PNG image",
            Self::Jpeg => "a JPEG image",
            Self::Gif => "a GIF image",
            Self::Pdf => "a PDF document",
            Self::Parquet => "a Parquet file",
            Self::Sqlite => "an SQLite database",
            Self::Executable => "an executable",
            Self::Unknown => "a file of an unknown type",
        })
    }
}

/// True if the bytes at `at` start with `signature`.
fn starts(bytes: &[u8], at: usize, signature: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(signature))
}

/// True if `part` is among the examined bytes.
fn holds(bytes: &[u8], part: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD)];
    let tail = &bytes[bytes.len().saturating_sub(TAIL).max(head.len())..];
    [head, tail].iter().any(|bytes| bytes.windows(part.len()).any(|window| window == part))
}

fn hdf5(bytes: &[u8]) -> Option<FileType> {
    let mut places = std::iter::once(0).chain((9..20).map(|power| 1 << power));
    if !places.any(|at| starts(bytes, at, HDF5)) {
        return None;
    }
    let nir = holds(bytes, b"NIRGraph") || [&b"node\0"[..], b"edges\0"].iter().all(|name| holds(bytes, name));
    Some(if nir { FileType::Nir } else { FileType::Hdf5 })
}

/// Type of a zip archive, by the names of its entries.
fn zip(bytes: &[u8]) -> Option<FileType> {
    if !bytes.starts_with(b"PK\x03\x04") && !bytes.starts_with(b"PK\x05\x06") {
        return None;
    }
    // The name of the first entry follows its header of 30 bytes.
    let length = bytes.get(26..28).map_or(0, |b| usize::from(b[0]) | usize::from(b[1]) << 8);
    let first = bytes.get(30..30 + length).unwrap_or_default();
    let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
    let listed = |part: &[u8]| first.ends_with(part) || tail.windows(part.len()).any(|window| window == part);
    Some(if listed(b"/data.pkl") {
        if listed(b"/constants.pkl") { FileType::TorchScript } else { FileType::Torch }
    } else if listed(b".npy") || bytes.starts_with(b"PK\x05\x06") {
        FileType::Npz
    } else {
        FileType::Zip
    })
}

fn tar(bytes: &[u8]) -> Option<FileType> {
    // The first PyTorch versions saved tar archives that start with these entries.
    let torch = [&b"sys_info\0"[..], b"./sys_info\0"].iter().any(|name| bytes.starts_with(name));
    starts(bytes, 257, b"ustar").then_some(if torch { FileType::TorchLegacy } else { FileType::Tar })
}

fn pickle(bytes: &[u8]) -> Option<FileType> {
    match bytes {
        [0x80, 1..=5, rest @ ..] if rest.starts_with(TORCH_LEGACY) => Some(FileType::TorchLegacy),
        [0x80, 1..=5, ..] => Some(FileType::Pickle),
        // Protocol 0: a mark and a dictionary or list, or a name, in lines of text.
        _ if bytes.starts_with(b"(dp") || bytes.starts_with(b"(lp") => Some(FileType::Pickle),
        [b'c', rest @ ..] => {
            let identifier = |line: &[u8]| {
                !line.is_empty() && line.iter().all(|b| b.is_ascii_alphanumeric() || [b'_', b'.'].contains(b))
            };
            let mut lines = rest.splitn(3, |byte| *byte == b'\n');
            let named = [lines.next(), lines.next()].iter().all(|line| line.is_some_and(identifier));
            (named && lines.next().is_some_and(|rest| rest.starts_with(b"p") || rest.starts_with(b"(")))
                .then_some(FileType::Pickle)
        }
        _ => None,
    }
}

/// A safetensors file starts with the length of a JSON object.
fn safetensors(bytes: &[u8]) -> Option<FileType> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = u64::from_le_bytes(*length);
    if !(2..=100 << 20).contains(&length) || !rest.starts_with(b"{") {
        return None;
    }
    let header = &rest[..rest.len().min(length as usize)];
    let own = [&b"\"format\":\"mdl-rnn\""[..], b"\"format\": \"mdl-rnn\""];
    let own = own.iter().any(|text| header.windows(text.len()).any(|window| window == *text));
    Some(if own { FileType::Artifact } else { FileType::Safetensors })
}

/// A MATLAB file of version 4 starts with type, rows, columns, imaginary flag and the length of a name.
fn matlab4(bytes: &[u8]) -> Option<FileType> {
    let (words, _) = bytes.get(..20)?.as_chunks::<4>();
    let header = |from: fn([u8; 4]) -> u32, order: u32| {
        let [kind, _, _, imaginary, length] = [0, 1, 2, 3, 4].map(|i| from(words[i]));
        let (precision, form) = (kind / 10 % 10, kind % 10);
        let plausible = kind / 100 == 10 * order && precision <= 5 && form <= 2 && imaginary <= 1;
        let name = bytes.get(20..20 + (length as usize).min(256)).and_then(|name| name.split_last());
        plausible
            && (2..=64).contains(&length)
            && name.is_some_and(|(last, name)| *last == 0 && name.iter().all(u8::is_ascii_graphic))
    };
    (header(u32::from_le_bytes, 0) || header(u32::from_be_bytes, 1)).then_some(FileType::Matlab4)
}

/// An ONNX file starts with its version and the name of the tool that wrote it, fields 1 and 2 of a protocol buffer.
fn onnx(bytes: &[u8]) -> Option<FileType> {
    match bytes {
        [0x08, 1..=20, 0x12, length, rest @ ..] => {
            let name = rest.get(..usize::from(*length))?;
            (name.len() > 2 && name.iter().all(|b| b.is_ascii_graphic() || *b == b' ')).then_some(FileType::Onnx)
        }
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Option<FileType> {
    let sample = &bytes[..bytes.len().min(4096)];
    let text = match str::from_utf8(sample) {
        Ok(text) => text,
        // The sample may end within a character.
        Err(error) if error.error_len().is_none() => str::from_utf8(&sample[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if text.is_empty() || text.chars().any(|c| c.is_control() && !"\t\n\r\u{b}\u{c}\u{1b}".contains(c)) {
        return None;
    }
    let begin: String =
        text.trim_start_matches('\u{feff}').trim_start().chars().take(16).collect::<String>().to_lowercase();
    Some(match begin {
        _ if begin.starts_with("<!doctype html") || begin.starts_with("<html") => FileType::Html,
        _ if begin.starts_with("<?xml") || begin.starts_with("<svg") => FileType::Xml,
        _ if begin.starts_with('{') || begin.starts_with('[') => FileType::Json,
        _ => FileType::Text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First bytes of files of each type.
    fn examples() -> Vec<(Vec<u8>, FileType)> {
        let after = |skipped: usize, rest: &[u8]| [&vec![0; skipped], rest].concat();
        let entry = |name: &str| {
            let header = [&b"PK\x03\x04"[..], &[0; 22], &(name.len() as u16).to_le_bytes(), &[0; 2]].concat();
            [&header, name.as_bytes(), b"data"].concat()
        };
        let mat = |version: &[u8]| [&[b' '; 124], version, &[0; 64]].concat();
        let mat4 =
            |kind: [u8; 4]| [&kind[..], &[3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0], b"w\0", &[0; 72]].concat();
        let legacy = [&[0x80, 2][..], TORCH_LEGACY, b".\x80\x02M\xe9\x03."].concat();
        let safetensors = |header: &str| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        vec![
            (Vec::new(), FileType::Empty),
            (safetensors(r#"{"__metadata__":{"format":"mdl-rnn"}}"#), FileType::Artifact),
            (safetensors(r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#), FileType::Safetensors),
            (mat(b"\0\x01IM"), FileType::Matlab5),
            (mat(b"\x01\0MI"), FileType::Matlab5),
            (mat(b"\0\x02IM"), FileType::Matlab73),
            ([&b"MATLAB 7.3 MAT-file, Platform: GLNXA64"[..], &[b' '; 474], HDF5].concat(), FileType::Matlab73),
            (mat4([0, 0, 0, 0]), FileType::Matlab4),
            (b"# Created by Octave 7.3.0\n# name: w\n".to_vec(), FileType::OctaveText),
            (b"Octave-1-L\0".to_vec(), FileType::OctaveBinary),
            ([HDF5, b"\0\0w_rec\0"].concat(), FileType::Hdf5),
            (after(512, HDF5), FileType::Hdf5),
            ([HDF5, b"\0\0NIRGraph"].concat(), FileType::Nir),
            (b"\x93NUMPY\x01\0v\0{'descr'".to_vec(), FileType::Npy),
            (entry("w_rec.npy"), FileType::Npz),
            (entry("archive/data.pkl"), FileType::Torch),
            ([entry("a/data.pkl"), b"a/constants.pkl".to_vec()].concat(), FileType::TorchScript),
            (entry("readme.txt"), FileType::Zip),
            (legacy, FileType::TorchLegacy),
            (b"\x80\x04\x95\x10\0\0\0".to_vec(), FileType::Pickle),
            (b"(dp0\nS'a'\n".to_vec(), FileType::Pickle),
            (b"ccollections\nOrderedDict\np0\n".to_vec(), FileType::Pickle),
            (b"\x08\x07\x12\x07pytorch\x1a\x03".to_vec(), FileType::Onnx),
            (b"\0\0\x08\x03\0\0\xea\x60".to_vec(), FileType::Idx),
            (b"\x1f\x8b\x08\0".to_vec(), FileType::Gzip),
            (after(257, b"ustar\0"), FileType::Tar),
            (b"BZh91AY".to_vec(), FileType::OtherArchive),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:".to_vec(), FileType::GitLfsPointer),
            (b"/annex/objects/SHA256E-s1".to_vec(), FileType::GitAnnexPointer),
            (b"\n <!DOCTYPE HTML><title>404".to_vec(), FileType::Html),
            (b"<?xml version='1.0'?>".to_vec(), FileType::Xml),
            (b"\xef\xbb\xbf {\"name\": 1}".to_vec(), FileType::Json),
            (b"\xff\xfe{\0".to_vec(), FileType::Utf16),
            ("0.5, 1.5 # wei\u{df}".as_bytes().to_vec(), FileType::Text),
            (b"cat\ncarpet\nhorse\n".to_vec(), FileType::Text),
            (b"\x89PNG\r\n\x1a\n\0".to_vec(), FileType::Png),
            (b"%PDF-1.7".to_vec(), FileType::Pdf),
            (b"\x7fELF\x02".to_vec(), FileType::Executable),
            (vec![0; 300], FileType::Unknown),
            (vec![0xfe; 300], FileType::Unknown),
        ]
    }

    #[test]
    fn types_are_recognised_and_named() {
        let dir = tempfile::tempdir().unwrap();
        for (bytes, expected) in examples() {
            assert_eq!(FileType::of(&bytes), expected, "{:?}", String::from_utf8_lossy(&bytes));
            let path = dir.path().join("file");
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(FileType::read(&path).unwrap(), expected);
            for purpose in [Purpose::Artifact, Purpose::Network, Purpose::Json] {
                let message = expected.mismatch(purpose);
                assert!(message.starts_with(&format!("found {expected}, expected ")), "{message}");
            }
        }
        assert_eq!(FileType::read(dir.path()).unwrap(), FileType::Directory);
        assert!(FileType::read(&dir.path().join("nothing")).is_err());
    }

    #[test]
    fn the_directory_of_a_long_archive_is_found_at_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long.npz");
        let long = [&b"PK\x03\x04"[..], &vec![0; 3 << 20], b"PK\x01\x02 w_rec.npy"].concat();
        std::fs::write(&path, &long).unwrap();
        assert_eq!(FileType::read(&path).unwrap(), FileType::Npz);
        assert_eq!(FileType::of(&long), FileType::Npz);
    }

    #[test]
    fn every_foreign_format_of_a_network_has_a_remedy() {
        for kind in [
            FileType::Matlab4,
            FileType::OctaveText,
            FileType::Npy,
            FileType::Pickle,
            FileType::TorchLegacy,
            FileType::TorchScript,
            FileType::Artifact,
            FileType::GitLfsPointer,
        ] {
            assert!(!kind.remedy(Purpose::Network).is_empty(), "{kind:?}");
        }
        assert!(FileType::Torch.remedy(Purpose::Artifact).contains("import-network"));
        assert!(FileType::Artifact.remedy(Purpose::Json).contains("inspect"));
    }
}
