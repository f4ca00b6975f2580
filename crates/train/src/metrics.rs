//! Learning curve of a training run: stored in the artifact, and written line by line as JSON during the run.

use crate::config::TrainingConfig;
use crate::stages::{Next, Place};
use mdl_artifact::{Artifact, ArtifactError};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// One evaluation during training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Number of updates before it.
    pub update: u64,
    /// Mean training loss since the previous evaluation.
    pub training_loss: f64,
    /// Loss on fresh trials.
    pub loss: f64,
    /// Fraction of fresh trials answered correctly.
    pub performance: f64,
    /// Learning rate of the last update.
    pub learning_rate: f64,
    /// Stage of the training, from 1; none without stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<usize>,
    /// Mean cost of each regulariser since the previous evaluation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<f64>,
}

/// Adds a learning curve to an artifact, one tensor `history.*` per column.
pub fn write_history(rows: &[Row], artifact: &mut Artifact) {
    artifact.insert("history.update", &[rows.len()], rows.iter().map(|r| r.update as i64).collect());
    let mut column = |name: &str, value: fn(&Row) -> f64| {
        artifact.insert(&format!("history.{name}"), &[rows.len()], rows.iter().map(value).collect());
    };
    column("training_loss", |r| r.training_loss);
    column("loss", |r| r.loss);
    column("performance", |r| r.performance);
    if let Some(costs) = rows.first().map(|row| row.costs.len()).filter(|costs| *costs > 0) {
        artifact.insert("history.costs", &[rows.len(), costs], rows.iter().flat_map(|r| r.costs.clone()).collect());
    }
}

/// Reads the learning curve of a training run with this config.
///
/// # Errors
/// A column that is missing or has another length, or update numbers that do not increase from 1.
pub fn read_history(artifact: &Artifact, config: &TrainingConfig) -> Result<Vec<Row>, ArtifactError> {
    let shape = artifact.shape::<1>("history.update")?;
    let update = artifact.values::<i64>("history.update", &shape)?;
    let column = |name: &str| artifact.values::<f64>(&format!("history.{name}"), &shape);
    let (training_loss, loss, performance) = (column("training_loss")?, column("loss")?, column("performance")?);
    if update.first().is_some_and(|first| *first < 1) || !update.is_sorted_by(|a, b| a < b) {
        return Err(artifact.tensor_error("history.update", format!("{update:?}"), "updates that rise from 1".into()));
    }
    let regularisers = config.regularisers.len();
    let costs = match regularisers * shape[0] {
        0 => &[],
        _ => artifact.values::<f64>("history.costs", &[shape[0], regularisers])?,
    };
    let mut place = Place::default();
    let row = |i: usize| {
        let now = place;
        let row = Row {
            update: update[i] as u64,
            training_loss: training_loss[i],
            loss: loss[i],
            performance: performance[i],
            learning_rate: now.learning_rate(config, update[i] as u64 - 1),
            stage: (!config.stages.is_empty()).then_some(now.stage + 1),
            costs: costs[i * regularisers..(i + 1) * regularisers].to_vec(),
        };
        if let Next::Stage(next) = now.after(config, i, row.update, row.loss, row.performance) {
            place = next;
        }
        row
    };
    Ok((0..shape[0]).map(row).collect())
}

/// True if a `metrics.jsonl` file may be continued: it does not exist, or it has rows of a training run, which agree
/// with `rows` as far as these are known. The last row may be truncated.
///
/// # Errors
/// The file cannot be read.
pub fn is_continued(path: &Path, rows: Option<&[Row]>) -> io::Result<bool> {
    let text = match std::fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        other => other?,
    };
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // A complete file has nothing after the last line break.
    let cut = lines.pop().unwrap_or_default();
    let are_rows = lines.iter().all(|line| serde_json::from_slice::<Row>(line).is_ok());
    // Compared as text: a number read back may differ from the written one in its last bit.
    let is_line = |(row, line): (&Row, &&[u8])| serde_json::to_vec(row).is_ok_and(|written| written == **line);
    let are_these = rows.is_none_or(|rows| rows.iter().zip(&lines).all(is_line));
    Ok((cut.is_empty() || cut[0] == b'{') && are_rows && are_these)
}

/// A `metrics.jsonl` file: one JSON object per row, each flushed when written.
pub struct MetricsFile(File);

impl MetricsFile {
    /// Starts a file with the existing rows; other content is removed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, rows: &[Row]) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = Self(File::create(path)?);
        rows.iter().try_for_each(|row| file.append(row))?;
        Ok(file)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(update: u64) -> Row {
        Row { update, training_loss: 0.1, loss: 1.0 / 3.0, performance: 0.5, learning_rate: 1e-3, ..Row::default() }
    }

    #[test]
    fn only_metrics_are_continued() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        assert!(is_continued(&path, None).unwrap());
        drop(MetricsFile::create(&path, &[row(1), row(2)]).unwrap());
        let whole = std::fs::read_to_string(&path).unwrap();
        let cases = [
            (whole.as_str(), true, true),
            ("", true, true),
            (&whole[..whole.len() - 9], true, true),
            (&whole[9..], false, false),
            ("notes\n", false, false),
            ("notes", false, false),
        ];
        for (text, metrics, of_these) in cases {
            std::fs::write(&path, text).unwrap();
            assert_eq!(is_continued(&path, None).unwrap(), metrics, "{text}");
            assert_eq!(is_continued(&path, Some(&[row(1), row(2), row(3)])).unwrap(), of_these, "{text}");
        }
        std::fs::write(&path, whole).unwrap();
        assert!(!is_continued(&path, Some(&[row(2)])).unwrap());
        assert!(is_continued(&path, Some(&[row(1)])).unwrap(), "a killed run may be ahead of its checkpoint");
    }
}
