//! Configs installed with the programs.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Directory of the installed files in place of `share/mdl-rnn`.
static SHARE: OnceLock<PathBuf> = OnceLock::new();

/// Sets the directory of the installed files, once.
pub(crate) fn give(share: PathBuf) {
    let _ = SHARE.set(share);
}

/// Config of this name: the file itself, or else the one installed with the programs, so that `configs/go-nogo.json`
/// works in every directory.
///
/// # Errors
/// Never; the reader reports a missing file.
pub fn config(name: &str) -> Result<PathBuf, Infallible> {
    let share = SHARE.get().cloned().or_else(|| beside(&std::env::current_exe().ok()?));
    Ok(found(Path::new(name), share.as_deref()))
}

/// The directory `share/mdl-rnn` of the prefix under which `executable` is installed.
fn beside(executable: &Path) -> Option<PathBuf> {
    Some(executable.parent()?.parent()?.join("share/mdl-rnn"))
}

/// The file `name`, or the file of this name in the directory `share`.
fn found(name: &Path, share: Option<&Path>) -> PathBuf {
    let shared = share.map(|share| share.join(name));
    match shared {
        Some(shared) if !name.is_absolute() && !name.exists() && shared.is_file() => shared,
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_found_beside_the_programs() {
        let prefix = tempfile::tempdir().unwrap();
        let (executable, name) = (prefix.path().join("bin/mdl-rnn"), Path::new("configs/go-nogo.json"));
        let share = beside(&executable);
        let found = |name: &Path| super::found(name, share.as_deref());
        assert_eq!(found(name), name, "nothing is installed");
        let shared = prefix.path().join("share/mdl-rnn").join(name);
        std::fs::create_dir_all(shared.parent().unwrap()).unwrap();
        std::fs::write(&shared, "{}").unwrap();
        assert_eq!(found(name), shared);
        let own = prefix.path().join("own.json");
        std::fs::write(&own, "{}").unwrap();
        assert_eq!(found(&own), own);
    }
}
