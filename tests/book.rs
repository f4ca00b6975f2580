//! The book: its contents, its links, its generated pages, and that every command in it is tested.

use mdl_tests::pages::{anchors, blocks, links, page, pages};
use mdl_tests::{arguments, config, program, repository, run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const HEAD: &str = "\
# Programs

All programs with their arguments, as `--help` prints them.
`-h` prints a summary and `-V` the version; `PROGRAM --generate bash` (or `zsh`, `fish`) prints completions. All programs are one
executable, `mdl-rnn`, which runs the program whose name it is called by, or that of its first argument. `make pages` writes this
page.

Inputs come first, the output is `-o FILE`. A program prints one line with its result: a sentence on a terminal, JSON elsewhere.
Nothing is overwritten without `--force`, and no file is left half-written. Any field of a config can be overridden, as in
`--set network.neurons=100`; a config that is not found as a file is looked up among the installed ones.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage, or a config that cannot be run |
| 3 | a damaged artifact, or one of another kind |
| 4 | written, but a criterion was not met |
| 75 | interrupted by a [signal](reliability.md#signals): run it again with `--resume` |
| 130 | stopped at once by a second signal |
";

/// Names of all programs.
fn programs() -> Vec<String> {
    let bins = std::fs::read_dir(repository().join("crates/cli/src/bin")).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut names: Vec<String> = bins.map(|entry| name(entry.unwrap().path())).collect();
    names.retain(|name| name != "mdl-rnn");
    names.sort();
    names
}

/// Section of a program, from its `--help`: the description as text, the rest as it is printed.
fn section(name: &str) -> String {
    let shown = Command::new(program(name)).arg("--help").env("COLUMNS", "100").output().unwrap();
    assert!(shown.status.success(), "{name}: {shown:?}");
    let help = String::from_utf8(shown.stdout).unwrap();
    let (description, rest) = help.split_once("\nUsage: ").unwrap_or_else(|| panic!("{name}: {help}"));
    let description = description.trim().replace('*', "\\*").replace('<', "&lt;").replace('|', "\\|");
    format!(
        "\n## {name}\n\n{description}\n\n```text\n{}\n```\n",
        rest.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end()
    )
}

/// `make pages` (UPDATE_PAGES=1) writes the page again after a change of a program's arguments.
#[test]
fn the_generated_page_of_programs_follows_their_help() {
    let text = programs().iter().fold(HEAD.to_owned(), |text, name| text + &section(name));
    if std::env::var_os("UPDATE_PAGES").is_some() {
        std::fs::write(repository().join("docs/programs.md"), &text).unwrap();
    }
    assert!(page("programs.md") == text, "docs/programs.md is out of date: run `make pages`");
}

#[test]
fn every_page_is_in_the_summary_once() {
    let summary = page("SUMMARY.md");
    let mut found: Vec<&str> = links(&summary).into_iter().map(|(file, _)| file).collect();
    found.sort_unstable();
    let mut expected: Vec<String> =
        pages().keys().filter_map(|path| path.file_name()?.to_str().map(Into::into)).collect();
    expected.retain(|name| name != "README.md");
    assert!(expected.len() > 25, "{expected:?}");
    assert_eq!(found, expected, "docs/SUMMARY.md lists every page of docs/ once, as - [Title](page.md)");
}

#[test]
fn links_lead_to_files_and_headings() {
    let pages = pages();
    let anchors: BTreeMap<&PathBuf, Vec<String>> = pages.iter().map(|(path, text)| (path, anchors(text))).collect();
    let mut dead = BTreeSet::new();
    for (page, text) in &pages {
        for (file, heading) in links(text) {
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            let target = target.canonicalize().unwrap_or(target);
            let known = anchors.iter().find(|(path, _)| path.canonicalize().unwrap() == target).map(|(_, known)| known);
            let missing = match (heading, known) {
                (Some(heading), Some(known)) => !known.iter().any(|anchor| anchor == heading),
                _ => !target.exists(),
            };
            if missing {
                dead.insert(format!("{}: {file}#{}", page.display(), heading.unwrap_or_default()));
            }
        }
    }
    assert!(dead.is_empty(), "dead links: {dead:#?}");
}

/// Pages whose commands `tests/tutorial.rs` runs.
fn followed() -> BTreeSet<String> {
    let test = std::fs::read_to_string(repository().join("tests/tutorial.rs")).unwrap();
    let calls = test.split("follow").skip(1).filter_map(|rest| rest.split_once("(\""));
    calls
        .filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_owned()))
        .filter(|name| name.ends_with(".md"))
        .collect()
}

