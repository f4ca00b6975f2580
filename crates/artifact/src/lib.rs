//! Files that pass between stages: the artifact format, atomic writes, locks, checkpoints.
//!
//! An artifact is a safetensors file whose `__metadata__` contains
//!
//! | key | value |
//! |---|---|
//! | `format` | `mdl-rnn` |
//! | `version` | version of the format, currently `1` |
//! | `kind` | [`Kind`]: `rate`, `spiking`, `lif`, `trials`, `evaluation`, `activity`, `checkpoint` |
//! | `config` | the whole resolved config, as JSON |
//! | `provenance` | [`Provenance`], as JSON |
//! | `checksum` | SHA-256 of the file, with these 64 digits set to zero; may be absent |
//!
//! The same content gives the same bytes: the header is sorted and has no date or path.
//!
//! Files are not trusted: see [`Artifact::read_any`].
//!
//! ```
//! use mdl_artifact::{Artifact, Kind, Provenance};
//!
//! let config = serde_json::json!({ "name": "example" });
//! let mut artifact = Artifact::new(Kind::Trials, config, Provenance::new("example", None, 1));
//! artifact.insert("target", &[3, 1], vec![0f32, 1.0, 1.0]);
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("trials.safetensors");
//! artifact.write(&path, false)?;
//! let read = Artifact::read(&path, Kind::Trials)?;
//! assert_eq!(read.values::<f32>("target", &[3, 1])?, [0.0, 1.0, 1.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod arrays;
pub mod checkpoint;
mod difference;
mod file;
mod file_type;
pub mod json;
pub mod lock;
pub mod memory;
pub mod output;
pub mod plan;
mod provenance;
mod stream;
pub mod transient;
mod values;

pub use difference::{Difference, differences};
pub use file::{Artifact, ArtifactError, FORMAT, Kind, VERSION};
pub use file_type::{FileType, Purpose};
pub use provenance::{Input, Provenance};
pub use stream::{ArtifactStream, Outline};
pub use values::{Array, Element, Values};
