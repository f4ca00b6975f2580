//! Task files, and task sections of configs, that are wrong in more than a hundred ways: each is refused with the message in
//! `fixtures/tasks/wrong/messages.txt`, within bounded memory and time.
//!
//! `INSTA_UPDATE=always` writes the messages; check the diff.

use mdl_tests::{arguments, repository, run};
use std::path::Path;

/// What a program says of a config: its error, without the config's place.
fn message(config: &Path) -> String {
    let ran = run("make-trials", &arguments!["--config", config, "--print-config"]);
    if ran.status == 0 {
        return "(accepted)".into();
    }
    assert_eq!(ran.status, 2, "{}: {}", config.display(), ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}: {}", config.display(), ran.stderr);
    let start = ["field `", "task "].iter().find_map(|start| ran.stderr.find(start)).unwrap_or_default();
    ran.stderr[start..].trim_end().to_owned()
}

#[test]
fn wrong_tasks_are_refused_with_file_line_and_cause() {
    let wrong = repository().join("tests/fixtures/tasks/wrong");
    let work = tempfile::tempdir().unwrap();
    for (from, to) in [(wrong.clone(), work.path().to_owned()), (wrong.join("configs"), work.path().join("configs"))] {
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true if entry.file_name() != "configs" => std::fs::create_dir(to.join(entry.file_name())).unwrap(),
                true => {}
                false => _ = std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap(),
            }
        }
    }
    std::fs::create_dir_all(work.path().join("directory.star")).unwrap();
    let mut names = Vec::new();
    for (folder, extension) in [("", "star"), ("configs", "json")] {
        let entries = std::fs::read_dir(work.path().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let found = entries.filter(|path| path.extension().is_some_and(|own| own == extension));
        let mut found: Vec<_> = found.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        found.sort();
        names.extend(found.into_iter().map(|name| (folder, name)));
    }
    assert!(names.len() > 110, "{} files", names.len());
    let mut messages = String::new();
    for (folder, name) in names {
        let config = work.path().join(folder).join(format!("{name}.json"));
        if folder.is_empty() {
            let text = format!(
                r#"{{"name": "{name}", "task": {{"file": "{name}.star"}}, "network": {{"kind": "rate", "neurons": 10, "recurrence": {{"kind": "dense"}}}}}}"#
            );
            std::fs::write(&config, text).unwrap();
        }
        let shown = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let message = message(&config).replace(&format!("{}/", work.path().display()), "");
        messages += &format!("{shown}: {message}\n");
    }
    let path = wrong.join("messages.txt");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &messages).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    for (found, expected) in messages.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(messages.lines().count(), expected.lines().count());
}
