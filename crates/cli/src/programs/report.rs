//! `report`: draws the figures of an artifact and writes its report, without running a network.

use crate::options::TalkOptions;
use crate::outputs::{FIGURES, claim, output_paths};
use crate::status::{Outcome, print_result, usage, with_status};
use crate::{OrExit, Status, run_program, signal};
use anyhow::anyhow;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use mdl_artifact::output::write_atomically;
use mdl_artifact::plan::Plan;
use mdl_artifact::{Artifact, Kind};
use mdl_report::figures::{self, Drawn};
use mdl_report::gather::{Run, index};
use mdl_report::{DPI, FigureFiles, Look, from_artifact};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

/// Draw the figures of artifacts and write their reports
///
/// Reads networks, trials, evaluations and recordings and simulates nothing: redraws what eval-lif and eval-spiking wrote, byte for byte.
/// Writes one HTML report per artifact, and its figures as SVG, PDF and PNG into the folder figures beside it. With
/// --width, figures are laid out for a column of a journal: without titles, with letters beside panels. A figure whose
/// tensors an artifact of an earlier version lacks is left out with a warning. Prints the result as JSON, on a terminal
/// as a sentence.
///
/// With --index, writes one page over the runs in a folder and below, a row per network as in gather, with links to the
/// reports that are there; it can be sorted and filtered, and needs no network.
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
  report eval.safetensors --width 183 --dpi 600 -o paper/figures.html
  report --index runs                            (runs/index.html)
  report runs/*/eval.safetensors -o reports      (reports/1/eval.html, reports/2/eval.html, …)"
)]
struct Arguments {
    /// Rate, spiking, LIF, trials, evaluation, activity or analysis artifacts; with several, OUTPUT is a directory that keeps what differs in their paths
    #[arg(value_name = "ARTIFACT", required_unless_present = "index")]
    artifacts: Vec<PathBuf>,

    /// Write a page over the runs in this folder, by default into its index.html
    #[arg(long, value_name = "DIR", conflicts_with_all = ["artifacts", "figures", "width", "dpi"])]
    index: Option<PathBuf>,

    /// HTML file to write
    #[arg(short, long, visible_alias = "report", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Draw only these figures (default: all that the artifact has)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(figures::names()))]
    figures: Vec<String>,

    /// Lay figures out for this width in mm, as in a journal: 89 for one column, 183 for two
    #[arg(long, value_name = "MM", value_parser = Look::from_str)]
    width: Option<Look>,

    /// Resolution of PNG files in pixels per inch
    #[arg(long, value_name = "DPI", default_value_t = DPI, value_parser = clap::value_parser!(u32).range(36..=1200))]
    dpi: u32,

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
    if let Some(root) = &arguments.index {
        return write_index(root, arguments);
    }
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

/// Writes the page over the runs in a folder.
fn write_index(root: &Path, arguments: &Arguments) -> anyhow::Result<Outcome> {
    if !root.is_dir() {
        return Err(usage(format!("--index {}: expected a folder of runs", root.display())));
    }
    let output = arguments.output.clone().unwrap_or_else(|| root.join("index.html"));
    let unreadable = |error: std::io::Error| anyhow!("{}: {error}", root.display());
    let found = index::find_runs(root).map_err(unreadable)?;
    if found.is_empty() {
        return Err(usage(format!(
            "--index {}: no run in it; expected folders with rate.safetensors, spiking.safetensors, lif.safetensors or \
             eval.safetensors",
            root.display()
        )));
    }
    let mut plan = Plan::default();
    plan.write("the index (-o)", &output, arguments.force);
    let stop = signal::hold();
    let mut runs = Vec::new();
    for path in &found {
        if stop.is_set() {
            return Err(anyhow!("interrupted; nothing was written: run it again")).or_exit(Status::Interrupted);
        }
        runs.push(with_status(Run::read(path))?);
    }
    runs.iter().flat_map(Run::files).for_each(|file| plan.read("a run", file));
    let _claims = claim(plan)?;
    let folder = output.parent().unwrap_or(Path::new(""));
    write_atomically(&output, index::page(root, folder, &runs).as_bytes(), arguments.force)?;
    Ok(Outcome::done(json!({ "output": output, "networks": runs.len() })))
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
            let expected = "expected rate, spiking, lif, trials, evaluation, activity or analysis";
            return Err(anyhow!("{}: found {}, {expected}; {remedy}", path.display(), artifact.kind))
                .or_exit(Status::DamagedInput);
        }
        let all = figures::names();
        let wanted = |name: &&'static str| arguments.figures.is_empty() || arguments.figures.iter().any(|n| n == name);
        let names: Vec<&'static str> = all.into_iter().filter(wanted).collect();
        let drawn = figures::draw_as(&artifact, &names, arguments.width.unwrap_or_default());
        if drawn.figures.is_empty() {
            return Err(nothing_drawn(&artifact, &drawn, &names));
        }
        let files = FigureFiles::of_report(&output, path, &names).of_dpi(arguments.dpi);
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
