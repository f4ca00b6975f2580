//! The papers and software that an artifact rests on, found from its config and from the stages that led to it.
//!
//! `references.bib` has the papers; this module has the rules by which they apply.

use crate::evaluation::task_name;
use mdl_artifact::{Artifact, Kind};
use serde_json::Value;

/// Every paper, as BibTeX: entries that begin at an `@`, with a field per line.
const LIBRARY: &str = include_str!("references.bib");

/// Papers of each task and data set.
const TASKS: &[(&str, &[&str])] = &[
    ("click-accumulation", &["brunton2013"]),
    ("context-decision", &["mante2013", "kim2019"]),
    ("context-switch", &["lin2023", "mante2013"]),
    ("delayed-match-to-category", &["freedman2006"]),
    ("delayed-match-to-sample", &["miller1996"]),
    ("flip-flop", &["sussillo2013"]),
    ("go-nogo", &["kim2019"]),
    ("mante", &["mante2013", "kim2019"]),
    ("memory-antisaccade", &["funahashi1993"]),
    ("memory-saccade", &["funahashi1989"]),
    ("multisensory-integration", &["raposo2014"]),
    ("parametric-working-memory", &["romo1999"]),
    ("perceptual-decision", &["britten1992"]),
    ("ready-set-go", &["jazayeri2010", "remington2018"]),
    ("sine-generator", &["sussillo2013"]),
    ("xor", &["kim2019"]),
    ("yang-2019", &["yang2019"]),
    ("mnist", &["lecun1998"]),
    ("fashion-mnist", &["xiao2017"]),
    ("sequential-mnist", &["le2015", "lecun1998"]),
];

/// A paper or program, and what the artifact owes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Key of its entry.
    pub key: String,
    /// What rests on it, such as `task go-nogo`.
    pub reasons: Vec<String>,
    /// Its entry in BibTeX.
    pub bibtex: String,
}

impl Reference {
    /// The reference in a line: `Lin and Huang (2023). Spiking mode-based neural networks. arXiv:2310.14621.`
    pub fn text(&self) -> String {
        let field = |name: &str| field(&self.bibtex, name);
        let families: Vec<String> = field("author")
            .map(|authors| {
                authors.split(" and ").map(|author| author.split(',').next().unwrap_or(author).into()).collect()
            })
            .unwrap_or_default();
        let authors = match &families[..] {
            [one] => one.clone(),
            [one, two] => format!("{one} and {two}"),
            [all @ .., last] => format!("{} and {last}", all.join(", ")),
            [] => String::new(),
        };
        let year = field("year").map(|year| format!(" ({year})")).unwrap_or_default();
        let mut parts = vec![format!("{authors}{year}"), field("title").unwrap_or_default()];
        if let Some(place) = field("journal").or_else(|| field("booktitle")) {
            let volume = field("volume").map(|volume| format!(" {volume}")).unwrap_or_default();
            let pages = field("pages").map(|pages| format!(":{pages}")).unwrap_or_default();
            parts.push(format!("{place}{volume}{pages}"));
        }
        parts.extend(field("version").map(|version| format!("Version {version}")));
        parts.extend(field("doi").map(|doi| format!("doi:{doi}")));
        parts.extend(field("eprint").map(|number| format!("arXiv:{number}")));
        format!("{}.", parts.join(". "))
    }
}

