//! Tasks: the task section of a config.
//!
//! One file per kind. A cognitive task draws trials and evaluates answers ([`Task`]); a data set has labelled examples
//! ([`DataSet`]). The list below generates [`TaskConfig`].

pub mod artifact;
mod config;
mod data_set;
mod digits;
mod go_nogo;
mod list;
mod mante;
mod sequential_mnist;
mod task;
mod trials;
mod xor;

pub use data_set::{BatchInput, DataSet, Drive, Examples, Picture, Presentation, Signals, Size, Split};
pub use task::{Extremes, Judged, Response, Task};
pub use trials::{Trials, judge};

list::task_kinds! {
    /// Go-NoGo: respond to a pulse, do not respond without one.
    "go-nogo" => Trials(go_nogo::GoNoGo),
    /// Temporal exclusive-or of two pulses.
    "xor" => Trials(xor::Xor),
    /// Context-dependent integration of one of two noisy channels (Mante et al. 2013).
    "mante" => Trials(mante::Mante),
    /// Handwritten digits, or another data set of images in their format.
    "digits" => Examples(digits::Digits),
    /// Digits pixel by pixel (S-MNIST), in reading order or permuted (PS-MNIST).
    "sequential-mnist" => Examples(sequential_mnist::SequentialMnist),
}
