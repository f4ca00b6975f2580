//! HDF5 files and MATLAB files of version 7.3: arrays, text, and files that are damaged.

mod allocation;
mod import;

use allocation::peak;
use import::{import, mapping, options};
use mdl_exchange::ForeignFile;
use mdl_exchange::readers::READERS;
use serde_json::json;
use std::path::Path;

const PLAIN: &[u8] = include_bytes!("fixtures/plain.mat");
const MATLAB73: &[u8] = include_bytes!("fixtures/matlab73.mat");
const SNNTORCH: &[u8] = include_bytes!("fixtures/snntorch.nir");

#[test]
fn matlab_7_3_gives_the_network_that_version_5_gives() {
    let expected = import(PLAIN, None, options()).unwrap();
    let found = import(MATLAB73, None, options()).unwrap();
    assert_eq!(found.artifact.tensors, expected.artifact.tensors);
    assert_eq!(found.artifact.config, expected.artifact.config);
    assert_eq!(found.unused(), ["settings.rate", "settings.words", "N", "exc"]);
}

#[test]
fn arrays_are_listed_by_path_with_their_types() {
    let file = ForeignFile::open(SNNTORCH, Path::new("a")).unwrap();
    let entry = |name: &str| file.entries().iter().find(|entry| entry.name == name).unwrap();
    let weight = entry("node/nodes/0/weight");
    assert_eq!((&weight.shape[..], weight.kind.as_str()), (&[5, 2][..], "float32"));
    assert_eq!(entry("node/edges").shape, [6, 2]);
    let matlab = ForeignFile::open(MATLAB73, Path::new("a")).unwrap();
    let w_in = matlab.entries().iter().find(|entry| entry.name == "w_in").unwrap();
    assert_eq!((&w_in.shape[..], w_in.kind.as_str()), (&[6, 1][..], "single"));
    assert!(matlab.entries().iter().all(|entry| !entry.name.starts_with('#')), "cells are not read");
}

#[test]
fn other_hdf5_files_are_read_by_a_mapping() {
    let mut file = hdf5_pure::FileBuilder::new();
    let mut group = file.create_group("rnn");
    for (name, shape) in [("in", [3, 1]), ("hidden", [3, 3]), ("out", [1, 3])] {
        let values: Vec<f64> = (0..shape[0] * shape[1]).map(|x| x as f64 / 10.0).collect();
        group.create_dataset(name).with_f64_data(&values).with_shape(&shape);
    }
    file.add_group(group.finish());
    let bytes = file.finish().unwrap();
    let network = json!({ "kind": "rate", "time_constants": { "kind": "fixed", "ms": 20 } });
    let tensors = json!({ "w_in": "rnn/in", "w_rec": "rnn/hidden", "w_out": "rnn/out" });
    let mapping = mapping(json!({ "tensors": tensors, "config": { "network": network } })).unwrap();
    let found = import(&bytes, Some(mapping), options()).unwrap();
    assert_eq!(found.artifact.values::<f32>("w_rec", &[3, 3]).unwrap()[5], 0.5);
}

/// Bytes changed at places spread over the file, and files cut short: an answer, little memory, no panic.
#[test]
fn damaged_files_are_refused() {
    for bytes in [SNNTORCH, MATLAB73] {
        let read =
            |bytes: &[u8]| READERS.iter().filter(|r| r.matches(bytes)).for_each(|r| drop(r.read(bytes, &|_| true)));
        for at in (8..bytes.len()).step_by(29) {
            for value in [0x00, 0x7f, 0xff] {
                let mut changed = bytes.to_vec();
                changed[at] = value;
                let ((), held) = peak(|| read(&changed));
                assert!(held < 600 << 20, "byte {at} as {value}: {held} bytes");
            }
        }
        for length in (0..bytes.len()).step_by(997) {
            read(&bytes[..length]);
        }
    }
}
