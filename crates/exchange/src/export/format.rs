//! Interface of an export format.

use crate::{Error, Result};
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

    /// Names of layouts other than the one that [`write`](Self::write) uses.
    fn layouts(&self) -> &'static [&'static str] {
        &[]
    }

    /// The same in one of the [`layouts`](Self::layouts).
    ///
    /// # Errors
    /// As [`write`](Self::write); a format with one layout only.
    fn write_as(&self, layout: &str, _: &Artifact, _: &Experiment, origin: &Path) -> Result<Vec<u8>> {
        let message = format!(".{} files have no layout `{layout}`; leave out --layout", self.ending());
        Err(Error::Unfit { path: origin.into(), message })
    }
}
