//! Layouts as they are met in public, in files of PyTorch (`fixtures/make_variants.py`), NumPy, MATLAB and safetensors: what is
//! read right, what is named, and what is refused by name.

mod import;

use candle_core::{Device, Tensor};
use import::{Imported, mapping, options};
use mdl_artifact::{Array, FileType, Kind, Values};
use mdl_exchange::mat::{self, Data, Matrix};
use mdl_exchange::{ForeignFile, ImportOptions};
use mdl_experiment::Experiment;
use mdl_kernels::random::Purpose;
use mdl_model::NetworkConfig;
use mdl_model::rate::network::{NoiseKey, RateNetwork};
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::Synapse;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const PLAIN: &[u8] = include_bytes!("fixtures/plain.pth");

fn import(bytes: &[u8], options: ImportOptions) -> Result<Imported, String> {
    import::import(bytes, None, options)
}

fn tensors(bytes: &[u8]) -> BTreeMap<String, Array> {
    import(bytes, options()).unwrap().artifact.tensors
}

fn refusal(bytes: &[u8], options: ImportOptions) -> String {
    import(bytes, options).err().expect("a refusal")
}

fn singles(imported: &Imported, name: &str, shape: &[usize]) -> Vec<f32> {
    imported.artifact.values::<f32>(name, shape).unwrap().to_vec()
}

// PyTorch files of mode networks.

#[test]
fn scores_in_a_column_multiply_the_rows_of_the_input_modes() {
    let imported = import(include_bytes!("fixtures/scores_per_neuron.pth"), options()).unwrap();
    let expected = [0.21875, -0.546875, -0.5625, 2.0625, -0.75, -0.75, -3.515625, -2.109375, -1.421875, -1.21875];
    assert_eq!(singles(&imported, "mode_in", &[5, 2]), expected);
    assert_eq!(singles(&imported, "score", &[2]), [1.0, 1.0]);
    assert!(imported.reading.read_as.iter().any(|what| what.contains("`l` as a score per neuron")));
    assert!(import(include_bytes!("fixtures/modes.pth"), options()).unwrap().unused().is_empty());
    assert!(imported.unused().is_empty());
    // Also where there are as many modes as neurons: a column is a column.
    let square = import(include_bytes!("fixtures/scores_square.pth"), options()).unwrap();
    assert_eq!(singles(&square, "mode_in", &[2, 2]), [0.21875, -0.875, 1.25, 2.1875]);
    assert_eq!(singles(&square, "score", &[2]), [1.0, 1.0]);
}

#[test]
fn one_threshold_for_all_is_a_field_of_the_config() {
    let imported = import(include_bytes!("fixtures/threshold.pth"), options()).unwrap();
    assert_eq!(imported.artifact.config["network"]["neuron"]["threshold"], 0.5);
    assert!(imported.unused().is_empty());
    let rate = refusal(include_bytes!("fixtures/threshold.pth"), ImportOptions { kind: Some(Kind::Rate), ..options() });
    assert!(rate.contains("`vthr` (thresholds): found, but not read"), "{rate}");
}

#[test]
fn decay_constants_per_neuron_are_read() {
    let file = include_bytes!("fixtures/decay.pth");
    let imported = import(file, options()).unwrap();
    // 20 + 30 sigmoid(x) for x = -3/8, 0, -3/4, 3/2, 1/4.
    let expected = [32.22, 35.0, 29.624_64, 44.527_234, 36.865_295];
    let found = singles(&imported, "tau_decay_ms", &[5]);
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}");
    let neuron = &imported.artifact.config["network"]["neuron"];
    assert_eq!((&neuron["threshold"], &neuron["gain"]), (&json!(1.0), &json!("dt-squared-over-decay-rise")));
    assert!(imported.unused().is_empty());
    let ignore = ["sigmoid_tau_d".to_string()];
    let ignored = import(file, ImportOptions { ignore: &ignore, ..options() }).unwrap();
    assert_eq!((ignored.unused(), ignored.artifact.has("tau_decay_ms")), (vec!["sigmoid_tau_d"], false));
    assert_eq!(ignored.artifact.config["network"]["neuron"]["gain"], "one-minus-alpha-decay");
}

