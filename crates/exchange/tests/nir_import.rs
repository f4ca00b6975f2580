//! NIR graphs read as networks: those of `export-network`, changed ones, and those that other tools write
//! (`fixtures/make_nir.py`).

mod import;

use candle_core::{Device, Tensor};
use import::{Imported, import, options};
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_exchange::export::Format;
use mdl_exchange::export::nir::Nir;
use mdl_exchange::{ForeignFile, ImportOptions};
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::network::SpikingNetwork;
use mdl_model::spiking::{Input, SpikingNeuron};
use serde_json::{Value, json};
use std::path::Path;

const SNNTORCH: &[u8] = include_bytes!("fixtures/snntorch.nir");
const SPIKING_OUTPUT: &[u8] = include_bytes!("fixtures/snntorch_spiking_output.nir");
const SPYX: &[u8] = include_bytes!("fixtures/spyx.nir");
const MODES: &[u8] = include_bytes!("fixtures/modes.nir");
const DELAY: &[u8] = include_bytes!("fixtures/delay.nir");

fn experiment(config: Value) -> Experiment {
    Experiment::from_json(config, &[], None, "a").unwrap()
}

/// A drawn LIF network of 12 units with the scaling factor 25.
fn lif(recurrence: Value) -> Artifact {
    let network = json!({ "kind": "rate", "neurons": 12, "recurrence": recurrence, "activation": "softplus" });
    let experiment = experiment(json!({
        "name": "a", "task": { "kind": "go-nogo" }, "network": network, "lif": { "refractory_ms": 3.0 },
    }));
    let NetworkConfig::Rate(config) = &experiment.network else { panic!("a rate network") };
    let mut artifact = Artifact::new(Kind::Lif, experiment.to_json(), Provenance::new("test", None, 1));
    let parameters = RateParameters::draw(config, 1, 1, 5);
    parameters.write(&mut artifact, "");
    artifact.insert("tau_ms", &[12], parameters.tau_ms(config));
    artifact.insert("scaling_factor", &[1], vec![25f64]);
    artifact
}

/// A drawn spiking network of 9 neurons and 2 modes.
fn spiking(neuron: Value) -> Artifact {
    let network = json!({ "kind": "spiking", "neurons": 9, "modes": 2, "neuron": neuron });
    let experiment = experiment(json!({ "name": "a", "task": { "kind": "mante", "step_ms": 2 }, "network": network }));
    let NetworkConfig::Spiking(config) = &experiment.network else { panic!("a spiking network") };
    let mut artifact = Artifact::new(Kind::Spiking, experiment.to_json(), Provenance::new("test", None, 1));
    SpikingNetwork::initial(config, 4, 1, 5).unwrap().write(&mut artifact).unwrap();
    artifact
}

fn export(artifact: &Artifact, layout: Option<&str>) -> Result<Vec<u8>, String> {
    let experiment = experiment(artifact.config.clone());
    let origin = Path::new("a.safetensors");
    let written = match layout {
        Some(layout) => Nir.write_as(layout, artifact, &experiment, origin),
        None => Nir.write(artifact, &experiment, origin),
    };
    written.map_err(|error| error.to_string())
}

fn floats(artifact: &Artifact, name: &str) -> Vec<f64> {
    artifact.values::<f32>(name, &artifact.tensors[name].shape).unwrap().iter().map(|x| f64::from(*x)).collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (at, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-5 * e.abs().max(1e-3), "element {at}: {f} for {e}");
    }
}

/// Numbers of an array in a file.
fn numbers(bytes: &[u8], name: &str) -> Vec<f64> {
    let file = ForeignFile::open(bytes, Path::new("a")).unwrap();
    file.variables(|_| true).unwrap().flat(name).unwrap().to_vec()
}

/// The file with another first number in place of those of a dataset in single precision.
fn with_first(bytes: &[u8], name: &str, first: f32) -> Vec<u8> {
    let stored: Vec<u8> = numbers(bytes, name).iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
    let found: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&stored)).collect();
    let [at] = found[..] else { panic!("`{name}` at {found:?}") };
    [&bytes[..at], &first.to_le_bytes(), &bytes[at + 4..]].concat()
}

