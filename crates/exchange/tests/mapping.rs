//! Weights written by NumPy and safetensors (`fixtures/make_weights.py`), taken in by a mapping; whole, cut and hostile.

mod allocation;
mod import;

use allocation::peak;
use flate2::{Compression, write::DeflateEncoder};
use mdl_artifact::{Artifact, Kind};
use mdl_exchange::ImportOptions;
use mdl_exchange::mapping::Mapping;
use mdl_exchange::readers::numpy;
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const NPZ: &[u8] = include_bytes!("fixtures/weights.npz");
const COMPRESSED: &[u8] = include_bytes!("fixtures/weights_compressed.npz");
const SAFETENSORS: &[u8] = include_bytes!("fixtures/weights.safetensors");

/// What a refusal may take.
const LITTLE: usize = 4 << 20;

fn import(bytes: &[u8], mapping: Value) -> Result<Artifact, String> {
    import::import(bytes, Some(import::mapping(mapping)?), import::options()).map(|imported| imported.artifact)
}

/// A dense rate network, free of Dale's principle.
fn dense() -> Value {
    json!({
        "tensors": {
            "w_rec": { "name": "hidden", "transpose": true },
            "w_in": "encoder",
            "w_out": "decoder",
            "b_out": "bias",
            "mask": "allowed",
        },
        "config": { "network": { "time_constants": { "kind": "fixed", "ms": 20 } } },
    })
}

