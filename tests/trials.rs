//! Trials from files: formats, uses of the parts, the way from training to evaluation, and files that are refused.

use flate2::Compression;
use flate2::read::DeflateEncoder;
use mdl_experiment::Experiment;
use mdl_kernels::random::Purpose;
use mdl_tests::{arguments, config, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// An array as NumPy stores it.
#[derive(Clone)]
struct Npy {
    descr: &'static str,
    fortran: bool,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Npy {
    fn bytes(&self) -> Vec<u8> {
        let extents = self.shape.iter().map(|extent| format!("{extent},")).collect::<String>();
        let order = if self.fortran { "True" } else { "False" };
        let header = format!("{{'descr': {}, 'fortran_order': {order}, 'shape': ({extents}), }}\n", self.descr);
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        [bytes, header.into_bytes(), self.data.clone()].concat()
    }

    fn of(shape: &[usize], value: impl Fn(&[usize]) -> f32) -> Self {
        let data = indices(shape).flat_map(|index| value(&index).to_le_bytes()).collect();
        Self { descr: "'<f4'", fortran: false, shape: shape.into(), data }
    }

    fn integers(values: impl IntoIterator<Item = i64>) -> Self {
        let data: Vec<u8> = values.into_iter().flat_map(i64::to_le_bytes).collect();
        Self { descr: "'<i8'", fortran: false, shape: vec![data.len() / 8], data }
    }
}

/// Indices of an array, the last fastest.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let count = shape.iter().product::<usize>();
    (0..count).map(move |at| {
        let mut rest = at;
        let mut index: Vec<usize> = shape.iter().rev().map(|extent| (rest % extent, rest /= extent).0).collect();
        index.reverse();
        index
    })
}

type Arrays = BTreeMap<&'static str, Npy>;

#[derive(Clone, Copy, PartialEq)]
enum Packing {
    Stored,
    Deflated,
}

/// A zip archive of arrays; names may be there twice.
fn write_entries(path: &Path, arrays: &[(&str, Npy)], packing: Packing) {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, array) in arrays {
        let (name, content) = (format!("{name}.npy"), array.bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        let mut packed = content.clone();
        if packing == Packing::Deflated {
            packed.clear();
            DeflateEncoder::new(&content[..], Compression::fast()).read_to_end(&mut packed).unwrap();
        }
        let method = if packing == Packing::Deflated { 8u16 } else { 0 };
        let mut common = [20, 0, method, 0, 0x21].map(u16::to_le_bytes).concat();
        common.extend([crc.sum(), packed.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat());
        common.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        directory.extend(
            [&b"PK\x01\x02\x14\0"[..], &common, &[0; 10], &(file.len() as u32).to_le_bytes(), name.as_bytes()].concat(),
        );
        file.extend([&b"PK\x03\x04"[..], &common, name.as_bytes(), &packed].concat());
    }
    let count = (arrays.len() as u16).to_le_bytes();
    let [size, offset] = [directory.len(), file.len()].map(|bytes| (bytes as u32).to_le_bytes());
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &size, &offset, &[0, 0]].concat();
    std::fs::write(path, [file, directory, end].concat()).unwrap();
}

fn write_npz(path: &Path, arrays: &Arrays, packing: Packing) {
    let arrays: Vec<_> = arrays.iter().map(|(name, array)| (*name, array.clone())).collect();
    write_entries(path, &arrays, packing);
}

/// A safetensors file of 32-bit numbers.
fn write_safetensors(path: &Path, arrays: &Arrays) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, array) in arrays {
        let kind = if array.descr == "'<i8'" { "I64" } else { "F32" };
        let offsets = [data.len(), data.len() + array.data.len()];
        header.insert((*name).into(), json!({"dtype": kind, "shape": array.shape, "data_offsets": offsets}));
        data.extend(&array.data);
    }
    let header = Value::Object(header).to_string();
    let bytes = [(header.len() as u64).to_le_bytes().to_vec(), header.into_bytes(), data].concat();
    std::fs::write(path, bytes).unwrap();
}

