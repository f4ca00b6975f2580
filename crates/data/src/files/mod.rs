//! The files of data sets: names, checksums, and how they are put in place.

mod collection;
mod download;
pub mod fetch;
pub(crate) mod known;
pub(crate) mod package;

pub use collection::{Collection, DataFile, Origin, Source};
pub use known::{COLLECTIONS, collection, collection_names};
