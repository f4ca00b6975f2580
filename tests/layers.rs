//! The layers of ARCHITECTURE.md: no crate depends on a higher one, no library depends on a terminal, and no files import
//! each other in a circle.

use mdl_tests::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The crates by layer, from the lowest; crates of one layer must not depend on each other.
const FLOORS: [&[&str]; 9] = [
    &["artifact", "kernels", "device", "launcher"],
    &["data", "emulator"],
    &["model"],
    &["train", "convert", "analysis"],
    &["experiment"],
    &["report"],
    &["exchange"],
    &["cli"],
    &["python"],
];
/// Crates that only the command line may use; the Python package, which is on top of it, has its errors.
const OF_A_TERMINAL: [&str; 6] = ["clap", "clap_complete", "clap_mangen", "indicatif", "signal-hook", "anyhow"];

/// Names in the section `[dependencies]` of a crate.
fn dependencies(name: &str) -> Vec<String> {
    let manifest = std::fs::read_to_string(repository().join(format!("crates/{name}/Cargo.toml"))).unwrap();
    let section = manifest.split("[dependencies]\n").nth(1).unwrap_or("").split("\n[").next().unwrap_or("").to_owned();
    section.lines().filter_map(|line| Some(line.split(['.', ' ']).next()?.to_owned())).collect()
}

#[test]
fn no_crate_depends_on_one_above_it() {
    let on_disk = std::fs::read_dir(repository().join("crates")).unwrap();
    let on_disk: BTreeSet<String> = on_disk.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    let listed: BTreeSet<String> = FLOORS.concat().into_iter().map(String::from).collect();
    assert_eq!(on_disk, listed, "every crate has its floor");
    for (floor, names) in FLOORS.iter().enumerate() {
        let below: BTreeSet<String> = FLOORS[..floor].concat().iter().map(|name| format!("mdl-{name}")).collect();
        for name in *names {
            for dependency in dependencies(name) {
                let ours = dependency.starts_with("mdl-");
                assert!(!ours || below.contains(&dependency), "{name} depends on {dependency}, which is not below it");
                let terminal = OF_A_TERMINAL.contains(&dependency.as_str());
                let passes_errors = *name == "python" && dependency == "anyhow";
                assert!(
                    !terminal || *name == "cli" || passes_errors,
                    "{name} is a library and depends on {dependency}"
                );
            }
        }
    }
}

/// Files of a crate by module path, such as `lif::fast`; the root is the empty path.
struct Modules(BTreeMap<Vec<String>, PathBuf>);

impl Modules {
    fn of(source: &Path) -> Self {
        let mut modules = BTreeMap::new();
        let mut directories = vec![(source.to_path_buf(), Vec::new())];
        while let Some((directory, path)) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
                let stem = entry.file_stem().unwrap().to_string_lossy().into_owned();
                let mut module = path.clone();
                if entry.is_dir() {
                    if stem != "bin" {
                        module.push(stem);
                        directories.push((entry, module));
                    }
                } else if entry.extension().is_some_and(|extension| extension == "rs") {
                    if !["lib", "mod"].contains(&stem.as_str()) {
                        module.push(stem);
                    }
                    modules.insert(module, entry);
                }
            }
        }
        Self(modules)
    }

    /// Module that a path refers to, and the name that it imports from it.
    fn resolve(&self, path: &[String]) -> (Vec<String>, Option<String>) {
        let length = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length])).unwrap_or(0);
        (path[..length].to_vec(), path.get(length).cloned())
    }
}

/// Text of a file without its tests and comments.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("").to_owned();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n");
    // Who may see an item is no import.
    lines.collect::<String>().replace("pub(in crate::", "pub(in ")
}

/// Every path that starts at `at` in `text`, with the branches of a use tree.
fn tree(text: &str, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut path = prefix.to_vec();
    let mut at = 0;
    loop {
        let name: String = text[at..].chars().take_while(|c| is_name(*c)).collect();
        at += name.len();
        if !name.is_empty() {
            path.push(name);
        }
        if text[at..].starts_with("::") {
            at += 2;
            if text[at..].starts_with('{') {
                at += 1;
                loop {
                    at += text[at..].len() - text[at..].trim_start_matches([' ', '\n', ',']).len();
                    if at >= text.len() || text[at..].starts_with('}') {
                        return at + 1;
                    }
                    let step = tree(&text[at..], &path, found);
                    at += step.max(1);
                }
            }
            continue;
        }
        found.push(path);
        return at;
    }
}

