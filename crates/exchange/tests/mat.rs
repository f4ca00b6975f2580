//! MATLAB files written by SciPy (`fixtures/make_mat.py`), whole, cut and hostile.

mod allocation;
mod import;

use allocation::peak;
use flate2::{Compression, write::ZlibEncoder};
use mdl_artifact::{Artifact, Kind};
use mdl_exchange::Content;
use mdl_exchange::layouts::Layout;
use mdl_exchange::layouts::published::PublishedRate;
use mdl_exchange::readers::matlab;
use std::io::Write;

const PLAIN: &[u8] = include_bytes!("fixtures/plain.mat");
const COMPRESSED: &[u8] = include_bytes!("fixtures/compressed.mat");
const LIF: &[u8] = include_bytes!("fixtures/lif.mat");

/// What a refusal may take.
const LITTLE: usize = 4 << 20;

fn import(bytes: &[u8]) -> Result<Artifact, String> {
    import::import(bytes, None, import::options()).map(|imported| imported.artifact)
}

#[test]
fn a_network_is_the_same_plain_and_compressed() {
    let (plain, compressed, lif) = (import(PLAIN).unwrap(), import(COMPRESSED).unwrap(), import(LIF).unwrap());
    assert_eq!(plain.tensors, compressed.tensors);
    assert_eq!((plain.kind, lif.kind), (Kind::Rate, Kind::Lif));
    assert_eq!(lif.values::<f64>("scaling_factor", &[1]).unwrap(), [25.0]);
    assert_eq!(plain.values::<f32>("sign", &[6]).unwrap(), [1.0, 1.0, -1.0, 1.0, 1.0, -1.0]);
    assert_eq!(plain.values::<f32>("b_out", &[1]).unwrap(), [0.25]);
    // sigmoid(1/2)·80 + 20
    assert!((plain.values::<f32>("tau_ms", &[6]).unwrap()[1] - 69.796_75).abs() < 1e-4);
    assert_eq!(plain.values::<u8>("mask", &[6, 6]).unwrap().iter().position(|x| *x == 0), Some(14));
    // As SciPy reads them: rows are kept apart from columns.
    let w = plain.values::<f32>("w_rec", &[6, 6]).unwrap();
    assert_eq!(w[..2], [0.34558418, 0.82161814]);
    assert_eq!(w[30..], [2.1178389, 0.0, 0.0, 2.0427716, 0.646703, 0.66306335]);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for bytes in [PLAIN, COMPRESSED] {
        // The last variable is the activation; only its padding may be missing.
        for length in 0..bytes.len() - 8 {
            let (answer, held) = peak(|| import(&bytes[..length]));
            assert!(answer.is_err(), "cut at {length}");
            assert!(held < LITTLE, "cut at {length}: {held} bytes");
        }
    }
}

#[test]
fn damage_is_an_error_or_another_network_but_no_panic() {
    for at in 0..PLAIN.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = PLAIN.to_vec();
            bytes[at] = value;
            let (_, held) = peak(|| import(&bytes).is_ok());
            assert!(held < LITTLE, "byte {at}: {held} bytes");
        }
    }
}

#[test]
fn cells_and_structs_are_passed_over_or_named() {
    let by_name = matlab::read(PLAIN, |name| name == "cells" || name == "notes").unwrap().by_name;
    assert_eq!(by_name["cells"].content, Content::Other("a cell array".into()));
    assert_eq!(by_name["notes"].content, Content::Other("a struct".into()));
}

/// A file of one compressed array `w` that announces `rows`×`rows` doubles and unpacks to `zeros` bytes of data.
fn bomb(rows: i32, announced: u32, zeros: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for word in
        [14, 56 + announced, 6, 8, 6, 0, 5, 8, rows as u32, rows as u32, 1 | 1 << 16, u32::from(b'w'), 9, announced]
    {
        body.extend(word.to_le_bytes());
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&body).unwrap();
    encoder.write_all(&vec![0; zeros]).unwrap();
    let packed = encoder.finish().unwrap();
    let mut file = PLAIN[..128].to_vec();
    file.extend(15u32.to_le_bytes());
    file.extend((packed.len() as u32).to_le_bytes());
    file.extend(packed);
    file
}

#[test]
fn what_unpacks_is_bounded_by_what_is_announced() {
    assert_eq!(matlab::read(&bomb(4, 128, 128), |name| PublishedRate.wanted(name)).unwrap().by_name["w"].shape, [4, 4]);
    let refusal = |file: Vec<u8>| {
        let (answer, held) = peak(|| matlab::read(&file, |name| PublishedRate.wanted(name)));
        assert!(held < LITTLE, "{held} bytes");
        answer.unwrap_err()
    };
    assert!(refusal(bomb(20_000, 3_200_000_000, 1000)).contains("more than 256 MiB"));
    assert!(refusal(bomb(4, 1 << 28, 1 << 20)).contains("expected 16 values of 8 bytes"));
    assert!(refusal(bomb(5000, 200_000_000, 1000)).contains("early"));
    assert!(refusal(bomb(-1, 8, 8)).contains("dimension -1"));
    // Data beyond what is announced is never unpacked.
    let bomb = bomb(4, 128, 1 << 26);
    assert!(peak(|| matlab::read(&bomb, |name| PublishedRate.wanted(name))).1 < LITTLE);
}
