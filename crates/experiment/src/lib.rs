//! Config of an experiment: a JSON file that every stage reads, as plain data.
//!
//! Each section is documented at its definition. Unknown fields are refused; [`Experiment::validate`] refuses
//! impossible values.
//!
//! ```
//! use mdl_experiment::Experiment;
//!
//! let config = serde_json::json!({
//!     "name": "example",
//!     "task": { "kind": "go-nogo" },
//!     "network": { "kind": "rate", "neurons": 200, "recurrence": { "kind": "dense" } },
//! });
//! let overrides = ["network.neurons=100".to_string()];
//! let experiment = Experiment::from_json(config.clone(), &overrides, Some(7), "example")?;
//! assert_eq!((experiment.seed, experiment.training.batch_size), (7, 1));
//!
//! let wrong = ["network.neurons=0".to_string()];
//! let error = Experiment::from_json(config, &wrong, None, "example").unwrap_err().to_string();
//! assert!(error.contains("network.neurons"), "{error}");
//! # Ok::<(), mdl_experiment::ExperimentError>(())
//! ```

mod conform;
pub mod derived;
pub mod json;
pub mod memory;
pub mod structure;

use json::{CONFIG, ConfigError, TrialsPlace, apply_overrides, origin_of, parse, read_json, resolve_task};
use mdl_artifact::Input;
use mdl_convert::Conversion;
use mdl_convert::calibration::CalibrationConfig;
use mdl_convert::lif::config::LifConfig;
use mdl_convert::lif::neurons::LifNeuron;
use mdl_convert::search::SearchConfig;
use mdl_data::evaluation::EvaluationConfig;
use mdl_data::field::{InvalidField, require};
use mdl_data::tasks::trials_file::TrialsError;
use mdl_data::tasks::{TaskConfig, TrialsFile};
use mdl_kernels::random::Purpose;
use mdl_model::NetworkConfig;
use mdl_model::rate::Activation;
use mdl_model::rate::config::RateConfig;
use mdl_train::config::{Stage, TrainingConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Error of an experiment that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// The config cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A value is impossible.
    #[error("config {origin}: {field}")]
    Invalid {
        /// Origin of the config.
        origin: String,
        /// Field and cause.
        field: Box<InvalidField>,
    },
    /// A file of trials is missing or damaged, or does not fit the section `task`.
    #[error("config {origin}: task: {path}: {message}", path = path.display())]
    Trials {
        /// Origin of the config.
        origin: String,
        /// The file.
        path: PathBuf,
        /// Found and expected content.
        message: String,
    },
    /// An override of a section that is not used.
    #[error("{option} {argument}: `{section}` cannot be changed here, {why}; {option} takes {usable}")]
    Meaningless {
        /// The option.
        option: &'static str,
        /// Argument as typed.
        argument: String,
        /// The section.
        section: String,
        /// Reason that the section is not used.
        why: &'static str,
        /// Sections that can be set.
        usable: String,
    },
}

/// A whole experiment: network, task, training, and conversion to spikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Location of the JSON Schema, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Name of the experiment; runs are stored under it.
    pub name: String,
    /// Purpose of the experiment, in a sentence; `make configs` lists it. Not stored in artifacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seed of every random number.
    #[serde(default = "one")]
    pub seed: u64,
    /// Task that the network is trained on.
    pub task: TaskConfig,
    /// File from which the text of the task was read, unless the config held the text.
    #[serde(skip)]
    pub task_file: Option<PathBuf>,
    /// The network.
    pub network: NetworkConfig,
    /// Training of the network.
    #[serde(default)]
    pub training: TrainingConfig,
    /// LIF network made from it.
    #[serde(default)]
    pub lif: LifConfig,
    /// Search for the scaling factor.
    #[serde(default)]
    pub search: SearchConfig,
    /// Calibration of the LIF network after the search. It is in the artifacts of configs that have this section, and of
    /// calibrated networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationConfig>,
    /// Evaluation of the finished network.
    #[serde(default)]
    pub evaluation: EvaluationConfig,
}

/// Error of an experiment from one about its trials.
fn trials_error(
    error: TrialsError,
    origin: &str,
    invalid: impl Fn(InvalidField) -> ExperimentError,
) -> ExperimentError {
    match error {
        TrialsError::Field(field) => invalid(field.within("task")),
        TrialsError::File { path, message } => ExperimentError::Trials { origin: origin.into(), path, message },
    }
}

fn one() -> u64 {
    1
}

impl Experiment {
    /// Reads a config file, with overrides from the command line, and checks it.
    ///
    /// # Errors
    /// Any [`ExperimentError`].
    pub fn load(path: &Path, overrides: &[String], seed: Option<u64>) -> Result<Self, ExperimentError> {
        Self::from_file(read_json(path, CONFIG)?, Some(path), overrides, seed, &path.display().to_string())
    }

