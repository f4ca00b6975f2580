//! One table of many networks, a row per network, read from the files of their runs.
//!
//! A [`Run`] is the directory of one network, with `rate.safetensors` or `spiking.safetensors`, `lif.safetensors` and
//! `eval.safetensors`, or a single artifact. Its row is read from the newest artifact of the chain, which contains the
//! results of the stages before it, after checking that it was made from the files beside it. A stage without an artifact
//! leaves its cells empty. Runs that failed or are incomplete are rows, too; [`State`] and the column `problem` describe
//! them.
//!
//! Artifacts contain no times, because the same seed gives the same bytes. Seconds, and the reason of a failure, are in
//! the [records](record) that the workflow keeps beside the artifacts.
//!
//! A [`Table`] has the [`COLUMNS`] that all tables share and the config fields in which its runs differ.

mod error;
mod fields;
pub mod index;
mod measures;
pub mod record;
mod run;
mod table;

pub use error::GatherError;
pub use run::{Run, State};
pub use table::{COLUMNS, Select, Table};
