//! The configs that ship with the project, and their JSON Schema.

use mdl_experiment::Experiment;
use mdl_experiment::derived::{Changes, DerivedExperiment};
use mdl_experiment::memory::Estimate;
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
        assert_eq!(
            again,
            Experiment { schema: None, description: None, task_file: None, ..experiment },
            "{}",
            file.display()
        );
    }
}

#[test]
fn every_task_has_a_config_of_a_rate_and_of_a_spiking_network() {
    for task in std::fs::read_dir(directory().join("../tasks")).unwrap() {
        let name = task.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        for (config, kind) in [(name.clone(), "rate"), (format!("{name}-spiking"), "spiking")] {
            let experiment = Experiment::load(&directory().join(format!("{config}.json")), &[], None).unwrap();
            assert_eq!(experiment.to_json()["network"]["kind"], kind, "{config}");
        }
    }
}

#[test]
fn a_config_file_judges_without_touching_what_was_trained() {
    let file = directory().join("mante-published.json");
    let overrides = ["network.neurons=50".into(), "search.trials=7".into(), "seed=9".into()];
    let trained = Experiment::load(&directory().join("mante.json"), &overrides, None).unwrap();
    let sections = ["task", "lif", "search", "evaluation"];
    let judge = |file: Option<&Path>, set: &[String], seed| {
        let changes = Changes { file, set, seed, sections: &sections };
        DerivedExperiment::new(trained.to_json(), &changes, &["task"], "rate.safetensors")
    };
    let by_artifact = judge(None, &["lif.refractory_ms=3".into()], None).unwrap();
    assert!(by_artifact.differs.is_empty() && by_artifact.unused.is_empty());
    let by_artifact = by_artifact.experiment;
    assert_eq!((by_artifact.search.trials, by_artifact.lif.refractory_ms), (7, 3.0));
    let other = Experiment::load(&file, &[], None).unwrap();
    let by_file = judge(Some(&file), &[], None).unwrap();
    assert!(by_file.unused.contains(&"network.neurons".into()), "{:?}", by_file.unused);
    let by_file = by_file.experiment;
    assert_eq!((&by_file.search, &by_file.lif, &by_file.task), (&other.search, &other.lif, &other.task));
    assert_eq!((&by_file.network, &by_file.training), (&trained.network, &trained.training));
    assert_eq!((by_file.name.as_str(), by_file.seed), ("mante", 9));
    let overridden = judge(Some(&file), &["search.trials=8".into()], Some(3)).unwrap().experiment;
    assert_eq!((overridden.search.trials, overridden.seed), (8, 3));
    assert!(judge(Some(Path::new("absent.json")), &[], None).unwrap_err().to_string().contains("absent.json"));
}

