//! Trials in a file: arrays of inputs and targets or labels, in a NumPy or safetensors file, in place of a task that draws them.
//!
//! Three parts of the trials have different uses, and no trial is in two of them: networks are trained on the training part;
//! evaluations during training, and the search for the scaling factor, use the validation part; trained networks are evaluated
//! on the test part.

mod arrays;
mod axes;
mod config;
mod error;
mod judge;
mod loaded;
mod read;
mod task;

pub use config::{
    ArrayNames, ClassSource, LargestRule, NearRule, Part, PartContents, RuleConfig, SplitConfig, TrialsConfig,
    TrialsContents,
};
pub use error::TrialsError;
pub use task::TrialsFile;