#[test]
fn half_precision_and_bfloat16_are_widened() {
    let plain = tensors(PLAIN);
    assert_eq!(tensors(include_bytes!("fixtures/half.pth")), plain);
    assert_eq!(tensors(include_bytes!("fixtures/bfloat16.pth")), plain);
    assert_eq!(tensors(include_bytes!("fixtures/prefixes.pth")), plain);
}

#[test]
fn pruned_weights_are_multiplied_by_their_mask() {
    let imported = import(include_bytes!("fixtures/pruned.pth"), options()).unwrap();
    let expected = [
        1.875, 1.75, 0.0, -2.0, -1.125, 0.0, 0.0, 1.875, 0.0, 1.375, -1.875, 0.0, 0.0, 0.0, 0.0, -1.375, 0.0, -1.75,
        0.0, 1.25,
    ];
    assert_eq!(singles(&imported, "w_in", &[5, 4]), expected);
    assert!(imported.unused().is_empty(), "{:?}", imported.unused());
    // A mapping to the weights before pruning leaves out the mask.
    let names = [("w_in", "Win_orig"), ("w_out", "Wout"), ("mode_in", "pin"), ("mode_out", "pout"), ("score", "l")];
    let tensors: Value =
        names.iter().map(|(tensor, array)| (tensor.to_string(), json!(format!("net.{array}")))).collect();
    let mut with = json!({ "tensors": tensors, "config": { "network": { "kind": "spiking" } } });
    let bytes = include_bytes!("fixtures/pruned.pth");
    let message = import::import(bytes, Some(mapping(with.clone()).unwrap()), options()).err().unwrap();
    assert!(message.contains("`net.Win_mask` (masks): found, but not read"), "{message}");
    with["ignore"] = json!(["net.Win_mask"]);
    let ignored = import::import(bytes, Some(mapping(with).unwrap()), options()).unwrap();
    assert_eq!(ignored.unused(), ["net.Win_mask"]);
}

#[test]
fn weights_that_a_function_computes_are_refused_by_name() {
    let message = refusal(include_bytes!("fixtures/spectral.pth"), options());
    assert!(message.contains("variable `Win`: found only `parametrizations.Win.original`"), "{message}");
    assert!(message.contains("take the parametrization off"), "{message}");
}

#[test]
fn what_the_file_does_not_say_is_told_and_can_be_chosen() {
    let imported = import(PLAIN, options()).unwrap();
    assert_eq!(imported.artifact.kind, Kind::Spiking);
    let notes = imported.reading.notes.join("\n");
    for part in ["--kind rate", "--synapse single", "network.neuron.refractory_steps"] {
        assert!(notes.contains(part), "{notes}");
    }
    let set = ["network.neuron.refractory_steps=0".to_string()];
    let chosen = ImportOptions { kind: Some(Kind::Spiking), synapse: Some(Synapse::Single), set: &set, ..options() };
    let chosen = import(PLAIN, chosen).unwrap();
    assert!(chosen.reading.notes.is_empty(), "{:?}", chosen.reading.notes);
    let neuron = &chosen.artifact.config["network"]["neuron"];
    assert_eq!((&neuron["synapse"], &neuron["refractory_steps"]), (&json!("single"), &json!(0)));
    assert!(refusal(PLAIN, ImportOptions { kind: Some(Kind::Lif), ..options() }).contains("--kind spiking or rate"));
}

