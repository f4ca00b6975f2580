//! Partial results of searches and sweeps: their trial results so far.
//!
//! A [`PartialFile`] with the tensors of [`trials::write`].

use crate::error::{Error, Result};
use crate::search::trials::{self, TrialResult, TrialResults, TrialSet};
use mdl_artifact::Provenance;
use mdl_artifact::checkpoint::{PartialFile, ResumePolicy};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Minimum time between two saves.
const AT_LEAST: Duration = Duration::from_millis(500);

/// Partial results of one output.
#[derive(Debug)]
pub struct Partial {
    file: PartialFile,
    searches: Vec<TrialResults>,
    unsaved: bool,
    /// True after a warning that there is no space for it.
    warned: bool,
}

impl Partial {
    /// Partial results of `searches` searches beside `output`, which will have this config and provenance.
    ///
    /// # Errors
    /// A partial file that exists against the policy, is damaged, or belongs to another run.
    pub fn open(
        output: &Path,
        config: Value,
        provenance: Provenance,
        searches: usize,
        earlier: ResumePolicy,
    ) -> Result<Self> {
        let file = PartialFile::new(output, config, provenance, 1, AT_LEAST);
        let searches = match file.earlier(earlier)? {
            Some(artifact) => trials::read(&artifact, searches)?,
            None => vec![TrialResults::default(); searches],
        };
        Ok(Self { file, searches, unsaved: false, warned: false })
    }

    /// Trial results of a search.
    pub fn results(&self, search: usize) -> &TrialResults {
        &self.searches[search]
    }

    /// Number of trial results of all searches.
    pub fn count(&self) -> u64 {
        self.searches.iter().map(|results| results.len() as u64).sum()
    }

    /// Adds the results of a trial, and saves if a save is due. The search continues if a save fails; the save is
    /// retried, and a warning is given once.
    pub fn add(&mut self, search: usize, set: TrialSet, trial: u32, finished: &[(f64, TrialResult)]) {
        finished.iter().for_each(|(factor, result)| self.searches[search].insert(set, *factor, trial, *result));
        self.unsaved = true;
        if self.file.is_due()
            && let Err(error) = self.save()
        {
            self.file.postpone();
            if !std::mem::replace(&mut self.warned, true) {
                tracing::warn!("{error}: the search goes on without its partial results");
            }
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    fn save(&mut self) -> Result<()> {
        self.file.save(|artifact| {
            trials::write(&self.searches, artifact);
            Ok::<_, Error>(())
        })?;
        self.unsaved = false;
        Ok(())
    }

    /// Removes the file, if any, once the output is written.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&mut self) -> Result<()> {
        self.unsaved = false;
        Ok(self.file.remove()?)
    }
}

/// Saves unsaved results of an interrupted run; the error then says that it can be resumed.
///
/// # Errors
/// The error of `outcome`, or of saving.
pub fn keep(outcome: Result<()>, partials: &mut [Partial]) -> Result<()> {
    let Err(Error::Interrupted) = outcome else { return outcome };
    partials.iter_mut().filter(|partial| partial.unsaved).try_for_each(Partial::save)?;
    Err(Error::Kept)
}
