//! Files of data sets: names, checksums and downloads.

mod collection;
mod download;
pub mod fetch;
pub(crate) mod known;
pub(crate) mod package;

pub use collection::{Collection, DataFile, Origin, Source};
pub use known::{COLLECTIONS, collection, collection_names};
