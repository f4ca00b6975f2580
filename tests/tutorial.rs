//! The tutorials and instructions of the book, from their text: every file that a page shows is written, and every command
//! is run.

use mdl_tests::pages::{follow, follow_changed, results};
use mdl_tests::write_classes;
use std::path::Path;
use tempfile::TempDir;

/// Performances among the results of programs.
fn performances(said: &str) -> Vec<f64> {
    results(said).iter().filter_map(|result| result["performance"].as_f64()).collect()
}

fn assert_files(work: &Path, names: &[&str], said: &str) {
    for name in names {
        assert!(work.join(name).is_file(), "{name}: {said}");
    }
}

#[test]
fn first_network() {
    let work = TempDir::new().unwrap();
    let said = follow("first-network.md", work.path());
    let names = ["rate.safetensors", "lif.safetensors", "report.html", "slow.safetensors", "activity.safetensors"];
    assert_files(work.path(), &names, &said);
    assert!(work.path().join("figures/eval-raster.svg").is_file(), "{said}");
    assert!(performances(&said).len() >= 4 && performances(&said).iter().all(|one| *one > 0.9), "{said}");
}

#[test]
fn your_own_task() {
    let work = TempDir::new().unwrap();
    let said = follow("your-task.md", work.path());
    let files =
        ["trials", "rate", "lif", "eval", "long", "modes", "modes-lif", "modes-eval", "spiking", "spiking-eval"];
    for file in files {
        assert!(work.path().join(file).with_extension("safetensors").is_file(), "{file}: {said}");
    }
    assert!(performances(&said).len() >= 6, "{said}");
    assert!(performances(&said).iter().all(|performance| *performance > 0.9), "{said}");
}

#[test]
fn scaling_factor() {
    let work = TempDir::new().unwrap();
    let said = follow("scaling-factor.md", work.path());
    let names = ["lif.safetensors", "first.safetensors", "fidelity.safetensors", "strict.safetensors", "choices.csv"];
    assert_files(work.path(), &names, &said);
    let factor = |name: &str| {
        let found = results(&said).into_iter().find(|result| result["output"].as_str() == Some(name));
        found.and_then(|result| result["scaling_factor"].as_f64()).unwrap_or_else(|| panic!("{name}: {said}"))
    };
    let (first, middle, fidelity) =
        (factor("first.safetensors"), factor("lif.safetensors"), factor("fidelity.safetensors"));
    assert!(first < middle && middle <= fidelity, "{first}, {middle}, {fidelity}: what the page says of the rules");
}

#[test]
fn training_succeeds() {
    let work = TempDir::new().unwrap();
    let said = follow("training-succeeds.md", work.path());
    assert_files(work.path(), &["silent.safetensors", "saturated.safetensors", "jumping.safetensors"], &said);
    for warning in ["silent", "saturated"] {
        assert!(said.contains(warning), "the page says that the program warns: {said}");
    }
    let curve = std::fs::read_to_string(work.path().join("jumping.jsonl")).unwrap();
    let losses: Vec<f64> = results(&curve).iter().filter_map(|row| row["loss"].as_f64()).collect();
    assert!(losses.len() > 5 && losses.windows(2).any(|pair| pair[1] > 2.0 * pair[0]), "the loss jumps: {losses:?}");
}

#[test]
fn resume() {
    let work = TempDir::new().unwrap();
    let said = follow("resume.md", work.path());
    assert_files(work.path(), &["rate.safetensors"], &said);
    assert!(said.contains("status 75") && !work.path().join("rate.safetensors.partial").exists(), "{said}");
    let results = results(&said);
    assert_eq!(results[results.len() - 1], results[results.len() - 2], "the same result again");
}

#[test]
fn paper_figure() {
    let work = TempDir::new().unwrap();
    let said = follow("paper-figure.md", work.path());
    assert_files(work.path(), &["sizes.csv", "sizes.svg", "sizes.png", "figures/eval-raster.svg"], &said);
    assert_eq!(std::fs::read_to_string(work.path().join("sizes.csv")).unwrap().lines().count(), 4, "{said}");
}

#[test]
fn from_spikernn() {
    let work = TempDir::new().unwrap();
    let said = follow("from-spikernn.md", work.path());
    assert_files(work.path(), &["network.mat", "report.html", "NETWORK.mat", "TRIALS.mat", "EVAL.mat"], &said);
    assert!(performances(&said).len() >= 4, "{said}");
}

/// On other images, with short trainings.
#[test]
fn mnist() {
    let work = TempDir::new().unwrap();
    let data = work.path().join("data/mnist");
    std::fs::create_dir_all(&data).unwrap();
    write_classes(&data, "train", 60);
    write_classes(&data, "t10k", 30);
    let short = |text: &str| {
        text.replace("get-data --dataset mnist -o data/mnist", "get-data --help")
            .replace("task.directory=data/mnist", "task.directory=data/mnist --set task.verify=false")
            .replace("train-spiking --config", "train-spiking --set task.validation_examples=10 --config")
            .replace(
                "mnist-published.json",
                "mnist-published.json --set training.max_updates=2 --set training.evaluate_every=1",
            )
            .replace("max_updates=430", "max_updates=2")
            .replace("evaluate_every=43", "evaluate_every=1")
            .replace("evaluation_trials=1000", "evaluation_trials=10")
    };
    let said = follow_changed("mnist.md", work.path(), short);
    let names = ["mnist.html", "mnist-eval.safetensors", "sequential-eval.safetensors", "adaptive-eval.safetensors"];
    assert_files(work.path(), &names, &said);
}