/// The kinds of networks that are exported.
fn exported() -> Vec<Artifact> {
    let mut own = spiking(json!({ "synapse": "single", "gain": "dt-over-decay" }));
    own.insert("tau_decay_ms", &[9], (0..9u8).map(|unit| 20.0 + 5.0 * f32::from(unit)).collect());
    own.insert("threshold", &[9], (1..10u8).map(|unit| 1.0 / f32::from(unit)).collect());
    vec![lif(json!({ "kind": "dense" })), lif(json!({ "kind": "modes", "modes": 2 })), spiking(json!({})), own]
}

/// Membrane time constants per neuron are those of the LIF node; a graph with them whose weights were changed is refused.
#[test]
fn membrane_time_constants_per_neuron_are_exported() {
    for kind in ["drawn", "trained"] {
        let network = spiking(json!({ "membrane_time_constants": { "kind": kind, "min_ms": 5, "max_ms": 60 } }));
        let bytes = export(&network, None).unwrap();
        let euler = |tau_ms: f64| 2e-3 / -(-2.0 / tau_ms).exp_m1();
        let expected: Vec<f64> = floats(&network, "tau_membrane_ms").into_iter().map(euler).collect();
        assert!(expected[0] != expected[1]);
        assert_close(&numbers(&bytes, "node/nodes/lif/tau"), &expected);
        let readout = "node/nodes/w_out/weight";
        let changed = with_first(&bytes, readout, numbers(&bytes, readout)[0] as f32 * 2.0);
        let error = import(&changed, None, options()).err().unwrap().to_string();
        assert!(error.contains("tau that differs between neurons"), "{error}");
    }
}

#[test]
fn exports_come_back_with_equal_tensors_and_config() {
    let membranes = ["drawn", "trained"].map(|kind| spiking(json!({ "membrane_time_constants": { "kind": kind } })));
    for network in exported().into_iter().chain(membranes) {
        let Imported { artifact, unused, reading } = import(&export(&network, None).unwrap(), None, options()).unwrap();
        assert_eq!((artifact.kind, &artifact.config), (network.kind, &network.config));
        assert_eq!(artifact.tensors, network.tensors);
        assert!(unused.unknown.is_empty() && reading.notes.is_empty(), "{unused:?} {:?}", reading.notes);
        assert_eq!(reading.layout, "NIR graph");
    }
}

/// The weights of the units to each other, W = Ξ_in diag(λ) Ξ_outᵀ for 2 modes.
fn product(network: &Artifact) -> Vec<f64> {
    let [a, score, b] = ["mode_in", "score", "mode_out"].map(|name| floats(network, name));
    let n = a.len() / 2;
    let of = |i: usize, j: usize| (0..2).map(|p| a[2 * i + p] * score[p] * b[2 * j + p]).sum::<f64>();
    (0..n * n).map(|at| of(at / n, at % n)).collect()
}

/// The network of a graph whose first weight of the readout was doubled after the export, and its readout.
fn changed(network: &Artifact) -> (Artifact, Vec<f64>) {
    let bytes = export(network, None).unwrap();
    let doubled = 2.0 * numbers(&bytes, "node/nodes/w_out/weight")[0] as f32;
    let bytes = with_first(&bytes, "node/nodes/w_out/weight", doubled);
    let Imported { artifact, reading, .. } = import(&bytes, None, options()).unwrap();
    assert!(reading.notes.iter().any(|note| note.contains("changed after its export")), "{:?}", reading.notes);
    assert_eq!((artifact.kind, &artifact.config["task"]), (network.kind, &network.config["task"]));
    assert_close(&floats(&artifact, "w_in"), &floats(network, "w_in"));
    let mut readout = floats(network, "w_out");
    readout[0] *= 2.0;
    (artifact, readout)
}

#[test]
fn changed_graphs_of_lif_networks_are_read_from_their_nodes() {
    for network in [lif(json!({ "kind": "dense" })), lif(json!({ "kind": "modes", "modes": 2 }))] {
        let (artifact, readout) = changed(&network);
        assert_close(&floats(&artifact, "w_out"), &readout);
        assert_close(&floats(&artifact, "tau_ms"), &floats(&network, "tau_ms"));
        assert_eq!(artifact.config["network"]["activation"], "softplus");
        for field in ["refractory_ms", "dt_ms", "tau_membrane_ms", "tau_rise_ms", "v_reset_mv", "v_initial_max_mv"] {
            let [found, expected] = [&artifact, &network].map(|network| network.config["lif"][field].as_f64().unwrap());
            assert!((found - expected).abs() < 1e-9, "{field} {found}");
        }
        if artifact.has("w_rec") {
            let (w, sign) = (floats(&network, "w_rec"), floats(&network, "sign"));
            let effective: Vec<f64> = w.iter().enumerate().map(|(at, w)| w.max(0.0) * sign[at % 12]).collect();
            assert_close(&floats(&artifact, "w_rec"), &effective);
        } else {
            assert_close(&product(&artifact), &product(&network));
        }
    }
}