#[test]
fn rate_networks_of_the_same_layout_are_read_as_rate_networks() {
    let imported = import(PLAIN, ImportOptions { kind: Some(Kind::Rate), ..options() }).unwrap();
    assert_eq!(imported.artifact.kind, Kind::Rate);
    let network = &imported.artifact.config["network"];
    let expected = json!(["rate", "tanh", "exponential", { "kind": "zero" }, 0.0, { "kind": "fixed", "ms": 20.0 }]);
    let fields = ["kind", "activation", "integration", "start", "noise_sd", "time_constants"];
    assert_eq!(fields.iter().map(|field| network[*field].clone()).collect::<Value>(), expected);
    assert_eq!(imported.artifact.config["task"]["step_ms"], 2.0);
    // U = α U + (1 − α)(W_in x + W tanh(U)), y = W_out tanh(U), by hand for two steps of input (1, 0, 0, 0).
    let (w_in, mode_in, mode_out) = (
        singles(&imported, "w_in", &[5, 4]),
        singles(&imported, "mode_in", &[5, 2]),
        singles(&imported, "mode_out", &[5, 2]),
    );
    let (score, w_out) = (singles(&imported, "score", &[2]), singles(&imported, "w_out", &[1, 5]));
    let alpha = (-0.1f32).exp();
    let first: Vec<f32> = (0..5).map(|i| (1.0 - alpha) * w_in[4 * i]).collect();
    let r: Vec<f32> = first.iter().map(|u| u.tanh()).collect();
    let project = |p: usize| (0..5).map(|j| mode_out[2 * j + p] * r[j]).sum::<f32>() * score[p];
    let (a, b) = (project(0), project(1));
    let second =
        |i: usize| alpha * first[i] + (1.0 - alpha) * (w_in[4 * i] + mode_in[2 * i] * a + mode_in[2 * i + 1] * b);
    let expected =
        [(0..5).map(|i| w_out[i] * r[i]).sum::<f32>(), (0..5).map(|i| w_out[i] * second(i).tanh()).sum::<f32>()];
    let found = outputs(&imported, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} for {expected:?}");
}

/// Outputs of a rate network of one output for one trial of input `[T, 4]`.
fn outputs(imported: &Imported, input: &[f32]) -> Vec<f32> {
    let experiment = Experiment::from_json(imported.artifact.config.clone(), &[], None, "a").unwrap();
    let NetworkConfig::Rate(config) = &experiment.network else { panic!("a rate network") };
    let parameters = RateParameters::read(&imported.artifact, config, "").unwrap();
    let network = RateNetwork::new(config, parameters, experiment.task.step_ms(), &Device::Cpu).unwrap();
    let input = Tensor::from_slice(input, (input.len() / 4, 1, 4), &Device::Cpu).unwrap();
    let key = NoiseKey { seed: 1, purpose: Purpose::EvaluationNoise, index: 0 };
    network.run(&input, key).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

// Other code, by the mappings of docs/import.md.

#[test]
fn low_rank_networks_are_scaled_by_arrays_and_numbers() {
    let documented = json!({
        "tensors": {
            "w_in": { "name": "wi", "transpose": true, "scale": "si" },
            "mode_in": "m",
            "mode_out": "n",
            "score": 0.2,
            "w_out": { "name": "wo", "transpose": true, "scale": ["so", 0.2] }
        },
        "config": {
            "task": { "kind": "mante", "step_ms": 20 },
            "network": {
                "kind": "rate", "activation": "tanh", "time_constants": { "kind": "fixed", "ms": 100 },
                "start": { "kind": "zero" }, "noise_sd": 0.05
            }
        }
    });
    let bytes = include_bytes!("fixtures/lowrank.pth");
    let imported = import::import(bytes, Some(mapping(documented).unwrap()), options()).unwrap();
    // si is (1, 2, 0.5, 4), so is 2, N is 5.
    assert_eq!(singles(&imported, "w_in", &[5, 4])[..8], [0.75, 3.5, 0.4375, -6.5, -0.5, -3.5, -0.3125, -3.5]);
    assert_eq!(singles(&imported, "w_out", &[1, 5]), [-0.15, -0.4, 0.0, 0.1, -0.05]);
    assert_eq!(singles(&imported, "score", &[2]), [0.2, 0.2]);
    // Biases and initial states of zero change nothing.
    assert_eq!(imported.unused(), ["b", "h0"]);
}

#[test]
fn a_torch_rnn_answers_as_pytorch_does() {
    let documented = json!({
        "tensors": {
            "w_in": "rnn.weight_ih_l0",
            "w_rec": "rnn.weight_hh_l0",
            "w_out": "fc.weight",
            "b_out": "fc.bias"
        },
        "config": {
            "task": { "kind": "mante", "step_ms": 5 },
            "network": {
                "kind": "rate", "activation": "tanh", "time_constants": { "kind": "fixed", "ms": 5 },
                "start": { "kind": "zero" }, "noise_sd": 0
            }
        }
    });
    let with = || Some(mapping(documented.clone()).unwrap());
    let imported = import::import(include_bytes!("fixtures/rnn.pth"), with(), options()).unwrap();
    let input: Vec<f32> = (0..12u8).map(|i| f32::from(i) / 4.0).collect();
    // As fixtures/make_variants.py prints them.
    let expected = [-0.454_176_16, -0.460_353_52, -0.464_164_97];
    let found = outputs(&imported, &input);
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    let biased = import::import(include_bytes!("fixtures/rnn_bias.pth"), with(), options()).err().unwrap();
    assert!(biased.contains("`rnn.bias_ih_l0` (biases), `rnn.bias_hh_l0` (biases)"), "{biased}");
    assert!(biased.contains("--ignore rnn.bias_ih_l0"), "{biased}");
    let unknown = refusal(include_bytes!("fixtures/rnn.pth"), options());
    assert!(unknown.contains("looks like a torch.nn.RNN") && unknown.contains("--mapping"), "{unknown}");
}

#[test]
fn tensors_without_use_and_bad_sources_are_refused() {
    let refused = |change: &dyn Fn(&mut Value), what: &str| {
        let mut with = json!({
            "tensors": { "w_in": "Win", "w_out": "Wout", "mode_in": "pin", "mode_out": "pout", "score": "l" },
            "config": { "network": { "kind": "rate", "time_constants": { "kind": "fixed", "ms": 20 } } }
        });
        change(&mut with);
        let refused = mapping(with).and_then(|mapping| import::import(PLAIN, Some(mapping), options()).map(|_| ()));
        let message = refused.unwrap_err();
        assert!(message.contains(what), "{message}");
    };
    refused(
        &|m| m["tensors"]["theta"] = json!(0.5),
        "`theta` is given as `theta`, but a network of this config has none",
    );
    refused(
        &|m| m["tensors"]["w_in"] = json!({ "name": "Win", "scale": "pin" }),
        "variable `pin`: found shape [5, 2], expected a shape that multiplies [5, 4], for `w_in`",
    );
    refused(
        &|m| m["tensors"]["w_in"] = json!({ "name": "Win", "scale": "nothing" }),
        "variable `nothing`: found no such variable among",
    );
    refused(&|m| m["tensors"]["w_in"] = json!({ "name": "Win", "factor": 2 }), "unknown field `factor`");
    refused(&|m| m["tensors"]["w_in"] = json!(null), "expected the name of an array, a number, or an object");
    refused(
        &|m| m["tensors"]["score"] = json!({ "name": "l", "scale": 1e300 }),
        "expected a number of single precision",
    );
}

// NumPy files.

/// A `.npy` of this type and shape.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    [&b"\x93NUMPY\x01\0"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
}

