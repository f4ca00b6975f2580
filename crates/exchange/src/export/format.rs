//! A format that artifacts are written in.

use crate::Result;
use mdl_artifact::Artifact;
use mdl_experiment::Experiment;
use std::path::Path;

/// A file format of another tool.
pub trait Format: Sync {
    /// Ending of the names of its files, without the dot.
    fn ending(&self) -> &'static str;

    /// An artifact as the bytes of a file; `origin` is the artifact's file, for messages.
    ///
    /// # Errors
    /// A tensor that is missing or does not fit; an artifact that has no place in the format.
    fn write(&self, artifact: &Artifact, experiment: &Experiment, origin: &Path) -> Result<Vec<u8>>;
}
