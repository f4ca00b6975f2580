//! `report`: draws the figures of an artifact and writes its report, without running a network.

use crate::options::TalkOptions;
use crate::outputs::{FIGURES, claim, output_paths};
use crate::status::{Outcome, print_result, usage};
use crate::{OrExit, Status, run_program, signal};
use anyhow::anyhow;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use mdl_artifact::output::write_atomically;
use mdl_artifact::plan::Plan;
use mdl_artifact::{Artifact, Kind};
use mdl_report::figures::{self, Drawn};
use mdl_report::{FigureFiles, from_artifact};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Draw the figures of artifacts and write their reports
///
/// Reads networks, trials, evaluations and recordings and simulates nothing: redraws what eval-lif and eval-spiking wrote, byte for byte.
/// Writes one HTML report per artifact, and its figures as SVG and PNG into the folder figures beside it. A figure
/// whose tensors an artifact of an earlier version lacks is left out with a warning. Prints the result as JSON, on a
/// terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage, 3 damaged artifact, one of another kind, or one without a figure, 75
/// interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  report eval.safetensors -o report.html
  report rate.safetensors -o rate.html
  report trials.safetensors -o task.html
  report eval.safetensors --figures raster,membrane -o spikes.html
  report runs/*/eval.safetensors -o reports      (reports/1/eval.html, reports/2/eval.html, …)"
)]
struct Arguments {
    /// Rate, spiking, LIF, trials, evaluation or activity artifacts; with several, OUTPUT is a directory that keeps what differs in their paths
    #[arg(value_name = "ARTIFACT", required = true)]
    artifacts: Vec<PathBuf>,

    /// HTML file to write
    #[arg(short, long, visible_alias = "report", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Draw only these figures (default: all that the artifact has)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(figures::names()))]
    figures: Vec<String>,

    /// Overwrite the report and its figures if they exist
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    talk: TalkOptions,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.talk.json, || run(&arguments))
}

/// An artifact and the files of its report.
struct Job {
    artifact: Artifact,
    output: PathBuf,
    files: FigureFiles,
    drawn: Drawn,
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    crate::args::start_logging(arguments.talk.quiet);
    signal::listen()?;
    if arguments.output.is_none() {
        check_artifacts(&arguments.artifacts)?;
    }
    let outputs = output_paths(arguments.output.as_deref(), &arguments.artifacts, |path| path.with_extension("html"))?;
    let job = |(path, output): (&PathBuf, PathBuf)| Job::new(arguments, path, output);
    let jobs = arguments.artifacts.iter().zip(outputs).map(job).collect::<anyhow::Result<Vec<_>>>()?;
    let mut plan = Plan::default();
    for job in &jobs {
        plan.read("the artifact", job.artifact.path());
        plan.write("the report (-o)", &job.output, arguments.force);
        plan.write_set(FIGURES, &job.files.name(), job.files.paths(), arguments.force);
    }
    let _claims = claim(plan)?;
    let stop = signal::hold();
    for (done, job) in jobs.iter().enumerate() {
        if stop.is_set() {
            let text =
                format!("interrupted; {done} of {} reports were written: run it again with the others", jobs.len());
            return Err(anyhow!(text)).or_exit(Status::Interrupted);
        }
        print_result(&job.write(arguments.force)?, arguments.talk.json)?;
    }
    Ok(Outcome::silent())
}

/// Refuses arguments that are no artifacts where no output is named: the page to write may be among them.
fn check_artifacts(arguments: &[PathBuf]) -> anyhow::Result<()> {
    let is_artifact = |path: &Path| path.is_file() && Artifact::read_config(path).is_ok();
    match arguments.iter().find(|path| !is_artifact(path)) {
        None => Ok(()),
        Some(other) => {
            let other = other.display();
            Err(usage(format!(
                "{other}: not an artifact of mdl-rnn; expected artifacts, and the page to write after -o: report ARTIFACT… -o {other}"
            )))
        }
    }
}

impl Job {
    /// Reads an artifact and draws its figures.
    fn new(arguments: &Arguments, path: &Path, output: PathBuf) -> anyhow::Result<Self> {
        let artifact = Artifact::read_any(path).or_exit(Status::DamagedInput)?;
        if artifact.kind == Kind::Checkpoint {
            let remedy = "let its run end (--resume) and give the output";
            let expected = "expected rate, spiking, lif, trials, evaluation or activity";
            return Err(anyhow!("{}: found {}, {expected}; {remedy}", path.display(), artifact.kind))
                .or_exit(Status::DamagedInput);
        }
        let all = figures::names();
        let wanted = |name: &&'static str| arguments.figures.is_empty() || arguments.figures.iter().any(|n| n == name);
        let names: Vec<&'static str> = all.into_iter().filter(wanted).collect();
        let drawn = figures::draw(&artifact, &names);
        if drawn.figures.is_empty() {
            return Err(nothing_drawn(&artifact, &drawn, &names));
        }
        let files = FigureFiles::of_report(&output, path, &names);
        Ok(Self { artifact, output, files, drawn })
    }

    /// Writes the figures and the report; returns the result to print.
    fn write(&self, force: bool) -> anyhow::Result<Value> {
        let path = self.artifact.path().display();
        let report = from_artifact::report(&self.artifact, &self.drawn).or_exit(Status::DamagedInput)?;
        self.drawn.failed.iter().for_each(|(name, error)| tracing::warn!("{path}: no figure {name}: {error}"));
        for (name, figure) in &self.drawn.figures {
            if let Some(problem) = self.files.write(name, figure, force).into_iter().next() {
                return Err(anyhow!(problem));
            }
        }
        let names: Vec<&str> = self.drawn.figures.iter().map(|(name, _)| *name).collect();
        if force {
            self.files.remove_others(&names);
        }
        write_atomically(&self.output, report.html().as_bytes(), force)?;
        let not_drawn = self.drawn.failed.iter().map(|(name, error)| ((*name).into(), json!(error.to_string())));
        Ok(json!({
            "output": self.output,
            "artifact": self.artifact.path(),
            "figures": names,
            "not_drawn": not_drawn.collect::<Map<String, Value>>(),
        }))
    }
}

/// Error of an artifact of which no figure can be drawn.
fn nothing_drawn(artifact: &Artifact, drawn: &Drawn, names: &[&str]) -> anyhow::Error {
    let path = artifact.path().display();
    if drawn.failed.is_empty() {
        let wanted = names.join(", ");
        return usage(format!(
            "{path}: found {}, which has no figure {wanted}; name others (--figures)",
            artifact.kind
        ));
    }
    let reasons: Vec<String> = drawn.failed.iter().map(|(name, error)| format!("{name} ({error})")).collect();
    let error = Err::<(), _>(anyhow!("{path}: no figure can be drawn: {}", reasons.join("; ")));
    error.or_exit(Status::DamagedInput).err().unwrap_or_else(|| anyhow!("{path}"))
}
