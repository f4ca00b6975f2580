//! Arguments with the same meaning in every program.

use crate::options::TalkOptions;
use crate::status::{OrExit, Status};
use anyhow::{Context, bail};
use clap::Args;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Arguments of every program.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Seed of every random number (default: the config's)
    #[arg(long, value_name = "N", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,

    /// Threads to use, at most 1024; results do not depend on it (default: all cores)
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,

    /// Override one config field, as in --set training.learning_rate=0.005; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Print the config that would run, and stop
    #[arg(long)]
    pub print_config: bool,

    /// Overwrite the output if it exists
    #[arg(long)]
    pub force: bool,

    /// Options for messages and output.
    #[command(flatten)]
    pub talk: TalkOptions,
}

/// Maximum number of threads, above the number of useful cores of any machine.
const MOST_THREADS: usize = 1024;

fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST_THREADS).contains(number));
    number.ok_or_else(|| format!("expected a whole number from 1 to {MOST_THREADS}"))
}

/// Number of threads from `RAYON_NUM_THREADS`, or else the number of cores.
fn default_threads() -> usize {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| threads(&text).ok());
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS));
    asked.unwrap_or_else(cores)
}

/// Parses a number.
///
/// # Errors
/// Any other text.
pub fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| "expected a number".to_owned())
}

/// Parses an integer from `least` to `most`.
///
/// # Errors
/// Any other text.
pub fn whole(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

impl Common {
    /// Starts logging, signal handling and the thread pool. Call once, before anything else.
    ///
    /// # Errors
    /// A thread count of 0 (status 2).
    pub fn start(&self) -> anyhow::Result<()> {
        start_logging(self.talk.quiet);
        // A write beyond the file size limit becomes an error instead of ending the process.
        #[cfg(unix)]
        // SAFETY: ignoring a signal runs no code of this program.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN)
        };
        let threads = self.threads.unwrap_or_else(default_threads);
        // SAFETY: no thread of this program reads it yet. The matrix products read this variable; without it they read
        // /proc/cpuinfo at every product, which takes a tenth of the time of training a small network.
        unsafe { std::env::set_var("RAYON_NUM_THREADS", threads.to_string()) };
        crate::signal::listen()?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build_global().with_context(|| format!("{threads} threads cannot be started; --threads takes fewer"))
    }

    /// Output file, which is required.
    ///
    /// # Errors
    /// No `-o` (status 2).
    pub fn output(&self) -> anyhow::Result<&Path> {
        let Some(path) = &self.output else {
            return bail_usage("no output: name the file to write with -o FILE");
        };
        Ok(path)
    }
}

/// Starts logging on stderr: warnings, only errors if `quiet`, or the level in the environment variable `RUST_LOG`.
pub fn start_logging(quiet: bool) {
    let level = if quiet { "error" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into());
    // A second start in the same process (a test) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        // A warning that can no longer be written must not end a run.
        .log_internal_errors(false)
        .try_init();
}

fn bail_usage<T>(message: &str) -> anyhow::Result<T> {
    let refused = || -> anyhow::Result<T> { bail!("{message}") };
    refused().or_exit(Status::Usage)
}
