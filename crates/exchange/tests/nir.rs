//! NIR graphs, read back from their files: the nodes that are there, and that they do what the network does.

use hdf5_pure::File;
use mdl_artifact::{Artifact, Kind, Provenance};
use mdl_exchange::export::Format;
use mdl_exchange::export::nir::Nir;
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::rate::parameters::RateParameters;
use mdl_model::spiking::network::SpikingNetwork;
use serde_json::{Value, json};
use std::path::Path;

fn export(artifact: &Artifact, set: &[&str]) -> Result<File, String> {
    let set: Vec<String> = set.iter().map(|s| (*s).into()).collect();
    let experiment = Experiment::from_json(artifact.config.clone(), &set, None, "a").unwrap();
    let bytes = Nir.write(artifact, &experiment, Path::new("a.safetensors")).map_err(|e| e.to_string())?;
    Ok(File::from_bytes(bytes).unwrap())
}

fn experiment(task: Value, network: Value) -> Experiment {
    Experiment::from_json(json!({ "name": "a", "task": task, "network": network }), &[], None, "a").unwrap()
}

/// A drawn LIF network of 12 units with the scaling factor 25.
fn lif(recurrence: Value) -> Artifact {
    let experiment =
        experiment(json!({ "kind": "go-nogo" }), json!({ "kind": "rate", "neurons": 12, "recurrence": recurrence }));
    let NetworkConfig::Rate(config) = &experiment.network else { panic!("a rate network") };
    let mut artifact = Artifact::new(Kind::Lif, experiment.to_json(), Provenance::new("test", None, 1));
    RateParameters::draw(config, 1, 1, 5).write(&mut artifact, "");
    artifact.insert("scaling_factor", &[1], vec![25f64]);
    artifact
}

/// A drawn spiking network of 9 neurons and 2 modes.
fn spiking(neuron: Value) -> Artifact {
    let experiment = experiment(
        json!({ "kind": "mante", "step_ms": 2 }),
        json!({ "kind": "spiking", "neurons": 9, "modes": 2, "neuron": neuron }),
    );
    let NetworkConfig::Spiking(config) = &experiment.network else { panic!("a spiking network") };
    let mut artifact = Artifact::new(Kind::Spiking, experiment.to_json(), Provenance::new("test", None, 1));
    SpikingNetwork::initial(config, 4, 1, 5).unwrap().write(&mut artifact).unwrap();
    artifact
}

fn numbers(file: &File, path: &str) -> Vec<f64> {
    file.dataset(&format!("node/{path}")).unwrap().read_f64().unwrap()
}

fn text(file: &File, path: &str) -> Vec<String> {
    file.dataset(path).unwrap().read_string().unwrap()
}

/// Nodes with their types, and edges.
fn graph(file: &File) -> (Vec<String>, Vec<String>) {
    let mut nodes = file.group("node/nodes").unwrap().groups().unwrap();
    nodes.sort();
    let of_type = |name: String| format!("{name} {}", text(file, &format!("node/nodes/{name}/type"))[0]);
    let mut edges: Vec<String> = text(file, "node/edges").chunks_exact(2).map(|edge| edge.join("→")).collect();
    edges.sort();
    (nodes.into_iter().map(of_type).collect(), edges)
}

/// What unit `unit` of a chain of LI nodes gives over time to an input at the first step, in Euler steps.
fn impulse_response(file: &File, chain: &[&str], unit: usize, input: f64, steps: usize) -> Vec<f64> {
    let dt = numbers(file, "metadata/dt")[0];
    let gains: Vec<f64> = chain.iter().map(|node| dt / numbers(file, &format!("nodes/{node}/tau"))[unit]).collect();
    let mut v = vec![0.0; chain.len()];
    let step = |t: usize| {
        let mut x = if t == 0 { input } else { 0.0 };
        for (v, gain) in v.iter_mut().zip(&gains) {
            *v += gain * (x - *v);
            x = *v;
        }
        x
    };
    (0..steps).map(step).collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    let largest = expected.iter().fold(0f64, |largest, x| largest.max(x.abs()));
    assert!(largest > 0.0 && found.len() == expected.len());
    for (t, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() < 1e-6 * largest, "step {t}: {f} for {e}");
    }
}

