//! Trials in a file as a task.

use super::config::{Part, TrialsConfig, TrialsContents};
use super::error::TrialsError;
use super::loaded::Loaded;
use super::read::{TrialFile, bytes};
use crate::field::InvalidField;
use crate::tasks::rule::{Evaluated, RuleSet};
use crate::tasks::task::{Task, TaskError};
use crate::tasks::trials::Trials;
use mdl_artifact::Input;
use mdl_artifact::output::sha256;
use mdl_kernels::random::Purpose;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// Trials in a file, read when the first of them is drawn, or before by [`TrialsFile::load`].
#[derive(Clone)]
pub struct TrialsFile {
    config: TrialsConfig,
    /// Places where each file of the section may be.
    places: Vec<Vec<PathBuf>>,
    loaded: Arc<OnceLock<Result<Arc<Loaded>, TrialsError>>>,
}

impl std::fmt::Debug for TrialsFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

impl PartialEq for TrialsFile {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

impl Serialize for TrialsFile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.config.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TrialsFile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TrialsConfig::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for TrialsFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TrialsFile".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        TrialsConfig::json_schema(generator)
    }
}

impl TrialsFile {
    /// Trials that a section names; paths are relative to the working directory.
    pub fn new(config: TrialsConfig) -> Self {
        let places = config.files().iter().map(|(_, path)| vec![PathBuf::from(path)]).collect();
        Self { config, places, loaded: Arc::default() }
    }

    /// What the config says.
    pub fn config(&self) -> &TrialsConfig {
        &self.config
    }

    /// Name of the trials: that of their file.
    pub fn name(&self) -> &str {
        let file = self.config.trials.rsplit(['/', '\\']).next().unwrap_or_default();
        file.rsplit_once('.').map_or(file, |(name, _)| name)
    }

    /// Sets the places where each file may be, given its field inside the section and its path there. The first that has the
    /// recorded content counts.
    pub fn place(&mut self, places: impl Fn(&str, &str) -> Vec<PathBuf>) {
        self.places = self.config.files().iter().map(|(field, path)| places(field, path)).collect();
        self.loaded = Arc::default();
    }

    /// Reads the files, and records their content in the section unless it is there.
    ///
    /// # Errors
    /// [`TrialsError`]: a file that is missing or damaged, does not have the recorded content, or does not fit the section.
    pub fn load(&mut self) -> Result<(), TrialsError> {
        let contents = self.read()?.contents.clone();
        self.config.contents.get_or_insert(contents);
        Ok(())
    }

    /// Reads the files, if that has not been done.
    ///
    /// # Errors
    /// As for [`TrialsFile::load`].
    pub fn check(&self) -> Result<(), TrialsError> {
        self.read().map(|_| ())
    }

    /// Files of the section that exist.
    pub fn files(&self) -> Vec<PathBuf> {
        let found = |places: &Vec<PathBuf>| places.iter().find(|place| place.exists()).cloned();
        match self.loaded.get() {
            Some(Ok(loaded)) => loaded.files.iter().map(|(path, _)| path.clone()).collect(),
            _ => self.places.iter().filter_map(found).collect(),
        }
    }

    /// Files of the section with their recorded SHA-256, as inputs of a program; none before they are read.
    pub fn inputs(&self) -> Vec<Input> {
        let name = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
        let input = |(field, path): (&'static str, &str)| {
            Some(Input { file: name(path).unwrap_or_default(), sha256: self.recorded(field)?.into() })
        };
        self.config.files().into_iter().filter_map(input).collect()
    }

    /// Refuses changes after the training of a network with which trials of its training could be among those of its
    /// evaluation; `made` is the section of the training.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the section.
    pub fn check_change(&self, made: &Self) -> Result<(), InvalidField> {
        let refused =
            |field: &str, found: String, expected: String| Err(InvalidField { field: field.into(), found, expected });
        let (own, made) = (&self.config, &made.config);
        let remedy = "task.split.test may be the path of a file with other trials";
        if let (Some(own), Some(made)) = (&own.contents, &made.contents) {
            let (found, expected) = (&own.training.sha256, &made.training.sha256);
            if found != expected {
                let expected = format!("{expected}, the file of the training ({remedy})");
                return refused("trials", format!("a file of SHA-256 {found}"), expected);
            }
        }
        let shown = |part: &Part| match part {
            Part::Fraction(fraction) => fraction.to_string(),
            Part::File(path) => format!("{path:?}"),
        };
        let parts = [
            ("split.validation", &own.split.validation, &made.split.validation),
            ("split.test", &own.split.test, &made.split.test),
        ];
        for (field, own, made) in parts {
            // Without its fraction for validation, the test would be other trials.
            let moves_test = field == "split.validation" && matches!(made, Part::Fraction(_));
            if own != made && (moves_test || matches!(own, Part::Fraction(_))) {
                return refused(field, shown(own), format!("{}, as in the training ({remedy})", shown(made)));
            }
        }
        if own.split.seed != made.split.seed {
            let expected = format!("{}, as in the training ({remedy})", made.split.seed);
            return refused("split.seed", own.split.seed.to_string(), expected);
        }
        Ok(())
    }

