//! Every seed of the fuzz targets, and every input that once broke a reader: no panic, and little memory.

mod allocation;

use allocation::peak;
use mdl_exchange::readers::READERS;
use mdl_exchange::readers::torch::pickle;
use std::path::{Path, PathBuf};

#[path = "../../../fuzz/readers/foreign.rs"]
mod foreign;

/// What the answer to a file of a few kilobytes may take.
const LITTLE: usize = 16 << 20;

/// The seeds of a target.
fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

fn replay(target: &str, read: impl Fn(&[u8])) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "no seeds of {target}");
    for (file, bytes) in seeds {
        let ((), held) = peak(|| read(&bytes));
        assert!(held < LITTLE, "{}: {held} bytes", file.display());
    }
}

#[test]
fn files_of_other_tools() {
    replay("foreign", foreign::read);
}

#[test]
fn every_reader_has_a_seed_that_it_reads_and_that_no_other_one_claims() {
    for reader in READERS {
        let own: Vec<_> = seeds("foreign").into_iter().filter(|(_, bytes)| reader.matches(bytes)).collect();
        assert!(!own.is_empty(), "no seed of {} in fuzz/corpus/foreign", reader.name());
        let read = |bytes: &[u8]| reader.read(bytes, &|_| true).is_ok_and(|contents| !contents.by_name.is_empty());
        assert!(own.iter().any(|(_, bytes)| read(bytes)), "no sound seed of {}", reader.name());
        for (file, bytes) in own {
            assert_eq!(READERS.iter().filter(|reader| reader.matches(&bytes)).count(), 1, "{}", file.display());
        }
    }
}

#[test]
fn pickles() {
    replay("pickle", |bytes| drop(pickle::read(bytes)));
}