#[test]
fn a_lif_graph_has_these_nodes_and_edges() {
    let file = export(&lif(json!({ "kind": "dense" })), &[]).unwrap();
    assert_eq!(text(&file, "version"), ["1.0"]);
    assert_eq!(text(&file, "node/type"), ["NIRGraph"]);
    let (nodes, edges) = graph(&file);
    let expected = [
        "decay LI",
        "input Input",
        "lif LIF",
        "output Output",
        "readout_decay LI",
        "readout_rise LI",
        "rise LI",
        "w_in Affine",
        "w_out Affine",
        "w_rec Affine",
    ];
    assert_eq!(nodes, expected);
    let expected = [
        "decay→lif",
        "input→w_in",
        "lif→readout_rise",
        "lif→w_rec",
        "readout_decay→w_out",
        "readout_rise→readout_decay",
        "rise→decay",
        "w_in→lif",
        "w_out→output",
        "w_rec→rise",
    ];
    assert_eq!(edges, expected);
    assert_eq!(file.dataset("node/nodes/w_in/weight").unwrap().shape().unwrap(), [12, 1]);
    assert_eq!(numbers(&file, "nodes/w_rec/bias"), [0.0; 12]);
    let of_neuron = |name: &str| numbers(&file, &format!("nodes/lif/{name}"))[3];
    let found = ["tau", "r", "v_leak", "v_threshold", "v_reset"].map(of_neuron);
    assert_eq!(found, [0.01, 1.0, 25.0, 25.0, 0.0]);
    let metadata = ["refractory", "noise_sd", "v_offset", "v_initial_max"];
    let metadata = metadata.map(|name| numbers(&file, &format!("nodes/lif/metadata/{name}"))[0]);
    assert_eq!(metadata, [0.002, 0.1, -65.0, 95.0]);
}

/// IPSC = IPSC·e^{−dt/τ_d} + h·dt;  h = h·e^{−dt/τ_r} + J/(τ_r τ_d): what a spike of unit 2 does to unit 7.
#[test]
fn synapses_of_lif_networks_respond_as_their_equations() {
    let dense = lif(json!({ "kind": "dense", "connection_probability": 1.0 }));
    let tau_d = {
        let theta = f64::from(dense.values::<f32>("theta", &[12]).unwrap()[7]);
        (1.0 / (1.0 + (-theta).exp()) * 80.0 + 20.0) / 1e3
    };
    let weight = f64::from(dense.values::<f32>("w_rec", &[12, 12]).unwrap()[7 * 12 + 2]);
    let j = weight * f64::from(dense.values::<f32>("sign", &[12]).unwrap()[2]) / 25.0;
    let (dt, tau_r) = (5e-5f64, 2e-3);
    let (mut ipsc, mut h) = (0.0, j / (tau_r * tau_d));
    let double = |_| {
        ipsc = ipsc * (-dt / tau_d).exp() + h * dt;
        h *= (-dt / tau_r).exp();
        ipsc
    };
    let double: Vec<f64> = (0..2000).map(double).collect();
    let file = export(&dense, &[]).unwrap();
    let input = numbers(&file, "nodes/w_rec/weight")[7 * 12 + 2];
    assert_close(&impulse_response(&file, &["rise", "decay"], 7, input, 2000), &double);

    let single: Vec<f64> = (0..2000).map(|t| j / tau_d * (-dt * f64::from(t) / tau_d).exp()).collect();
    let file = export(&dense, &["lif.synapse=single"]).unwrap();
    let input = numbers(&file, "nodes/w_rec/weight")[7 * 12 + 2];
    assert_close(&impulse_response(&file, &["decay"], 7, input, 2000), &single);

    // The readout: unit 7 alone.
    let w_out = f64::from(dense.values::<f32>("w_out", &[1, 12]).unwrap()[7]) / 25.0;
    let r: Vec<f64> = single.iter().map(|x| x / j * w_out).collect();
    let input = numbers(&file, "nodes/w_out/weight")[7];
    assert_close(&impulse_response(&file, &["readout_decay"], 7, input, 2000), &r);
}