    /// Recorded SHA-256 of the file that a field names.
    fn recorded(&self, field: &str) -> Option<&str> {
        let TrialsContents { training, validation, test, .. } = self.config.contents.as_ref()?;
        let part = match field {
            "split.validation" => validation,
            "split.test" => test,
            _ => training,
        };
        Some(&part.sha256)
    }

    fn read(&self) -> Result<&Arc<Loaded>, TrialsError> {
        self.loaded.get_or_init(|| self.read_files()).as_ref().map_err(Clone::clone)
    }

    /// Reads the files, or takes what another section that names them has read.
    fn read_files(&self) -> Result<Arc<Loaded>, TrialsError> {
        type Known = (TrialsConfig, Vec<Vec<PathBuf>>, Weak<Loaded>);
        static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());
        let own = (&self.config, &self.places);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(.., loaded)| loaded.strong_count() > 0);
        let same = known.iter().find(|(config, places, _)| (config, places) == own);
        if let Some(loaded) = same.and_then(|(.., loaded)| loaded.upgrade()) {
            return Ok(loaded);
        }
        self.config.validate()?;
        let fields = self.config.files();
        let files = fields.iter().zip(&self.places).map(|((field, _), places)| self.read_file(field, places));
        let loaded = Arc::new(Loaded::new(&self.config, files.collect::<Result<_, _>>()?)?);
        if self.config.contents.as_ref().is_some_and(|contents| sizes(contents) != sizes(&loaded.contents)) {
            let expected = "the numbers of steps, names and trials in the files";
            return Err(TrialsError::field("contents", "other numbers", expected));
        }
        known.push((self.config.clone(), self.places.clone(), Arc::downgrade(&loaded)));
        Ok(loaded)
    }

    /// Reads the file of a field from the first place that has the recorded content.
    fn read_file(&self, field: &str, places: &[PathBuf]) -> Result<TrialFile, TrialsError> {
        let mut refused = None;
        for place in places {
            let content = match bytes(place, field) {
                Ok(content) => content,
                Err(error) => {
                    refused.get_or_insert(error);
                    continue;
                }
            };
            let found = sha256(&content);
            match self.recorded(field).filter(|recorded| *recorded != found) {
                None => return TrialFile::read(place, &content, &self.config),
                Some(recorded) => {
                    let remedy = "restore the file, or name others to judge on by --set task.split.test=PATH";
                    let message = format!(
                        "found SHA-256 {found}, expected {recorded}, the trials that the network was made with; {remedy}"
                    );
                    refused = Some(TrialsError::file(place, message));
                }
            }
        }
        Err(refused.unwrap_or_else(|| TrialsError::field(field, "no place", "the path of a file")))
    }

    fn contents(&self) -> Option<&TrialsContents> {
        self.config.contents.as_ref().or_else(|| self.read().ok().map(|loaded| &loaded.contents))
    }
}

/// Numbers of steps, channels, outputs, conditions, and trials.
fn sizes(contents: &TrialsContents) -> ([usize; 4], [u64; 3]) {
    let TrialsContents { steps, inputs, outputs, conditions, training, validation, test, .. } = contents;
    ([*steps, inputs.len(), outputs.len(), conditions.len()], [training, validation, test].map(|part| part.trials))
}

impl Task for TrialsFile {
    fn inputs(&self) -> &[String] {
        self.contents().map_or(&[], |contents| &contents.inputs)
    }

    fn output_names(&self) -> &[String] {
        self.contents().map_or(&[], |contents| &contents.outputs)
    }

    fn steps(&self) -> usize {
        self.contents().map_or(0, |contents| contents.steps)
    }

    fn step_ms(&self) -> f64 {
        self.config.step_ms
    }

    fn conditions(&self) -> &[String] {
        self.contents().map_or(&[], |contents| &contents.conditions)
    }

    fn rule_set(&self) -> RuleSet {
        RuleSet::Published
    }

    fn draw(&self, seed: u64, purpose: Purpose, first: u64, count: usize) -> Result<Trials, TaskError> {
        let loaded = self.read().map_err(|error| match error {
            TrialsError::File { path, message } => TaskError { file: path.display().to_string(), line: None, message },
            TrialsError::Field(field) => {
                TaskError { file: self.config.trials.clone(), line: None, message: field.within("task").to_string() }
            }
        })?;
        Ok(loaded.draw(seed, purpose, first, count))
    }

    fn available(&self, purpose: Purpose) -> Option<u64> {
        let contents = self.contents()?;
        let part = match purpose {
            Purpose::TrainingTrial => return None,
            Purpose::ValidationTrial | Purpose::SearchTrial => &contents.validation,
            _ => &contents.test,
        };
        Some(part.trials)
    }

    fn examples(&self) -> &Trials {
        static NONE: OnceLock<Trials> = OnceLock::new();
        self.read().map_or_else(|_| NONE.get_or_init(Trials::default), |loaded| &loaded.examples)
    }

    fn response_window(&self, evaluated: Evaluated) -> Option<Range<usize>> {
        let [trained, lif] = self.contents()?.response;
        let window = if evaluated == Evaluated::Trained { trained } else { lif };
        window.map(|[from, to]| from..to)
    }
}
