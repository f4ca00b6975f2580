//! Partial results: the progress of an unfinished run, in a file `OUTPUT.partial` beside its output.
//!
//! The file is an artifact of kind `checkpoint`, written atomically during the run and removed once the output is
//! written. It is bound to the config, the program, its version and revision, the kind of device, and the SHA-256 of
//! every input. If several are kept, the previous one is `OUTPUT.partial.1`, and so on. Resuming from any of them gives
//! the same bytes as an uninterrupted run.

use crate::output::{OutputError, remove_unfinished};
use crate::{Artifact, ArtifactError, Kind, Provenance, differences};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Saves take at most about a twentieth of the run time.
const SHARE: u32 = 20;
/// Maximum number of files kept per output.
pub const MOST_KEPT: usize = 20;

/// Treatment of the partial results of an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumePolicy {
    /// Continue from them; those of another run are refused.
    Resume,
    /// Continue from them; those of another run are discarded with a warning.
    ResumeOrDiscard,
    /// Start over.
    Discard,
    /// Refuse them.
    Refuse,
}

impl ResumePolicy {
    /// Policy selected by the options `--resume` and `--force`.
    pub fn from_options(resume: bool, force: bool) -> Self {
        match (resume, force) {
            (true, true) => Self::ResumeOrDiscard,
            (true, false) => Self::Resume,
            (false, true) => Self::Discard,
            (false, false) => Self::Refuse,
        }
    }
}

/// Error of partial results that cannot be used or kept.
#[derive(Debug, thiserror::Error)]
pub enum PartialError {
    /// Partial results of an earlier run exist.
    #[error("{} holds partial results of an earlier run; use --resume to go on from them, or --force to begin anew", .0.display())]
    Exists(PathBuf),
    /// Partial results of a run with other settings.
    #[error(
        "{} holds partial results of another run, {what}: found {found}, expected {expected}; use --force to begin anew",
        path.display()
    )]
    AnotherRun {
        /// Partial file.
        path: PathBuf,
        /// Item in which the runs differ.
        what: &'static str,
        /// Value in the file.
        found: String,
        /// Value of this run.
        expected: String,
    },
    /// The file is damaged.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The file cannot be written or removed.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Partial results of one output.
#[derive(Debug)]
pub struct PartialFile {
    path: PathBuf,
    config: Value,
    provenance: Provenance,
    kept: usize,
    at_least: Duration,
    saved: Instant,
    cost: Duration,
}

impl PartialFile {
    /// Partial results of `output`, which no other process writes and which will have this config and provenance: the
    /// `kept` newest, 1 to [`MOST_KEPT`], with at least this time between saves.
    pub fn new(output: &Path, config: Value, provenance: Provenance, kept: usize, at_least: Duration) -> Self {
        let path = aged(output, 0);
        remove_unfinished(&path);
        Self { path, config, provenance, kept, at_least, saved: Instant::now(), cost: Duration::ZERO }
    }

    /// Path of the newest file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Partial results of an earlier run, if this run continues it: the newest undamaged file.
    ///
    /// # Errors
    /// Partial results that exist against the policy, that belong to another run, or of which none is undamaged.
    pub fn earlier(&self, earlier: ResumePolicy) -> Result<Option<Artifact>, PartialError> {
        match (earlier, self.present().next()) {
            (_, None) | (ResumePolicy::Discard, _) => Ok(None),
            (ResumePolicy::Refuse, Some(path)) => Err(PartialError::Exists(path)),
            (ResumePolicy::Resume, _) => self.newest(),
            (ResumePolicy::ResumeOrDiscard, _) => Ok(self.newest().unwrap_or_else(|error| {
                tracing::warn!("{error}: beginning anew, as --force says");
                None
            })),
        }
    }

