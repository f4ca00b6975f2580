//! Import and export of networks of other tools.
//!
//! A [`ForeignFile`] is recognised by its first bytes and read into [`Variables`], named arrays and text, by one of the
//! [`readers`] (MATLAB, PyTorch, NumPy, safetensors). The names of the arrays identify one of the [`layouts`] (the
//! published rate networks of Kim, Li & Sejnowski 2019, the mode networks of Lin & Huang 2023, PsychRNN, the names of
//! the tensors here); for other files, a [`mapping`] assigns arrays to tensors. Nothing is dropped silently: unused
//! arrays are listed, and those that change the [`dynamics`] are refused by name.
//!
//! [`export`] writes an artifact as a MATLAB or NumPy file, or as a NIR graph for simulators.
//!
//! ```
//! use mdl_artifact::{Artifact, Kind, Provenance};
//! use mdl_exchange::export::npz;
//!
//! let config = serde_json::json!({ "name": "example" });
//! let mut trials = Artifact::new(Kind::Trials, config.clone(), Provenance::new("example", None, 1));
//! trials.insert("target", &[3, 1], vec![0f32, 1.0, 1.0]);
//! let bytes = npz::write(&trials, &config)?; // np.load reads them
//! assert!(bytes.starts_with(b"PK"));
//! # Ok::<(), String>(())
//! ```
//!
//! Foreign files are not trusted: every size is checked before memory is allocated, and unpacked sizes are bounded.

pub mod dale;
pub mod dynamics;
pub mod error;
pub mod export;
pub mod foreign;
pub mod layouts;
pub mod mapping;
pub mod mat;
pub mod network;
pub mod options;
pub mod readers;
pub mod variables;

pub use error::{Error, Result};
pub use foreign::ForeignFile;
pub use mdl_artifact::arrays::{Content, Contents, Entry, Variable};
pub use network::Network;
pub use options::{ImportOptions, Reading};
pub use variables::Variables;