#[test]
fn a_wrong_mapping_is_called_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.json");
    for (text, expected) in
        [("{", "not valid JSON"), (r#"{"tensors": 3}"#, "field `tensors`"), ("PK\u{3}\u{4}", "expected")]
    {
        std::fs::write(&path, text).unwrap();
        let message = Mapping::load(&path).unwrap_err().to_string();
        assert!(message.starts_with("mapping ") && message.contains(expected), "{message}");
    }
}

#[test]
fn a_dense_network_is_the_same_in_every_format() {
    let stored = import(NPZ, dense()).unwrap();
    assert_eq!(stored.tensors, import(COMPRESSED, dense()).unwrap().tensors);
    assert_eq!(stored.tensors, import(SAFETENSORS, dense()).unwrap().tensors);
    assert_eq!((stored.kind, &stored.config["task"]["file"]), (Kind::Rate, &"xor.star".into()));
    assert_eq!(stored.config["network"]["recurrence"]["dale"], false);
    // As NumPy prints them: row 0 of `hidden` is column 0 of w_rec.
    let w_rec = stored.values::<f32>("w_rec", &[6, 6]).unwrap();
    let column: Vec<f32> = w_rec.iter().step_by(6).copied().collect();
    assert_eq!(column, [0.18905339, -0.5227485, -0.41306356, -2.4414673, 1.7997074, 1.1441659]);
    assert_eq!(stored.values::<f32>("tau_ms", &[6]).unwrap(), [20.0; 6]);
    assert_eq!(stored.values::<f32>("b_out", &[1]).unwrap(), [0.25]);
    assert_eq!(stored.shape::<2>("w_out").unwrap(), [1, 6]);
}

#[test]
fn a_scaling_factor_makes_a_lif_network() {
    let mut mapping = dense();
    mapping["tensors"]["scaling_factor"] = json!("factor");
    let lif = import(COMPRESSED, mapping).unwrap();
    assert_eq!((lif.kind, lif.values::<f64>("scaling_factor", &[1]).unwrap()), (Kind::Lif, &[27.3][..]));
}

#[test]
fn modes_without_scores_have_scores_of_one() {
    let tensors = json!({ "w_in": "encoder", "w_out": "decoder", "mode_in": "left", "mode_out": "right" });
    // The file holds a bias, too.
    let ignore = json!(["bias"]);
    let spiking = json!({ "tensors": tensors, "ignore": ignore, "config": { "network": { "kind": "spiking" } } });
    let spiking = import(SAFETENSORS, spiking).unwrap();
    assert_eq!((spiking.kind, spiking.values::<f32>("score", &[2]).unwrap()), (Kind::Spiking, &[1.0, 1.0][..]));
    assert_eq!(spiking.config["task"]["step_ms"], 2.0);
    let config = json!({ "network": { "activation": "softplus", "time_constants": { "kind": "fixed", "ms": 20 } } });
    let rate = import(NPZ, json!({ "tensors": tensors, "ignore": ignore, "config": config })).unwrap();
    assert_eq!((rate.kind, &rate.config["network"]["recurrence"]["modes"]), (Kind::Rate, &2.into()));
}

#[test]
fn constants_per_neuron_are_taken_or_filled_from_one_number() {
    let tensors = json!({
        "w_in": "encoder", "w_out": "decoder", "mode_in": "left", "mode_out": "right",
        "threshold": "bias", "tau_decay_ms": "factor",
    });
    let mapping = json!({ "tensors": tensors, "config": { "network": { "kind": "spiking" } } });
    let spiking = import(NPZ, mapping.clone()).unwrap();
    assert_eq!(spiking.values::<f32>("threshold", &[6]).unwrap(), [0.25; 6]);
    assert_eq!(spiking.values::<f32>("tau_decay_ms", &[6]).unwrap(), [27.3; 6]);
    let refused = |tensor: &str, array: &str| {
        let mut mapping = mapping.clone();
        mapping["tensors"][tensor] = json!(array);
        import(NPZ, mapping).unwrap_err()
    };
    // `decoder` holds six numbers, one of them negative.
    let message = refused("threshold", "decoder");
    assert!(message.contains("`threshold[0]`: found -") && message.contains("expected a number from"), "{message}");
    assert!(refused("threshold", "steps").contains("`steps`: found shape [3], expected [6], for `threshold`"));
    let with = |set: &str| {
        let set = [set.to_string()];
        let options = ImportOptions { set: &set, ..import::options() };
        import::import(NPZ, Some(import::mapping(mapping.clone()).unwrap()), options).map(|_| ())
    };
    let message = with("network.neuron.threshold=2").unwrap_err();
    assert!(message.contains("`--set network.neuron.threshold` contradicts variable `bias`"), "{message}");
    with("network.neuron.refractory_steps=0").unwrap();
}

/// `make schema` (UPDATE_SCHEMA=1) writes the schema anew after a change of what a mapping holds.
#[test]
fn the_schema_is_up_to_date_and_has_what_a_mapping_has() {
    let schema = schemars::schema_for!(Mapping);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mapping.schema.json");
    let text = format!("{:#}\n", schema.as_value());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "docs/mapping.schema.json is out of date: run `make schema`");
    let properties = |value: &Value| value["properties"].as_object().unwrap().clone();
    let known = properties(schema.as_value());
    let mapping = dense();
    assert!(mapping.as_object().unwrap().keys().all(|key| known.contains_key(key)), "{known:?}");
    let tensors = properties(&known["tensors"]);
    assert!(mapping["tensors"].as_object().unwrap().keys().all(|key| tensors.contains_key(key)), "{tensors:?}");
}