/// What an artifact rests on: this software, then papers in the order of the stages.
pub fn references(artifact: &Artifact) -> Vec<Reference> {
    let mut found = Found(vec![software(artifact)]);
    let (config, programs) = (&artifact.config, programs(artifact));
    let ran = |name: &str| programs.iter().any(|program| program == name);
    let (network, task) = (&config["network"], task_name(&config["task"]));
    let task_words = |name: &str| {
        if config["task"]["dataset"].is_string() { format!("data set {name}") } else { format!("task {name}") }
    };
    for name in [task.clone(), kind(&config["task"])].into_iter().flatten() {
        if let Some((_, keys)) = TASKS.iter().find(|(known, _)| *known == name) {
            keys.iter().for_each(|key| found.add(key, &task_words(&name)));
        }
    }
    if artifact.kind == Kind::Trials {
        found.add("salmon2011", "random numbers");
        return found.0;
    }
    of_network(network, &mut found);
    if ran("train-rate") || ran("train-spiking") {
        found.add("kingma2014", "training");
    }
    let converted = artifact.kind == Kind::Lif || artifact.has("scaling_factor") || ran("lambda-search");
    if converted {
        found.add("kim2019", "conversion to LIF");
        if artifact.has("predicted_scaling_factor") {
            ["siegert1951", "brunel2000"].iter().for_each(|key| found.add(key, "predicted scaling factor"));
        }
        if kind(&config["lif"]["neuron"]).as_deref() == Some("eif") {
            found.add("fourcaud2003", "exponential integrate-and-fire neuron");
        }
    }
    if artifact.has("correct") || artifact.has("search.correct") {
        found.add("wilson1927", "intervals of performances");
    }
    found.add("salmon2011", "random numbers");
    found.0
}

/// Adds the papers of a network's section in the config.
fn of_network(network: &Value, found: &mut Found) {
    match (network["kind"].as_str(), network["recurrence"]["kind"].as_str()) {
        (Some("spiking"), _) => found.add("lin2023", "spiking network with modes"),
        (Some("rate"), Some("modes")) => found.add("lin2023", "rate network with modes"),
        (Some("rate"), _) => found.add("kim2019", "rate network"),
        _ => {}
    }
    if kind(&network["activation"]).as_deref() == Some("lif") {
        ["siegert1951", "brunel2000"].iter().for_each(|key| found.add(key, "activation of the rate network"));
    }
    if network["kind"] != "spiking" {
        return;
    }
    let neuron = &network["neuron"];
    let surrogate = match kind(&neuron["surrogate"]).as_deref() {
        Some("fast-sigmoid") => Some("zenke2018"),
        Some("triangular") => Some("bellec2018"),
        Some("arctan") => Some("fang2020"),
        Some("multi-gaussian") => Some("yin2021"),
        _ => None,
    };
    surrogate.into_iter().for_each(|key| found.add(key, "surrogate derivative"));
    if kind(&neuron["model"]).as_deref() == Some("adaptive") {
        ["bellec2018", "yin2021"].iter().for_each(|key| found.add(key, "adaptive neuron"));
    }
    if matches!(kind(&neuron["membrane_time_constants"]).as_deref(), Some("drawn" | "trained")) {
        found.add("perez-nieves2021", "membrane time constants per neuron");
    }
}

/// References so far, each once.
struct Found(Vec<Reference>);

impl Found {
    fn add(&mut self, key: &str, reason: &str) {
        if let Some(known) = self.0.iter_mut().find(|known| known.key == key) {
            if !known.reasons.iter().any(|other| other == reason) {
                known.reasons.push(reason.into());
            }
            return;
        }
        self.0.extend(entry(key).map(|bibtex| Reference {
            key: key.into(),
            reasons: vec![reason.into()],
            bibtex: bibtex.into(),
        }));
    }
}

/// This software, in the version that wrote the artifact.
fn software(artifact: &Artifact) -> Reference {
    let from = &artifact.provenance;
    let revision = from.revision.as_ref().map(|revision| format!(",\n  note = {{revision {revision}}}"));
    let bibtex = format!(
        "@misc{{mdl-rnn,\n  author = {{{{mdl-rnn maintainers}}}},\n  title = {{mdl-rnn: low-rank spiking and rate recurrent \
         networks}},\n  howpublished = {{Software}},\n  version = {{{}}}{}\n}}",
        from.version,
        revision.unwrap_or_default()
    );
    Reference { key: "mdl-rnn".into(), reasons: vec!["every stage".into()], bibtex }
}

/// Programs of the stages that led to an artifact.
fn programs(artifact: &Artifact) -> Vec<String> {
    let stages = std::iter::successors(Some(&artifact.provenance), |from| from.parent.as_deref());
    stages.map(|from| from.program.clone()).collect()
}

