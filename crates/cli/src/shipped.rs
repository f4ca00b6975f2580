//! Configs installed with the programs.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// Config of this name: the file itself, or else the one installed with the programs, so that `configs/go-nogo.json`
/// works in every directory.
///
/// # Errors
/// Never; the reader reports a missing file.
pub fn config(name: &str) -> Result<PathBuf, Infallible> {
    Ok(found(Path::new(name), std::env::current_exe().ok().as_deref()))
}

/// The file `name`, or the file below `share/mdl-rnn` of the prefix under which `executable` is installed.
fn found(name: &Path, executable: Option<&Path>) -> PathBuf {
    let prefix = executable.and_then(|path| path.parent()?.parent());
    let shared = prefix.map(|prefix| prefix.join("share/mdl-rnn").join(name));
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
        assert_eq!(found(name, Some(&executable)), name, "nothing is installed");
        let shared = prefix.path().join("share/mdl-rnn").join(name);
        std::fs::create_dir_all(shared.parent().unwrap()).unwrap();
        std::fs::write(&shared, "{}").unwrap();
        assert_eq!(found(name, Some(&executable)), shared);
        let own = prefix.path().join("own.json");
        std::fs::write(&own, "{}").unwrap();
        assert_eq!(found(&own, Some(&executable)), own);
    }
}