    /// The newest undamaged file; the error of the newest if all are damaged.
    fn newest(&self) -> Result<Option<Artifact>, PartialError> {
        let mut first = None;
        for path in self.present() {
            match Artifact::read(&path, Kind::Checkpoint) {
                Ok(artifact) => {
                    self.check_same_run(&artifact)?;
                    if let Some(error) = first {
                        tracing::warn!("{error}: going on from {}", path.display());
                    }
                    return Ok(Some(artifact));
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(None), |error| Err(error.into()))
    }

    /// Existing files, newest first. A process killed between two renames leaves a gap.
    fn present(&self) -> impl Iterator<Item = PathBuf> {
        (0..MOST_KEPT).map(|age| self.aged(age)).filter(|path| path.symlink_metadata().is_ok())
    }

    fn aged(&self, age: usize) -> PathBuf {
        if age == 0 { self.path.clone() } else { with_suffix(&self.path, &format!(".{age}")) }
    }

    fn check_same_run(&self, earlier: &Artifact) -> Result<(), PartialError> {
        let differs = |what: &'static str, found: String, expected: String| {
            Err(PartialError::AnotherRun { path: earlier.path().into(), what, found, expected })
        };
        let (found, expected) = (&earlier.provenance, &self.provenance);
        let program = |p: &Provenance| match &p.revision {
            Some(revision) => format!("{} {} {revision}", p.program, p.version),
            None => format!("{} {}", p.program, p.version),
        };
        if program(found) != program(expected) {
            return differs("program", program(found), program(expected));
        }
        let device = |p: &Provenance| p.device.clone().unwrap_or_else(|| "cpu".into());
        if device(found) != device(expected) {
            return differs("device", device(found), device(expected));
        }
        let inputs = |p: &Provenance| {
            p.inputs.iter().map(|input| format!("SHA-256 {}", input.sha256)).collect::<Vec<_>>().join(", ")
        };
        if inputs(found) != inputs(expected) {
            return differs("input", inputs(found), inputs(expected));
        }
        let drawn = |p: &Provenance| match &p.drawn_anew[..] {
            [] => "no parameter".into(),
            names => names.join(", "),
        };
        if drawn(found) != drawn(expected) {
            return differs("parameters drawn anew", drawn(found), drawn(expected));
        }
        match differences(&earlier.config, &self.config).first() {
            Some(difference) => {
                let (found, expected) = difference.shown();
                differs("config", format!("{} = {found}", difference.field), expected)
            }
            None => Ok(()),
        }
    }

    /// True if a save is due.
    pub fn is_due(&self) -> bool {
        self.saved.elapsed() >= self.at_least.max(self.cost * SHARE)
    }

    /// Postpones the next save after one that failed, for as long as after one that succeeded.
    pub fn postpone(&mut self) {
        self.saved = Instant::now();
    }

    /// Writes a file with the tensors added by `fill`; the oldest file kept is removed.
    ///
    /// # Errors
    /// The error of `fill`, or a file that cannot be written; the previous newest file is then still there.
    pub fn save<E: From<OutputError>>(&mut self, fill: impl FnOnce(&mut Artifact) -> Result<(), E>) -> Result<(), E> {
        let begin = Instant::now();
        let mut artifact = Artifact::new(Kind::Checkpoint, self.config.clone(), self.provenance.clone());
        fill(&mut artifact)?;
        for age in (1..self.kept).rev() {
            rename_if_there(&self.aged(age - 1), &self.aged(age))?;
        }
        artifact.write(&self.path, true)?;
        self.saved = Instant::now();
        self.cost = self.saved - begin;
        Ok(())
    }

    /// Removes the files, if any, once the output is written.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn remove(&self) -> Result<(), OutputError> {
        self.present().try_for_each(|path| {
            std::fs::remove_file(&path).map_err(|source| OutputError::Write { path: path.clone(), source })
        })
    }
}

/// Partial file of `output` before the last `age` saves.
pub(crate) fn aged(output: &Path, age: usize) -> PathBuf {
    with_suffix(output, &if age == 0 { ".partial".into() } else { format!(".partial.{age}") })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn rename_if_there(from: &Path, to: &Path) -> Result<(), OutputError> {
    match std::fs::rename(from, to) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(OutputError::Write { path: to.into(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file(output: &Path, kept: usize) -> PartialFile {
        PartialFile::new(output, json!({"a": {"b": 1}}), Provenance::new("test", None, 1), kept, Duration::ZERO)
    }

    fn save(file: &mut PartialFile, number: i64) {
        let fill = |artifact: &mut Artifact| {
            artifact.insert("number", &[1], vec![number]);
            Ok::<_, OutputError>(())
        };
        file.save(fill).unwrap();
    }

    fn number(file: &PartialFile, earlier: ResumePolicy) -> Option<i64> {
        file.earlier(earlier).unwrap().map(|artifact| artifact.values::<i64>("number", &[1]).unwrap()[0])
    }

    #[test]
    fn the_newest_undamaged_one_is_gone_on_from() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = file(&dir.path().join("out"), 3);
        assert_eq!(number(&file, ResumePolicy::Refuse), None);
        (1..=5).for_each(|n| save(&mut file, n));
        assert_eq!(number(&file, ResumePolicy::Resume), Some(5));
        assert_eq!(number(&file, ResumePolicy::Discard), None);
        assert!(matches!(file.earlier(ResumePolicy::Refuse), Err(PartialError::Exists(_))));
        std::fs::write(file.path(), "damaged").unwrap();
        assert_eq!(number(&file, ResumePolicy::Resume), Some(4));
        std::fs::remove_file(file.path()).unwrap();
        assert_eq!(number(&file, ResumePolicy::Resume), Some(4));
        std::fs::write(file.aged(1), "damaged").unwrap();
        assert_eq!(number(&file, ResumePolicy::Resume), Some(3));
        std::fs::write(file.aged(2), "damaged").unwrap();
        assert!(matches!(file.earlier(ResumePolicy::Resume), Err(PartialError::Artifact(_))));
        assert_eq!(number(&file, ResumePolicy::ResumeOrDiscard), None);
        file.remove().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn another_run_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut one = file(&dir.path().join("out"), 1);
        save(&mut one, 1);
        let message = |other: PartialFile| other.earlier(ResumePolicy::Resume).unwrap_err().to_string();
        let mut other = file(&dir.path().join("out"), 1);
        other.config = json!({"a": {"b": 2}});
        assert!(message(other).contains("config: found a.b = 1, expected 2"));
        let mut other = file(&dir.path().join("out"), 1);
        other.provenance.revision = Some("abc".into());
        assert!(message(other).contains("program: found test 0.1.0, expected test 0.1.0 abc"));
        let mut other = file(&dir.path().join("out"), 1);
        other.provenance.device = Some("cuda".into());
        assert!(message(other).contains("device: found cpu, expected cuda"));
    }
}