/// The gain of a synapse may be another one, which multiplies the weights.
#[test]
fn changed_graphs_of_spiking_networks_are_read_from_their_nodes() {
    for network in &exported()[2..] {
        let (artifact, readout) = changed(network);
        let neuron = |network: &Artifact| match experiment(network.config.clone()).network {
            NetworkConfig::Spiking(config) => config.neuron,
            NetworkConfig::Rate(_) => panic!("a spiking network"),
        };
        let [found, expected] = [&artifact, network].map(neuron);
        assert_eq!(found.tau_membrane_ms, expected.tau_membrane_ms);
        assert_eq!(
            (found.tau_current_ms, found.refractory_steps),
            (expected.tau_current_ms, expected.refractory_steps)
        );
        let taus = if network.has("tau_decay_ms") { floats(network, "tau_decay_ms") } else { vec![30.0; 9] };
        if network.has("tau_decay_ms") {
            assert_close(&floats(&artifact, "tau_decay_ms"), &taus);
            assert_close(&floats(&artifact, "threshold"), &floats(network, "threshold"));
        }
        let with_gain = |weights: &[f64], neuron: &SpikingNeuron| {
            weights.iter().enumerate().map(|(at, w)| w * neuron.gain_at(taus[at % 9])).collect::<Vec<_>>()
        };
        assert_close(&with_gain(&floats(&artifact, "w_out"), &found), &with_gain(&readout, &expected));
        assert_close(&with_gain(&product(&artifact), &found), &with_gain(&product(network), &expected));
    }
}

/// snnTorch's RSynaptic: syn = α syn + W x + W_rec s, mem = β mem + syn, s = mem > 1; here spikes act two steps later, and
/// the potential is 0 in the step after a spike.
#[test]
fn a_layer_of_snntorch_does_here_what_its_equations_say() {
    let set = ["task.step_ms=0.1".to_string()];
    let with_step = ImportOptions { set: &set, task: Some("xor"), ..options() };
    let Imported { artifact, unused, .. } = import(SNNTORCH, None, with_step).unwrap();
    assert!(unused.unknown.is_empty(), "{unused:?}");
    let neuron = &artifact.config["network"]["neuron"];
    let close = |field: &str, expected: f64| {
        let found = neuron[field].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-5 * expected, "{field} {found}");
    };
    close("tau_current_ms", -0.1 / 0.8f64.ln());
    close("tau_membrane_ms", -0.1 / 0.9f64.ln());
    close("threshold", 0.1);
    assert_eq!((neuron["tau_decay_ms"].as_f64(), neuron["refractory_steps"].as_u64()), (Some(0.0), Some(0)));
    let [w_in, w_rec, w_out] =
        ["0", "1.w_rec", "2"].map(|node| numbers(SNNTORCH, &format!("node/nodes/{node}/weight")));

    let (steps, n) = (60, 5);
    let x: Vec<f64> = (0..steps * 2).map(|at| (at as f64 * 0.37).sin() * 6.0).collect();
    let (mut syn, mut mem) = ([0.0; 5], [0.0; 5]);
    let mut spikes: Vec<[f64; 5]> = Vec::new();
    for t in 0..steps {
        let earlier = |delay: usize| if t < delay { [0.0; 5] } else { spikes[t - delay] };
        let (reset, fed_back) = (earlier(1), earlier(2));
        let mut now = [0.0; 5];
        for i in 0..n {
            let input: f64 = (0..2).map(|k| w_in[2 * i + k] * x[2 * t + k]).sum();
            let recurrent: f64 = (0..n).map(|j| w_rec[n * i + j] * fed_back[j]).sum();
            syn[i] = 0.8 * syn[i] + input + recurrent;
            mem[i] = (1.0 - reset[i]) * (0.9 * mem[i] + syn[i]);
            now[i] = f64::from(u8::from(mem[i] > 1.0));
        }
        spikes.push(now);
    }
    let expected: Vec<f64> = spikes.concat();
    assert!(expected.iter().sum::<f64>() > 20.0, "it spikes");

    let NetworkConfig::Spiking(config) = &experiment(artifact.config.clone()).network else { panic!("spiking") };
    let network = SpikingNetwork::read(&artifact, config, 2, 1).unwrap();
    let x: Vec<f32> = x.into_iter().map(|x| x as f32).collect();
    let states = network.states(&Input::Signals(Tensor::from_vec(x, (steps, 1, 2), &Device::Cpu).unwrap())).unwrap();
    let found: Vec<f32> = states.spikes.flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(found.into_iter().map(f64::from).collect::<Vec<_>>(), expected);
    assert_close(&floats(&artifact, "w_out"), &w_out);
}

