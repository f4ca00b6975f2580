//! The course of a training: kept in the artifact, and written line by line as JSON while it runs.

use mdl_model::artifact::Artifact;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// One evaluation during training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Updates made before it.
    pub update: u64,
    /// Mean training loss since the last one.
    pub training_loss: f64,
    /// Loss on fresh trials.
    pub loss: f64,
    /// Fraction of fresh trials answered correctly.
    pub performance: f64,
    /// Learning rate of the last update.
    pub learning_rate: f64,
}

/// Adds the course of a training to an artifact, one tensor `history.*` a column.
pub fn write_history(rows: &[Row], artifact: &mut Artifact) {
    artifact.insert("history.update", &[rows.len()], rows.iter().map(|r| r.update as i64).collect());
    let mut column = |name: &str, value: fn(&Row) -> f64| {
        artifact.insert(&format!("history.{name}"), &[rows.len()], rows.iter().map(value).collect());
    };
    column("training_loss", |r| r.training_loss);
    column("loss", |r| r.loss);
    column("performance", |r| r.performance);
}

/// A `metrics.jsonl` file: one JSON object a row, each flushed when written.
pub struct MetricsFile(File);

impl MetricsFile {
    /// Starts a new file.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        File::create(path).map(Self)
    }

    /// Appends a row.
    ///
    /// # Errors
    /// The row cannot be written.
    pub fn append(&mut self, row: &Row) -> io::Result<()> {
        let line = serde_json::to_string(row).map_err(io::Error::other)?;
        writeln!(self.0, "{line}")
    }
}
