//! Readers of files of other tools.

use mdl_exchange::readers::READERS;

/// A file, read as every format in turn.
pub fn read(data: &[u8]) {
    for reader in READERS {
        let _ = reader.matches(data);
        let _ = reader.read(data, &|_| true);
    }
}