const TRIALS: usize = 40;
const STEPS: usize = 10;

/// A signal, to be classified: channel c is 1 in trials of class c from step 2 on.
fn signal(index: &[usize]) -> f32 {
    let noise = (index[0] * 7 + index[1] * 3) % 5;
    noise as f32 / 50.0 + if index[1] >= 2 && index[2] == index[0] % 2 { 1.0 } else { 0.0 }
}

fn target(index: &[usize]) -> f32 {
    f32::from(index[1] >= 5 && index[2] == index[0] % 2)
}

fn labels() -> Npy {
    Npy::integers((0..TRIALS).map(|trial| (trial % 2) as i64))
}

fn classes() -> Arrays {
    BTreeMap::from([("input", Npy::of(&[TRIALS, STEPS, 2], signal)), ("label", labels())])
}

/// Writes a config with these fields of the section `task` beside `trials` and `step_ms`.
fn write_config(folder: &Path, task: Value) -> PathBuf {
    let mut section = json!({"trials": "mine.npz", "step_ms": 10});
    for (name, value) in task.as_object().unwrap() {
        match value {
            Value::Null => _ = section.as_object_mut().unwrap().remove(name),
            _ => section[name] = value.clone(),
        }
    }
    let config = json!({
        "name": "mine",
        "task": section,
        "network": {"kind": "rate", "neurons": 20, "recurrence": {"kind": "dense"}},
        "training": {"max_updates": 40, "evaluate_every": 20, "batch_size": 8, "stop": null},
        "evaluation": {"trials": 10, "recorded_trials": 1}
    });
    let path = folder.join("mine.json");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// Shapes and numbers of the trials that `make-trials` writes for a config.
fn made(config: &Path) -> (Value, Vec<u8>) {
    let output = config.with_file_name("made.safetensors");
    let ran = run("make-trials", &arguments!["--config", config, "--force", "-o", &output]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let bytes = std::fs::read(output).unwrap();
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    header.as_object_mut().unwrap().remove("__metadata__");
    (header, data.to_vec())
}

#[test]
fn every_format_and_order_of_axes_gives_the_same_trials() {
    let work = tempfile::tempdir().unwrap();
    let write = |arrays: &Arrays, method| write_npz(&work.path().join("mine.npz"), arrays, method);
    let mut arrays = classes();
    arrays.insert("target", Npy::of(&[TRIALS, STEPS, 2], target));
    write(&arrays, Packing::Stored);
    let expected = made(&write_config(work.path(), json!({})));
    assert_eq!(expected.0["input"]["shape"], json!([STEPS, 4, 2]), "{:#}", expected.0);

    write(&arrays, Packing::Deflated);
    assert!(made(&write_config(work.path(), json!({}))) == expected, "compressed");

    write_safetensors(&work.path().join("mine.safetensors"), &arrays);
    assert!(made(&write_config(work.path(), json!({"trials": "mine.safetensors"}))) == expected, "safetensors");

    let [from_input, from_target] = [signal as fn(&[usize]) -> f32, target]
        .map(|value| Npy::of(&[STEPS, TRIALS, 2], move |index| value(&[index[1], index[0], index[2]])));
    let names = BTreeMap::from([("x", from_input), ("y", from_target), ("choice", labels())]);
    write(&names, Packing::Stored);
    let named = json!({"axes": "time trial channel", "arrays": {"input": "x", "target": "y", "label": "choice"}});
    assert!(made(&write_config(work.path(), named)) == expected, "other axes and names");

    // The columns of a Fortran array of shape [B, T, K] are the rows of one of shape [K, T, B]; in double precision.
    let double = |value: fn(&[usize]) -> f32| {
        let columns = Npy::of(&[2, STEPS, TRIALS], |index| value(&[index[2], index[1], index[0]]));
        let data = columns.data.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap()));
        let data = data.flat_map(|x| f64::from(x).to_le_bytes()).collect();
        Npy { descr: "'<f8'", fortran: true, shape: vec![TRIALS, STEPS, 2], data }
    };
    arrays.insert("input", double(signal));
    arrays.insert("target", double(target));
    write(&arrays, Packing::Stored);
    assert!(made(&write_config(work.path(), json!({}))) == expected, "Fortran order, double precision");
}

