//! `inspect`: says what an artifact is, where it comes from, and in what two of them differ.

use crate::status::{Outcome, print_line};
use crate::{OrExit, Status, run_program};
use anyhow::Context;
use clap::Parser;
use mdl_artifact::Artifact;
use mdl_report::inspect::{Change, Verified, changes, summaries, to_json, to_text, verify};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Say what an artifact is and where it comes from
///
/// Reads an artifact of any kind, checkpoints too, and prints its provenance with the SHA-256 of every input, its tensors
/// with shape, range and finiteness, and its config. Exit status: 0 fine, 1 failed, 2 usage, 3 damaged artifact or one with
/// numbers that are not finite, 4 an input was not found as it was (--verify), or the two differ (--diff).
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  inspect lif.safetensors
  inspect lif.safetensors --json | jq .provenance
  inspect eval.safetensors --verify runs/
  inspect --diff runs/1/rate.safetensors runs/2/rate.safetensors"
)]
struct Arguments {
    /// Artifact
    #[arg(value_name = "ARTIFACT", required_unless_present = "diff")]
    artifact: Option<PathBuf>,

    /// Look below this directory for every input of the artifact and of those it was made from, with the same content
    #[arg(long, value_name = "DIR")]
    verify: Option<PathBuf>,

    /// Say in what two artifacts differ, field by field
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
        (None, Some(path)) => inspected(&read(path)?, arguments.verify.as_deref())?,
        (None, None) => (Value::Null, String::new(), Status::Usage),
    };
    if !arguments.json {
        print_line(text.trim_end())?;
    }
    Ok(Outcome { status, result: arguments.json.then_some(json) })
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