#[test]
fn what_a_network_was_made_with_cannot_be_changed_and_other_changes_are_noted() {
    let trained = Experiment::load(&directory().join("mante.json"), &[], None).unwrap().to_json();
    let judge = |set: &str, sections: &[&str]| {
        let set = [set.to_string()];
        let changes = Changes { file: None, set: &set, seed: None, sections };
        DerivedExperiment::new(trained.clone(), &changes, &["task", "lif"], "lif.safetensors")
    };
    let eval = ["task", "lif", "evaluation"];
    for (set, culprit) in [
        ("network.neurons=80", "--set network.neurons=80: `network` cannot be changed here"),
        (r#"network={"kind":"rate"}"#, "`network` cannot be changed"),
        ("network.noise_sd=100", "--set takes fields of task, lif and evaluation"),
        ("training.learning_rate=7", "`training` cannot be changed"),
        ("name=other", "`name` cannot be changed"),
        ("search.trials=5", "`search` cannot be changed here, nothing here depends on it"),
        ("task.step_ms=10", "task.step_ms: found 10.0, expected 5.0"),
        ("task.kind=xor", "task"),
        ("task.parameters.trial=7", "unknown parameter `trial`"),
        (r#"task={"kind":"xor"}"#, "task.file: found xor, with 2 input channels"),
        ("tsak.steps=7", "unknown field `tsak`, did you mean `task`?"),
    ] {
        let message = judge(set, &eval).unwrap_err().to_string();
        assert!(message.contains(culprit), "{set}: {message}");
    }
    assert!(judge("search.trials=5", &["search"]).is_ok());
    let images = Experiment::load(&directory().join("sequential-mnist.json"), &[], None).unwrap().to_json();
    for field in ["permuted=true", "permutation_seed=2", "validation_examples=1"] {
        let set = [format!("task.{field}")];
        let changes = Changes { file: None, set: &set, seed: None, sections: &eval };
        let error =
            DerivedExperiment::new(images.clone(), &changes, &["task"], "spiking.safetensors").unwrap_err().to_string();
        let culprit = field.split('=').next().unwrap();
        assert!(error.contains(&format!("task.{culprit}: found")) && error.contains("in the training"), "{error}");
    }
    let noted = |set: &str| judge(set, &eval).unwrap().differs;
    assert_eq!(
        noted("task.parameters.trial_ms=5000"),
        [("task.parameters.trial_ms".into(), serde_json::json!(2500))].into()
    );
    assert_eq!(noted("lif.refractory_ms=4"), [("lif.refractory_ms".into(), serde_json::json!(2.0))].into());
    assert!(noted("evaluation.trials=5").is_empty() && noted("seed=3").is_empty());
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
        ("network.neurons=-1", "field `network.neurons`: found -1, expected a whole number of at least 0"),
        (
            r#"training.regularisers=[{"kind":"weight-l1","strength":1,"parameters":["w_in"]}]"#,
            "training.regularisers.0.parameters: found w_in, expected parameters that are trained: w_out, w_rec",
        ),
        (
            r#"training.frozen=["w_rec"] training.regularisers=[{"kind":"weight-l2","strength":1}]"#,
            "training.regularisers.0.parameters: found w_rec, expected parameters that are trained: w_out",
        ),
        (
            r#"training.regularisers=[{"kind":"weight-l1","strength":1,"parameters":["w_rec","w_rec"]}]"#,
            "training.regularisers.0.parameters.1: found w_rec, expected each parameter once",
        ),
        (
            r#"network.recurrence.dale=false training.regularisers=[{"kind":"rate-l2","strength":1,"population":"inhibitory"}]"#,
            "training.regularisers.0.population: found inhibitory, expected no population",
        ),
        ("task.trials=mine.npz", "`task.trials`: found \"mine.npz\", expected none beside `file`"),
        ("network.noise_sd=abc", "field `network.noise_sd`: found text \"abc\", expected a number"),
        ("network.output_bias=1", "field `network.output_bias`: found 1, expected true or false"),
        ("network.recurrence=dense", "field `network.recurrence`: found text \"dense\", expected an object"),
        (
            "network.recurrence.kind=dens",
            "`network.recurrence.kind`: found text \"dens\", expected dense or modes, did you mean `dense`?",
        ),
        ("network.recurrence={}", "field `network.recurrence.kind`: missing, expected dense or modes"),
        ("network.activation=sigmod", "`network.activation`: found text \"sigmod\""),
        ("network.activation=sigmod", "expected sigmoid, tanh, softplus, relu or lif, did you mean `sigmoid`?"),
        (
            r#"network.activation={"kind":"lif","noise_sd_mv_per_step":0}"#,
            "network.activation.noise_sd_mv_per_step: found 0, expected a number above 0",
        ),
        (r#"network.spike_noise={"cv":0.5}"#, "network.spike_noise.scaling_factor: found none, expected a number"),
        (
            r#"network.activation={"kind":"lif"} network.spike_noise={"scaling_factor":40}"#,
            "network.spike_noise.scaling_factor: found 40, expected none, or that of the activation, 50",
        ),
        (
            "network.activation=tanh network.spike_noise.cv=1",
            "network.spike_noise.cv: found 1, expected network.activation",
        ),
        ("search.select=fixd", "did you mean `fixed`?"),
        ("network.modes=3", "there is `network.recurrence.modes`"),
        ("task.steps=7", "unknown field `steps`"),
        ("task.parameters.trial_ms=abc", "parameter `trial_ms`: found \"abc\", expected a number"),
        (r#"task.parameters.stimulus_ms=[1,"b"]"#, "parameter `stimulus_ms`: found [1,\"b\"], expected a list"),
        (
            "task.parameters.stimulus_ms=[250,9000]",
            "go-nogo.star, line 37: from_ms = 9000 lies outside of the trial; expected 0 to 1000 ms",
        ),
        ("training.stop=1", "field `training.stop`: found 1, expected an object with"),
        ("training.schedule.kind=cosine", "field `training.schedule`: missing `final_fraction`"),
        (
            r#"lif.stimulation={"population":"all","from_ms":1,"to_ms":2}"#,
            "`lif.stimulation.population`: found text \"all\", expected excitatory, inhibitory, somatostatin or units",
        ),
        (
            "search.trials=4294967297",
            "field `search.trials`: found 4294967297, expected a whole number from 0 to 4294967295",
        ),
        ("evaluation.trials=18446744073709551616", "evaluation.trials"),
        ("search.factors=[1e-300]", "search.factors: found 1e-300, expected numbers from 0.001"),
        ("task.step_ms=1e-300", "step_ms: found 1e-300, expected a duration"),
        ("network.input_sd=1e300", "network.input_sd: found 1e300, expected a number from 0 to 1000000"),
        ("lif.dt_ms=5 lif.tau_membrane_ms=10", "lif.tau_rise_ms: found 2, expected at least the step"),
        ("training.adam.epsilon=1e-300", "training.adam.epsilon: found 1e-300"),
        ("training.batch_size=18446744073709551615", "training.batch_size"),
        ("name=\u{0}", "name"),
        ("seed=-1", "field `seed`: found -1"),
        (r#"lif.stimulation={"from_ms":1,"from_ms":2}"#, "`from_ms` is given twice"),
        ("name.more=1", "`name` has no field `more`"),
        (
            "network.time_constants.kind=trained network.time_constants.min_ms=30 network.time_constants.max_ms=20",
            "network.time_constants.max_ms: found 20",
        ),
        ("network.time_constants.kind=fixed network.time_constants.ms=2", "network.time_constants.ms: found 2"),
        ("network.recurrence.gian=1", "gian"),
        ("task.parameters.trial_ms=0", "duration_ms: found 0 ms"),
        ("training.learning_rate=-1", "training.learning_rate: found -1"),
        ("training.learning_rate=fast", "with --set training.learning_rate=fast: field `training.learning_rate`"),
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

#[test]
fn a_whole_number_may_be_written_with_a_point() {
    let overrides = ["network.neurons=20.0".into(), "task.parameters.trial_ms=1e3".into(), "lif.downsample=1.0".into()];
    let experiment = Experiment::load(&directory().join("go-nogo.json"), &overrides, None).unwrap();
    assert_eq!((experiment.task.steps(), experiment.lif.downsample), (200, 1));
    assert_eq!(experiment.to_json()["network"]["neurons"].to_string(), "20");
}

#[test]
fn files_that_are_no_config_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.json");
    for (text, culprit) in [
        ("", "c.json: found an empty file"),
        ("{}", "c.json: missing `name`, `task`, `network`"),
        ("[1]", "found no object, expected one with the sections of a config"),
        ("7", "found no object"),
        ("name: a\ntask: b\n", "looks like YAML"),
        (r#"{"name": "a", "name": "b"}"#, "`name` is given twice"),
        (r#"{"name": "a", "task": {"kind": "xor", "kind": "xor"}}"#, "`task.kind` is given twice"),
    ] {
        std::fs::write(&file, text).unwrap();
        for overrides in [&[][..], &["seed=2".to_string()]] {
            let message = Experiment::load(&file, overrides, None).unwrap_err().to_string();
            assert!(message.contains(culprit), "{text}: {message}");
        }
    }
}

#[test]
fn an_artifact_is_taken_for_its_config() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rate.safetensors");
    let experiment = Experiment::load(&directory().join("xor.json"), &["seed=7".into()], None).unwrap();
    let provenance = mdl_artifact::Provenance::new("test", None, 7);
    let mut artifact = mdl_artifact::Artifact::new(mdl_artifact::Kind::Rate, experiment.to_json(), provenance);
    artifact.insert("w", &[1 << 19], vec![0f32; 1 << 19]);
    artifact.write(&file, false).unwrap();
    assert_eq!(Experiment::load(&file, &[], None).unwrap().to_json(), experiment.to_json());
}

/// An estimate grows with each size, whatever its value, and names the largest.
#[test]
fn memory_is_estimated_without_overflow() {
    let load = |set: &str| {
        let overrides: Vec<String> = set.split(' ').map(String::from).collect();
        Experiment::load(&directory().join("go-nogo.json"), &overrides, None).unwrap()
    };
    for (set, field) in [
        ("network.neurons=100000", "network.neurons"),
        ("training.batch_size=1000000000", "training.batch_size"),
        ("training.evaluation_trials=1000000000", "training.evaluation_trials"),
    ] {
        let estimate = Estimate::training(&load(set));
        assert!(estimate.bytes() > 1e11 && estimate.largest().unwrap().0 == field, "{set}: {estimate:?}");
    }
    let many = load("search.trials=1000000000 evaluation.trials=1000000000");
    assert_eq!(Estimate::search([&many], 2).largest().unwrap().0, "search.trials");
    assert!(Estimate::trials(&many).bytes() > 1e12 && Estimate::lif_evaluation(&many, 1 << 30, 2).bytes() > 1e12);
    let units: Vec<usize> = (0..200).collect();
    let recorded =
        load(&format!("evaluation.recorded_trials=100 evaluation.recorded_units={}", serde_json::json!(units)));
    let largest = |experiment: &Experiment| Estimate::lif_evaluation(experiment, 100, 2).largest().unwrap().0;
    assert_eq!(largest(&recorded), "evaluation.recorded_units");
}
