//! Partial results: the answers a search or sweep has so far, in a file beside its output.
//!
//! `OUTPUT.partial` is an artifact of kind `checkpoint` with the tensors of [`answers::write`]. It is written atomically
//! while the work goes on, bound to the config, the program's version and the SHA-256 of every input, and removed when the
//! output is there. Who resumes from it ends with the same bytes as who never stopped.

use crate::answers::{self, Answer, Answers, TrialSet};
use crate::error::{Error, Result};
use mdl_model::artifact::{Artifact, Kind, Provenance};
use mdl_stage::output::OutputError;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Saves are at least so far apart, and take at most about a twentieth of the time.
const AT_LEAST: Duration = Duration::from_millis(500);
const SHARE: u32 = 20;

/// What to do with the partial results of an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// Go on from them; another run's are refused.
    Resume,
    /// Go on from them; another run's are discarded with a warning.
    ResumeOrDiscard,
    /// Begin anew.
    Discard,
    /// There must be none.
    Refuse,
}

impl Earlier {
    /// What the options `--resume` and `--force` mean.
    pub fn from_options(resume: bool, force: bool) -> Self {
        match (resume, force) {
            (true, true) => Self::ResumeOrDiscard,
            (true, false) => Self::Resume,
            (false, true) => Self::Discard,
            (false, false) => Self::Refuse,
        }
    }
}

/// Partial results of one output.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    config: Value,
    provenance: Provenance,
    searches: Vec<Answers>,
    unsaved: bool,
    saved: Instant,
    cost: Duration,
}

impl Partial {
    /// The partial results of `searches` searches beside `output`, which is going to have this config and provenance.
    ///
    /// # Errors
    /// A partial file that is in the way, damaged, or another run's.
    pub fn open(
        output: &Path,
        config: Value,
        provenance: Provenance,
        searches: usize,
        earlier: Earlier,
    ) -> Result<Self> {
        let mut path = output.as_os_str().to_owned();
        path.push(".partial");
        let path = PathBuf::from(path);
        let none = vec![Answers::default(); searches];
        let searches = match (path.symlink_metadata().is_ok(), earlier) {
            (false, _) | (_, Earlier::Discard) => none,
            (true, Earlier::Refuse) => return Err(Error::PartialExists(path)),
            (true, Earlier::Resume) => read(&path, &config, &provenance, searches)?,
            (true, Earlier::ResumeOrDiscard) => read(&path, &config, &provenance, searches).unwrap_or_else(|error| {
                tracing::warn!("{error}: beginning anew, as --force says");
                none
            }),
        };
        let (saved, cost) = (Instant::now(), Duration::ZERO);
        Ok(Self { path, config, provenance, searches, unsaved: false, saved, cost })
    }

    /// What a search knows.
    pub fn answers(&self, search: usize) -> &Answers {
        &self.searches[search]
    }

    /// Answers of all searches.
    pub fn count(&self) -> u64 {
        self.searches.iter().map(|answers| answers.len() as u64).sum()
    }

    /// Adds the answers to a trial, and saves if it is time.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, search: usize, set: TrialSet, trial: u32, answered: &[(f64, Answer)]) -> Result<()> {
        answered.iter().for_each(|(factor, answer)| self.searches[search].insert(set, *factor, trial, *answer));
        self.unsaved = true;
        if self.saved.elapsed() > AT_LEAST.max(self.cost * SHARE) { self.save() } else { Ok(()) }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    fn save(&mut self) -> Result<()> {
        let begin = Instant::now();
        let mut artifact = Artifact::new(Kind::Checkpoint, self.config.clone(), self.provenance.clone());
        answers::write(&self.searches, &mut artifact);
        artifact.write(&self.path, true)?;
        self.unsaved = false;
        self.saved = Instant::now();
        self.cost = self.saved - begin;
        Ok(())
    }

    /// Removes the file, if there is one: the output is there.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&mut self) -> Result<()> {
        self.unsaved = false;
        match std::fs::remove_file(&self.path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(OutputError::Write { path: self.path.clone(), source }.into())
            }
            _ => Ok(()),
        }
    }
}

/// Saves what is not saved yet where a run was interrupted; the error then says that it can be resumed.
///
/// # Errors
/// The error of `outcome`, or of a save.
pub fn keep(outcome: Result<()>, partials: &mut [Partial]) -> Result<()> {
    let Err(Error::Interrupted) = outcome else { return outcome };
    partials.iter_mut().filter(|partial| partial.unsaved).try_for_each(Partial::save)?;
    Err(Error::Kept)
}

/// Reads the answers of an earlier run, which must have been asked the same.
fn read(path: &Path, config: &Value, provenance: &Provenance, searches: usize) -> Result<Vec<Answers>> {
    let earlier = Artifact::read(path, Kind::Checkpoint)?;
    let differs = |what: &'static str, found: String, expected: String| {
        Err(Error::AnotherRun { path: path.into(), what, found, expected })
    };
    let program = |p: &Provenance| format!("{} {}", p.program, p.version);
    if program(&earlier.provenance) != program(provenance) {
        return differs("program", program(&earlier.provenance), program(provenance));
    }
    let inputs = |p: &Provenance| {
        p.inputs.iter().map(|input| format!("SHA-256 {}", input.sha256)).collect::<Vec<_>>().join(", ")
    };
    if inputs(&earlier.provenance) != inputs(provenance) {
        return differs("input", inputs(&earlier.provenance), inputs(provenance));
    }
    if let Some((field, found, expected)) = difference("", &earlier.config, config) {
        return differs("config", format!("{field} = {found}"), expected.to_string());
    }
    answers::read(&earlier, searches)
}

/// The first field in which two configs differ, with its value in both.
fn difference<'v>(path: &str, a: &'v Value, b: &'v Value) -> Option<(String, &'v Value, &'v Value)> {
    let (Value::Object(x), Value::Object(y)) = (a, b) else { return (a != b).then(|| (path.to_string(), a, b)) };
    let keys = x.keys().chain(y.keys().filter(|key| !x.contains_key(*key)));
    let below = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
    let value = |map: &'v serde_json::Map<String, Value>, key: &String| map.get(key).unwrap_or(&Value::Null);
    keys.map(|key| difference(&below(key), value(x, key), value(y, key))).find_map(|found| found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_difference_of_two_configs_is_named() {
        let a = json!({"a": {"b": 1, "c": [2]}, "d": 3});
        let b = json!({"a": {"b": 1, "c": [4]}, "d": 3, "e": 1});
        assert_eq!(difference("", &a, &a), None);
        let (field, found, expected) = difference("", &a, &b).unwrap();
        assert_eq!((field.as_str(), found, expected), ("a.c", &json!([2]), &json!([4])));
        let b = json!({"a": {"b": 1, "c": [2]}, "d": 3, "e": 1});
        assert_eq!(difference("", &a, &b).unwrap().0, "e");
    }
}