/// Factors divide the outgoing weights, biases move the leak, and the readout takes the place of W_out.
#[test]
fn a_calibrated_network_has_its_factors_biases_and_readout() {
    let calibration = |artifact: &mut Artifact| {
        artifact.insert("scaling_factor_by_unit", &[12], (1..13u32).map(|i| 10.0 * f64::from(i)).collect());
        artifact.insert("bias_mv", &[12], (0..12u32).map(|i| f64::from(i) - 5.0).collect());
    };
    for recurrence in [json!({ "kind": "dense" }), json!({ "kind": "modes", "modes": 2 })] {
        let node = if recurrence["kind"] == "dense" { "w_rec" } else { "mode_out" };
        let mut artifact = lif(recurrence);
        let before = export(&artifact, &[]).unwrap();
        calibration(&mut artifact);
        let after = export(&artifact, &[]).unwrap();
        let weights = |file: &File, node: &str| numbers(file, &format!("nodes/{node}/weight"));
        for name in [node, "w_out"] {
            let pairs = weights(&before, name).into_iter().zip(weights(&after, name)).enumerate();
            let expected = |at: usize| 25.0 / (10.0 * (at % 12 + 1) as f64);
            assert!(pairs.clone().any(|(_, (w, _))| w != 0.0));
            assert!(pairs.clone().all(|(at, (w, found))| (found - w * expected(at)).abs() <= 1e-6 * w.abs()), "{name}");
        }
        let leak = (0..12).map(|i| 25.0 + f64::from(i) - 5.0).collect::<Vec<f64>>();
        assert_eq!(numbers(&after, "nodes/lif/v_leak"), leak);
        artifact.insert("readout", &[1, 12], vec![2.0; 12]);
        let fitted = weights(&export(&artifact, &[]).unwrap(), "w_out");
        let w_out = artifact.values::<f32>("w_out", &[1, 12]).unwrap();
        for ((fitted, plain), w) in fitted.iter().zip(weights(&before, "w_out")).zip(w_out) {
            assert!((fitted / plain * f64::from(*w) - 2.0).abs() < 1e-5);
        }
    }
}

#[test]
fn modes_stay_modes() {
    let modes = lif(json!({ "kind": "modes", "modes": 2 }));
    let file = export(&modes, &[]).unwrap();
    let (_, edges) = graph(&file);
    assert!(["lif→mode_out", "mode_out→mode_in", "mode_in→rise"].iter().all(|edge| edges.contains(&(*edge).into())));
    assert_eq!(file.dataset("node/nodes/mode_out/weight").unwrap().shape().unwrap(), [2, 12]);
    let mode_out = modes.values::<f32>("mode_out", &[12, 2]).unwrap();
    assert_eq!(numbers(&file, "nodes/mode_out/weight")[12 + 5], f64::from(mode_out[5 * 2 + 1]));
}