    /// Reads the config of an artifact, with overrides from the command line; `origin` names it in messages.
    ///
    /// # Errors
    /// Any [`ExperimentError`].
    pub fn from_json(
        config: Value,
        overrides: &[String],
        seed: Option<u64>,
        origin: &str,
    ) -> Result<Self, ExperimentError> {
        Self::from_file(config, None, overrides, seed, origin)
    }

    /// As [`Experiment::from_json`]; the path of a task is relative to the config `file`.
    fn from_file(
        mut config: Value,
        file: Option<&Path>,
        overrides: &[String],
        seed: Option<u64>,
        origin: &str,
    ) -> Result<Self, ExperimentError> {
        if !config.is_object() {
            let message = "found no object, expected one with the sections of a config".into();
            return Err(
                ConfigError::Field { what: CONFIG, origin: origin.into(), field: String::new(), message }.into()
            );
        }
        let recorded = config["task"].clone();
        apply_overrides(&mut config, overrides)?;
        let task_file = resolve_task(&mut config, overrides, file, origin)?;
        let place = TrialsPlace::new(&mut config, &recorded, overrides, file, origin);
        let mut experiment: Self = parse(config, CONFIG, origin).map_err(|error| error.blaming(overrides))?;
        experiment.seed = seed.unwrap_or(experiment.seed);
        experiment.task_file = task_file;
        let invalid = |field: InvalidField| ExperimentError::Invalid {
            origin: origin_of(origin, overrides, &field.field),
            field: Box::new(field),
        };
        if let TaskConfig::Trials(trials) = &mut experiment.task {
            trials.place(|field, path| place.places(field, path));
            if trials.config().contents.is_none() {
                trials.load().map_err(|error| trials_error(error, origin, invalid))?;
            }
        }
        experiment.validate().map_err(invalid)?;
        experiment.limit_trials();
        Ok(experiment)
    }

    /// Reads the files of the task's trials, if it has any and they have not been read.
    ///
    /// # Errors
    /// [`ExperimentError::Trials`], [`ExperimentError::Invalid`]; `origin` names the config.
    pub fn read_trials(&self, origin: &str) -> Result<(), ExperimentError> {
        let invalid = |field| ExperimentError::Invalid { origin: origin.into(), field: Box::new(field) };
        let read = |trials: &TrialsFile| trials.check().map_err(|error| trials_error(error, origin, invalid));
        self.task.trials_file().map_or(Ok(()), read)
    }

    /// Lowers numbers of trials to those that the task has, each of which is used once.
    pub fn limit_trials(&mut self) {
        let Ok(task) = self.task.task() else { return };
        let available = |purpose| task.available(purpose).unwrap_or(u64::MAX);
        let number = |purpose| u32::try_from(available(purpose)).unwrap_or(u32::MAX);
        let validation = usize::try_from(available(Purpose::ValidationTrial)).unwrap_or(usize::MAX);
        self.training.evaluation_trials = self.training.evaluation_trials.min(validation);
        self.search.trials = self.search.trials.min(number(Purpose::SearchTrial));
        self.evaluation.trials = self.evaluation.trials.min(number(Purpose::EvaluationTrial));
        if let Some(calibration) = &mut self.calibration {
            calibration.limit_trials(number(Purpose::SearchTrial));
        }
    }

    /// Settings of the calibration: the config's, which are the default ones where it has no such section.
    pub fn calibration(&mut self) -> &CalibrationConfig {
        if self.calibration.is_none() {
            self.calibration = Some(CalibrationConfig::default());
            self.limit_trials();
        }
        self.calibration.get_or_insert_default()
    }

    /// Resolved config as stored in an artifact.
    ///
    /// # Panics
    /// Never: every section is plain data.
    pub fn to_json(&self) -> Value {
        let resolved = Self { schema: None, description: None, ..self.clone() };
        serde_json::to_value(resolved).expect("plain data is JSON")
    }

    /// Files that the experiment is read from besides its config, with their roles.
    pub fn files(&self) -> Vec<(&'static str, PathBuf)> {
        let of_data_set = self.task.data_set().map(|data_set| data_set.files()).unwrap_or_default();
        let of_data_set = of_data_set.into_iter().map(|file| ("a file of the data set", file));
        let of_trials = self.task.trials_file().map(TrialsFile::files).unwrap_or_default();
        let of_trials = of_trials.into_iter().map(|file| ("a file of trials", file));
        let of_task = self.task_file.iter().map(|file| ("the task", file.clone()));
        of_task.chain(of_trials).chain(of_data_set).collect()
    }