#[test]
fn what_does_not_fit_is_named() {
    let refusal = |change: &dyn Fn(&mut Value), what: &str| {
        let mut mapping = dense();
        change(&mut mapping);
        let message = import(NPZ, mapping).unwrap_err();
        assert!(message.contains(what), "{message}");
    };
    refusal(&|m| m["tensors"]["w_in"] = json!("nothing"), "variable `nothing`: found no such variable");
    refusal(
        &|m| m["tensors"]["mask"] = json!("left"),
        "variable `left`: found shape [6, 2], expected [6, 6], for `mask`",
    );
    refusal(&|m| m["tensors"]["mask"] = json!("hidden"), "expected 0 or 1");
    refusal(&|m| m["tensors"]["sign"] = json!("decoder"), "expected -1 or 1");
    refusal(
        &|m| {
            let spiking = json!({ "w_in": "encoder", "w_out": "decoder", "mode_in": "left", "mode_out": "right" });
            m["config"]["network"] = json!({ "kind": "spiking" });
            m["tensors"] = spiking;
            m["tensors"]["b_out"] = json!("bias");
        },
        "a spiking network has no `b_out`",
    );
    refusal(&|m| m["tensors"]["threshold"] = json!("bias"), "a rate network has no `threshold`");
    refusal(&|m| m["tensors"]["theta"] = json!("bias"), "`bias`: found shape [1], expected [6]");
    refusal(&|m| m["tensors"].as_object_mut().unwrap().retain(|name, _| name != "w_in"), "names no array for `w_in`");
    refusal(&|m| m["config"] = json!({}), "tensor `theta`");
    refusal(&|m| m["config"]["network"]["neurons"] = json!(7), "does not fit its config: tensor `");
    refusal(&|m| m["config"]["network"]["recurrence"] = json!(3), "network");
    refusal(&|m| m["config"]["task"] = json!({ "kind": "mante" }), "2 inputs and 1 outputs; the task has 4 and 1");
    refusal(&|m| m["more"] = json!(1), "unknown field `more`");
    let empty = import(NPZ, json!({})).unwrap_err();
    assert!(empty.contains("Say which array is which tensor with --mapping"), "{empty}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for bytes in [NPZ, COMPRESSED, SAFETENSORS] {
        for length in 0..bytes.len() {
            let (answer, held) = peak(|| import(&bytes[..length], dense()));
            assert!(answer.is_err(), "cut at {length}");
            assert!(held < LITTLE, "cut at {length}: {held} bytes");
        }
    }
}

#[test]
fn damage_is_an_error_or_another_network_but_no_panic() {
    for bytes in [COMPRESSED, SAFETENSORS] {
        for at in 0..bytes.len() {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = bytes.to_vec();
                bytes[at] = value;
                let (_, held) = peak(|| import(&bytes, dense()).is_ok());
                assert!(held < LITTLE, "byte {at}: {held} bytes");
            }
        }
    }
}

/// A file of one array `a` of this shape whose entry announces `announced` bytes, and unpacks to `zeros` zeros after the header.
fn bomb(shape: &str, announced: u32, zeros: usize) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    packed.write_all(b"\x93NUMPY\x01\0").unwrap();
    packed.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
    packed.write_all(header.as_bytes()).unwrap();
    (0..zeros >> 20).for_each(|_| packed.write_all(&[0; 1 << 20]).unwrap());
    packed.write_all(&vec![0; zeros & 0xf_ffff]).unwrap();
    let packed = packed.finish().unwrap();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("a.npy", SimpleFileOptions::default().compression_method(CompressionMethod::STORE)).unwrap();
    writer.write_all(&packed).unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    // The entry was stored: say in both directories that it is packed, and how large it would be.
    let directory = ZipArchive::new(Cursor::new(&bytes)).unwrap().by_index(0).unwrap().central_header_start() as usize;
    for (method, size) in [(8, 22), (directory + 10, directory + 24)] {
        bytes[method] = 8;
        bytes[size..size + 4].copy_from_slice(&announced.to_le_bytes());
    }
    bytes
}

#[test]
fn what_unpacks_is_bounded_by_what_is_announced() {
    let header = 10 + "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }\n".len() as u32;
    let refusal = |file: &[u8], what: &str| {
        let (answer, held) = peak(|| numpy::read(file, |_| true));
        let message = answer.unwrap_err();
        assert!(message.contains(what), "{message}");
        assert!(held < LITTLE, "{held} bytes");
    };
    // Only the checksum, which is that of the packed bytes, is wrong.
    refusal(&bomb("(4, 4)", header + 64, 64), "wrong checksum");
    refusal(&bomb("(4, 4)", header + 64, 1 << 26), "more than the");
    refusal(&bomb("(4, 4)", 0xffff_ff00, 1 << 26), "expected a header of");
    refusal(&bomb("(4, 4)", header + 64, 60), "bytes, ");
    refusal(&bomb("(99999, 99999)", header + 64, 64), "more than 256 MiB");
    refusal(&bomb("(18446744073709551615, 2)", header + 64, 64), "more than 256 MiB");
}