/// h_t = α_r h_{t−1} + s;  r_t = α_d r_{t−1} + κ h_t;  I_t = α_s I_{t−1} + W_rec r_{t−1}: what a spike of unit 2 does to the
/// current of unit 7, where neurons share τ_d and where each has its own.
#[test]
fn synapses_of_spiking_networks_respond_as_their_equations() {
    let single = json!({ "synapse": "single", "gain": "dt-over-decay" });
    let tau_decay_ms = |unit: usize| 20.0 + 5.0 * unit as f32;
    for (neuron, own) in
        [(json!({}), false), (single.clone(), false), (json!({ "gain": "dt-over-decay" }), true), (single, true)]
    {
        let (double, gain_by_decay) = (neuron["synapse"].is_null(), !neuron["gain"].is_null());
        let mut artifact = spiking(neuron);
        if own {
            artifact.insert("tau_decay_ms", &[9], (0..9).map(tau_decay_ms).collect());
        }
        let tau_d = if own { f64::from(tau_decay_ms(2)) } else { 30.0 };
        let get = |name: &str, shape: &[usize]| artifact.values::<f32>(name, shape).unwrap().to_vec();
        let (a, s, b) = (get("mode_in", &[9, 2]), get("score", &[2]), get("mode_out", &[9, 2]));
        let weight: f64 = (0..2).map(|p| f64::from(a[14 + p]) * f64::from(s[p]) * f64::from(b[4 + p])).sum();
        let alpha = |tau: f64| (-2.0 / tau).exp();
        let alpha_r = if double { alpha(2.0) } else { 0.0 };
        let kappa = if gain_by_decay { 2.0 / tau_d } else { 1.0 - alpha(tau_d) };
        let (mut h, mut r, mut current) = (0.0, 0.0, 0.0);
        let step = |t: i32| {
            h = alpha_r * h + if t == 0 { 1.0 } else { 0.0 };
            r = alpha(tau_d) * r + kappa * h;
            current = alpha(10.0) * current + weight * r;
            current
        };
        let expected: Vec<f64> = (0..100).map(step).collect();
        let file = export(&artifact, &[]).unwrap();
        let (out, back) = (numbers(&file, "nodes/mode_out/weight"), numbers(&file, "nodes/mode_in/weight"));
        let input: f64 = (0..2).map(|p| back[14 + p] * out[p * 9 + 2]).sum();
        let chain: &[&str] = if double { &["rise", "decay", "current"] } else { &["decay", "current"] };
        assert_close(&impulse_response(&file, chain, 2, input, 100), &expected);
        // The readout of unit 2.
        (h, r) = (0.0, 0.0);
        let readout = |t: i32| {
            h = alpha_r * h + if t == 0 { 1.0 } else { 0.0 };
            r = alpha(tau_d) * r + kappa * h;
            r * f64::from(get("w_out", &[1, 9])[2])
        };
        let expected: Vec<f64> = (0..100).map(readout).collect();
        let input = numbers(&file, "nodes/w_out/weight")[2];
        assert_close(&impulse_response(&file, &chain[..chain.len() - 1], 2, input, 100), &expected);
        assert_eq!(numbers(&file, "nodes/lif/metadata/refractory"), [0.01]);
        // V_t = α_m U_{t−1} + (1 − α_m) I_t
        assert!((0.002 / numbers(&file, "nodes/lif/tau")[0] - (1.0 - alpha(20.0))).abs() < 1e-12);
        assert_eq!(text(&file, "node/metadata/readout"), ["per-step"]);
    }
}

#[test]
fn thresholds_per_neuron_are_those_of_the_node() {
    let mut artifact = spiking(json!({}));
    let thresholds: Vec<f32> = (1..10u8).map(|i| 1.0 / f32::from(i)).collect();
    artifact.insert("threshold", &[9], thresholds.clone());
    let expected: Vec<f64> = thresholds.into_iter().map(f64::from).collect();
    assert_eq!(numbers(&export(&artifact, &[]).unwrap(), "nodes/lif/v_threshold"), expected);
    artifact.insert("threshold", &[9], vec![-1f32; 9]);
    let error = export(&artifact, &[]).map(|_| ()).unwrap_err();
    assert!(error.contains("`threshold[0]`: found -1, expected a number from"), "{error}");
}

#[test]
fn what_nir_has_no_node_for_is_refused() {
    let mut artifact = lif(json!({ "kind": "dense" }));
    for (set, message) in [
        ("lif.neuron=qif", "quadratic neurons"),
        ("lif.neuron=eif", "exponential neurons"),
        ("lif.use_initial_weights=true", "before training"),
    ] {
        let error = export(&artifact, &[set]).map(|_| ()).unwrap_err();
        assert!(error.starts_with("a.safetensors") && error.contains(message), "{error}");
    }
    artifact.kind = Kind::Rate;
    assert!(export(&artifact, &[]).map(|_| ()).unwrap_err().contains("a rate artifact; NIR takes lif and spiking"));
}
