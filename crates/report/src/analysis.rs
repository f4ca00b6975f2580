//! Results of an analysis as figures read them.

use crate::ReportError;
use crate::evaluation::experiment;
use mdl_artifact::{Artifact, Kind};

/// An analysis with the tensors of one of its parts.
pub(crate) struct Analysis<'a> {
    pub artifact: &'a Artifact,
    part: &'static str,
}

impl<'a> Analysis<'a> {
    /// The part of an analysis; none for other artifacts and for an analysis without this part.
    pub fn of(artifact: &'a Artifact, part: &'static str) -> Option<Self> {
        let prefix = format!("{part}.");
        let has = artifact.kind == Kind::Analysis && artifact.tensors.keys().any(|name| name.starts_with(&prefix));
        has.then_some(Self { artifact, part })
    }

    fn name(&self, tensor: &str) -> String {
        format!("{}.{tensor}", self.part)
    }

    /// True if the part has a tensor.
    pub fn has(&self, tensor: &str) -> bool {
        self.artifact.has(&self.name(tensor))
    }

    /// Shape of a tensor.
    pub fn shape<const N: usize>(&self, tensor: &str) -> Result<[usize; N], ReportError> {
        Ok(self.artifact.shape(&self.name(tensor))?)
    }

    /// Values of a tensor of this shape.
    pub fn values<T: mdl_artifact::Element>(&self, tensor: &str, shape: &[usize]) -> Result<&'a [T], ReportError> {
        Ok(self.artifact.values(&self.name(tensor), shape)?)
    }

    /// Values of a tensor of one dimension.
    pub fn list<T: mdl_artifact::Element>(&self, tensor: &str) -> Result<&'a [T], ReportError> {
        let shape = self.shape::<1>(tensor)?;
        self.values(tensor, &shape)
    }

    /// Names of the conditions of the task.
    pub fn conditions(&self) -> Result<Vec<String>, ReportError> {
        let experiment = experiment(self.artifact)?;
        Ok(experiment.task.task().map(|task| task.conditions().to_vec()).unwrap_or_default())
    }

    /// Names of the input channels of the task.
    pub fn channels(&self) -> Result<Vec<String>, ReportError> {
        let experiment = experiment(self.artifact)?;
        Ok(experiment.task.task().map(|task| task.inputs().to_vec()).unwrap_or_default())
    }

    /// Names of the coordinates of mode space.
    pub fn coordinates(&self, count: usize) -> Result<Vec<String>, ReportError> {
        let modes: Vec<u32> = if self.has("mode") { self.list("mode")?.to_vec() } else { Vec::new() };
        let name = |k: usize| match modes.get(k) {
            Some(mode) => format!("Mode {mode}"),
            None => format!("Principal component {}", k + 1),
        };
        Ok((0..count).map(name).collect())
    }
}

/// Name of a condition; `given input` for the number beyond them.
pub(crate) fn condition(names: &[String], index: u32) -> &str {
    names.get(index as usize).map_or("given input", String::as_str)
}
