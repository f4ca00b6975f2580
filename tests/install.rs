//! What `make install` puts where.

use mdl_tests::{program, repository};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn programs_manual_pages_and_completions() {
    let prefix = TempDir::new().unwrap();
    let at = |path: &str| prefix.path().join(path);
    // The programs are built already.
    let built = program("export");
    let set = |name: &str, path: &Path| format!("{name}={}", path.display());
    let made = Command::new("make")
        .current_dir(repository())
        .args([
            "install".into(),
            "CARGO=true".into(),
            set("BIN", built.parent().unwrap()),
            set("PREFIX", prefix.path()),
        ])
        .output();
    let made = made.expect("make starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let programs = files(&at("bin"));
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let names: Vec<String> = programs.iter().map(name).collect();
    for expected in ["eval-lif", "eval-spiking", "export", "import", "lambda-search", "train-rate", "train-spiking"] {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    for (program, name) in programs.iter().zip(&names) {
        let help = Command::new(program).arg("--help").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let manual = std::fs::read_to_string(at(&format!("share/man/man1/{name}.1"))).unwrap();
        assert!(manual.contains(&format!(".TH {name} 1")), "{name}: {manual}");
        // The first line of the help is the first line of the description; a manual page escapes signs.
        let plain = manual.replace("\\-", "-").replace("\\*(Aq", "'");
        assert!(plain.contains(help.lines().next().unwrap()), "{name}: {manual}");
        if name == "export" {
            continue;
        }
        for completions in [
            format!("bash-completion/completions/{name}"),
            format!("zsh/site-functions/_{name}"),
            format!("fish/vendor_completions.d/{name}.fish"),
        ] {
            let text = std::fs::read_to_string(at("share").join(&completions)).unwrap();
            assert!(text.contains(name) && text.contains("help"), "{completions}");
        }
    }
    // The shell's own `export` keeps its completions.
    assert_eq!(files(&at("share/bash-completion/completions")).len(), names.len() - 1);
}
