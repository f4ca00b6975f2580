//! Event files that train-rate and train-spiking write, decoded record by record. `make test-python` reads them with
//! TensorBoard itself (`examples/python/events.py`).

use mdl_cli::tensorboard::messages::{Content, Event, Value, What};
use mdl_cli::tensorboard::record::records;
use prost::Message;
use serde_json::Value as Json;
use std::path::Path;
use std::process::Command;

/// A training of three evaluations with its event files in `directory`.
fn train(program: &str, config: &str, directory: &Path, set: &[&str]) -> std::process::Output {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(config);
    let mut command = Command::new(program);
    command.arg("--config").arg(config).arg("-o").arg(directory.join("network.safetensors"));
    command.arg("--tensorboard").arg(directory.join("events")).arg("--metrics").arg(directory.join("metrics.jsonl"));
    command.args(["--quiet", "--set", "training.max_updates=6", "--set", "training.evaluate_every=2"]);
    command.args(["--set", "training.evaluation_trials=8", "--set", "training.batch_size=4"]);
    set.iter().for_each(|field| _ = command.args(["--set", field]));
    command.output().unwrap()
}

/// The events of the only file in `directory`.
fn events(directory: &Path) -> Vec<Event> {
    let files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    assert!(file.file_name().unwrap().to_str().unwrap().contains("tfevents"));
    let bytes = std::fs::read(file).unwrap();
    let records = records(&bytes);
    // 16 bytes of frame a record: nothing of the file is left over.
    assert_eq!(bytes.len(), records.iter().map(|record| record.len() + 16).sum::<usize>());
    records.iter().map(|record| Event::decode(*record).unwrap()).collect()
}

/// Every value with its update.
fn values(events: &[Event]) -> Vec<(i64, &Value)> {
    let values = events.iter().flat_map(|event| match &event.what {
        Some(What::Summary(summary)) => summary.value.iter().map(|value| (event.step, value)).collect(),
        _ => Vec::new(),
    });
    values.collect()
}

#[test]
fn events_hold_the_metrics_the_weights_and_the_figures() {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_train-rate");
    let output = train(program, "go-nogo.json", directory.path(), &["network.neurons=20"]);
    assert!(output.status.code().is_some_and(|code| code == 0 || code == 4), "{output:?}");
    let events = events(&directory.path().join("events"));
    assert_eq!(events[0].what, Some(What::FileVersion("brain.Event:2".into())));
    let values = values(&events);
    let metrics = std::fs::read_to_string(directory.path().join("metrics.jsonl")).unwrap();
    let rows: Vec<Json> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        for (tag, field) in [
            ("loss/training", "training_loss"),
            ("loss/evaluation", "loss"),
            ("performance", "performance"),
            ("learning_rate", "learning_rate"),
        ] {
            let at = |(step, value): &&(i64, &Value)| *step == row["update"].as_i64().unwrap() && value.tag == tag;
            let expected = Content::Scalar(row[field].as_f64().unwrap() as f32);
            assert_eq!(values.iter().find(at).unwrap().1.content, Some(expected), "{tag}");
        }
    }
    let counted = |tag: &str| match &values.iter().find(|(_, value)| value.tag == tag).unwrap().1.content {
        Some(Content::Histogram(histogram)) => (histogram.num, histogram.bucket.iter().sum::<f64>()),
        other => panic!("{tag}: {other:?}"),
    };
    assert_eq!((counted("weights/w_rec"), counted("rates")), ((400.0, 400.0), (20.0, 20.0)));
    for tag in ["figures/training", "figures/output"] {
        match &values.iter().find(|(step, value)| (*step, value.tag.as_str()) == (6, tag)).unwrap().1.content {
            Some(Content::Image(image)) => {
                assert!(image.encoded_image_string.starts_with(b"\x89PNG") && image.width > 100 && image.height > 100);
            }
            other => panic!("{tag}: {other:?}"),
        }
    }
}

#[test]
fn a_spiking_network_has_rates_in_hertz_and_a_second_run_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_train-spiking");
    let set = [
        "network.neurons=20",
        "task.parameters.trial_ms=300",
        "task.parameters.stimulus_ms=[20,120]",
        "task.parameters.response_from_ms=160",
        "task.parameters.lif_response_from_ms=160",
    ];
    assert!(train(program, "mante-spiking.json", directory.path(), &set).status.success());
    let events = events(&directory.path().join("events"));
    let values = values(&events);
    let Some(Content::Histogram(rates)) = &values.iter().find(|(_, value)| value.tag == "rates").unwrap().1.content
    else {
        panic!("no histogram")
    };
    // A unit can spike every seventh step of 2 ms at most.
    assert!(rates.num == 20.0 && rates.min >= 0.0 && rates.max <= 1000.0 / 14.0 + 1.0, "{rates:?}");
    std::fs::remove_file(directory.path().join("network.safetensors")).unwrap();
    let again = train(program, "mante-spiking.json", directory.path(), &set);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("use --force"), "{again:?}");
}
