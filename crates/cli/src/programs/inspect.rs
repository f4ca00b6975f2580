//! `inspect`: describes an artifact and its provenance, compares two artifacts, and lists the arrays of other files.

use crate::status::{Outcome, print_line, with_status};
use crate::{OrExit, Status, run_program};
use anyhow::Context;
use clap::Parser;
use mdl_artifact::output::sha256;
use mdl_artifact::{Artifact, FileType};
use mdl_exchange::layouts::layout_of;
use mdl_exchange::{Entry, ForeignFile};
use mdl_report::inspect::{Change, Verified, changes, summaries, to_json, to_text, verify};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Describe an artifact: content, config, provenance
///
/// Reads an artifact or checkpoint of any kind. Prints its provenance with the SHA-256 of every input, its tensors with
/// shape, range and finiteness, and its config. For a file of another tool (.mat, .pth, .npz, .npy, .safetensors) it
/// lists the arrays and the layout that import-network recognizes.
///
/// Exit status: 0 fine, 1 failed, 2 usage, 3 damaged artifact or numbers that are not finite, 4 an input is missing or
/// changed (--verify), or the two differ (--diff).
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  inspect lif.safetensors
  inspect lif.safetensors --json | jq .provenance
  inspect eval.safetensors --verify runs/
  inspect --diff runs/1/rate.safetensors runs/2/rate.safetensors
  inspect network.pth"
)]
struct Arguments {
    /// Artifact, or a file of another tool
    #[arg(value_name = "FILE", required_unless_present = "diff")]
    artifact: Option<PathBuf>,

    /// Verify all inputs, direct and indirect: search this directory for files with their checksums
    #[arg(long, value_name = "DIR")]
    verify: Option<PathBuf>,

    /// Show the differences between two artifacts, field by field
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["artifact", "verify"])]
    diff: Option<Vec<PathBuf>>,

    /// Print one JSON line
    #[arg(long)]
    json: bool,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(true, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    crate::args::start_logging(false);
    let read = |path: &Path| Artifact::read_for_inspection(path).or_exit(Status::DamagedInput);
    let (json, text, status) = match (&arguments.diff, &arguments.artifact) {
        (Some(two), _) => compared(&read(&two[0])?, &read(&two[1])?),
        (None, Some(path)) if arguments.verify.is_none() && is_foreign(path) => listed(path)?,
        (None, Some(path)) => inspected(&read(path)?, arguments.verify.as_deref())?,
        (None, None) => (Value::Null, String::new(), Status::Usage),
    };
    if !arguments.json {
        print_line(text.trim_end())?;
    }
    Ok(Outcome { status, result: arguments.json.then_some(json) })
}

/// True if a file contains arrays of another tool.
fn is_foreign(path: &Path) -> bool {
    FileType::read(path).is_ok_and(FileType::holds_arrays)
}

/// Arrays of a file of another tool.
fn listed(path: &Path) -> anyhow::Result<(Value, String, Status)> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string()).or_exit(Status::DamagedInput)?;
    let file = with_status(ForeignFile::open(&bytes, path))?;
    let (kind, entries) = (file.file_type().to_string(), file.entries());
    let layout = layout_of(&file.names()).map(|layout| layout.name());
    let shape = |entry: &Entry| entry.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
    let line = |entry: &Entry| match entry.shape[..] {
        [] => format!("    {}: {}\n", entry.name, entry.kind),
        _ => format!("    {}: {} {}\n", entry.name, shape(entry), entry.kind),
    };
    let known = layout
        .map_or("no layout that import-network knows: it needs a mapping".into(), |name| format!("layout: {name}"));
    let arrays: String = entries.iter().map(line).collect();
    let text = format!(
        "{}: {kind}\n  SHA-256 {}\n  {known}\n  {} arrays\n{arrays}",
        path.display(),
        sha256(&bytes),
        entries.len()
    );
    let json = json!({
        "file": path,
        "sha256": sha256(&bytes),
        "type": kind,
        "layout": layout,
        "arrays": entries,
    });
    Ok((json, text, Status::Done))
}

fn inspected(artifact: &Artifact, directory: Option<&Path>) -> anyhow::Result<(Value, String, Status)> {
    let (mut json, mut text) = (to_json(artifact), to_text(artifact));
    let finite = summaries(artifact).iter().all(|tensor| tensor.not_finite == 0);
    let mut status = if finite { Status::Done } else { Status::DamagedInput };
    if let Some(directory) = directory {
        let verified = verify(artifact, directory).with_context(|| format!("looking below {}", directory.display()))?;
        text.push_str(&verified.iter().map(line).collect::<String>());
        json["verified"] = json!(verified);
        if finite && verified.iter().any(|v| v.found.is_none()) {
            status = Status::CriterionNotMet;
        }
    }
    Ok((json, text, status))
}

fn line(verified: &Verified) -> String {
    let (input, changed) = (&verified.input, verified.changed.iter().map(|path| path.display().to_string()));
    match (&verified.found, changed.collect::<Vec<_>>().join(", ")) {
        (Some(path), _) => format!("  verified {}: {}\n", input.file, path.display()),
        (None, changed) if changed.is_empty() => format!("  NOT FOUND {}\n", input.file),
        (None, changed) => format!("  NOT FOUND {}; of its name, but with another content: {changed}\n", input.file),
    }
}

fn compared(first: &Artifact, second: &Artifact) -> (Value, String, Status) {
    let changes = changes(first, second);
    let show = |value: &Value| if value.is_null() { "nothing".into() } else { value.to_string() };
    let line = |c: &Change| format!("{}: {} | {}\n", c.what, show(&c.first), show(&c.second));
    let same = changes.is_empty();
    let text = if same { "no difference".into() } else { changes.iter().map(line).collect() };
    (json!({ "changes": changes }), text, if same { Status::Done } else { Status::CriterionNotMet })
}