#[test]
fn a_layer_of_spyx_gets_its_input_directly() {
    let set = ["task.step_ms=1".to_string()];
    let ignore = ["r".to_string()];
    let with =
        |ignore| import(SPYX, None, ImportOptions { set: &set, task: Some("xor"), ignore, ..options() }).unwrap();
    let Imported { artifact, reading, .. } = with(&ignore);
    assert!(
        reading.notes.iter().any(|note| note.contains("`layer_1` leads into its recurrent weights")),
        "{reading:?}"
    );
    assert_close(&floats(&artifact, "w_in"), &numbers(SPYX, "node/nodes/layer_0/weight"));
    assert_close(&floats(&artifact, "mode_in"), &numbers(SPYX, "node/nodes/layer_1/nodes/layer_1.w_rec/weight"));
    let threshold = |artifact: &Artifact| artifact.config["network"]["neuron"]["threshold"].as_f64().unwrap();
    assert_close(&[threshold(&artifact)], &[0.1]);
    // As it is written, r = β.
    assert_close(&[threshold(&with(&[]).artifact)], &[1.0 / 0.9]);
}

/// In modes.nir, every number of the synapse, the scale and the membrane is on the way of the spikes.
#[test]
fn low_rank_weights_become_modes_and_gains_are_multiplied_in() {
    let set = ["task.step_ms=1".to_string()];
    let Imported { artifact, .. } =
        import(MODES, None, ImportOptions { set: &set, task: Some("xor"), ..options() }).unwrap();
    let neuron = &artifact.config["network"]["neuron"];
    assert_eq!((&neuron["synapse"], &neuron["tau_current_ms"]), (&json!("single"), &json!(0.0)));
    let of = |name: &str| numbers(MODES, &format!("node/nodes/{name}"));
    let tau = |share: f64| -1.0 / (1.0 - share).ln();
    assert_close(&[neuron["tau_decay_ms"].as_f64().unwrap()], &[tau(1.0 / 30.0)]);
    assert_close(&[neuron["tau_membrane_ms"].as_f64().unwrap()], &[tau(1.0 / 20.0)]);
    assert_close(&floats(&artifact, "threshold"), &[0.5, 0.625, 0.75, 0.875, 1.0]);
    let scaled: Vec<f64> = of("weights/weight").iter().enumerate().map(|(at, w)| w * (at / 2 + 1) as f64).collect();
    assert_close(&floats(&artifact, "w_in"), &scaled);
    let by = |values: Vec<f64>, factor: f64| values.into_iter().map(|x| x * factor).collect::<Vec<_>>();
    assert_close(&floats(&artifact, "w_out"), &by(of("readout/weight"), 1.5));
    assert_close(&floats(&artifact, "mode_in"), &of("layer/nodes/in/weight"));
    let out = of("layer/nodes/out/weight");
    let transposed: Vec<f64> = (0..10).map(|at| 1.5 * out[at % 2 * 5 + at / 2]).collect();
    assert_close(&floats(&artifact, "mode_out"), &transposed);
}