/// A `.npz` of these arrays.
fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, array) in arrays {
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::STORE);
        archive.start_file(format!("{name}.npy"), stored).unwrap();
        archive.write_all(array).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A number in half precision, of those that have a short fraction.
fn half(x: f32) -> u16 {
    let bits = x.to_bits();
    if x == 0.0 {
        0
    } else {
        ((bits >> 16) & 0x8000) as u16 | ((((bits >> 23) & 0xff) - 112) << 10) as u16 | ((bits >> 13) & 0x3ff) as u16
    }
}

#[test]
fn numpy_numbers_of_any_width_and_order_are_read() {
    let weights = [0.5f32, -1.25, 3.0, 0.125];
    let file = |descr: &str, bytes: &dyn Fn(f32) -> Vec<u8>| {
        let data = |values: &[f32]| values.iter().flat_map(|x| bytes(*x)).collect::<Vec<u8>>();
        let array = |shape: &str, values: &[f32]| npy(&format!("'{descr}'"), shape, &data(values));
        npz(&[
            ("w_rec", array("(2, 2)", &weights)),
            ("w_in", array("(2, 1)", &weights[..2])),
            ("w_out", array("(1, 2)", &weights[2..])),
        ])
    };
    let with = || mapping(json!({ "config": { "network": { "time_constants": { "kind": "fixed", "ms": 20 } } } })).ok();
    let read = |bytes: &[u8]| import::import(bytes, with(), options()).unwrap().artifact.tensors;
    let expected = read(&file("<f4", &|x| x.to_le_bytes().to_vec()));
    assert_eq!(expected["w_rec"].values, Values::F32(weights.to_vec()));
    for other in [
        file(">f4", &|x| x.to_be_bytes().to_vec()),
        file("<f8", &|x| f64::from(x).to_le_bytes().to_vec()),
        file(">f8", &|x| f64::from(x).to_be_bytes().to_vec()),
        file("<f2", &|x| half(x).to_le_bytes().to_vec()),
        file(">f2", &|x| half(x).to_be_bytes().to_vec()),
    ] {
        assert_eq!(read(&other), expected);
    }
}

