//! The tutorial of `docs/tasks.md`, from its text: every file that it shows is written, and every command is run.

use mdl_tests::{program, repository};
use std::process::Command;

/// Code blocks of a page: text before the block, its language, its content.
fn blocks(page: &str) -> Vec<(&str, &str, &str)> {
    let (mut found, mut rest) = (Vec::new(), page);
    while let Some((before, after)) = rest.split_once("\n```") {
        let (language, after) = after.split_once('\n').expect("a block has lines");
        let (content, after) = after.split_once("\n```").expect("a block has an end");
        found.push((before, language, content));
        rest = after;
    }
    found
}

#[test]
fn the_tutorial_of_tasks_holds() {
    let page = std::fs::read_to_string(repository().join("docs/tasks.md")).unwrap();
    let tutorial = page.split("\n## ").find(|section| section.starts_with("Tutorial")).unwrap();
    let work = tempfile::tempdir().unwrap();
    let place = program("train-rate").parent().unwrap().display().to_string();
    let path = format!("{place}:{}", std::env::var("PATH").unwrap_or_default());
    let mut said = String::new();
    for (before, language, content) in blocks(tutorial) {
        if language == "sh" {
            for command in content.lines() {
                let mut shell = Command::new("sh");
                let ran = shell.args(["-ec", command]).env("PATH", &path).current_dir(work.path()).output().unwrap();
                let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
                assert!(ran.status.success(), "{command}: {text}");
                said += &text;
            }
        } else {
            // The name of a file is the last one quoted before it.
            let name = before.rsplit('`').nth(1).unwrap();
            assert!(name.starts_with("match"), "{name} is a file of the tutorial");
            std::fs::write(work.path().join(name), content).unwrap();
        }
    }
    for file in ["trials", "rate", "lif", "eval", "long", "modes", "modes-lif", "modes-eval", "spiking", "spiking-eval"]
    {
        assert!(work.path().join(file).with_extension("safetensors").is_file(), "{file}: {said}");
    }
    let results: Vec<serde_json::Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let performances: Vec<f64> = results.iter().filter_map(|result| result["performance"].as_f64()).collect();
    assert!(performances.len() >= 6, "{said}");
    assert!(performances.iter().all(|performance| *performance > 0.9), "{said}");
}
