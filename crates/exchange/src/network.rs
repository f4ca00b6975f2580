//! Import of a network of another tool: the layout of its file, the arrays used, and those left out.

use crate::layouts::{Layout, layout_of, published};
use crate::mapping::{Mapping, Source, matches_any};
use crate::options::{ImportOptions, Reading};
use crate::{Error, ForeignFile, Result, Variables, dynamics};
use mdl_artifact::{Artifact, FileType, Kind, Provenance};
use mdl_experiment::Experiment;

/// Layouts that need a mapping, by the arrays that identify them.
const BY_MAPPING: [(&[&str], &str); 5] = [
    (&["weight_ih_l0", "weight_hh_l0"], "a torch.nn.RNN, or a GRU or LSTM"),
    (&["m", "n", "wi", "wo"], "a low-rank network of lowrank_inference"),
    (&["wrec", "wi", "wo"], "a full-rank network of lowrank_inference"),
    (&["recurrent_kernel"], "a recurrent layer of Keras"),
    (&["W_rec"], "a recurrent network"),
];

/// Unused variables of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unused {
    /// Variables of unknown purpose, or that were to be ignored.
    pub unknown: Vec<String>,
    /// Records of the training and similar information.
    pub records: Vec<String>,
}

impl Unused {
    /// All of them.
    pub fn all(&self) -> Vec<&String> {
        self.unknown.iter().chain(&self.records).collect()
    }
}

/// A network of another tool.
pub struct Network<'a> {
    variables: Variables,
    layout: Option<&'static dyn Layout>,
    /// Mapping from arrays to tensors; none for the published rate networks.
    mapping: Option<Mapping>,
    options: ImportOptions<'a>,
    /// Choices made in reading it.
    pub reading: Reading,
}

impl<'a> Network<'a> {
    /// Reads the network in a file, by a mapping or in a known layout.
    ///
    /// # Errors
    /// A damaged file; an unknown layout without a mapping; a missing or mismatched array.
    pub fn read(file: &ForeignFile, mapping: Option<Mapping>, options: ImportOptions<'a>) -> Result<Self> {
        if file.file_type() == FileType::Npy {
            // A single array is not a network; the remedy says so.
            return Err(Error::Foreign { path: file.path().into(), found: FileType::Npy });
        }
        let names = file.names();
        let layout = layout_of(&names);
        let mapping = mapping.map(|given| if given.tensors.is_empty() { given.with_same_names(&names) } else { given });
        let wanted = |name: &str| match (&mapping, layout) {
            (Some(mapping), _) => mapping.wants(name),
            (None, Some(layout)) => layout.wanted(name),
            (None, None) => false,
        };
        // Arrays that may change the dynamics are read to find out whether they do.
        let mut variables = file.variables(|name| wanted(name) || dynamics::role(name).is_some())?;
        let mut reading = Reading::default();
        let mapping = match (mapping, layout) {
            (Some(mapping), _) if mapping.tensors.is_empty() => return Err(unknown_layout(&variables, &names)),
            (Some(mapping), _) => {
                reading.layout = "mapping";
                Some(mapping.complete(&variables, &mut reading)?)
            }
            (None, Some(layout)) => {
                reading.layout = layout.name();
                layout.mapping(&mut variables, &options, &mut reading)?
            }
            (None, None) => return Err(unknown_layout(&variables, &names)),
        };
        Ok(Self { variables, layout, mapping, options, reading })
    }

    /// Experiment that it belongs to.
    ///
    /// # Errors
    /// A missing or mismatched array; an unknown task; a config that cannot be run.
    pub fn experiment(&mut self) -> Result<Experiment> {
        self.options.refuse_training(&self.variables.path)?;
        match &self.mapping {
            Some(mapping) => mapping.experiment(&self.variables, &self.options, &mut self.reading),
            None => published::experiment(&self.variables, &self.options, &mut self.reading),
        }
    }

    /// Artifact of the network, and the unused variables of the file.
    ///
    /// # Errors
    /// A missing or mismatched array; an unread array that changes the behaviour of the network.
    pub fn artifact(&mut self, experiment: &Experiment, provenance: Provenance) -> Result<(Artifact, Unused)> {
        let (variables, options, reading) = (&self.variables, &self.options, &mut self.reading);
        let artifact = match &self.mapping {
            Some(mapping) => mapping.artifact(variables, experiment, options, provenance, reading)?,
            None => published::artifact(variables, experiment, options, provenance, reading)?,
        };
        let unused = self.unused();
        self.refuse_unread(&unused.unknown)?;
        Ok((artifact, unused))
    }

    fn unused(&self) -> Unused {
        let is_record = |name: &String| self.layout.is_some_and(|layout| layout.is_record(name));
        let (records, unknown) = self.variables.unused().into_iter().partition(is_record);
        Unused { unknown, records }
    }

    /// True if the array was to be left out.
    pub fn ignores(&self, name: &str) -> bool {
        matches_any(self.options.ignore, name) || self.mapping.as_ref().is_some_and(|mapping| mapping.ignores(name))
    }

    /// Refuses arrays that change the behaviour of the network.
    fn refuse_unread(&self, unused: &[String]) -> Result<()> {
        let changing = |name: &&String| {
            let role = dynamics::role(name)?;
            let neutral = self.variables.peek(name).is_some_and(|(shape, values)| role.is_neutral(shape, values));
            let harmless = neutral || self.ignores(name) || self.is_of_another_kind(name);
            (!harmless).then(|| ((*name).clone(), role.what))
        };
        let arrays: Vec<_> = unused.iter().filter_map(|name| changing(&name)).collect();
        if arrays.is_empty() { Ok(()) } else { Err(Error::Unread { path: self.variables.path.clone(), arrays }) }
    }

    /// True if the array is the scaling factor of a network requested as a rate network, or contains time constants
    /// where all units have the same.
    fn is_of_another_kind(&self, name: &str) -> bool {
        let factor = match &self.mapping {
            Some(mapping) => mapping.source("scaling_factor").and_then(Source::name),
            None => Some("opt_scaling_factor"),
        };
        let as_rate = self.options.kind == Some(Kind::Rate) && factor == Some(name);
        as_rate || (self.mapping.is_none() && name == "taus_gaus")
    }
}

/// Error about a file with an unknown layout.
fn unknown_layout(variables: &Variables, names: &[String]) -> Error {
    let base = |name: &str| name.rsplit('.').next().map(String::from).unwrap_or_default();
    let has = |wanted: &str| names.iter().any(|name| base(name) == wanted);
    let looks = BY_MAPPING.iter().find(|(arrays, _)| arrays.iter().all(|array| has(array)));
    let looks = looks.map(|(_, what)| format!(" (it looks like {what})")).unwrap_or_default();
    let shown: Vec<&str> = names.iter().take(40).map(String::as_str).collect();
    let more = if names.len() > shown.len() { ", …" } else { "" };
    let holds = if shown.is_empty() { "nothing".into() } else { shown.join(", ") + more };
    let message = format!(
        "no known layout{looks}: it holds {holds}. Say which array is which tensor with --mapping; docs/import.md has examples, \
         `inspect` lists the arrays with their shapes"
    );
    Error::Undecided { path: variables.path.clone(), message }
}
