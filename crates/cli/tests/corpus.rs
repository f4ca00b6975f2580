//! The seeds of the fuzz targets, replayed.

use std::path::{Path, PathBuf};

#[path = "../../../fuzz/readers/artifact.rs"]
mod artifact;
#[path = "../../../fuzz/readers/checkpoint.rs"]
mod checkpoint;
#[path = "../../../fuzz/readers/config.rs"]
mod config;
#[path = "../../../fuzz/readers/idx.rs"]
mod idx;
#[path = "../../../fuzz/readers/metrics.rs"]
mod metrics;
#[path = "../../../fuzz/readers/run.rs"]
mod run;
#[path = "../../../fuzz/readers/task.rs"]
mod task;

fn replay(target: &str, read: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let seeds: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(seeds.len() > 1, "{} seeds of {target}", seeds.len());
    seeds.iter().for_each(|seed| read(&std::fs::read(seed).unwrap()));
}

#[test]
fn seeds_are_read_without_a_panic() {
    replay("artifact", artifact::read);
    replay("checkpoint", checkpoint::read);
    replay("config", config::read);
    replay("idx", idx::read);
    replay("metrics", metrics::read);
    replay("run", run::read);
    replay("task", task::read);
}
