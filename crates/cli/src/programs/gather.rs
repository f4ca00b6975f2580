//! `gather`: one table of many networks, and figures of its columns.

use crate::options::TalkOptions;
use crate::outputs::claim;
use crate::status::{Outcome, usage, with_status};
use crate::{OrExit, Status, run_program, signal};
use anyhow::anyhow;
use clap::Parser;
use mdl_artifact::output::write_atomically;
use mdl_artifact::plan::Plan;
use mdl_report::figures::networks::Criterion;
use mdl_report::gather::{Run, Select, State, Table};
use mdl_report::{Figure, FileFormat, Look};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

/// Make one table of many networks, a row per network, and figures of its columns
///
/// Reads the directories of runs, as make and the workflow lay them out (rate.safetensors or spiking.safetensors,
/// lif.safetensors, eval.safetensors), or artifacts. Columns are the config fields in which the runs differ, and the
/// results of training, search and evaluation. A stage that is missing leaves its cells empty; runs that are incomplete,
/// failed or damaged are rows, too: see the columns state and problem. With --figure, draws any column against any other:
/// a dot per network, mean ± SD over networks, and the number of networks that meet a criterion with its Wilson interval.
/// Prints the result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 written, 1 failed, 2 usage, 3 damaged artifact or one of another kind, 75 interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  gather artifacts/go-nogo/* -o go-nogo.csv
  gather artifacts/*/*/eval.safetensors -o all.csv
  gather runs/*/* -o table.csv --figure performance.svg,performance.png --y performance --x network.neurons
  gather runs/*/* -o table.csv --figure both.svg --y performance,output_error --x name --by training.batch_size
  gather runs/*/* -o table.csv --figure error.svg --y output_error --x name --at-most 0.06"
)]
struct Arguments {
    /// Directories of runs, or artifacts
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// CSV file to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Draw a figure into these files, which end in .svg, .pdf or .png
    #[arg(long, value_name = "FILES", value_delimiter = ',', requires_all = ["y", "x"])]
    figure: Vec<PathBuf>,

    /// Columns on the vertical axes of the figure, a panel each
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', requires = "figure")]
    y: Vec<String>,

    /// Column on its horizontal axis
    #[arg(long, value_name = "COLUMN", requires = "figure")]
    x: Option<String>,

    /// Draw each value of this column in a colour of its own
    #[arg(long, value_name = "COLUMN", requires = "figure")]
    by: Option<String>,

    /// Count networks whose value is at least this (default for performances: search.performance_at_least)
    #[arg(long, value_name = "NUMBER", requires = "figure", conflicts_with = "at_most", allow_negative_numbers = true,
        value_parser = finite)]
    at_least: Option<f64>,

    /// Count networks whose value is at most this
    #[arg(long, value_name = "NUMBER", requires = "figure", allow_negative_numbers = true, value_parser = finite)]
    at_most: Option<f64>,

    /// Lay the figure out for this width in mm, as in a journal: 89 for one column, 183 for two
    #[arg(long, value_name = "MM", requires = "figure", value_parser = Look::from_str)]
    width: Option<Look>,

    /// Overwrite the table and the figure if they exist
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    talk: TalkOptions,
}

fn finite(text: &str) -> Result<f64, String> {
    let number = crate::args::number(text)?;
    if number.is_finite() { Ok(number) } else { Err("expected a finite number".into()) }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = crate::parse::<Arguments>();
    run_program(arguments.talk.json, || run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    crate::args::start_logging(arguments.talk.quiet);
    signal::listen()?;
    let output = output(arguments)?;
    let formats = formats(&arguments.figure)?;
    let stop = signal::hold();
    let mut runs = Vec::new();
    for path in &arguments.runs {
        if stop.is_set() {
            return Err(anyhow!("interrupted; nothing was written: run it again")).or_exit(Status::Interrupted);
        }
        runs.push(with_status(Run::read(path))?);
    }
    let table = with_status(Table::new(&runs))?;
    let figure = figure(arguments, &table)?;
    let mut plan = Plan::default();
    runs.iter().flat_map(Run::files).for_each(|file| plan.read("a run", file));
    plan.write("the table (-o)", output, arguments.force);
    arguments.figure.iter().for_each(|path| plan.write("the figure (--figure)", path, arguments.force));
    let _claims = claim(plan)?;
    write_atomically(output, &with_status(table.csv())?, arguments.force)?;
    if let Some(figure) = figure {
        for (path, format) in arguments.figure.iter().zip(formats) {
            format.write(&figure, path, arguments.force)?;
        }
    }
    Ok(Outcome::done(result(arguments, output, &runs)))
}

/// File of the table.
fn output(arguments: &Arguments) -> anyhow::Result<&Path> {
    let Some(output) = &arguments.output else {
        return Err(usage("no output: name the file to write with -o FILE"));
    };
    if output.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("csv")) {
        let text = format!("-o {}: expected a name that ends in .csv, the only format of tables", output.display());
        return Err(usage(text));
    }
    Ok(output)
}

fn formats(paths: &[PathBuf]) -> anyhow::Result<Vec<FileFormat>> {
    let format = |path: &PathBuf| {
        let text = || format!("--figure {}: expected a name that ends in {}", path.display(), FileFormat::ENDINGS);
        FileFormat::of(path).ok_or_else(|| usage(text()))
    };
    paths.iter().map(format).collect()
}

/// The figure, if requested.
fn figure(arguments: &Arguments, table: &Table) -> anyhow::Result<Option<Figure>> {
    let Some(x) = arguments.x.as_deref().filter(|_| !arguments.figure.is_empty()) else { return Ok(None) };
    let at_most = arguments.at_most.map(Criterion::AtMost);
    let criterion = arguments.at_least.map(Criterion::AtLeast).or(at_most);
    let select = Select {
        y: &arguments.y,
        x,
        by: arguments.by.as_deref(),
        criterion,
        look: arguments.width.unwrap_or_default(),
    };
    with_status(table.figure(&select)).map(Some)
}

/// The result to print, with the number of runs in each state. A warning names those that are not complete.
fn result(arguments: &Arguments, output: &Path, runs: &[Run]) -> Value {
    let mut result = json!({ "output": output, "rows": runs.len() });
    for state in State::ALL {
        result[state.name()] = json!(runs.iter().filter(|run| run.state() == state).count());
    }
    if !arguments.figure.is_empty() {
        result["figures"] = json!(arguments.figure);
    }
    let open: Vec<&Run> = runs.iter().filter(|run| run.state() != State::Complete).collect();
    if let Some(first) = open.first() {
        let (count, all, state) = (open.len(), runs.len(), first.state().name());
        let first = first.path().display();
        tracing::warn!(
            "{count} of {all} runs are not complete, the first is {first} ({state}); see the column problem"
        );
    }
    result
}