#[test]
fn every_command_is_tested() {
    let followed = followed();
    assert!(followed.len() > 5, "{followed:?}");
    let makefile = std::fs::read_to_string(repository().join("Makefile")).unwrap();
    let is_target = |name: &str| makefile.lines().any(|line| line.starts_with(&format!("{name}:")));
    let mut untested = BTreeSet::new();
    for (path, text) in pages() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for block in blocks(&text).into_iter().filter(|block| block.language == "sh") {
            let at = format!("{name}: {}", block.content.lines().next().unwrap_or_default());
            let is_tested = match (block.tested_by(), block.not_tested()) {
                (Some(test), None) => match test.strip_prefix("make ") {
                    Some(target) => is_target(target),
                    None => repository().join(test).is_file(),
                },
                (None, Some(reason)) => reason.split_whitespace().count() > 3,
                (None, None) => followed.contains(&name),
                (Some(_), Some(_)) => false,
            };
            if !is_tested {
                untested.insert(at);
            }
        }
    }
    assert!(
        untested.is_empty(),
        "commands that no test runs: follow the page in tests/tutorial.rs, or write <!-- tested by: FILE or make TARGET --> \
         before the block: {untested:#?}"
    );
}

/// Python code is run by `make test-python`, which has a list of the pages.
#[test]
fn every_python_example_is_tested() {
    let tests =
        ["crates/python/tests/test_documents.py", "examples/python/check_trials.py", "examples/python/check.py"];
    let lists = tests.map(|test| std::fs::read_to_string(repository().join(test)).unwrap());
    for (path, text) in pages() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Code in the language of tasks, and files of a tutorial, have the highlighting of Python.
        let is_python = |content: &str| content.contains("import ") || content.contains("mdl_rnn");
        let mut code = blocks(&text).into_iter().filter(|block| block.language == "python" && block.file().is_none());
        if code.any(|block| is_python(block.content) && block.tested_by().is_none()) {
            assert!(
                lists.iter().any(|list| list.contains(&name)),
                "{name}: its Python code is not run by make test-python"
            );
        }
    }
}

/// Figures of the book are drawn by `make book-figures`.
#[test]
fn every_figure_is_drawn_by_a_command_and_shown() {
    let script = std::fs::read_to_string(repository().join("scripts/book_figures.py")).unwrap();
    let text: String = pages().into_values().collect();
    let images = std::fs::read_dir(repository().join("docs/images")).unwrap().map(|entry| entry.unwrap().path());
    let names: Vec<String> = images.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let stem = Path::new(&name).file_stem().unwrap().to_string_lossy();
        assert!(script.contains(&format!("\"{stem}\"")), "scripts/book_figures.py does not draw {name}");
        assert!(text.contains(&format!("images/{name})")), "no page shows {name}");
    }
}

/// Fields of a result and of the objects in it, without names that follow from the task.
fn fields(result: &Value, found: &mut BTreeSet<String>) {
    for (name, value) in result.as_object().into_iter().flatten() {
        found.insert(name.clone());
        match name.as_str() {
            "rate_hz_by_population" | "rates" | "selective" => {}
            "conditions" | "unit_rates" | "lesions" => {
                value.as_object().unwrap().values().for_each(|one| fields(one, found))
            }
            _ => fields(value, found),
        }
        value.as_array().into_iter().flatten().for_each(|one| fields(one, found));
    }
}

