//! README and docs/: the files, configs, targets and options named there exist.

use mdl_tests::{program, repository};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Options of other programs named on the pages.
const FOREIGN_OPTIONS: [&str; 1] = ["--signal"];

fn pages() -> Vec<(PathBuf, String)> {
    let docs = std::fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.push(repository().join("README.md"));
    assert!(pages.len() > 8, "{pages:?}");
    pages.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Inline code of a page.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

fn assert_none(missing: &BTreeSet<String>, what: &str) {
    assert!(missing.is_empty(), "{what} that pages name and that do not exist: {missing:#?}");
}

#[test]
fn files_and_links_exist() {
    let folders = ["crates/", "tests/", "configs/", "bench/", "scripts/", "examples/", "docs/", "fuzz/"];
    let mut missing = BTreeSet::new();
    for (page, text) in pages() {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let links =
            links.filter(|link| !link.is_empty() && !link.contains("://")).map(|link| page.with_file_name(link));
        let paths = code(&text).filter(|c| folders.iter().any(|folder| c.starts_with(folder)));
        let paths = paths.filter(|path| !path.contains([' ', '*', '<', '…'])).map(|path| repository().join(path));
        let absent = links.chain(paths).filter(|path| !path.exists());
        missing.extend(absent.map(|path| format!("{}: {}", page.display(), path.display())));
    }
    assert_none(&missing, "files");
}

#[test]
fn targets_of_make_exist() {
    let makefile = std::fs::read_to_string(repository().join("Makefile")).unwrap();
    let targets: BTreeSet<&str> = makefile.lines().filter_map(|line| line.split_once(':')).map(|(t, _)| t).collect();
    let mut missing = BTreeSet::new();
    for (page, text) in pages() {
        let lines = text.lines().map(str::trim).chain(code(&text));
        for words in lines.filter_map(|line| line.strip_prefix("make ")) {
            let word = words.split_whitespace().next().unwrap_or_default();
            let known = targets.contains(word) || repository().join(format!("configs/{word}.json")).exists();
            if !word.contains('=') && word.starts_with(char::is_alphabetic) && !known {
                missing.insert(format!("{}: make {word}", page.display()));
            }
        }
    }
    assert_none(&missing, "targets");
}

#[test]
fn options_exist() {
    let names = std::fs::read_dir(repository().join("crates/cli/src/bin")).unwrap().map(|e| e.unwrap().path());
    let help = |name: &Path| {
        let name = name.file_stem().unwrap().to_string_lossy().into_owned();
        let shown = Command::new(program(&name)).arg("--help").output().unwrap();
        String::from_utf8(shown.stdout).unwrap()
    };
    let help: String = names.map(|name| help(&name)).collect();
    let known: BTreeSet<&str> =
        help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(|word| word.starts_with("--")).collect();
    assert!(known.contains("--config") && known.contains("--resume"), "{known:?}");
    let mut missing = BTreeSet::new();
    for (page, text) in pages() {
        for option in code(&text).filter(|code| code.starts_with("--")) {
            let option = option.split([' ', '=']).next().unwrap_or_default();
            if !known.contains(option) && !FOREIGN_OPTIONS.contains(&option) {
                missing.insert(format!("{}: {option}", page.display()));
            }
        }
    }
    assert_none(&missing, "options");
}