/// Paths of other modules of the crate in a file's code, made absolute.
fn paths(module: &[String], code: &str, modules: &Modules) -> Vec<Vec<String>> {
    let children = modules.0.keys().filter(|path| path.len() == module.len() + 1 && path.starts_with(module));
    let children: Vec<String> = children.map(|path| path[module.len()].clone()).collect();
    let parent = || module[..module.len().saturating_sub(1)].to_vec();
    let mut starts = vec![("crate::".to_owned(), Vec::new()), ("super::".to_owned(), parent())];
    starts.extend(children.iter().map(|child| (format!("{child}::"), [module, std::slice::from_ref(child)].concat())));
    let mut found = Vec::new();
    for (start, prefix) in starts {
        for (at, _) in code.match_indices(&start) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                let rest = &code[at + start.len() - 2..];
                tree(rest, &prefix, &mut found);
            }
        }
    }
    found
}

/// For each file, the files it imports from.
fn imports(source: &Path) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let modules = Modules::of(source);
    let codes: BTreeMap<&Vec<String>, String> = modules.0.iter().map(|(path, file)| (path, code(file))).collect();
    // What a module hands on from its children, by name: who imports it from the module depends on the child.
    let mut handed_on: BTreeMap<(Vec<String>, String), Vec<String>> = BTreeMap::new();
    for (module, code) in &codes {
        for line in code.split(';').filter(|statement| statement.trim_start().starts_with("pub")) {
            for path in paths(module, line, &modules) {
                let (target, name) = modules.resolve(&path);
                if let Some(name) = name.filter(|_| target.len() > module.len() && target.starts_with(module)) {
                    handed_on.insert(((*module).clone(), name), target);
                }
            }
        }
    }
    let target = |path: &[String]| {
        let (mut module, name) = modules.resolve(path);
        while let Some(child) = name.as_ref().and_then(|name| handed_on.get(&(module.clone(), name.clone()))) {
            module = child.clone();
        }
        modules.0[&module].clone()
    };
    let of = |(module, code): (&&Vec<String>, &String)| {
        let file = modules.0[*module].clone();
        let others = paths(module, code, &modules).iter().map(|path| target(path)).collect::<BTreeSet<_>>();
        let others = others.into_iter().filter(|other| *other != file).collect();
        (file, others)
    };
    codes.iter().map(of).collect()
}

/// Files from which `file` can be reached again.
fn circles(imports: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Vec<BTreeSet<PathBuf>> {
    let reached = |from: &PathBuf| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            for next in &imports[file] {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&PathBuf, BTreeSet<PathBuf>> = imports.keys().map(|file| (file, reached(file))).collect();
    let circle = |file: &PathBuf| -> BTreeSet<PathBuf> {
        reach[file].iter().filter(|other| reach[other].contains(file)).cloned().collect()
    };
    let all: BTreeSet<BTreeSet<PathBuf>> = imports.keys().map(circle).filter(|circle| !circle.is_empty()).collect();
    all.into_iter().collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut found = BTreeSet::new();
    for name in FLOORS.concat() {
        let source = repository().join("crates").join(name).join("src");
        for circle in circles(&imports(&source)) {
            let short = |path: &PathBuf| path.strip_prefix(&source).unwrap().display().to_string();
            found.insert(format!("{name}: {}", circle.iter().map(short).collect::<Vec<_>>().join(", ")));
        }
    }
    assert!(found.is_empty(), "files that import each other in a circle: {found:#?}");
}

#[test]
fn every_file_of_tests_is_listed() {
    let manifest = std::fs::read_to_string(repository().join("tests/Cargo.toml")).unwrap();
    let files = std::fs::read_dir(repository().join("tests")).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let name = file.file_name().unwrap().to_string_lossy();
        let listed = manifest.contains(&format!("path = \"{name}\""));
        assert!(
            listed || !std::fs::read_to_string(&file).unwrap().contains("#[test]"),
            "tests/Cargo.toml lacks {name}"
        );
    }
}