#[test]
fn padding_is_not_read() {
    let work = tempfile::tempdir().unwrap();
    let length = |trial: usize| 6 + trial % 5;
    let padded = |index: &[usize]| if index[1] < length(index[0]) { signal(index) } else { f32::NAN };
    let mut arrays = classes();
    arrays.insert("input", Npy::of(&[TRIALS, STEPS, 2], padded));
    arrays.insert("length", Npy::integers((0..TRIALS).map(|trial| length(trial) as i64)));
    write_npz(&work.path().join("mine.npz"), &arrays, Packing::Stored);
    let (header, _) = made(&write_config(work.path(), json!({})));
    assert_eq!(header["weight"]["shape"], json!([STEPS, 4, 2]), "{header:#}");
}

/// A type behind more spaces than a header may have.
fn long() -> &'static str {
    Box::leak(format!("{}'<f4'", " ".repeat(20_000)).into_boxed_str())
}

/// A file and section that are refused: a change of the arrays, the section, the exit status, and parts of the message.
type Refused = (&'static str, fn(&mut Arrays), Value, i32, Vec<&'static str>);

fn refused() -> Vec<Refused> {
    fn keep(_: &mut Arrays) {}
    macro_rules! set {
        ($name:literal, $array:expr) => {
            |arrays: &mut Arrays| _ = arrays.insert($name, $array)
        };
    }
    vec![
        ("missing", keep, json!({"trials": "none.npz"}), 3, vec!["none.npz: No such file", "--set task.trials=PATH"]),
        ("directory", keep, json!({"trials": "."}), 3, vec!["found a directory, expected a file of trials"]),
        ("empty", keep, json!({"trials": "empty.npz"}), 3, vec!["empty.npz: found an empty file"]),
        ("text", keep, json!({"trials": "text.npz"}), 3, vec!["text.npz: found plain text", ".npz or .safetensors"]),
        ("single array", keep, json!({"trials": "one.npy"}), 3, vec!["single array", "numpy.savez"]),
        ("cut", keep, json!({"trials": "cut.npz"}), 3, vec!["cut.npz: "]),
        ("empty path", keep, json!({"trials": ""}), 2, vec!["task.trials: found an empty path"]),
        (
            "no input",
            |a| _ = a.remove("input"),
            json!({}),
            3,
            vec!["no array `input`: the file holds label", "task.arrays.input"],
        ),
        (
            "no target",
            |a| _ = a.remove("label"),
            json!({}),
            3,
            vec!["neither an array `target` nor `label`", "holds input"],
        ),
        (
            "misnamed weights",
            set!("weights", Npy::of(&[40, 10], |_| 1.0)),
            json!({}),
            3,
            vec!["array `weights`: found no `weight`"],
        ),
        ("a mask", set!("mask", Npy::of(&[40, 10], |_| 1.0)), json!({}), 3, vec!["array `mask`", "task.arrays.weight"]),
        (
            "no such array",
            keep,
            json!({"arrays": {"label": "y"}}),
            2,
            vec!["task.arrays.label: found \"y\"", "holds input, label"],
        ),
        ("two roles", keep, json!({"arrays": {"label": "input"}}), 2, vec!["task.arrays.label", "no other array has"]),
        (
            "not a number",
            set!("input", Npy::of(&[40, 10, 2], |i| if i[..] == [3, 4, 1] { f32::NAN } else { 0.0 })),
            json!({}),
            3,
            vec!["array `input`: found NaN in trial 3, step 4, channel 1, expected finite numbers"],
        ),
        (
            "infinite",
            set!("target", Npy::of(&[40, 10, 2], |i| if i[0] == 1 { f32::INFINITY } else { 0.0 })),
            json!({}),
            3,
            vec!["array `target`: found inf in trial 1"],
        ),
        (
            "large",
            set!("input", Npy::of(&[40, 10, 2], |_| 1e7)),
            json!({}),
            3,
            vec!["found 10000000", "at most a million"],
        ),
        (
            "pickled",
            set!("label", Npy { descr: "'|O'", fortran: false, shape: vec![40], data: vec![0; 320] }),
            json!({}),
            3,
            vec!["array `label`: found pickled objects", "pad them to one length"],
        ),
        (
            "complex",
            set!("input", Npy { descr: "'<c8'", fortran: false, shape: vec![40, 10, 2], data: vec![0; 6400] }),
            json!({}),
            3,
            vec!["array `input`: found complex numbers"],
        ),
        (
            "records",
            set!("input", Npy { descr: "[('a', '<f4')]", fortran: false, shape: vec![40, 10, 2], data: vec![0; 3200] }),
            json!({}),
            3,
            vec!["array `input`: found records"],
        ),
        (
            "text array",
            set!("input", Npy { descr: "'<U1'", fortran: false, shape: vec![40, 10, 2], data: vec![0; 3200] }),
            json!({}),
            3,
            vec!["array `input`: found text, expected numbers"],
        ),
        (
            "short data",
            set!("input", Npy { descr: "'<f4'", fortran: false, shape: vec![40, 10, 9], data: vec![0; 3200] }),
            json!({}),
            3,
            vec!["damaged file: array `input`", "[40, 10, 9]"],
        ),
        (
            "large claim",
            set!("input", Npy { descr: "'<f4'", fortran: false, shape: vec![1 << 40, 10, 2], data: vec![0; 3200] }),
            json!({}),
            3,
            vec!["damaged file: array `input`", "more than 2048 MiB"],
        ),
        (
            "long header",
            set!("input", Npy { descr: long(), fortran: false, shape: vec![40, 10, 2], data: vec![0; 3200] }),
            json!({}),
            3,
            vec!["damaged file: array `input`: a header of"],
        ),
        (
            "one dimension",
            set!("input", Npy::of(&[40], |_| 0.0)),
            json!({}),
            3,
            vec!["array `input`: found shape [40], expected the axes"],
        ),
        (
            "no trial",
            set!("input", Npy::of(&[0, 10, 2], |_| 0.0)),
            json!({}),
            3,
            vec!["array `label`: found shape [40], expected [0]"],
        ),
        (
            "one step",
            set!("input", Npy::of(&[40, 1, 2], |_| 0.0)),
            json!({}),
            3,
            vec!["array `input`: found 1 steps, expected 2 to"],
        ),
        (
            "no channel",
            set!("input", Npy::of(&[40, 10, 0], |_| 0.0)),
            json!({}),
            3,
            vec!["found 0 channels, expected 1 to 4096"],
        ),
        (
            "swapped input",
            set!("input", Npy::of(&[10, 40, 2], |_| 0.0)),
            json!({}),
            3,
            vec!["array `label`: found shape [40], expected [10], because", "task.axes is \"time trial channel\""],
        ),
        (
            "swapped target",
            set!("target", Npy::of(&[10, 40, 2], |_| 0.0)),
            json!({}),
            3,
            vec![
                "array `target`: found shape [10, 40, 2], expected [40, 10, any], because the input has shape [40, 10, 2]",
            ],
        ),
        (
            "other axes",
            keep,
            json!({"axes": "trial steps channel"}),
            2,
            vec!["task.axes: found \"trial steps channel\""],
        ),
        (
            "half a class",
            set!("label", Npy::of(&[40], |i| i[0] as f32 / 2.0)),
            json!({}),
            3,
            vec!["array `label`: found 0.5 at element 1"],
        ),
        (
            "no class",
            set!("label", Npy::integers((0..40).map(|i| i % 2 - 1))),
            json!({}),
            3,
            vec!["array `label`: found -1 at element 0"],
        ),
        (
            "class too high",
            set!("label", Npy::integers(0..40)),
            json!({"classes": 3}),
            3,
            vec!["array `label`: found class 39, expected classes below 3"],
        ),
        (
            "classes and target",
            set!("target", Npy::of(&[40, 10, 2], target)),
            json!({"classes": 3}),
            2,
            vec!["task.classes: found 3, expected 2"],
        ),
        (
            "length",
            set!("length", Npy::integers((0..40).map(|i| i % 12))),
            json!({}),
            3,
            vec!["array `length`: found 0 at element 0", "1 to 10"],
        ),
        (
            "negative weight",
            set!("weight", Npy::of(&[40, 10], |i| 0.5 - i[0] as f32)),
            json!({}),
            3,
            vec!["array `weight`: found -0.5 in trial 1"],
        ),
        (
            "weights of other outputs",
            set!("weight", Npy::of(&[40, 10, 3], |_| 1.0)),
            json!({}),
            3,
            vec!["array `weight`: found 3 channels"],
        ),
        (
            "weights of 0",
            set!("weight", Npy::of(&[40, 10], |i| f32::from(i[0] != 7))),
            json!({}),
            3,
            vec!["trial 7 cannot be judged: it has no step of weight above 0"],
        ),
        (
            "condition",
            set!("condition", Npy::integers(0..40)),
            json!({"conditions": ["a", "b"]}),
            3,
            vec!["array `condition`: found condition 39, expected conditions below 2"],
        ),
        (
            "conditions without array",
            keep,
            json!({"conditions": ["a", "b"]}),
            2,
            vec!["task.conditions", "no array `condition`"],
        ),
        (
            "names of inputs",
            keep,
            json!({"input_names": ["a", "b", "c"]}),
            2,
            vec!["task.input_names: found 3 names, expected 2"],
        ),
        ("a name twice", keep, json!({"output_names": ["a", "a"]}), 2, vec!["task.output_names: found \"a\""]),
        ("step missing", keep, json!({"step_ms": null}), 2, vec!["missing `step_ms`"]),
        ("no step", keep, json!({"step_ms": 0}), 2, vec!["task.step_ms: found 0"]),
        ("unknown field", keep, json!({"labels": "y"}), 2, vec!["unknown field `labels`"]),
        (
            "window too long",
            keep,
            json!({"rule": {"largest": "label", "window_ms": [50, 110]}}),
            2,
            vec!["task.rule.window_ms: found [50.0, 110.0]", "inside the 100 ms"],
        ),
        (
            "window reversed",
            keep,
            json!({"rule": {"largest": "label", "window_ms": [50, 40]}}),
            2,
            vec!["task.rule.window_ms: found [50, 40]"],
        ),
        ("tolerance", keep, json!({"rule": {"near": 0}}), 2, vec!["task.rule.near: found 0"]),
        (
            "other rule",
            keep,
            json!({"rule": {"largest": "answer"}}),
            2,
            vec!["`task.rule.largest`: found text \"answer\", expected label or target"],
        ),
        (
            "rule without labels",
            |a| {
                a.remove("label");
                a.insert("target", Npy::of(&[40, 10, 2], target));
            },
            json!({"rule": {"largest": "label"}}),
            2,
            vec!["task.rule.largest: found label, expected target"],
        ),
        (
            "no largest target",
            |a| {
                a.remove("label");
                a.insert("target", Npy::of(&[40, 10, 2], |_| 1.0));
            },
            json!({"rule": {"largest": "target"}}),
            3,
            vec!["trial 0 cannot be judged", "target that is larger"],
        ),
        (
            "a class that changes",
            set!("label", Npy::of(&[40, 10], |i| f32::from(i[1] > 6))),
            json!({"rule": {"largest": "label", "window_ms": [40, 90]}}),
            3,
            vec!["its class changes inside the window: 0 at step 4, 1 at step 8"],
        ),
        ("fractions", keep, json!({"split": {"validation": 0.5, "test": 0.5}}), 2, vec!["task.split.test: found 0.5"]),
        ("no fraction", keep, json!({"split": {"validation": 0}}), 2, vec!["task.split.validation: found 0"]),
        (
            "not a fraction",
            keep,
            json!({"split": {"validation": true}}),
            2,
            vec!["`task.split.validation`: found true, expected a number or text"],
        ),
        (
            "all trials",
            keep,
            json!({"split": {"validation": 0.97, "test": 0.001}}),
            2,
            vec!["split.test: found 0.001", "40 trials"],
        ),
        (
            "the same file",
            keep,
            json!({"split": {"test": "mine.npz"}}),
            2,
            vec!["task.split.test: found \"mine.npz\"", "same file"],
        ),
        (
            "other test channels",
            keep,
            json!({"split": {"test": "other.npz"}}),
            3,
            vec!["other.npz: array `input`: found 3 channels, expected 2 channels, as in"],
        ),
        ("two entries of one name", keep, json!({"trials": "twice.npz"}), 3, vec!["two entries of one name"]),
        (
            "another artifact",
            keep,
            json!({"trials": "made.safetensors", "step_ms": 20}),
            2,
            vec!["task.step_ms: found 20, expected 10"],
        ),
    ]
}