#[test]
fn what_a_network_here_has_not_is_refused_by_node() {
    let set = ["task.step_ms=0.1".to_string()];
    let refused = |bytes: &[u8], ignore: &[&str]| {
        let ignore: Vec<String> = ignore.iter().map(|name| (*name).into()).collect();
        let options = ImportOptions { set: &set, ignore: &ignore, task: Some("xor"), ..options() };
        import(bytes, None, options).map(|_| ()).unwrap_err()
    };
    for (bytes, ignore, expected) in [
        (SPIKING_OUTPUT, &[][..], "2 populations of neurons that spike, 1.lif, 3.lif"),
        (SPIKING_OUTPUT, &["3.*"], "node `0` (Affine): found bias = "),
        (SPIKING_OUTPUT, &["3.*", "0.bias"], "--ignore 1.w_rec.bias leaves it out"),
        (DELAY, &[], "node `scale` (Delay): networks here have none of these"),
    ] {
        let error = refused(bytes, ignore);
        assert!(error.starts_with("a: NIR: ") && error.contains(expected), "{error}");
    }
    let no_step = import(SNNTORCH, None, options()).map(|_| ()).unwrap_err();
    assert!(no_step.contains("metadata `dt`") && no_step.contains("--set task.step_ms=1"), "{no_step}");
    let rate = import(SNNTORCH, None, ImportOptions { kind: Some(Kind::Rate), ..options() }).map(|_| ()).unwrap_err();
    assert!(rate.contains("expected --kind lif or spiking"), "{rate}");
    let ignore = ["3.*", "*.bias", "0.bias", "1.w_rec.bias", "2.bias"].map(String::from);
    let options = ImportOptions { set: &set, ignore: &ignore, task: Some("xor"), ..options() };
    assert_eq!(import(SPIKING_OUTPUT, None, options).unwrap().artifact.kind, Kind::Spiking);
}

#[test]
fn the_layout_for_layers_of_cubalif_takes_networks_with_one_filter() {
    let neuron = json!({ "synapse": "single", "tau_decay_ms": 0, "gain": 0.5, "refractory_steps": 0 });
    let network = spiking(neuron.clone());
    let bytes = export(&network, Some("cubalif")).unwrap();
    let field = |name: &str| numbers(&bytes, &format!("node/nodes/rnn.lif/{name}"))[3];
    let [a_s, a_m] = [10.0, 20.0].map(|tau: f64| 1.0 - (-2.0 / tau).exp());
    let found = ["tau_syn", "w_in", "tau_mem", "r", "v_threshold"].map(field);
    assert_close(&found, &[1e-4 / a_s, 1.0 / a_s, 1e-4 / a_m, 1.0 / a_m, 1.0 / a_m]);
    let (a, s, b) = (floats(&network, "mode_in"), floats(&network, "score"), floats(&network, "mode_out"));
    let w_rec: f64 = (0..2).map(|p| a[14 + p] * s[p] * b[4 + p]).sum();
    assert_close(&[numbers(&bytes, "node/nodes/rnn.w_rec/weight")[7 * 9 + 2]], &[0.5 * w_rec]);
    assert_eq!(import(&bytes, None, options()).unwrap().artifact.tensors, network.tensors);

    // Read from its nodes, it is the same network with dense weights.
    let readout = "node/nodes/w_out/weight";
    let bytes = with_first(&bytes, readout, numbers(&bytes, readout)[0] as f32 * 2.0);
    let read = import(&bytes, None, options()).unwrap().artifact;
    assert_eq!(read.config["network"]["neuron"]["tau_current_ms"], 10.0);
    assert_eq!(read.config["task"]["step_ms"], 2.0);
    assert_close(&[floats(&read, "mode_in")[7 * 9 + 2]], &[0.5 * w_rec]);

    for (change, expected) in [
        (json!({ "refractory_steps": 5 }), "a refractory period of 5 steps"),
        (json!({ "tau_decay_ms": 30 }), "a synapse of 30 ms"),
        (json!({ "synapse": "double", "tau_decay_ms": 30 }), "a synapse of 30 ms"),
        (json!({ "model": { "kind": "adaptive" } }), "a neuron that is not leaky"),
        (json!({ "membrane_time_constants": { "kind": "drawn" } }), "a membrane time constant per neuron"),
    ] {
        let mut neuron = neuron.clone();
        change.as_object().unwrap().iter().for_each(|(field, value)| neuron[field] = value.clone());
        let error = export(&spiking(neuron), Some("cubalif")).unwrap_err();
        assert!(error.starts_with("a.safetensors") && error.contains(expected), "{error}");
    }
    let error = export(&lif(json!({ "kind": "dense" })), Some("cubalif")).unwrap_err();
    assert!(error.contains("without the filter of the synapse"), "{error}");
}
