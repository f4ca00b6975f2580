//! What is exported is imported again with equal tensors.

mod import;

use candle_core::npy::NpzTensors;
use mdl_artifact::{Artifact, Kind, Provenance, Values};
use mdl_exchange::Content;
use mdl_exchange::export::format_of;
use mdl_exchange::readers::matlab;
use mdl_experiment::Experiment;
use mdl_model::NetworkConfig;
use mdl_model::rate::parameters::RateParameters;
use serde_json::{Value, json};
use std::path::Path;

fn import(bytes: &[u8]) -> Artifact {
    import::import(bytes, None, import::options()).unwrap().artifact
}

fn export(artifact: &Artifact, ending: &str) -> Result<Vec<u8>, String> {
    let experiment = Experiment::from_json(artifact.config.clone(), &[], None, "a").unwrap();
    let format = format_of(&Path::new("a").with_extension(ending)).unwrap();
    format.write(artifact, &experiment, Path::new("a.safetensors")).map_err(|e| e.to_string())
}

/// A drawn network of 12 units, as after training: with the parameters it had before.
fn network(recurrence: Value) -> Artifact {
    let config = json!({
        "name": "a",
        "task": { "kind": "go-nogo" },
        "network": { "kind": "rate", "neurons": 12, "recurrence": recurrence },
    });
    let experiment = Experiment::from_json(config, &[], None, "a").unwrap();
    let NetworkConfig::Rate(config) = &experiment.network else { panic!("a rate network") };
    let mut artifact = Artifact::new(Kind::Rate, experiment.to_json(), Provenance::new("test", None, 1));
    let parameters = RateParameters::draw(config, 1, 1, 5);
    parameters.write(&mut artifact, "");
    artifact.insert("tau_ms", &[12], parameters.tau_ms(config));
    RateParameters::draw(config, 1, 1, 6).write(&mut artifact, "initial.");
    artifact
}

#[test]
fn networks_come_back_with_equal_tensors() {
    for recurrence in [
        json!({ "kind": "dense", "somatostatin_units": 1, "inhibitory_fraction": 0.4 }),
        json!({ "kind": "dense", "dale": false }),
    ] {
        let mut artifact = network(recurrence);
        let mut expected = artifact.tensors.clone();
        expected.retain(|name, _| !name.starts_with("initial."));
        let rate = import(&export(&artifact, "mat").unwrap());
        assert_eq!((rate.kind, &rate.tensors), (Kind::Rate, &expected));

        artifact.kind = Kind::Lif;
        artifact.insert("scaling_factor", &[1], vec![27.5f64]);
        expected.insert("scaling_factor".into(), artifact.tensors["scaling_factor"].clone());
        let lif = import(&export(&artifact, "mat").unwrap());
        assert_eq!((lif.kind, &lif.tensors), (Kind::Lif, &expected));
    }
}

#[test]
fn connections_that_do_not_count_and_modes_are_written_as_the_published_code_needs_them() {
    let mut dale = network(json!({ "kind": "dense" }));
    let Values::F32(w) = &mut dale.tensors.get_mut("w_rec").unwrap().values else { panic!("single precision") };
    w[..3].copy_from_slice(&[-0.5, 0.25, 0.0]);
    let back = import(&export(&dale, "mat").unwrap());
    assert_eq!(back.values::<f32>("w_rec", &[12, 12]).unwrap()[..3], [0.0, 0.25, 0.0]);

    let modes = network(json!({ "kind": "modes", "modes": 2 }));
    let back = import(&export(&modes, "mat").unwrap());
    let get = |name: &str, shape: &[usize]| modes.values::<f32>(name, shape).unwrap().to_vec();
    let (a, s, b) = (get("mode_in", &[12, 2]), get("score", &[2]), get("mode_out", &[12, 2]));
    // Row 3, column 7.
    let expected = a[6] * s[0] * b[14] + a[7] * s[1] * b[15];
    let found = back.values::<f32>("w_rec", &[12, 12]).unwrap()[3 * 12 + 7];
    assert!((found - expected).abs() < 1e-6 && !back.has("sign"), "{found} for {expected}");
}

#[test]
fn the_published_file_holds_what_its_scripts_load() {
    let file = export(&network(json!({ "kind": "dense" })), "mat").unwrap();
    let variables = matlab::read(&file, |_| true).unwrap().by_name;
    let names = "N activation b_out exc inh m som_N som_m target taus taus_gaus taus_gaus0 u w w0 w_in w_in0 w_out";
    assert_eq!(variables.keys().map(String::as_str).collect::<Vec<_>>(), names.split(' ').collect::<Vec<_>>());
    assert_eq!((&variables["u"].shape[..], &variables["exc"].shape[..]), (&[1, 200][..], &[12, 1][..]));
    assert_eq!(variables["taus"].content, Content::Numbers(vec![4.0, 20.0]));
    assert_eq!(variables["activation"].content, Content::Text("sigmoid".into()));
}

