//! Reader of IDX files.

use mdl_data::digits::idx::{Content, read_stream};
use std::path::Path;

/// An IDX file, plain or gzip, of images or labels according to its first byte.
pub fn read(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let content = if first % 2 == 0 { Content::Images } else { Content::Labels };
    if let Ok(file) = read_stream(rest, rest.len(), Path::new("fuzz"), content) {
        assert_eq!(file.values().len(), file.count() * content.example_bytes());
    }
}
