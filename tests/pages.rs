//! The pages of `docs/` and the README: their code blocks, their links, and their commands.

use crate::{program, repository};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A code block of a page.
#[derive(Clone, Copy, Debug)]
pub struct Block<'p> {
    /// Text of the page between the block before and this one.
    pub before: &'p str,
    /// Language.
    pub language: &'p str,
    /// Its lines.
    pub content: &'p str,
}

/// Code blocks of a page.
///
/// # Panics
/// If a block has no end.
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let (mut found, mut rest) = (Vec::new(), page);
    while let Some((before, after)) = rest.split_once("\n```") {
        let (language, after) = after.split_once('\n').expect("a block has lines");
        let (content, after) = after.split_once("\n```").expect("a block has an end");
        found.push(Block { before, language, content });
        rest = after;
    }
    found
}

impl<'p> Block<'p> {
    /// The comment directly before the block, `<!-- NAME: TEXT -->`.
    fn comment(&self, name: &str) -> Option<&'p str> {
        let (_, comment) = self.before.trim_end().strip_suffix("-->")?.rsplit_once("<!--")?;
        Some(comment.trim().strip_prefix(name)?.strip_prefix(':')?.trim())
    }

    /// The test or target of `make` that runs these commands, in the comment `<!-- tested by: … -->`.
    pub fn tested_by(&self) -> Option<&'p str> {
        self.comment("tested by")
    }

    /// Reason why no test runs these commands, in the comment `<!-- not tested: … -->`.
    pub fn not_tested(&self) -> Option<&'p str> {
        self.comment("not tested")
    }

    /// Name of the file whose content the block is: the code at the beginning of the paragraph before, which ends in `:` or
    /// has the content introduced after the name.
    pub fn file(&self) -> Option<&'p str> {
        let paragraph = self.before.trim().rsplit("\n\n").next()?;
        let (name, rest) = paragraph.trim().strip_prefix('`')?.split_once('`')?;
        let is_file = name.contains('.') && !name.contains([' ', '/']) && rest.ends_with(':');
        is_file.then_some(name)
    }

    /// True for commands that the test of a page runs.
    pub fn is_run(&self) -> bool {
        self.language == "sh" && self.tested_by().is_none() && self.not_tested().is_none()
    }
}

/// Every page: its file and its text.
///
/// # Panics
/// If one cannot be read.
pub fn pages() -> BTreeMap<PathBuf, String> {
    let docs = std::fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("SUMMARY.md"));
    let pages = pages.chain([repository().join("README.md")]);
    pages.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Text of a page of `docs/`.
///
/// # Panics
/// If it cannot be read.
pub fn page(name: &str) -> String {
    std::fs::read_to_string(repository().join("docs").join(name)).unwrap()
}

/// Does what a page says in the directory `work`: writes its files and runs its commands, one after the other, with the built
/// programs and what a clone of the repository has. Returns what the commands print.
///
/// # Panics
/// If a command fails.
pub fn follow(name: &str, work: &Path) -> String {
    follow_changed(name, work, str::to_owned)
}

/// As [`follow`], with commands that `change` may have made shorter.
///
/// # Panics
/// If a command fails.
pub fn follow_changed(name: &str, work: &Path, change: impl Fn(&str) -> String) -> String {
    let place = program("train-rate").parent().unwrap().display().to_string();
    let path = format!("{place}:{}", std::env::var("PATH").unwrap_or_default());
    for folder in ["configs", "tasks", "examples", "workflow"] {
        let link = work.join(folder);
        if !link.exists() {
            std::os::unix::fs::symlink(repository().join(folder), link).unwrap();
        }
    }
    let (text, mut said) = (page(name), String::new());
    for block in blocks(&text) {
        if block.is_run() {
            let mut shell = Command::new("sh");
            let ran =
                shell.args(["-ec", &change(block.content)]).env("PATH", &path).current_dir(work).output().unwrap();
            let text = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success(), "{name}: {}\n{text}", block.content);
            said += &text;
        } else if let Some(file) = block.file() {
            std::fs::write(work.join(file), block.content).unwrap();
        }
    }
    said
}

/// The results among what programs printed.
pub fn results(said: &str) -> Vec<serde_json::Value> {
    said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Links of a page, without those of its code blocks: file (empty for the page itself) and heading.
pub fn links(text: &str) -> Vec<(&str, Option<&str>)> {
    let prose = text.split("\n```").step_by(2).flat_map(|prose| prose.split("](").skip(1));
    let targets = prose.filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://"));
    targets.map(|link| link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)))).collect()
}

/// Anchors of the headings of a page.
pub fn anchors(text: &str) -> Vec<String> {
    let prose = text.split("\n```").step_by(2).flat_map(str::lines);
    let headings = prose.filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || "-_ ".contains(c);
    let anchor =
        |heading: &str| heading.to_lowercase().chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-");
    headings.map(anchor).collect()
}
