//! Texts that people read, as they are now: `--help`, messages, reports. A change of one is a change of its file in
//! `tests/snapshots`; `make snapshots` writes them again, to be read in the diff.

use mdl_tests::{SMALL_SPIKING, arguments, config, program, repository, run};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Compares a text with the stored one. What differs between machines and versions is replaced.
fn check(name: &str, dir: &Path, text: &str) {
    let (dir, tree) = (regex_escape(&dir.display().to_string()), regex_escape(&repository().display().to_string()));
    let filters = vec![
        (tree.as_str(), "REPOSITORY"),
        (dir.as_str(), "DIR"),
        // The revision of a build, which builds outside of a repository do not have.
        (r" \([0-9a-f]{7,40}(-dirty)?\),?", ""),
        (r"\b\d+\.\d+\.\d+\b", "VERSION"),
        (r"\b[0-9a-f]{64}\b", "SHA256"),
        (r"\(os error \d+\)", "(os error)"),
    ];
    insta::with_settings!({ filters => filters, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

fn regex_escape(text: &str) -> String {
    text.chars().flat_map(|c| (!c.is_alphanumeric()).then_some('\\').into_iter().chain([c])).collect()
}

#[test]
fn helps() {
    let bins = std::fs::read_dir(repository().join("crates/cli/src/bin")).unwrap();
    let mut names: Vec<String> =
        bins.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let output = Command::new(program(&name)).arg("--help").env("COLUMNS", "100").output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{name}: {output:?}");
        check(&format!("help-{name}"), Path::new("/nowhere"), &String::from_utf8(output.stdout).unwrap());
    }
}

/// A rate network that is hardly trained, a LIF network made from it, and its evaluation with a report.
fn chain(dir: &Path) {
    let [rate, lif, eval, report] =
        ["rate.safetensors", "lif.safetensors", "eval.safetensors", "report.html"].map(|name| dir.join(name));
    let stages = [
        (
            "train-rate",
            arguments!["--config", config("go-nogo"), "--set", "training.max_updates=10", "-o", &rate].to_vec(),
        ),
        (
            "lambda-search",
            arguments![&rate, "--set", "search.trials=4", "--set", "search.factors=[20,40]", "-o", &lif].to_vec(),
        ),
        ("eval-lif", arguments![&lif, "--set", "evaluation.trials=8", "--report", &report, "-o", &eval].to_vec()),
    ];
    for (program, arguments) in stages {
        let ran = run(program, &[&arguments[..], &arguments!["--quiet"]].concat());
        assert!([0, 4].contains(&ran.status), "{program}: {}", ran.stderr);
    }
}

#[test]
fn messages() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    chain(dir.path());
    std::fs::write(at("broken.json"), "{\"name\": ").unwrap();
    std::fs::write(at("text.safetensors"), "not an artifact").unwrap();
    let bytes = std::fs::read(at("rate.safetensors")).unwrap();
    std::fs::write(at("cut.safetensors"), &bytes[..bytes.len() - 100]).unwrap();
    let mut changed = bytes;
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(at("changed.safetensors"), changed).unwrap();
    let [rate, lif, out] = ["rate.safetensors", "lif.safetensors", "out.safetensors"].map(at);
    let go = config("go-nogo");
    let cases = [
        ("no-output", "train-rate", arguments!["--config", &go].to_vec()),
        ("no-such-config", "train-rate", arguments!["--config", at("missing.json"), "-o", &out].to_vec()),
        ("broken-json", "train-rate", arguments!["--config", at("broken.json"), "-o", &out].to_vec()),
        (
            "unknown-field",
            "train-rate",
            arguments!["--config", &go, "--set", "network.neurones=3", "-o", &out].to_vec(),
        ),
        (
            "impossible-value",
            "train-rate",
            arguments!["--config", &go, "--set", "network.neurons=0", "-o", &out].to_vec(),
        ),
        ("wrong-type", "train-rate", arguments!["--config", &go, "--set", "network.neurons=many", "-o", &out].to_vec()),
        ("wrong-network", "train-spiking", arguments!["--config", &go, "-o", &out].to_vec()),
        ("wrong-section", "eval-lif", arguments![&lif, "--set", "training.batch_size=2", "-o", &out].to_vec()),
        ("output-exists", "train-rate", arguments!["--config", &go, "-o", &rate].to_vec()),
        ("output-is-input", "lambda-search", arguments![&rate, "-o", &rate].to_vec()),
        ("not-an-artifact", "lambda-search", arguments![at("text.safetensors"), "-o", &out].to_vec()),
        ("page-before-artifact", "report", arguments![at("page.html"), &rate].to_vec()),
        ("cut-artifact", "lambda-search", arguments![at("cut.safetensors"), "-o", &out].to_vec()),
        ("changed-artifact", "lambda-search", arguments![at("changed.safetensors"), "-o", &out].to_vec()),
        ("another-kind", "eval-lif", arguments![&rate, "-o", &out].to_vec()),
        ("no-such-artifact", "eval-lif", arguments![at("missing.safetensors"), "-o", &out].to_vec()),
        ("no-gpu", "eval-lif", arguments![&lif, "--device", "cuda:9", "-o", &out].to_vec()),
        ("no-such-unit", "eval-lif", arguments![&lif, "--set", "evaluation.recorded_units=[999]", "-o", &out].to_vec()),
        ("no-such-ending", "export-network", arguments![&rate, "-o", at("rate.xyz")].to_vec()),
        ("export-of-rate-as-nir", "export-network", arguments![&rate, "-o", at("rate.nir")].to_vec()),
        (
            "no-such-parameter",
            "sweep-lif",
            arguments![&rate, "--parameter", "lif.tau", "--values", "1,2", "-o", &out].to_vec(),
        ),
        ("no-number", "sweep-lif", arguments![&rate, "--parameter", "lif.dt_ms", "--values", "abc"].to_vec()),
        ("no-whole-number", "make-trials", arguments!["--config", &go, "--trials", "-1", "-o", &out].to_vec()),
        ("no-seconds", "train-rate", arguments!["--config", &go, "--checkpoint-every", "soon", "-o", &out].to_vec()),
        (
            "no-data",
            "train-spiking",
            arguments!["--config", config("mnist"), "--set", "task.directory=none", "-o", &out].to_vec(),
        ),
    ];
    for (name, program, arguments) in cases {
        let ran = run(program, &arguments);
        check(&format!("message-{name}"), dir.path(), &format!("status {}\n{}", ran.status, ran.stderr));
    }
}

/// The words of a report, without figures, and with `#` for numbers.
#[test]
fn reports() {
    let dir = TempDir::new().unwrap();
    chain(dir.path());
    let [spiking, eval] = ["spiking.safetensors", "spiking-eval.safetensors"].map(|name| dir.path().join(name));
    let set = SMALL_SPIKING.iter().flat_map(|set| arguments!["--set", set]).collect::<Vec<_>>();
    let train = arguments!["--config", config("mante-spiking"), "--quiet", "-o", &spiking];
    let ran = run("train-spiking", &[&train[..], &set].concat());
    assert!([0, 4].contains(&ran.status), "{}", ran.stderr);
    let report = dir.path().join("spiking-report.html");
    let ran = run("eval-spiking", &arguments![&spiking, "--quiet", "--report", &report, "-o", &eval]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for name in ["report", "spiking-report"] {
        let html = std::fs::read_to_string(dir.path().join(format!("{name}.html"))).unwrap();
        check(name, dir.path(), &words(&html));
    }
}

/// What is between the tags of a page, a line each; configs and figures are left out.
fn words(html: &str) -> String {
    let body = html.split("<body").nth(1).expect("a body");
    let mut text = String::new();
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        text += &rest[..start];
        let skipped = ["<svg", "<pre", "<style", "<script"].iter().find(|tag| rest[start..].starts_with(**tag));
        let end = match skipped {
            Some(tag) => {
                let closing = format!("</{}>", &tag[1..]);
                text += &format!("\n[{}]\n", &tag[1..]);
                rest[start..].find(&closing).map(|at| start + at + closing.len())
            }
            None => rest[start..].find('>').map(|at| start + at + 1),
        };
        text.push('\n');
        rest = &rest[end.expect("a closed tag")..];
    }
    let number = |word: &str| word.chars().any(|c| c.is_ascii_digit()) && word.chars().all(|c| !c.is_alphabetic());
    let shown = |word: &str| if number(word) { "#".to_owned() } else { word.to_owned() };
    let line = |line: &str| line.split_whitespace().map(shown).collect::<Vec<_>>().join(" ");
    text.lines().map(line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
