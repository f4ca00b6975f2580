//! Summary of an artifact and its provenance, as text and as JSON; search for its inputs; differences between two
//! artifacts.

use mdl_artifact::output::sha256_file;
use mdl_artifact::{Array, Artifact, Input, Provenance, differences};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// Summary of a tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Name of the tensor.
    pub name: String,
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// Type of its numbers, for example `F32`.
    pub r#type: &'static str,
    /// Smallest and largest finite number, if any.
    pub range: Option<[f64; 2]>,
    /// Number of values that are not finite.
    pub not_finite: usize,
}

impl Summary {
    fn new(name: &str, array: &Array) -> Self {
        let finite = || array.values.numbers().filter(|x| x.is_finite());
        let range = finite().fold(None, |range: Option<[f64; 2]>, x| {
            Some(range.map_or([x, x], |[least, most]| [least.min(x), most.max(x)]))
        });
        let not_finite = array.values.numbers().count() - finite().count();
        Self { name: name.into(), shape: array.shape.clone(), r#type: array.values.type_name(), range, not_finite }
    }
}

/// Every tensor of an artifact, by name.
pub fn summaries(artifact: &Artifact) -> Vec<Summary> {
    artifact.tensors.iter().map(|(name, array)| Summary::new(name, array)).collect()
}

/// Summary of an artifact, without the numbers in its tensors.
pub fn to_json(artifact: &Artifact) -> Value {
    json!({
        "file": artifact.path(),
        "sha256": artifact.as_input().sha256,
        "kind": artifact.kind,
        "provenance": artifact.provenance,
        "config": artifact.config,
        "tensors": summaries(artifact),
    })
}

/// The same as text.
pub fn to_text(artifact: &Artifact) -> String {
    let mut text = format!("{}: {}\n", artifact.path().display(), artifact.kind);
    let mut line = |indent: usize, content: &str| _ = writeln!(text, "{:1$}{content}", "", 2 * indent);
    line(1, &format!("SHA-256 {}", artifact.as_input().sha256));
    for (depth, provenance) in generations(&artifact.provenance).enumerate() {
        line(
            1 + depth,
            &format!("{} by {}", if depth == 0 { "made" } else { "from what was made" }, maker(provenance)),
        );
        provenance
            .inputs
            .iter()
            .for_each(|input| line(2 + depth, &format!("from {}, SHA-256 {}", input.file, input.sha256)));
    }
    line(1, &format!("{} tensors", artifact.tensors.len()));
    for Summary { name, shape, r#type, range, not_finite } in summaries(artifact) {
        let shape = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
        let range = range.map_or("no finite number".into(), |[least, most]| format!("{least} to {most}"));
        let finite = if not_finite == 0 { String::new() } else { format!(", {not_finite} NOT FINITE") };
        line(2, &format!("{name}: {shape} {type}, {range}{finite}"));
    }
    line(1, "config");
    let mut config = artifact.config.clone();
    // The text of a task is easier to read as lines.
    let task = config.get_mut("task").and_then(Value::as_object_mut).and_then(|task| task.remove("source"));
    format!("{config:#}").lines().for_each(|l| line(2, l));
    if let Some(source) = task.as_ref().and_then(Value::as_str) {
        line(1, &format!("task {}", config["task"]["file"].as_str().unwrap_or_default()));
        source.lines().for_each(|l| line(2, l));
    }
    text
}

/// A provenance, that of its parent artifact, and so on.
fn generations(provenance: &Provenance) -> impl Iterator<Item = &Provenance> {
    std::iter::successors(Some(provenance), |provenance| provenance.parent.as_deref())
}

fn maker(provenance: &Provenance) -> String {
    let Provenance { program, version, revision, device, seed, .. } = provenance;
    let revision = revision.as_ref().map(|revision| format!(", revision {revision}")).unwrap_or_default();
    let device = device.as_ref().map(|device| format!(", on {device}")).unwrap_or_default();
    format!("{program} {version}{revision}{device}, seed {seed}")
}

/// Input of an artifact or of one of its ancestors, and the result of the search for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verified {
    /// The input.
    #[serde(flatten)]
    pub input: Input,
    /// File with its content.
    pub found: Option<PathBuf>,
    /// Files of its name with other content.
    pub changed: Vec<PathBuf>,
}

/// Searches a directory for the inputs of an artifact and of its ancestors, by name or, if they were renamed, by
/// content.
///
/// # Errors
/// A directory or file that cannot be read.
pub fn verify(artifact: &Artifact, directory: &Path) -> io::Result<Vec<Verified>> {
    let (mut files, mut sums) = (BTreeSet::new(), BTreeMap::new());
    collect(directory, &mut files)?;
    let inputs = generations(&artifact.provenance).flat_map(|p| &p.inputs);
    inputs.map(|input| find(input, &files, &mut sums)).collect()
}

fn find(input: &Input, files: &BTreeSet<PathBuf>, sums: &mut BTreeMap<PathBuf, String>) -> io::Result<Verified> {
    let named = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy() == input.file);
    let (mut found, mut changed) = (None, Vec::new());
    // Files of the same name first; the others are read only if none of these matches.
    for path in files.iter().filter(named).chain(files.iter().filter(|path| !named(path))) {
        if !sums.contains_key(path) {
            sums.insert(path.clone(), sha256_file(path)?);
        }
        if sums[path] == input.sha256 {
            found = Some(path.clone());
            break;
        }
        if named(&path) {
            changed.push(path.clone());
        }
    }
    Ok(Verified { input: input.clone(), found, changed })
}

/// All regular files below a directory; links are not followed.
fn collect(directory: &Path, files: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else if kind.is_file() {
            files.insert(entry.path());
        }
    }
    Ok(())
}

/// A difference between two artifacts; null if one has no such item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Item: `config training.learning_rate`, `tensor w_rec`, `provenance seed`.
    pub what: String,
    /// Value in the first artifact.
    pub first: Value,
    /// Value in the second artifact.
    pub second: Value,
}

/// Differences between two artifacts: kind, provenance and config field by field, tensors.
pub fn changes(first: &Artifact, second: &Artifact) -> Vec<Change> {
    let mut found = Vec::new();
    let mut compare = |section: &str, a: &Value, b: &Value| {
        found.extend(differences(a, b).into_iter().map(|d| Change {
            what: format!("{section} {}", d.field).trim_end().into(),
            first: d.first.clone(),
            second: d.second.clone(),
        }));
    };
    compare("kind", &json!(first.kind), &json!(second.kind));
    compare("provenance", &json!(first.provenance), &json!(second.provenance));
    compare("config", &first.config, &second.config);
    let names: BTreeSet<&String> = first.tensors.keys().chain(second.tensors.keys()).collect();
    for name in names {
        let [a, b] = [first, second].map(|artifact| artifact.tensors.get(name));
        if a != b {
            let [a_summary, b_summary] =
                [a, b].map(|array| array.map_or(Value::Null, |a| json!(Summary::new(name, a))));
            let what = match a.zip(b).and_then(|(a, b)| largest_change(a, b)) {
                Some(largest) => format!("tensor {name} (by at most {largest})"),
                None => format!("tensor {name}"),
            };
            found.push(Change { what, first: a_summary, second: b_summary });
        }
    }
    found
}

/// max |a − b| of two tensors with the same shape and type.
fn largest_change(a: &Array, b: &Array) -> Option<f64> {
    let alike = a.shape == b.shape && a.values.type_name() == b.values.type_name();
    alike.then(|| a.values.numbers().zip(b.values.numbers()).fold(0.0, |most: f64, (x, y)| most.max((x - y).abs())))
}
