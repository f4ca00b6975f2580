//! Files that pass between stages: the artifact format, whole writes, locks, checkpoints.
//!
//! An artifact is a safetensors file whose `__metadata__` holds
//!
//! | key | value |
//! |---|---|
//! | `format` | `mdl-rnn` |
//! | `version` | version of the format, now `1` |
//! | `kind` | [`Kind`]: `rate`, `spiking`, `lif`, `trials`, `evaluation`, `checkpoint` |
//! | `config` | the whole resolved config, as JSON |
//! | `provenance` | [`Provenance`], as JSON |
//! | `checksum` | SHA-256 of the file, these 64 digits taken as zeros; may be absent |
//!
//! The same content gives the same bytes: the header is sorted, and holds no date and no path.
//!
//! Nothing in a file is believed: see [`Artifact::read_any`].

pub mod checkpoint;
mod difference;
mod file;
pub mod lock;
pub mod output;
pub mod plan;
mod provenance;
pub mod transient;
mod values;

pub use difference::{Difference, differences};
pub use file::{Artifact, ArtifactError, FORMAT, Kind, VERSION};
pub use provenance::{Input, Provenance};
pub use values::{Array, Element, Values};
