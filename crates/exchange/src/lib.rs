//! Networks of other tools.
//!
//! A foreign file is read into [`Variables`], named arrays and text, by the reader of its format: [`mat`] (MATLAB), [`torch`]
//! (PyTorch), [`numpy`], [`tensors`] (safetensors). What the names mean is then the business of [`published`], rate and LIF networks in the layout of Kim, Li &
//! Sejnowski (2019), or of a [`mapping`], which knows the layout of Lin & Huang (2023) by itself.
//!
//! The way out is [`export`]: an artifact becomes a file of MATLAB, of NumPy, or a NIR graph for simulators.
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
