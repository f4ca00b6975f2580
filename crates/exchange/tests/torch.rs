//! PyTorch files written by PyTorch (`fixtures/make_torch.py`), whole, cut and hostile.

mod allocation;
mod import;

use allocation::peak;
use mdl_artifact::{Artifact, Kind};
use mdl_exchange::readers::torch;
use mdl_exchange::{Content, ImportOptions};
use mdl_model::spiking::Synapse;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const MODES: &[u8] = include_bytes!("fixtures/modes.pth");
const CHECKPOINT: &[u8] = include_bytes!("fixtures/checkpoint.pth");
const MODULE: &[u8] = include_bytes!("fixtures/module.pth");
const PROTOCOL4: &[u8] = include_bytes!("fixtures/protocol4.pth");

/// What a refusal may take: the bounds on a pickle allow some MiB of objects.
const LITTLE: usize = 16 << 20;

fn import_as(bytes: &[u8], options: ImportOptions) -> Result<Artifact, String> {
    import::import(bytes, None, options).map(|imported| imported.artifact)
}

fn import(bytes: &[u8]) -> Result<Artifact, String> {
    import_as(bytes, import::options())
}

#[test]
fn a_network_is_the_same_alone_and_in_a_checkpoint() {
    let (modes, checkpoint) = (import(MODES).unwrap(), import(CHECKPOINT).unwrap());
    assert_eq!(modes.tensors, checkpoint.tensors);
    assert_eq!(modes.kind, Kind::Spiking);
    // As PyTorch prints them.
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 5e-5);
    assert!(close(modes.values("w_in", &[5, 4]).unwrap(), &[-1.5256, -0.7502, -0.6540, -1.6095]));
    assert!(close(&modes.values("mode_out", &[5, 2]).unwrap()[8..], &[0.6898, -0.6331]));
    assert!(close(modes.values("w_out", &[1, 5]).unwrap(), &[-1.5727, -0.1232, 3.5870, -1.8313, 1.5987]));
    assert_eq!(modes.values::<f32>("score", &[2]).unwrap(), [1.0, 2.0]);
}

#[test]
fn sizes_and_options_tell_the_experiment() {
    let neuron = |artifact: Artifact| artifact.config["network"]["neuron"].clone();
    let artifact = import(MODES).unwrap();
    let config = &artifact.config;
    assert_eq!((&config["task"]["file"], &config["task"]["step_ms"]), (&"mante.star".into(), &2.0.into()));
    assert_eq!((&config["network"]["neurons"], &config["network"]["modes"]), (&5.into(), &2.into()));
    assert_eq!(neuron(artifact)["gain"], "one-minus-alpha-decay");
    let single = ImportOptions { synapse: Some(Synapse::Single), ..import::options() };
    let single = neuron(import_as(MODES, single).unwrap());
    assert_eq!((&single["synapse"], &single["gain"]), (&"single".into(), &"dt-over-decay".into()));
    let xor = import_as(MODES, ImportOptions { task: Some("xor"), ..import::options() }).unwrap_err();
    assert!(xor.contains("4 inputs and 1 outputs; the task has 2 and 1"), "{xor}");
}

#[test]
fn numbers_and_texts_of_a_checkpoint_can_be_asked_for() {
    let variables = torch::read(CHECKPOINT, |name| ["epoch", "loss", "notes"].contains(&name)).unwrap().by_name;
    assert_eq!(variables["epoch"].content, Content::Numbers(vec![3.0]));
    assert_eq!(variables["loss"].content, Content::Numbers(vec![0.5]));
    assert_eq!(variables["notes"].content, Content::Other("another object".into()));
}

#[test]
fn numbers_of_numpy_beside_a_network_are_listed() {
    let contents = torch::read(include_bytes!("fixtures/checkpoint_numpy.pth"), |_| true).unwrap();
    let kind = |name: &str| contents.entries.iter().find(|entry| entry.name == name).map(|entry| entry.kind.as_str());
    assert_eq!(
        (kind("loss"), kind("curve"), kind("device")),
        (Some("another object"), Some("another object"), Some("another object"))
    );
    assert_eq!(kind("optimizer.state.0.exp_avg"), Some("float32"));
    let imported = import::import(include_bytes!("fixtures/checkpoint_numpy.pth"), None, import::options()).unwrap();
    assert!(imported.unused().contains(&"optimizer.state.0.exp_avg"), "{:?}", imported.unused());
    assert_eq!(imported.artifact.tensors, import(include_bytes!("fixtures/plain.pth")).unwrap().tensors);
}

