//! What every program of the pipeline shares: arguments, config loading, progress, exit codes.
//!
//! A program is a thin `main`: [`run_program`] around a function that reads its inputs, calls a library, writes one output
//! through [`output`] and returns the JSON object to print.

pub mod args;
pub mod config;
pub mod lock;
pub mod memory;
pub mod output;
pub mod parse;
pub mod progress;
pub mod signal;
pub mod status;

pub use args::Common;
pub use parse::parse;
pub use status::{OrExit, Status, run_program};
