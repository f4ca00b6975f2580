//! Files of data sets: names, checksums and downloads.

mod collection;
mod download;
mod event;
pub mod fetch;
pub(crate) mod known;
pub(crate) mod package;
mod zipped;

pub use collection::{Collection, DataFile, Origin, Source, ZippedFile};
pub use known::{COLLECTIONS, collection, collection_names};
