//! Every seed of the fuzz targets, and every input that once broke a reader: no panic, and little memory.

mod allocation;

use allocation::peak;
use mdl_exchange::{mat, numpy, torch};
use std::path::Path;

/// What the answer to a file of a few kilobytes may take.
const LITTLE: usize = 16 << 20;

fn replay(target: &str, read: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "no seeds in {}", folder.display());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let ((), held) = peak(|| read(&bytes));
        assert!(held < LITTLE, "{}: {held} bytes", file.display());
    }
}

#[test]
fn matlab_files() {
    replay("mat", |bytes| drop(mat::read(bytes, |_| true)));
}

#[test]
fn pytorch_files() {
    replay("torch", |bytes| drop(torch::read(bytes, |_| true)));
}

#[test]
fn pickles() {
    replay("pickle", |bytes| drop(torch::pickle::read(bytes)));
}

#[test]
fn numpy_files() {
    replay("npz", |bytes| drop(numpy::read(bytes, |_| true)));
}