#[test]
fn dynamics_that_the_published_code_does_not_know_are_refused() {
    for (field, value, message) in
        [("integration", json!("exponential"), "exponential integration"), ("step", json!(2.0), "steps of 2 ms")]
    {
        let mut artifact = network(json!({ "kind": "dense" }));
        match field {
            "step" => artifact.config["task"]["step_ms"] = value,
            _ => artifact.config["network"][field] = value,
        }
        let error = export(&artifact, "mat").unwrap_err();
        assert!(error.starts_with("a.safetensors") && error.contains(message), "{error}");
    }
    let mut artifact = network(json!({ "kind": "dense" }));
    artifact.kind = Kind::Lif;
    artifact.insert("scaling_factor", &[1], vec![27.5f64]);
    artifact.config["lif"] = json!({ "neuron": "qif" });
    assert!(export(&artifact, "mat").is_ok());
    artifact.config["lif"] = json!({ "neuron": { "kind": "eif", "slope_factor_mv": 1 } });
    let error = export(&artifact, "mat").unwrap_err();
    assert!(error.starts_with("a.safetensors") && error.contains("exponential neurons (lif.neuron)"), "{error}");
    artifact.config["lif"] = json!({});
    artifact.insert("bias_mv", &[12], vec![1f64; 12]);
    let error = export(&artifact, "mat").unwrap_err();
    assert!(error.starts_with("a.safetensors") && error.contains("calibrated network"), "{error}");
    let error = format_of(Path::new("a.csv")).err().unwrap().to_string();
    assert!(error.contains("expected a name that ends in .mat, .nir or .npz"), "{error}");
}

#[test]
fn numpy_files_come_back_with_equal_tensors_and_config() {
    for recurrence in [json!({ "kind": "dense", "somatostatin_units": 1 }), json!({ "kind": "modes", "modes": 2 })] {
        let mut artifact = network(recurrence);
        artifact.kind = Kind::Lif;
        artifact.insert("scaling_factor", &[1], vec![27.5f64]);
        artifact.insert("scaling_factor_by_unit", &[12], vec![20.1f64; 12]);
        artifact.insert("bias_mv", &[12], vec![-0.3f64; 12]);
        artifact.insert("readout", &[1, 12], vec![0.7f64; 12]);
        let file = export(&artifact, "npz").unwrap();
        let back = import::import(&file, None, import::options()).unwrap();
        let computed = back.unused().into_iter().filter(|name| !name.starts_with("initial."));
        assert_eq!(computed.collect::<Vec<_>>(), ["kind", "provenance", "tau_ms"]);
        let back = back.artifact;
        artifact.tensors.retain(|name, _| !name.starts_with("initial."));
        assert_eq!((back.kind, &back.tensors), (Kind::Lif, &artifact.tensors));
        assert_eq!(back.config, artifact.config);
    }
}

/// Read by candle's reader of NumPy files.
#[test]
fn numpy_files_hold_every_tensor() {
    let mut artifact = network(json!({ "kind": "dense", "somatostatin_units": 1, "inhibitory_fraction": 0.4 }));
    artifact.insert("double", &[2], vec![0.1f64, 1e300]);
    artifact.insert("index", &[1, 2], vec![7u32, u32::MAX]);
    artifact.insert("whole", &[0], Vec::<i64>::new());
    let file = tempfile::NamedTempFile::new().unwrap();
    let written = export(&artifact, "npz").unwrap();
    assert_eq!(written, export(&artifact, "npz").unwrap());
    std::fs::write(file.path(), written).unwrap();
    let npz = NpzTensors::new(file.path()).unwrap();
    assert_eq!(npz.names().len(), artifact.tensors.len() + 3);
    for (name, array) in &artifact.tensors {
        let tensor = npz.get(name).unwrap().unwrap();
        assert_eq!(tensor.dims(), array.shape, "{name}");
        let flat = tensor.flatten_all().unwrap();
        let values = match &array.values {
            Values::F32(_) => Values::F32(flat.to_vec1().unwrap()),
            Values::F64(_) => Values::F64(flat.to_vec1().unwrap()),
            Values::I64(_) => Values::I64(flat.to_vec1().unwrap()),
            Values::U32(_) => Values::U32(flat.to_vec1().unwrap()),
            Values::U8(_) => Values::U8(flat.to_vec1().unwrap()),
        };
        assert_eq!(values, array.values, "{name}");
    }
}
