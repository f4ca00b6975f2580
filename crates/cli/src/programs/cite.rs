//! `cite`: the papers and software that artifacts rest on.

use crate::status::{Outcome, print_line};
use crate::{OrExit, Status, run_program};
use clap::{Parser, ValueEnum};
use mdl_artifact::Artifact;
use mdl_report::citation::{Reference, references};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Print the papers and software that artifacts rest on
///
/// Reads networks, trials, evaluations and recordings, and prints what to cite for them: the task or data set, the kind
/// of network, its neuron and surrogate, the training, the conversion to LIF, and this software, as their configs and the
/// stages that led to them tell. Of several artifacts, each reference is printed once. Reports have the same list.
///
/// Exit status: 0 printed, 1 failed, 2 usage, 3 damaged artifact.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  cite eval.safetensors > references.bib
  cite runs/*/eval.safetensors --format text
  cite lif.safetensors --json | jq -r '.references[].key'"
)]
struct Arguments {
    /// Artifacts
    #[arg(value_name = "ARTIFACT", required = true)]
    artifacts: Vec<PathBuf>,

    /// BibTeX, or a line per reference with what rests on it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Bibtex, conflicts_with = "json")]
    format: Format,

    /// Print one JSON line
    #[arg(long)]
    json: bool,
}

/// How references are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Bibtex,
    Text,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(true, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    crate::args::start_logging(false);
    let mut all: Vec<Reference> = Vec::new();
    for path in &arguments.artifacts {
        let artifact = Artifact::read_for_inspection(path).or_exit(Status::DamagedInput)?;
        for reference in references(&artifact) {
            merge(&mut all, reference);
        }
    }
    if arguments.json {
        return Ok(Outcome {
            status: Status::Done,
            result: Some(json!({ "references": all.iter().map(to_json).collect::<Vec<_>>() })),
        });
    }
    let text: Vec<String> = match arguments.format {
        Format::Bibtex => all.iter().map(|reference| format!("{}\n", reference.bibtex)).collect(),
        Format::Text => {
            all.iter().map(|reference| format!("{} [{}]", reference.text(), reference.reasons.join("; "))).collect()
        }
    };
    print_line(text.join("\n").trim_end())?;
    Ok(Outcome { status: Status::Done, result: None })
}

/// Adds a reference, or its reasons to the same one. Of this software, every version is kept.
fn merge(all: &mut Vec<Reference>, reference: Reference) {
    match all.iter_mut().find(|known| known.bibtex == reference.bibtex) {
        Some(known) => {
            let new =
                reference.reasons.into_iter().filter(|reason| !known.reasons.contains(reason)).collect::<Vec<_>>();
            known.reasons.extend(new);
        }
        None => {
            let twice = all.iter().filter(|known| known.key.split('.').next() == Some(&reference.key)).count();
            let key = if twice == 0 { reference.key.clone() } else { format!("{}.{}", reference.key, twice + 1) };
            let bibtex = reference.bibtex.replacen(&format!("{{{},", reference.key), &format!("{{{key},"), 1);
            all.push(Reference { key, bibtex, ..reference });
        }
    }
}

fn to_json(reference: &Reference) -> Value {
    json!({
        "key": reference.key,
        "text": reference.text(),
        "reasons": reference.reasons,
        "bibtex": reference.bibtex,
    })
}