#[test]
fn arrays_of_other_things_are_listed_and_named() {
    let ones = npy("'<f4'", "(1, 1)", &1f32.to_le_bytes());
    let objects = npy("'|O'", "()", b"\x80\x03N.");
    let records = npy("[('a', '<f4'), ('b', '<i4', (2,))]", "(1,)", &[0; 12]);
    let mut arrays =
        vec![("w_rec", ones.clone()), ("w_in", ones.clone()), ("w_out", ones), ("log", objects), ("table", records)];
    let file = npz(&arrays);
    let with = || mapping(json!({ "config": { "network": { "time_constants": { "kind": "fixed", "ms": 20 } } } })).ok();
    assert_eq!(import::import(&file, with(), options()).unwrap().unused(), ["log", "table"]);
    let listed = ForeignFile::open(&file, Path::new("a")).unwrap();
    let entry = |name: &str| listed.entries().iter().find(|entry| entry.name == name).unwrap().clone();
    assert_eq!((entry("log").kind.as_str(), entry("table").kind.as_str()), ("pickled objects", "records"));
    assert_eq!((entry("w_in").shape, entry("w_in").kind.as_str()), (vec![1, 1], "float32"));
    // What changes a network cannot be left out because it cannot be read.
    arrays.push(("tau", npy("'|O'", "()", b"\x80\x03N.")));
    let message = import::import(&npz(&arrays), with(), options()).err().unwrap();
    assert!(message.contains("`tau` (time constants): found, but not read"), "{message}");
    let ignore = ["ta*".to_string()];
    let ignored = import::import(&npz(&arrays), with(), ImportOptions { ignore: &ignore, ..options() }).unwrap();
    assert_eq!(ignored.unused(), ["log", "table", "tau"]);
}

/// A PsychRNN file of 2 units with these outputs, biases and signs.
fn psychrnn(outputs: usize, bias: f32, signs: [f32; 2], weights: [f32; 4]) -> Vec<u8> {
    let array = |shape: [usize; 2], values: &[f32]| {
        let data: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        npy("'<f4'", &format!("({}, {})", shape[0], shape[1]), &data)
    };
    npz(&[
        ("init_state", array([1, 2], &[0.0; 2])),
        ("W_in", array([2, 2], &[1.0, 2.0, 3.0, 4.0])),
        ("W_rec", array([2, 2], &weights)),
        ("W_out", array([outputs, 2], &vec![0.5; 2 * outputs])),
        ("b_rec", array([2, 1], &[bias; 2])),
        ("b_out", array([outputs, 1], &vec![0.25; outputs])),
        ("Dale_rec", array([2, 2], &[signs[0], 0.0, 0.0, signs[1]])),
        ("rec_connectivity", array([2, 2], &[1.0, 0.0, 1.0, 1.0])),
        ("W_rec/Adam", array([2, 2], &[0.0; 4])),
        ("dale_ratio", npy("'|O'", "()", b"\x80\x03N.")),
    ])
}

