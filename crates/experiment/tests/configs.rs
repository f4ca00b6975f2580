//! The configs that ship with the project, and their JSON Schema.

use mdl_experiment::Experiment;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

fn shipped() -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(directory()).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "json") && !p.ends_with("schema.json"));
    assert!(!files.is_empty());
    files
}

#[test]
fn every_config_loads_and_is_named_after_its_file() {
    for file in shipped() {
        let experiment = Experiment::load(&file, &[], None).unwrap();
        assert_eq!(Some(experiment.name.as_str()), file.file_stem().and_then(|s| s.to_str()));
        let again = Experiment::from_json(experiment.to_json(), &[], None, "resolved").unwrap();
        assert_eq!(again, Experiment { schema: None, description: None, ..experiment }, "{}", file.display());
    }
}

#[test]
fn a_config_file_judges_without_touching_what_was_trained() {
    let file = directory().join("mante-published.json");
    let overrides = ["network.neurons=50".into(), "search.trials=7".into(), "seed=9".into()];
    let trained = Experiment::load(&directory().join("mante.json"), &overrides, None).unwrap();
    let judge = |file: Option<&Path>, set: &[String], seed| {
        Experiment::of_artifact(trained.to_json(), file, set, seed, "rate.safetensors")
    };
    let by_artifact = judge(None, &["lif.refractory_ms=3".into()], None).unwrap();
    assert_eq!((by_artifact.search.trials, by_artifact.lif.refractory_ms), (7, 3.0));
    let other = Experiment::load(&file, &[], None).unwrap();
    let by_file = judge(Some(&file), &[], None).unwrap();
    assert_eq!((&by_file.search, &by_file.lif, &by_file.task), (&other.search, &other.lif, &other.task));
    assert_eq!((&by_file.network, &by_file.training), (&trained.network, &trained.training));
    assert_eq!((by_file.name.as_str(), by_file.seed), ("mante", 9));
    let overridden = judge(Some(&file), &["search.trials=8".into()], Some(3)).unwrap();
    assert_eq!((overridden.search.trials, overridden.seed), (8, 3));
    assert!(judge(Some(Path::new("absent.json")), &[], None).unwrap_err().to_string().contains("absent.json"));
}

/// `make schema` (UPDATE_SCHEMA=1) writes the schema anew after a change of the config types.
#[test]
fn the_schema_is_up_to_date() {
    let file = directory().join("schema.json");
    let schema = format!("{:#}\n", schemars::schema_for!(Experiment).as_value());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, &schema).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == schema, "configs/schema.json is out of date: run `make schema`");
}

#[test]
fn impossible_configs_are_refused_by_field() {
    let load = |set: &str| {
        let overrides: Vec<String> = set.split(' ').map(String::from).collect();
        Experiment::load(&directory().join("go-nogo.json"), &overrides, None).unwrap_err().to_string()
    };
    for (set, culprit) in [
        ("network.neurons=0", "network.neurons: found 0"),
        ("network.neurons=-1", "network"),
        (
            "network.time_constants.kind=trained network.time_constants.min_ms=30 network.time_constants.max_ms=20",
            "network.time_constants.max_ms: found 20",
        ),
        ("network.time_constants.kind=fixed network.time_constants.ms=2", "network.time_constants.ms: found 2"),
        ("network.recurrence.gian=1", "gian"),
        ("task.steps=0", "task.steps: found 0"),
        ("training.learning_rate=-1", "training.learning_rate: found -1"),
        ("training.learning_rate=fast", "training.learning_rate"),
        ("training.optimiser=adam", "optimiser"),
        ("search.factors=[20,10]", "search.factors"),
        ("lif.dt_ms=0", "lif.dt_ms"),
        ("network.recurrence.kind=modes network.recurrence.modes=0", "network.recurrence.modes: found 0"),
        ("evaluation.trials=0", "evaluation.trials"),
    ] {
        let message = load(set);
        assert!(message.contains(culprit), "{set}: {message}");
    }
}