#[test]
fn modules_and_other_protocols_are_refused_with_advice() {
    let module = import(MODULE).unwrap_err();
    assert!(module.contains("it names `__main__.ModeNetwork`"), "{module}");
    assert!(module.contains("torch.save(module.state_dict(), FILE)"), "{module}");
    let protocol = import(PROTOCOL4).unwrap_err();
    assert!(protocol.contains("pickle protocol 4; torch.save writes 2"), "{protocol}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for bytes in [MODES, CHECKPOINT] {
        for length in 0..bytes.len() {
            let (answer, held) = peak(|| import(&bytes[..length]));
            assert!(answer.is_err(), "cut at {length}");
            assert!(held < LITTLE, "cut at {length}: {held} bytes");
        }
    }
}

#[test]
fn damage_is_an_error_or_another_network_but_no_panic() {
    for at in 0..MODES.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = MODES.to_vec();
            bytes[at] = value;
            let (_, held) = peak(|| import(&bytes).is_ok());
            assert!(held < LITTLE, "byte {at}: {held} bytes");
        }
    }
}

/// The fixture with another pickle, whose entry is right in every other respect.
fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::STORE);
    writer.start_file("a/data.pkl", stored).unwrap();
    writer.write_all(pickle).unwrap();
    for key in 0..5 {
        writer.start_file(format!("a/data/{key}"), stored).unwrap();
        writer.write_all(&[0; 80]).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A cheap refusal of a pickle.
fn refusal(pickle: &[u8]) -> String {
    let file = with_pickle(pickle);
    let (answer, held) = peak(|| import(&file));
    assert!(held < LITTLE, "{held} bytes");
    answer.unwrap_err()
}

#[test]
fn nothing_is_called() {
    let named = |pickle: &[u8], name: &str| {
        let message = refusal(pickle);
        assert!(message.contains(&format!("it names `{name}`")), "{message}");
    };
    named(b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.", "os.system");
    named(b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.", "posix.system");
    named(b"\x80\x02cbuiltins\neval\nX\x03\0\0\x001+1\x85R.", "builtins.eval");
    named(b"\x80\x02ctorch\nload\n)R.", "torch.load");
    named(b"\x80\x02ctorch\nFloatStorage.__init__\n)R.", "torch.FloatStorage.__init__");
    // Opcodes that name or call by other ways: INST, OBJ, NEWOBJ, NEWOBJ_EX, STACK_GLOBAL, EXT1, EXT2, EXT4, PERSID.
    for opcode in [
        b"(ios\nsystem\n".as_slice(),
        b"(o",
        b"\x81",
        b"\x92",
        b"\x93",
        b"\x82\x01",
        b"\x83\x01\0",
        b"\x84\x01\0\0\0",
        b"P1\n",
    ] {
        let message = refusal(&[b"\x80\x02".as_slice(), opcode, b"."].concat());
        assert!(
            message.contains(&format!("opcode 0x{:02x}", if opcode[0] == b'(' { opcode[1] } else { opcode[0] })),
            "{message}"
        );
    }
    // What may be named need not be callable, and what may be called takes what PyTorch gives it.
    assert!(refusal(b"\x80\x02ctorch\nFloatStorage\n)R.").contains("no function"));
    assert!(refusal(b"\x80\x02X\x01\0\0\0a)R.").contains("no function"));
    assert!(refusal(b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.").contains("with arguments"));
    assert!(refusal(b"\x80\x02}X\x01\0\0\0ab.").contains("state of an object"));
}

#[test]
fn a_short_pickle_cannot_make_much_of_little() {
    // Each step keeps the last object and makes a pair of two copies of it.
    let mut doubling = b"\x80\x02)q\0".to_vec();
    for step in 1..100u8 {
        doubling.extend([b'h', step - 1, b'h', step - 1, 0x86, b'q', step]);
    }
    assert!(refusal(&doubling).contains("more objects than a file of tensors needs"));
    // The same, but flat: a list that is appended to itself.
    let mut flat = b"\x80\x02]q\0".to_vec();
    (0..16).for_each(|_| flat.extend(b"(h\0h\0h\0h\0eq\0"));
    assert!(refusal(&flat).contains("more objects"), "{}", refusal(&flat));
    let mut wide = b"\x80\x02(".to_vec();
    wide.extend([b'N'; 30_000]);
    wide.extend(b"tq\0");
    (0..10_000).for_each(|_| wide.extend(b"h\0q\0"));
    assert!(refusal(&wide).contains("more objects"));
    let mut deep = b"\x80\x02)".to_vec();
    deep.extend([0x85; 60_000]);
    assert!(refusal(&deep).contains("nested more than"));
    assert!(refusal(b"\x80\x02X\xff\xff\xff\xffabc.").contains("a text of 4294967295 bytes"));
    assert!(refusal(&vec![b'('; 200_000]).contains("more than 131072"));
    for pickle in [
        b"".as_slice(),
        b"\x80",
        b"\x80\x02",
        b"ctorch",
        b"X\x01\0",
        b"h",
        b"q\0",
        b"h\x07",
        b"t",
        b"s",
        b"u",
        b"R",
        b"b",
        b".",
        b"NN.",
        b"N.N",
        b"J\0",
        b"}NN",
    ] {
        refusal(pickle);
    }
}

/// A pickle of one tensor `Win`: its storage, and what follows it.
fn tensor(storage: &[u8], rest: &[u8]) -> Vec<u8> {
    [b"\x80\x02}X\x03\0\0\0Winctorch._utils\n_rebuild_tensor_v2\n(".as_slice(), storage, rest, b"tRs."].concat()
}

#[test]
fn tensors_that_do_not_fit_their_storage_are_refused() {
    const STORAGE: &[u8] = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x14tQ";
    let read = |pickle: &[u8]| torch::read(&with_pickle(pickle), |_| true);
    assert_eq!(read(&tensor(STORAGE, b"K\0K\x05K\x04\x86K\x04K\x01\x86\x89N")).unwrap().by_name["Win"].shape, [5, 4]);
    let refusal = |pickle: Vec<u8>| {
        let (answer, held) = peak(|| read(&pickle));
        assert!(held < LITTLE, "{held} bytes");
        answer.unwrap_err()
    };
    let contains = |pickle: Vec<u8>, what: &str| {
        let message = refusal(pickle);
        assert!(message.contains(what), "{message}");
    };
    contains(tensor(STORAGE, b"K\x01K\x05K\x04\x86K\x04K\x01\x86\x89N"), "beyond its storage");
    contains(tensor(STORAGE, b"K\0K\x05K\x04\x86J\xff\xff\xff\x7fK\x01\x86\x89N"), "beyond its storage");
    contains(tensor(STORAGE, b"K\0K\x05K\x04\x86J\xff\xff\xff\xffK\x01\x86\x89N"), "extent -1");
    contains(tensor(STORAGE, b"K\0K\x05K\x05\x86K\0K\0\x86\x89N"), "of 20 numbers");
    contains(tensor(STORAGE, b"K\0J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86K\0K\0\x86\x89N"), "more than 256 MiB");
    contains(tensor(STORAGE, b"K\0K\x05K\x04\x86K\x01\x85\x89N"), "strides [1]");
    contains(tensor(STORAGE, b"K\0K\x05\x85"), "no tensor");
    contains(tensor(STORAGE, b""), "no tensor");
    contains(tensor(b"NQ", b"K\0K\x05\x85K\x01\x85\x89N"), "a storage without its parts");
    contains(tensor(b"(NNtQ", b"K\0K\x05\x85K\x01\x85\x89N"), "a storage without its parts");
    let replaced = |from: &[u8], to: &[u8]| {
        let at = STORAGE.windows(from.len()).position(|part| part == from).unwrap();
        let storage = [&STORAGE[..at], to, &STORAGE[at + from.len()..]].concat();
        tensor(&storage, b"K\0K\x05\x85K\x01\x85\x89N")
    };
    contains(replaced(b"K\x14", b"K\x13"), "80 bytes, more than 76");
    contains(replaced(b"K\x14", b"J\xff\xff\xff\x7f"), "80 bytes, expected 2147483647 numbers");
    contains(replaced(b"K\x14", b"J\xff\xff\xff\xff"), "a storage without its parts");
    contains(replaced(b"X\x01\0\0\x000", b"X\x0c\0\0\0/../data.pkl"), "not there");
    contains(replaced(b"FloatStorage", b"OtherStorage"), "it names `torch.OtherStorage`");
}

#[test]
fn archives_that_lie_are_refused() {
    let mut archive = ZipArchive::new(Cursor::new(MODES)).unwrap();
    let mut lying = |offset: usize, word: u32| {
        // Size of the first entry, data.pkl, in the central directory.
        let start = archive.by_index(0).unwrap().central_header_start() as usize;
        let mut bytes = MODES.to_vec();
        bytes[start + offset..start + offset + 4].copy_from_slice(&word.to_le_bytes());
        let (answer, held) = peak(|| import(&bytes));
        assert!(held < LITTLE, "{held} bytes");
        answer.unwrap_err()
    };
    // Places in a directory entry.
    let [method, checksum, packed, size] = [10, 16, 20, 24];
    assert!(lying(checksum, 7).contains("wrong checksum"));
    for untrue in [100, 0xffff_fff0] {
        assert!(lying(size, untrue).contains("of two sizes"));
    }
    assert!(lying(packed, 100).contains("of two sizes"));
    assert!(lying(method, 8).contains("packed by"));
    let two = {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["a/data.pkl", "b/data.pkl"] {
            writer.start_file(name, SimpleFileOptions::default().compression_method(CompressionMethod::STORE)).unwrap();
            writer.write_all(b"}.").unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    assert!(import(&two).unwrap_err().contains("2 entries named data.pkl"));
}
