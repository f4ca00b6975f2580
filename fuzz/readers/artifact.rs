//! Reader of artifacts.

use mdl_artifact::Artifact;
use std::path::Path;

/// An artifact of any kind.
pub fn read(data: &[u8]) {
    let _ = Artifact::from_bytes(data, Path::new("fuzz"));
}
