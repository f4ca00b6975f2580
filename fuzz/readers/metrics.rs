//! Readers of the metrics of a training run.

use mdl_artifact::Artifact;
use mdl_report::Look;
use mdl_report::figures::training;
use mdl_train::config::TrainingConfig;
use mdl_train::metrics::read_history;
use mdl_train::trainer::Trained;
use std::path::Path;

/// The metrics in an artifact, as read by `--resume` and by reports.
pub fn read(data: &[u8]) {
    let Ok(artifact) = Artifact::from_bytes(data, Path::new("fuzz")) else { return };
    let config = TrainingConfig::default();
    if let Ok(rows) = read_history(&artifact, &config) {
        assert!(rows.is_sorted_by(|a, b| a.update < b.update));
        let _ = Trained::from_history(&config, &rows);
    }
    let _ = training::from_artifact(&artifact, Look::SCREEN);
}
