//! Digits: MNIST, Fashion-MNIST, and any data set in their format.
//!
//! [`DigitsConfig`] names a data set and loads it, [`fetch::fetch`] puts its files in place. Images are 28 × 28 bytes,
//! labels 0 … 9.

mod augment;
mod dataset;
mod download;
mod error;
pub mod fetch;
pub mod idx;
mod package;

pub use augment::Augmentation;
pub use dataset::{DataFile, Dataset, Digits, DigitsConfig, Part, Source, Split};
pub use error::DigitsError;