#[test]
fn other_files_are_refused_with_file_array_and_cause() {
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name);
    let write = |name: &str, arrays: &Arrays| write_npz(&path(name), arrays, Packing::Stored);
    write("mine.npz", &classes());
    made(&write_config(work.path(), json!({})));
    std::fs::write(path("empty.npz"), "").unwrap();
    std::fs::write(path("text.npz"), "input, target\n0, 1\n").unwrap();
    std::fs::write(path("one.npy"), labels().bytes()).unwrap();
    let whole = std::fs::read(path("mine.npz")).unwrap();
    std::fs::write(path("cut.npz"), &whole[..whole.len() / 2]).unwrap();
    let input = classes()["input"].clone();
    write_entries(
        &path("twice.npz"),
        &[("input", input.clone()), ("input", input), ("label", labels())],
        Packing::Stored,
    );
    let other = BTreeMap::from([("input", Npy::of(&[40, 10, 3], |_| 0.0)), ("label", labels())]);
    write("other.npz", &other);
    let cases = refused();
    assert!(cases.len() >= 50, "{}", cases.len());
    let mut wrong = Vec::new();
    for (name, change, task, status, parts) in cases {
        let mut arrays = classes();
        change(&mut arrays);
        write("mine.npz", &arrays);
        let config = write_config(work.path(), task);
        let output = path("output.safetensors");
        let ran = run("make-trials", &arguments!["--config", &config, "-o", &output]);
        let text = ran.stderr.trim();
        let names = parts.iter().all(|part| text.contains(part)) && text.lines().count() == 1;
        if ran.status != status || !names || output.exists() {
            wrong.push(format!("{name}: status {}: {text}", ran.status));
            _ = std::fs::remove_file(output);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Writes 600 trials of XOR, and a config that trains on them.
fn xor(folder: &Path) -> PathBuf {
    let trials = folder.join("xor-trials.safetensors");
    let ran = run("make-trials", &arguments!["--config", config("xor"), "--trials", "600", "-o", &trials]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let config = json!({
        "name": "xor-from-file",
        "task": {"trials": "xor-trials.safetensors", "step_ms": 5},
        "network": {"kind": "rate", "neurons": 100, "recurrence": {"kind": "dense"}},
        "training": {"batch_size": 16, "clip_norm": 1.0, "max_updates": 2000},
        "search": {"factors": [30, 40, 50], "trials": 20},
        "evaluation": {"recorded_trials": 1}
    });
    let path = folder.join("xor-from-file.json");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

#[test]
fn a_network_trained_on_a_file_is_converted_and_evaluated_on_other_trials_of_it() {
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name);
    let config = xor(work.path());
    let done = |name: &str, arguments: &[std::ffi::OsString]| {
        let ran = run(name, arguments);
        assert!([0, 4].contains(&ran.status), "{name}: {}", ran.stderr);
        ran.result.unwrap_or_else(|| panic!("{name}: {}", ran.stdout))
    };
    // The file of the trials is an input, which no output replaces.
    let trials = path("xor-trials.safetensors");
    let ran = run("train-rate", &arguments!["--config", &config, "--force", "-o", &trials]);
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("a file of trials"), "{}", ran.stderr);

    let (rate, lif) = (path("rate.safetensors"), path("lif.safetensors"));
    let trained = done("train-rate", &arguments!["--config", &config, "--threads", "2", "-o", &rate]);
    assert!(trained["performance"].as_f64().unwrap() > 0.9, "{trained}");
    let judged = done("eval-rate", &arguments![&rate, "--threads", "1", "-o", path("eval.safetensors")]);
    assert!(judged["performance"].as_f64().unwrap() > 0.85, "{judged}");
    assert_eq!(judged["trials"], 60, "a tenth of the trials, each once: {judged}");
    let found = done("lambda-search", &arguments![&rate, "-o", &lif]);
    assert!(found["performance"].as_f64().is_some(), "{found}");
    // Of the 60 trials for the search a third is held out.
    let calibrated = path("calibrated.safetensors");
    let fitted = done("calibrate", &arguments![&lif, "--set", "calibration.iterations=0", "-o", calibrated]);
    assert_eq!(fitted["trials"], 20, "{fitted}");
    done("eval-lif", &arguments![&lif, "--set", "evaluation.trials=10", "-o", path("eval-lif.safetensors")]);
    let set = "--set";
    done(
        "sweep-lif",
        &arguments![
            &lif,
            "--parameter",
            "lif.refractory_ms",
            "--values",
            "2,4",
            set,
            "search.trials=2",
            set,
            "evaluation.trials=2",
            set,
            "search.factors=[40]",
            "-o",
            path("sweep.safetensors")
        ],
    );
    for name in ["rate", "eval", "lif", "calibrated", "eval-lif", "sweep"] {
        let inspected = run("inspect", &arguments![path(name).with_extension("safetensors"), "--json"]).result.unwrap();
        let inputs = inspected["provenance"]["inputs"].as_array().unwrap();
        let input = inputs.iter().find(|input| input["file"] == "xor-trials.safetensors");
        let sha256 = input.map(|input| input["sha256"].clone());
        assert_eq!(
            sha256,
            Some(inspected["config"]["task"]["contents"]["test"]["sha256"].clone()),
            "{name}: {inspected:#}"
        );
    }

    // From another place, named by --set; the artifact is the same.
    std::fs::rename(&trials, path("moved.safetensors")).unwrap();
    let ran = run("eval-rate", &arguments![&rate, "-o", path("gone.safetensors")]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("xor-trials.safetensors: No such file") && ran.stderr.contains("task.trials=PATH"),
        "{}",
        ran.stderr
    );
    let moved = std::ffi::OsString::from(format!("task.trials={}", path("moved.safetensors").display()));
    done("eval-rate", &arguments![&rate, set, &moved, "--threads", "2", "-o", path("again.safetensors")]);
    let [first, again] = ["eval", "again"].map(|name| std::fs::read(path(name).with_extension("safetensors")).unwrap());
    assert!(first == again, "the place of the file and the number of threads change no bit");
    done("report", &arguments![path("eval.safetensors"), "-o", path("reported/report.html")]);

    // Other trials in its place are refused, unless they are for the test alone.
    let other = path("other.safetensors");
    done(
        "make-trials",
        &arguments!["--config", mdl_tests::config("xor"), "--seed", "9", "--trials", "30", "-o", &other],
    );
    let named = |field: &str| std::ffi::OsString::from(format!("task.{field}={}", other.display()));
    let ran = run("eval-rate", &arguments![&rate, set, named("trials"), "-o", path("no.safetensors")]);
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("found SHA-256") && ran.stderr.contains("task.split.test=PATH"), "{}", ran.stderr);
    let ran =
        run("eval-rate", &arguments![&rate, set, &moved, set, "task.split.test=0.5", "-o", path("no.safetensors")]);
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("task.split.test: found 0.5, expected 0.1, as in the training"), "{}", ran.stderr);
    // With a file for validation, a tenth for the test would be other trials.
    let ran =
        run("eval-rate", &arguments![&rate, set, &moved, set, named("split.validation"), "-o", path("no.safetensors")]);
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("task.split.validation: found"), "{}", ran.stderr);
    // A training from the network may have other trials, and without its own says so before any work.
    let more =
        [&arguments!["--from", &rate, set, "training.max_updates=1"][..], &arguments!["-o", path("more.safetensors")]];
    let ran = run("train-rate", &more.concat());
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    done("train-rate", &[&more.concat()[..], &arguments![set, named("trials")]].concat());
    let fresh =
        done("eval-rate", &arguments![&rate, set, &moved, set, named("split.test"), "-o", path("fresh.safetensors")]);
    assert_eq!(fresh["trials"], 30, "{fresh}");
}

