//! Networks of other tools.
//!
//! A foreign file is read into [`Variables`], named arrays and text, by the reader of its format: [`mat`] (MATLAB), [`torch`]
//! (PyTorch), [`numpy`], [`tensors`] (safetensors). What the names mean is then the business of [`published`], rate and LIF networks in the layout of Kim, Li &
//! Sejnowski (2019), or of a [`mapping`], which knows the layout of Lin & Huang (2023) by itself.
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
pub mod error;
pub mod export;
pub mod mapping;
pub mod mat;
pub mod numbers;
pub mod numpy;
pub mod published;
pub mod tensors;
pub mod torch;
pub mod variables;
pub mod wishes;

pub use error::{Error, Result};
pub use variables::{Content, Variable, Variables};
pub use wishes::Wishes;
