//! Tasks: the task section of a config.
//!
//! A task draws trials and says what counts as a correct answer ([`Task`]); it is one file in Starlark ([`Program`]), or a
//! file of trials that were drawn elsewhere ([`TrialsFile`]). A data
//! set has labelled examples ([`DataSet`]), one file per kind; [`DataSetConfig`] is the list of them.

pub mod artifact;
mod built_in;
mod config;
mod data_set;
mod data_sets;
mod digits;
mod event_camera;
pub mod program;
pub mod rule;
mod rule_rows;
mod sequential_mnist;
mod spiking_speech;
mod task;
mod trials;
pub mod trials_file;

pub use built_in::upgrade;
pub use config::{Subject, TaskConfig};
pub use data_set::{BatchInput, DataSet, Drive, Examples, Picture, Presentation, Signals, Size, Split};
pub use data_sets::DataSetConfig;
pub use digits::Digits;
pub use event_camera::EventCamera;
pub use program::{LONGEST_TASK, Program};
pub use rule::{Criterion, Demand, Evaluated, Extremes, Rule, RuleSet};
pub use sequential_mnist::SequentialMnist;
pub use spiking_speech::SpikingSpeech;
pub use task::{Task, TaskError};
pub use trials::{Trial, Trials};
pub use trials_file::TrialsFile;