/// Kind in a section of the config: a name alone, the field `kind`, or the only field, as in `{"arctan": {"slope": 2}}`.
fn kind(section: &Value) -> Option<String> {
    let only = || section.as_object().filter(|fields| fields.len() == 1)?.keys().next().map(String::as_str);
    section.as_str().or_else(|| section["kind"].as_str()).or_else(only).map(Into::into)
}

/// Entry of the library.
fn entry(key: &str) -> Option<&'static str> {
    entries().find(|entry| key_of(entry) == key)
}

fn entries() -> impl Iterator<Item = &'static str> {
    LIBRARY.split("\n\n").map(str::trim).filter(|entry| !entry.is_empty())
}

fn key_of(entry: &str) -> &str {
    entry.split_once('{').and_then(|(_, rest)| rest.split_once(',')).map_or("", |(key, _)| key)
}

/// Field of an entry, as plain text.
fn field(entry: &str, name: &str) -> Option<String> {
    let start = format!("  {name} = {{");
    let value = entry.lines().find_map(|line| line.strip_prefix(&start))?;
    let value = value.strip_suffix(',').unwrap_or(value).strip_suffix('}')?;
    let accents = [("{\\'e}", "é"), ("{\\'a}", "á"), ("--", "–")];
    let value = accents.iter().fold(value.to_owned(), |text, (tex, letter)| text.replace(tex, letter));
    Some(value.replace(['{', '}'], ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    #[test]
    fn every_entry_is_complete_and_used() {
        let source = include_str!("mod.rs");
        let mut keys = std::collections::BTreeSet::new();
        for entry in entries() {
            let key = key_of(entry);
            assert!(keys.insert(key), "{key} twice");
            assert!(source.contains(&format!("\"{key}\"")), "{key} is not used");
            for name in ["author", "title", "year"] {
                assert!(field(entry, name).is_some_and(|text| !text.is_empty()), "{key}: {name}");
            }
            assert_eq!(entry.matches('{').count(), entry.matches('}').count(), "{key}");
            let place = ["doi", "eprint", "journal"].into_iter().find_map(|name| field(entry, name));
            assert!(place.is_some(), "{key}: neither doi nor eprint nor journal");
            let year = field(entry, "year").unwrap();
            assert!(key.ends_with(&year), "{key}: {year}");
        }
    }

    #[test]
    fn every_task_of_the_library_has_its_source() {
        for file in std::fs::read_dir(root().join("tasks")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "star") {
                continue;
            }
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let (_, keys) = TASKS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
            // The task's own file names the authors.
            let head = std::fs::read_to_string(&path).unwrap();
            for key in *keys {
                let authors = field(entry(key).unwrap(), "author").unwrap();
                let first = authors.split(',').next().unwrap();
                assert!(head.contains(first), "{name}: {first}");
            }
        }
    }

    #[test]
    fn the_papers_are_those_of_the_citation_file() {
        let file = std::fs::read_to_string(root().join("CITATION.cff")).unwrap();
        for key in ["kim2019", "lin2023"] {
            let entry = entry(key).unwrap();
            let identifier = field(entry, "doi").or_else(|| field(entry, "eprint")).unwrap();
            assert!(file.contains(&identifier) && file.contains(&field(entry, "title").unwrap()), "{key}");
        }
    }

    #[test]
    fn a_reference_reads_as_in_a_list() {
        let reference =
            |key: &str| Reference { key: key.into(), reasons: Vec::new(), bibtex: entry(key).unwrap().into() };
        assert_eq!(
            reference("lin2023").text(),
            "Lin and Huang (2023). Spiking mode-based neural networks. arXiv:2310.14621."
        );
        assert_eq!(
            reference("romo1999").text(),
            "Romo, Brody, Hernández and Lemus (1999). Neuronal correlates of parametric working memory in the prefrontal \
             cortex. Nature 399:470–473."
        );
    }
}
