//! Collections of files that can be downloaded by name.

use super::collection::{Collection, DataFile, Source};
use crate::digits::{FASHION_MNIST, MNIST};
use crate::error::DataError;
use crate::events::heidelberg::{SHD, SSC};
use crate::field::InvalidField;
use mdl_artifact::output::sha256;
use std::path::Path;

/// Every collection.
pub static COLLECTIONS: [&Collection; 4] = [&MNIST, &FASHION_MNIST, &SHD, &SSC];

/// Names of the collections, for messages.
pub fn collection_names() -> String {
    let [others @ .., last] = COLLECTIONS.map(|collection| collection.name);
    format!("{} or {last}", others.join(", "))
}

/// Collection of this name.
///
/// # Errors
/// [`InvalidField`] for any other name.
pub fn collection(name: &str) -> Result<&'static Collection, InvalidField> {
    let found = COLLECTIONS.into_iter().find(|collection| collection.name == name);
    found.ok_or_else(|| InvalidField { field: "dataset".into(), found: name.into(), expected: collection_names() })
}

/// Name of the collection that has a file with this checksum.
fn owner(sha256: &str) -> Option<&'static str> {
    let owns = |collection: &&Collection| collection.files.iter().any(|file| file.sha256 == sha256);
    COLLECTIONS.into_iter().find(owns).map(|collection| collection.name)
}

/// Reads the file at `path` and, if requested, checks that it belongs to the data set. Returns its uncompressed
/// content.
pub(crate) fn read(file: &DataFile, path: &Path, verify: bool) -> Result<(Vec<u8>, Source), DataError> {
    let bytes = (file.read)(path)?;
    let found = sha256(&bytes);
    if verify && found != file.sha256 {
        let other = owner(&found);
        return Err(DataError::Checksum { path: path.into(), found, expected: file.sha256.into(), other });
    }
    Ok((bytes, Source { path: path.into(), sha256: found }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_one_owner() {
        for collection in COLLECTIONS {
            assert!(collection.files.iter().all(|file| owner(file.sha256) == Some(collection.name)));
        }
        assert_eq!(owner("0"), None);
    }
}
