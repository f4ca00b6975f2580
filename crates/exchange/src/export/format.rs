//! Interface of an export format.

use crate::Result;
use mdl_artifact::Artifact;
use mdl_experiment::Experiment;
use std::path::Path;

/// A file format of another tool.
pub trait Format: Sync {
    /// File extension, without the dot.
    fn ending(&self) -> &'static str;

    /// An artifact as the bytes of a file; `origin` is the file of the artifact, for messages.
    ///
    /// # Errors
    /// A missing or mismatched tensor; an artifact that the format cannot represent.
    fn write(&self, artifact: &Artifact, experiment: &Experiment, origin: &Path) -> Result<Vec<u8>>;
}