    /// Files of trials as inputs of a program, for its provenance.
    pub fn inputs(&self) -> Vec<Input> {
        self.task.trials_file().map(TrialsFile::inputs).unwrap_or_default()
    }

    /// Tasks of the stages of the training, which come before the task itself.
    ///
    /// # Errors
    /// [`InvalidField`] naming the stage: parameters that the task does not have, or with which it has other channels,
    /// outputs or steps.
    pub fn stages(&self) -> Result<Vec<TaskConfig>, InvalidField> {
        let described = |task: &TaskConfig| {
            let (inputs, outputs) = task.channels_and_outputs();
            format!("{inputs} inputs, {outputs} outputs and steps of {} ms", task.step_ms())
        };
        let expected = format!("{}, as the task itself", described(&self.task));
        let task_of = |stage: &Stage| {
            let task = self.task.with_parameters(&stage.parameters)?;
            let found = described(&task);
            require(found == described(&self.task), "parameters", found, &expected).map(|()| task)
        };
        let stages = self.training.stages.iter().enumerate();
        stages.map(|(i, stage)| task_of(stage).map_err(|e| e.within(&format!("training.stages.{i}")))).collect()
    }

    /// Sections used by the conversion.
    pub fn conversion(&self) -> Conversion<'_> {
        let Self { task, network, lif, search, seed, .. } = self;
        Conversion { task, network, lif, search, seed: *seed }
    }

    /// Refuses to train a network with the activation of another LIF neuron than that of the conversion.
    ///
    /// # Errors
    /// [`InvalidField`] naming the constant.
    pub fn validate_activation(&self) -> Result<(), InvalidField> {
        let NetworkConfig::Rate(RateConfig { activation: Activation::Lif(activation), .. }) = &self.network else {
            return Ok(());
        };
        let (trained, converted) = (activation.unit(), self.lif.unit());
        let leaky = matches!(self.lif.neuron, LifNeuron::Lif(_));
        require(leaky, "lif.neuron", self.lif.neuron.name(), "lif, of which network.activation = lif is the rate")?;
        for (field, found, expected) in [
            ("dt_ms", trained.step_ms, converted.step_ms),
            ("tau_membrane_ms", trained.tau_membrane_ms, converted.tau_membrane_ms),
            ("refractory_ms", trained.refractory_ms, converted.refractory_ms),
            ("v_reset_mv", trained.v_reset_mv, converted.v_reset_mv),
            ("v_peak_mv", trained.v_peak_mv, converted.v_peak_mv),
            ("bias_mv", trained.bias_mv, converted.bias_mv),
            ("noise_sd_mv_per_step", trained.noise_sd_mv, converted.noise_sd_mv),
        ] {
            let expected_text = format!("{expected}, as in the section lif, with which the network is converted");
            require(found == expected, &format!("network.activation.{field}"), found, &expected_text)?;
        }
        Ok(())
    }

    /// Refuses values with which no stage can run.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field by its full path.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require(!self.name.is_empty(), "name", "an empty name", "a name")?;
        let printable = !self.name.contains(char::is_control);
        require(printable, "name", format!("{:?}", self.name), "a name without control characters")?;
        let section = |name: &'static str| move |e: InvalidField| e.within(name);
        self.task.validate().map_err(section("task"))?;
        let step_ms = self.task.step_ms();
        match &self.network {
            NetworkConfig::Rate(rate) => rate.validate().and_then(|()| rate.validate_step(step_ms)),
            NetworkConfig::Spiking(spiking) => spiking.validate(step_ms),
        }
        .map_err(section("network"))?;
        self.training.validate(self.task.data_set().is_some()).map_err(section("training"))?;
        let parameters = self.network.parameters();
        self.training.validate_frozen(&parameters).map_err(section("training"))?;
        let signed = self.network.has_signs();
        let rates = self.rates();
        self.training.validate_regularisers(&parameters, signed, rates).map_err(section("training"))?;
        self.lif.validate().map_err(section("lif"))?;
        self.search.validate().map_err(section("search"))?;
        let calibration = self.calibration.as_ref();
        calibration.map_or(Ok(()), CalibrationConfig::validate).map_err(section("calibration"))?;
        self.evaluation.validate().map_err(section("evaluation"))
    }

    /// Smallest and largest mean rate that a unit can have: the activation in rate networks, Hz in spiking networks.
    fn rates(&self) -> RangeInclusive<f64> {
        match &self.network {
            NetworkConfig::Rate(RateConfig { activation, .. }) => {
                let largest = activation.largest_rate();
                if matches!(activation, Activation::Tanh) { -largest..=largest } else { 0.0..=largest }
            }
            NetworkConfig::Spiking(_) => 0.0..=1e3 / self.task.step_ms(),
        }
    }
}