#[test]
fn every_field_of_a_result_is_on_the_page_of_statistics() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name).with_extension("safetensors");
    let short = ["training.max_updates=2", "training.evaluation_trials=4", "network.neurons=20"];
    let search = ["search.trials=2", "search.factors=[20,40]"];
    let few = ["evaluation.trials=4"];
    let from = |name: &str| arguments!["--config", config(name)].to_vec();
    let swept = arguments![at("rate"), "--parameter", "lif.refractory_ms", "--values", "1,2"].to_vec();
    let stages: [(&str, Vec<OsString>, &[&str]); 13] = [
        ("rate", from("go-nogo"), &short),
        ("lif", arguments![at("rate"), "--start", "predicted"].to_vec(), &search),
        ("calibrated", arguments![at("lif")].to_vec(), &["calibration.trials=4", "calibration.held_out_trials=2"]),
        ("eval", arguments![at("lif")].to_vec(), &few),
        ("eval-rate", arguments![at("rate")].to_vec(), &few),
        ("spiking", from("go-nogo-spiking"), &short),
        ("eval-spiking", arguments![at("spiking")].to_vec(), &few),
        ("sweep", swept, &search),
        ("trials", [from("xor"), arguments!["--trials", "2"].to_vec()].concat(), &[]),
        ("activity", arguments![at("lif"), "--count", "1"].to_vec(), &[]),
        ("analysis", arguments![at("rate"), "--count", "40", "--starts", "20"].to_vec(), &[]),
        ("analysis-lif", arguments![at("lif"), "--count", "20", "--only", "intervals,lesions"].to_vec(), &[]),
        ("comparison", arguments![at("rate"), at("lif"), "--count", "4"].to_vec(), &[]),
    ];
    let programs = [
        "train-rate",
        "lambda-search",
        "calibrate",
        "eval-lif",
        "eval-rate",
        "train-spiking",
        "eval-spiking",
        "sweep-lif",
        "make-trials",
        "run",
        "analyze",
        "analyze",
        "analyze",
    ];
    let mut found = BTreeSet::new();
    for ((name, arguments, settings), program) in stages.into_iter().zip(programs) {
        let set = settings.iter().flat_map(|field| arguments!["--set", field]);
        let all: Vec<OsString> = arguments.into_iter().chain(set).chain(arguments!["-o", at(name)]).collect();
        let ran = run(program, &all);
        fields(&ran.result.unwrap_or_else(|| panic!("{program}: {}", ran.stderr)), &mut found);
    }
    assert!(found.len() > 25, "{found:?}");
    let page = page("statistics.md");
    found.retain(|name| !page.contains(&format!("`{name}`")));
    assert!(found.is_empty(), "fields of results that docs/statistics.md does not explain: {found:?}");
}

#[test]
fn wrong_pages_are_noticed() {
    let text = "# A page\n\n`match.star`, in the folder:\n\n```python\nx\n```\n\n<!-- tested by: make test -->\n```sh\nls\n```\n\nSee:\n\n```sh\nrun\n```\n";
    let found = blocks(text);
    assert_eq!(found.len(), 3);
    assert_eq!((found[0].file(), found[0].content), (Some("match.star"), "x"));
    assert_eq!((found[1].tested_by(), found[1].is_run()), (Some("make test"), false));
    assert!(found[2].is_run() && found[2].file().is_none());
    let linked = "[a](b.md#c-d) `[no](code)`\n```sh\n[e](f)\n```\n[g](#h)";
    assert_eq!(links(linked), [("b.md", Some("c-d")), ("code", None), ("", Some("h"))]);
    assert_eq!(anchors("# `lif.mode`\n\n## A `b`, (c-d)\n"), ["lifmode", "a-b-c-d"]);
}