#[test]
fn psychrnn_networks_are_read_as_far_as_there_are_tasks() {
    let set = [r#"network.time_constants={"kind":"fixed","ms":100}"#.to_string(), "task.step_ms=10".into()];
    let with = || ImportOptions { set: &set, ..options() };
    let weights = [0.5, 0.0, 0.25, -0.75];
    let imported = import(&psychrnn(1, 0.0, [1.0, -1.0], weights), with()).unwrap();
    assert_eq!(imported.reading.layout, "PsychRNN");
    // The weights in the file carry the signs.
    assert_eq!(singles(&imported, "w_rec", &[2, 2]), [0.5, 0.0, 0.25, 0.75]);
    assert_eq!(singles(&imported, "sign", &[2]), [1.0, -1.0]);
    assert_eq!(imported.unused(), ["init_state", "b_rec", "W_rec/Adam", "dale_ratio"]);
    assert_eq!(imported.artifact.config["network"]["activation"], "relu");
    assert!(imported.reading.notes.iter().any(|note| note.contains("network.activation")), "{:?}", imported.reading);
    let free = import(&psychrnn(1, 0.0, [1.0, 1.0], weights), with()).unwrap();
    assert_eq!(singles(&free, "w_rec", &[2, 2]), weights);
    assert!(!free.artifact.has("sign"));
    let two = refusal(&psychrnn(2, 0.0, [1.0, 1.0], weights), with());
    assert!(two.contains("2 outputs; the tasks here and their outputs: go-nogo (1), xor (1)"), "{two}");
    let biased = refusal(&psychrnn(1, 0.5, [1.0, 1.0], weights), with());
    assert!(biased.contains("`b_rec` (biases)"), "{biased}");
    let silent = refusal(&psychrnn(1, 0.0, [1.0, 1.0], weights), options());
    assert!(silent.contains("neither tau nor dt"), "{silent}");
    let contradiction = refusal(&psychrnn(1, 0.0, [1.0, -1.0], [0.5, 0.0, 0.25, 0.75]), with());
    assert!(contradiction.contains("variable `W_rec`: found 0.75 at row 1, column 1"), "{contradiction}");
}

// safetensors.

#[test]
fn bfloat16_and_half_tensors_of_safetensors_are_widened() {
    let weights = [0.5f32, -1.25, 3.0, 0.125];
    let file = |dtype: Dtype, bytes: &dyn Fn(f32) -> Vec<u8>| {
        let data = |values: &[f32]| values.iter().flat_map(|x| bytes(*x)).collect::<Vec<u8>>();
        let all = [
            ("w_rec", vec![2, 2], data(&weights)),
            ("w_in", vec![2, 1], data(&weights[..2])),
            ("w_out", vec![1, 2], data(&weights[2..])),
        ];
        let views = all.iter().map(|(name, shape, data)| (*name, TensorView::new(dtype, shape.clone(), data).unwrap()));
        safetensors::serialize(views, None).unwrap()
    };
    let with = || mapping(json!({ "config": { "network": { "time_constants": { "kind": "fixed", "ms": 20 } } } })).ok();
    let read = |bytes: &[u8]| import::import(bytes, with(), options()).unwrap().artifact.tensors;
    let expected = read(&file(Dtype::F32, &|x| x.to_le_bytes().to_vec()));
    // bfloat16 is the upper half of single precision.
    assert_eq!(read(&file(Dtype::BF16, &|x| x.to_le_bytes()[2..].to_vec())), expected);
    assert_eq!(read(&file(Dtype::F16, &|x| half(x).to_le_bytes().to_vec())), expected);
}

// MATLAB files.

/// A published rate network of 3 units with these weights and signs.
fn rate_network(w: [f64; 9], signs: [f64; 3]) -> Vec<(String, Matrix)> {
    let numbers = |shape: &[usize], values: &[f64]| Matrix::numbers(shape, Values::F64(values.to_vec()));
    let m = [signs[0], 0.0, 0.0, 0.0, signs[1], 0.0, 0.0, 0.0, signs[2]];
    let inhibitory = Data::Logical(signs.iter().map(|sign| *sign < 0.0).collect());
    [
        ("w", numbers(&[3, 3], &w)),
        ("m", numbers(&[3, 3], &m)),
        ("w_in", numbers(&[3, 1], &[0.5, 1.0, 1.5])),
        ("w_out", numbers(&[1, 3], &[1.0, 2.0, 3.0])),
        ("b_out", numbers(&[1, 1], &[0.25])),
        ("taus", numbers(&[1, 2], &[4.0, 20.0])),
        ("taus_gaus", numbers(&[3, 1], &[0.0, 0.5, 1.0])),
        ("u", numbers(&[1, 200], &[0.0; 200])),
        ("inh", Matrix { shape: vec![3, 1], data: inhibitory }),
        ("losses", numbers(&[1, 2], &[3.0, 2.0])),
        ("activation", Matrix::text("sigmoid")),
    ]
    .map(|(name, matrix)| (name.to_string(), matrix))
    .to_vec()
}

fn with(mut variables: Vec<(String, Matrix)>, name: &str, shape: &[usize], values: &[f64]) -> Vec<u8> {
    variables.retain(|(other, _)| other != name);
    variables.push((name.into(), Matrix::numbers(shape, Values::F64(values.to_vec()))));
    mat::write(&variables).unwrap()
}

const POSITIVE: [f64; 9] = [0.0, 1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, 0.0];
const SIGNS: [f64; 3] = [1.0, -1.0, 1.0];

#[test]
fn a_vector_is_a_vector_whatever_its_orientation() {
    let network = || rate_network(POSITIVE, SIGNS);
    let expected = tensors(&mat::write(&network()).unwrap());
    for (name, shape, values) in [
        ("w_in", [1, 3], vec![0.5, 1.0, 1.5]),
        ("w_out", [3, 1], vec![1.0, 2.0, 3.0]),
        ("taus_gaus", [1, 3], vec![0.0, 0.5, 1.0]),
        ("taus", [2, 1], vec![4.0, 20.0]),
        ("inh", [1, 3], vec![0.0, 1.0, 0.0]),
        ("m", [1, 3], SIGNS.to_vec()),
        ("u", [200, 1], vec![0.0; 200]),
    ] {
        let imported = import(&with(network(), name, &shape, &values), options()).unwrap();
        assert_eq!(imported.artifact.tensors, expected, "{name}");
        assert_eq!(imported.artifact.config["task"]["parameters"]["trial_ms"], 1000);
    }
    let turned = refusal(&with(network(), "w_in", &[2, 3], &[1.0; 6]), options());
    assert!(turned.contains("variable `w_in`: found shape [2, 3], expected N×K for the 3 units of `w`"), "{turned}");
}

#[test]
fn a_sign_in_m_makes_a_network_of_dales_principle_whatever_w_is() {
    let relu = import(&mat::write(&rate_network(POSITIVE, SIGNS)).unwrap(), options()).unwrap();
    let mut raw = POSITIVE;
    // Entries that relu takes away, in the columns of excitatory and inhibitory units.
    raw[4] = -7.0;
    raw[0] = -0.5;
    let raw = import(&mat::write(&rate_network(raw, SIGNS)).unwrap(), options()).unwrap();
    assert_eq!(raw.artifact.config["network"]["recurrence"]["dale"], true);
    assert_eq!(raw.artifact.tensors["sign"], relu.artifact.tensors["sign"]);
    let effective =
        |imported: &Imported| singles(imported, "w_rec", &[3, 3]).iter().map(|w| w.max(0.0)).collect::<Vec<_>>();
    assert_eq!(effective(&raw), effective(&relu));
    assert!(
        raw.reading.notes.iter().any(|note| note.contains("2 of 9 entries of `w` are negative")),
        "{:?}",
        raw.reading
    );
    assert!(!relu.reading.notes.iter().any(|note| note.contains("negative")));
}

#[test]
fn weights_that_carry_their_signs_and_contradictions_are_refused() {
    let mut signed = POSITIVE;
    signed.iter_mut().enumerate().for_each(|(at, w)| *w *= SIGNS[at % 3]);
    let message = refusal(&mat::write(&rate_network(signed, SIGNS)).unwrap(), options());
    assert!(message.contains("variable `w`: found weights that carry the signs of their units already"), "{message}");
    let other = with(rate_network(POSITIVE, SIGNS), "inh", &[3, 1], &[1.0, 0.0, 0.0]);
    let message = refusal(&other, options());
    assert!(message.contains("variable `inh`: found 1 for unit 0, expected the sign of `m`"), "{message}");
    // Without a sign in m the weights tell, and the other reading can be chosen.
    let mut free = POSITIVE;
    free[1] = -1.0;
    let file = mat::write(&rate_network(free, [1.0; 3])).unwrap();
    let imported = import(&file, options()).unwrap();
    assert_eq!(imported.artifact.config["network"]["recurrence"]["dale"], false);
    assert!(imported.reading.notes.iter().any(|note| note.contains("network.recurrence.dale=true")));
    let set = ["network.recurrence.dale=true".to_string()];
    let excitatory = import(&file, ImportOptions { set: &set, ..options() }).unwrap();
    assert_eq!(singles(&excitatory, "sign", &[3]), [1.0; 3]);
}

#[test]
fn a_searched_network_is_a_lif_or_a_rate_network() {
    let file = with(rate_network(POSITIVE, SIGNS), "opt_scaling_factor", &[1, 1], &[30.0]);
    let lif = import(&file, options()).unwrap();
    assert_eq!(lif.artifact.kind, Kind::Lif);
    assert!(lif.reading.notes.iter().any(|note| note.contains("--kind rate")));
    assert_eq!(lif.unused(), ["losses"]);
    let mut rate = import(&file, ImportOptions { kind: Some(Kind::Rate), ..options() }).unwrap();
    assert_eq!((rate.artifact.kind, rate.unused()), (Kind::Rate, vec!["opt_scaling_factor", "losses"]));
    rate.artifact.insert("scaling_factor", &[1], vec![30f64]);
    assert_eq!(rate.artifact.tensors, lif.artifact.tensors);
    let unsearched = mat::write(&rate_network(POSITIVE, SIGNS)).unwrap();
    let message = refusal(&unsearched, ImportOptions { kind: Some(Kind::Lif), ..options() });
    assert!(message.contains("no opt_scaling_factor for --kind lif"), "{message}");
    let message = refusal(&unsearched, ImportOptions { kind: Some(Kind::Spiking), ..options() });
    assert!(message.contains("holds a rate network"), "{message}");
}

#[test]
fn what_changes_a_published_network_is_refused_and_the_rest_is_named() {
    let biased = with(rate_network(POSITIVE, SIGNS), "b_rec", &[3, 1], &[0.0, 0.5, 0.0]);
    let message = refusal(&biased, options());
    assert!(message.contains("`b_rec` (biases): found, but not read"), "{message}");
    let zero = with(rate_network(POSITIVE, SIGNS), "b_rec", &[3, 1], &[0.0; 3]);
    let imported = import(&zero, options()).unwrap();
    assert_eq!(
        (&imported.unused.unknown[..], &imported.unused.records[..]),
        (&["b_rec".into()][..], &["losses".into()][..])
    );
    let extra = with(rate_network(POSITIVE, SIGNS), "something", &[1, 1], &[1.0]);
    assert_eq!(import(&extra, options()).unwrap().unused(), ["something", "losses"]);
}

#[test]
fn overrides_of_what_a_published_network_states_are_refused() {
    let network = mat::write(&rate_network(POSITIVE, SIGNS)).unwrap();
    let refused = |set: &str| refusal(&network, ImportOptions { set: &[set.into()], ..options() });
    for (set, variable) in [
        ("network.neurons=2", "w"),
        ("network.activation=tanh", "activation"),
        (r#"network.time_constants={"kind": "fixed", "ms": 20}"#, "taus"),
        ("network.time_constants.max_ms=50", "taus"),
        ("network.output_bias=false", "b_out"),
        (r#"network.recurrence={"kind": "modes", "modes": 2}"#, "w"),
        ("network.recurrence.dale=false", "m"),
    ] {
        let message = refused(set);
        let says = format!("variable `{variable}` says");
        assert!(message.contains("`--set network.") && message.contains(&says), "{message}");
    }
    let trained = refused("training.learning_rate=7");
    assert!(trained.contains("`--set training.learning_rate=7`: the network has been trained already"), "{trained}");
    let same = ImportOptions { set: &["network.neurons=3".into(), "task.step_ms=5".into()], ..options() };
    assert!(import(&network, same).is_ok());
}

// Types of files.

#[test]
fn files_that_are_no_network_are_named_with_the_remedy() {
    for (bytes, expected) in [
        (include_bytes!("fixtures/legacy.pth").to_vec(), "a PyTorch file of before version 1.6"),
        (npy("'<f4'", "(1,)", &[0; 4]), "a NumPy file of a single array (.npy)"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0}.".to_vec(), "a Python pickle"),
        (b"# Created by Octave 7.3.0\n# name: w\n".to_vec(), "Octave's text format"),
        (Vec::new(), "an empty file"),
    ] {
        let message = refusal(&bytes, options());
        let named = message.contains(&format!("a: found {expected}, expected a network in a MATLAB (5 or 7.3)"));
        assert!(named && message.contains("; ") && !message.contains("damaged"), "{message}");
    }
    // One array has a reader, for listings, but is no network.
    let one = npy("'<f4'", "(1,)", &[0; 4]);
    let listed = ForeignFile::open(&one, Path::new("a")).unwrap();
    assert_eq!((listed.file_type(), listed.entries().len()), (FileType::Npy, 1));
}
