//! Networks of other tools.
//!
//! A [`ForeignFile`] is recognised by its first bytes and read into [`Variables`], named arrays and text, by the reader of its
//! format: [`mat`] (MATLAB), [`torch`] (PyTorch), [`numpy`], [`tensors`] (safetensors). The names tell the [`network`]'s
//! layout: [`published`], rate and LIF networks of Kim, Li & Sejnowski (2019); [`mode_network`], networks of Lin & Huang
//! (2023); [`psychrnn`]; or else a [`mapping`] says which array is which tensor. Nothing is dropped without a word: what was
//! not used is listed, and what changes the [`dynamics`] is refused by name.
//!
//! The way out is [`export`]: an artifact becomes a file of MATLAB, of NumPy, or a NIR graph for simulators.
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
//! Nothing in a foreign file is trusted: every size is checked before memory is taken for it, and what unpacks is bounded.

pub mod archive;
pub mod dale;
pub mod dynamics;
pub mod error;
pub mod export;
pub mod foreign;
pub mod mapping;
pub mod mat;
pub mod mode_network;
pub mod network;
pub mod numbers;
pub mod numpy;
pub mod options;
pub mod psychrnn;
pub mod published;
pub mod tensors;
pub mod torch;
pub mod variables;

pub use error::{Error, Result};
pub use foreign::ForeignFile;
pub use network::Network;
pub use options::{ImportOptions, Reading};
pub use variables::{Content, Contents, Entry, Variable, Variables};