#[test]
fn parts_share_no_trial_and_training_uses_each_once_per_pass() {
    let work = tempfile::tempdir().unwrap();
    let number = |index: &[usize]| (index[0] + 1) as f32;
    let arrays = BTreeMap::from([("input", Npy::of(&[TRIALS, STEPS, 1], number)), ("label", labels())]);
    write_npz(&work.path().join("mine.npz"), &arrays, Packing::Stored);
    let mut config: Value =
        serde_json::from_slice(&std::fs::read(write_config(work.path(), json!({}))).unwrap()).unwrap();
    config["task"]["trials"] = json!(work.path().join("mine.npz"));
    let experiment = Experiment::from_json(config, &[], None, "mine").unwrap();
    let task = experiment.task.task().unwrap();
    let drawn = |purpose, first, count| -> Vec<usize> {
        let trials = task.draw(3, purpose, first, count).unwrap();
        trials.input[..count].iter().map(|x| *x as usize).collect()
    };
    let sorted = |mut trials: Vec<usize>| {
        trials.sort_unstable();
        trials
    };
    let [validation, test] = [Purpose::ValidationTrial, Purpose::EvaluationTrial].map(|purpose| drawn(purpose, 0, 4));
    assert_eq!(validation, drawn(Purpose::SearchTrial, 0, 4), "the search uses the trials of validation");
    assert_eq!(test, drawn(Purpose::WrittenTrial, 0, 4));
    let passes = [0, 32, 64].map(|first| drawn(Purpose::TrainingTrial, first, 32));
    assert!(passes[0] != passes[1] && passes[1] != passes[2], "the order differs from pass to pass");
    for pass in passes {
        let all = sorted([pass, validation.clone(), test.clone()].concat());
        assert_eq!(all, (1..=TRIALS).collect::<Vec<_>>());
    }
    assert_eq!(drawn(Purpose::TrainingTrial, 30, 4)[..2], drawn(Purpose::TrainingTrial, 0, 32)[30..]);
    assert_eq!((experiment.evaluation.trials, experiment.training.evaluation_trials), (4, 4), "no more than there are");
}
