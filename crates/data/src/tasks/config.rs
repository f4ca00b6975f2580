//! The task section of a config, and what it can be asked, whatever it names.

use super::built_in::upgrade;
use super::data_set::DataSet;
use super::data_sets::DataSetConfig;
use super::program::Program;
use super::task::Task;
use super::trials_file::TrialsFile;
use crate::field::InvalidField;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The task section of a config.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum TaskConfig {
    /// A task in a file.
    Program(Program),
    /// Trials in a file.
    Trials(Box<TrialsFile>),
    /// A data set.
    DataSet(DataSetConfig),
}

impl<'de> Deserialize<'de> for TaskConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        upgrade(&mut value).map_err(D::Error::custom)?;
        match value.get("kind") {
            Some(_) => serde_json::from_value(value).map(Self::DataSet),
            None if value.get("trials").is_some() => serde_json::from_value(value).map(Self::Trials),
            None => serde_json::from_value(value).map(Self::Program),
        }
        .map_err(D::Error::custom)
    }
}

/// A task section by what it has: trials that are drawn, or labelled examples.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    /// A task.
    Trials(&'a dyn Task),
    /// A data set.
    Examples(&'a dyn DataSet),
}

impl TaskConfig {
    /// The task or the data set itself.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Program(program) => Subject::Trials(program),
            Self::Trials(file) => Subject::Trials(&**file),
            Self::DataSet(kind) => Subject::Examples(kind.data_set()),
        }
    }

    /// The tasks of the published rate networks and every data set, as they come.
    pub fn known() -> Vec<Self> {
        let built_in = |name| Program::built_in(name, Map::new()).expect("it comes with the programs");
        let tasks = super::built_in::OLDER_KINDS.map(built_in).map(Self::Program);
        tasks.into_iter().chain(DataSetConfig::all().into_iter().map(Self::DataSet)).collect()
    }

    /// Every value of `kind`: the data sets, and the tasks that older configs name in this way.
    pub fn kinds() -> Vec<&'static str> {
        let data_sets = DataSetConfig::all();
        data_sets.iter().map(DataSetConfig::name).chain(super::built_in::OLDER_KINDS).collect()
    }

    /// Trials in a file; none for a task that draws them and for a data set.
    pub fn trials_file(&self) -> Option<&TrialsFile> {
        match self {
            Self::Trials(file) => Some(file),
            _ => None,
        }
    }

    /// Name of the task's file, or of the kind of data set.
    pub fn name(&self) -> &str {
        match self {
            Self::Program(program) => program.name(),
            Self::Trials(file) => file.name(),
            Self::DataSet(kind) => kind.name(),
        }
    }

    /// The task; a data set, which has examples in place of trials, is none.
    ///
    /// # Errors
    /// [`InvalidField`] for a data set.
    pub fn task(&self) -> Result<&dyn Task, InvalidField> {
        match self.subject() {
            Subject::Trials(task) => Ok(task),
            Subject::Examples(_) => Err(InvalidField {
                field: "task.kind".into(),
                found: self.name().into(),
                expected: "a task with trials: task.file, the path of a task in Starlark, or task.trials, that of a file of trials"
                    .into(),
            }),
        }
    }

    /// The same task with other values of these parameters.
    ///
    /// # Errors
    /// [`InvalidField`]: a data set, or parameters that the task does not have or cannot draw a trial with.
    pub fn with_parameters(&self, parameters: &Map<String, Value>) -> Result<Self, InvalidField> {
        let refused = |expected: String| InvalidField {
            field: "parameters".into(),
            found: Value::Object(parameters.clone()).to_string(),
            expected,
        };
        let Self::Program(program) = self else { return Err(refused("a task that draws trials".into())) };
        let mut config = program.config().clone();
        config.parameters.extend(parameters.clone());
        let other = Program::new(config).map_err(|error| refused(format!("parameters of the task: {error}")))?;
        Ok(Self::Program(other))
    }

    /// The data set; none for a task.
    pub fn data_set(&self) -> Option<&dyn DataSet> {
        match self.subject() {
            Subject::Trials(_) => None,
            Subject::Examples(data_set) => Some(data_set),
        }
    }

    /// Name of the fraction of correct answers: accuracy for examples, performance for trials.
    pub fn measure(&self) -> &'static str {
        if self.data_set().is_some() { "accuracy" } else { "performance" }
    }

    /// Duration of a step in milliseconds.
    pub fn step_ms(&self) -> f64 {
        match self.subject() {
            Subject::Trials(task) => task.step_ms(),
            Subject::Examples(data_set) => data_set.step_ms(),
        }
    }

    /// Number of steps T of a trial or example.
    pub fn steps(&self) -> usize {
        match self.subject() {
            Subject::Trials(task) => task.steps(),
            Subject::Examples(data_set) => data_set.steps(),
        }
    }

    /// Input channels K and output channels O.
    pub fn channels_and_outputs(&self) -> (usize, usize) {
        match self.subject() {
            Subject::Trials(task) => (task.channels(), task.outputs()),
            Subject::Examples(data_set) => (data_set.channels(), data_set.classes().len()),
        }
    }

    /// Fields that cannot be changed for the evaluation of a trained network: its time step is part of its dynamics,
    /// and the others describe its training data.
    pub fn fixed_fields(&self) -> Vec<&'static str> {
        let own = match self {
            Self::Program(_) => &[][..],
            Self::Trials(_) => &["axes", "arrays", "classes"],
            Self::DataSet(kind) => kind.data_set().fixed_fields(),
        };
        [&["step_ms"], own].concat()
    }

    /// Refuses values with which no network can be trained.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        match self {
            Self::Program(_) => Ok(()),
            Self::Trials(file) => file.config().validate(),
            Self::DataSet(kind) => kind.data_set().validate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_is_known_by_its_name_and_valid_as_it_comes() {
        let mut names = BTreeSet::new();
        for kind in DataSetConfig::all().into_iter().map(TaskConfig::DataSet) {
            assert_eq!(kind.validate(), Ok(()), "{}", kind.name());
            let json = serde_json::to_value(&kind).unwrap();
            assert_eq!(json["kind"], kind.name());
            assert_eq!(serde_json::from_value::<TaskConfig>(json.clone()).unwrap(), kind);
            assert!(kind.fixed_fields().iter().all(|field| !json[*field].is_null()), "{}: {json}", kind.name());
            assert!(names.insert(kind.name().to_owned()), "{} is there twice", kind.name());
            let error = kind.task().err().unwrap().to_string();
            assert!(error.contains("task.kind: found") && error.contains("task.file"), "{error}");
        }
    }
}
