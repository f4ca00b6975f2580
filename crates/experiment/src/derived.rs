//! Experiment for the evaluation of a trained network: that of its artifact, with the changes that a stage allows.
//!
//! A stage can change the sections that it uses. The network and its training stay unchanged: the config of an artifact
//! always describes its tensors.

use crate::{Experiment, ExperimentError, origin_of};
use mdl_artifact::differences;
use mdl_data::field::InvalidField;
use mdl_data::tasks::TaskConfig;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Fields by path.
pub type Fields = BTreeMap<String, Value>;

/// Requested changes to the experiment of the network that a stage reads.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    /// Config file that replaces the sections.
    pub file: Option<&'a Path>,
    /// Overrides, such as `lif.refractory_ms=4`.
    pub set: &'a [String],
    /// Seed.
    pub seed: Option<u64>,
    /// Sections that the stage uses.
    pub sections: &'a [&'a str],
}

/// Experiment for the evaluation of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct DerivedExperiment {
    /// The experiment.
    pub experiment: Experiment,
    /// Fields with which the network was made differently, with their values then.
    pub differs: Fields,
    /// Fields of the config file that the stage does not use and that differ from those of the network.
    pub unused: Vec<String>,
}

/// All sections of a config.
const SECTIONS: [&str; 9] =
    ["name", "seed", "task", "network", "training", "lif", "search", "calibration", "evaluation"];

impl DerivedExperiment {
    /// Experiment of an artifact. `made_with` are the sections that its tensors depend on besides the network and its
    /// training; `origin` names it in messages.
    ///
    /// # Errors
    /// Any [`ExperimentError`], including a change of an unused section, or of a field of the task with which the
    /// network was trained.
    pub fn new(artifact: Value, changes: &Changes, made_with: &[&str], origin: &str) -> Result<Self, ExperimentError> {
        changes.set.iter().try_for_each(|set| check_field("--set", set, changes.sections))?;
        let made = Experiment::from_json(artifact, &[], None, origin)?;
        let mut config = made.to_json();
        let (mut unused, mut source, mut task_file) = (Vec::new(), origin.to_owned(), None);
        if let Some(file) = changes.file {
            source = file.display().to_string();
            let other = Experiment::load(file, &[], None)?;
            task_file = other.task_file.clone().filter(|_| changes.sections.contains(&"task"));
            let other = other.to_json();
            for section in changes.sections {
                config[*section] = other[*section].clone();
            }
            let ignored = |field: &str| ["network", "training"].iter().any(|section| field.starts_with(section));
            let made = made.to_json();
            let differ = differences(&made, &other).into_iter().map(|difference| difference.field);
            unused = differ.filter(|field| ignored(field)).collect();
        }
        let mut experiment = Experiment::from_json(config, changes.set, changes.seed, &source)?;
        let invalid = |field: InvalidField| ExperimentError::Invalid {
            origin: origin_of(&source, changes.set, &field.field),
            field: Box::new(field),
        };
        check_task(&made.task, &experiment.task).map_err(|field| invalid(field.within("task")))?;
        experiment.task_file = experiment.task_file.or(task_file);
        let differs = differing(&made.to_json(), &experiment.to_json(), made_with);
        Ok(Self { experiment, differs, unused })
    }
}

/// Fields of `sections` in which `first` differs from `second`, with their values in `first`.
fn differing(first: &Value, second: &Value, sections: &[&str]) -> Fields {
    let in_sections = |field: &str| sections.iter().any(|section| field.split('.').next() == Some(section));
    let found = differences(first, second).into_iter().filter(|difference| in_sections(&difference.field));
    found.map(|difference| (difference.field, difference.first.clone())).collect()
}

/// Refuses a field that a stage using `sections` does not use; `argument` of `option` starts with it.
///
/// # Errors
/// [`ExperimentError::Meaningless`].
pub fn check_field(option: &'static str, argument: &str, sections: &[&str]) -> Result<(), ExperimentError> {
    let section = argument.split(['.', '=']).next().unwrap_or_default();
    if section == "seed" || sections.contains(&section) || !SECTIONS.contains(&section) {
        return Ok(());
    }
    let why = match section {
        "network" | "training" | "name" => "it says how the network was made",
        _ => "nothing here depends on it",
    };
    let usable = match sections.split_last() {
        Some((last, others)) if !others.is_empty() => format!("fields of {} and {last}", others.join(", ")),
        Some((only, _)) => format!("fields of {only}"),
        None => "no field but seed".into(),
    };
    Err(ExperimentError::Meaningless { option, argument: argument.into(), section: section.into(), why, usable })
}

/// Refuses to replace a network's task by one with other channels, another time step or other training examples.
fn check_task(made: &TaskConfig, derived: &TaskConfig) -> Result<(), InvalidField> {
    let [made_json, judged_json] = [made, derived].map(|task| serde_json::to_value(task).expect("plain data is JSON"));
    let (channels, outputs) = made.channels_and_outputs();
    let found = derived.channels_and_outputs();
    if found != (channels, outputs) {
        return Err(InvalidField {
            field: match (derived.data_set(), derived.trials_file()) {
                (Some(_), _) => "kind",
                (_, Some(_)) => "trials",
                _ => "file",
            }
            .into(),
            found: format!("{}, with {} input channels and {} outputs", derived.name(), found.0, found.1),
            expected: format!("{}, with {channels} and {outputs}, as the network has", made.name()),
        });
    }
    if let (Some(derived), Some(made)) = (derived.trials_file(), made.trials_file()) {
        derived.check_change(made)?;
    }
    let fixed_fields = made.fixed_fields();
    let (made, derived) = (made_json, judged_json);
    let fixed = |field: &&&str| made.get(**field) != derived.get(**field);
    match fixed_fields.iter().find(fixed) {
        None => Ok(()),
        Some(field) => Err(InvalidField {
            field: (*field).into(),
            found: derived[*field].to_string(),
            expected: format!("{}, as in the training of the network", made[*field]),
        }),
    }
}
