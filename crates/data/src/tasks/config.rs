//! Properties of every task section of a config, whatever its kind.

use super::data_set::DataSet;
use super::task::Task;
use super::{Subject, TaskConfig};
use crate::field::InvalidField;

impl TaskConfig {
    /// The cognitive task. A data set is not one: it has examples instead of trials.
    ///
    /// # Errors
    /// [`InvalidField`] for a data set.
    pub fn task(&self) -> Result<&dyn Task, InvalidField> {
        match self.subject() {
            Subject::Trials(task) => Ok(task),
            Subject::Examples(_) => {
                let tasks = Self::all().into_iter().filter(|kind| kind.data_set().is_none());
                let expected = one_of(&tasks.map(|kind| kind.name()).collect::<Vec<_>>());
                Err(InvalidField { field: "task.kind".into(), found: self.name().into(), expected })
            }
        }
    }

    /// The data set; none for a cognitive task.
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
        let of_examples = self.data_set().map_or(&[][..], |data_set| data_set.fixed_fields());
        [&["step_ms"], of_examples].concat()
    }

    /// Refuses values with which no network can be trained.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        match self.subject() {
            Subject::Trials(task) => task.validate(),
            Subject::Examples(data_set) => data_set.validate(),
        }
    }
}

/// Names as a list: a, b or c.
fn one_of(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_is_known_by_its_name_and_valid_as_it_comes() {
        let mut names = BTreeSet::new();
        for kind in TaskConfig::all() {
            assert_eq!(kind.validate(), Ok(()), "{}", kind.name());
            let json = serde_json::to_value(&kind).unwrap();
            assert_eq!(json["kind"], kind.name());
            assert_eq!(serde_json::from_value::<TaskConfig>(json.clone()).unwrap(), kind);
            assert!(kind.fixed_fields().iter().all(|field| !json[*field].is_null()), "{}: {json}", kind.name());
            assert_eq!(kind.task().is_ok(), kind.data_set().is_none());
            assert!(names.insert(kind.name()), "{} is there twice", kind.name());
        }
    }

    #[test]
    fn a_data_set_is_no_task() {
        let digits = TaskConfig::all().into_iter().find(|kind| kind.name() == "digits").unwrap();
        let error = digits.task().err().unwrap().to_string();
        assert_eq!(error, "task.kind: found digits, expected go-nogo, xor or mante");
    }
}
