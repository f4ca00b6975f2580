//! The task section of a config that names a file of trials.

use super::axes::Axes;
use crate::field::{InvalidField, require, require_between, require_duration_ms};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Most channels of inputs, and of outputs, and most conditions.
pub(super) const MOST_NAMES: usize = 4096;

/// The task section of a config that names a file of trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialsConfig {
    /// File of trials, .npz or .safetensors. In a config, its path is relative to the config.
    pub trials: String,
    /// Duration of a step (ms).
    pub step_ms: f64,
    /// Order of the axes of the arrays: the words trial, time and channel. Default: "trial time channel"; of files by
    /// make-trials "time trial channel".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axes: Option<String>,
    /// Names of the arrays in the file.
    #[serde(default, skip_serializing_if = "ArrayNames::is_default")]
    pub arrays: ArrayNames,
    /// Trials for validation and test.
    #[serde(default)]
    pub split: SplitConfig,
    /// Number of classes, if labels count them and there is no target. Default: that of `output_names`, or the largest label
    /// plus one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// Names of the input channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_names: Option<Vec<String>>,
    /// Names of the outputs, or of the classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_names: Option<Vec<String>>,
    /// Names of the conditions that the array `condition` counts, or in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<String>>,
    /// Rule that answers are judged by. Default: that of the file, if make-trials wrote it; `largest` with labels; else
    /// `near`, with a tolerance of 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleConfig>,
    /// Content of the files, as artifacts record it. Configs leave it out: it is read from the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<TrialsContents>,
}

/// Names of the arrays in a file of trials, for T steps, B trials, K inputs and O outputs, each in the order of `axes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArrayNames {
    /// Inputs, `[B, T, K]`, or `[B, T]` for one channel.
    pub input: String,
    /// Targets, `[B, T, O]`, or `[B, T]` for one output.
    pub target: String,
    /// Class of each trial, `[B]`, or of each step, `[B, T]`, from 0; −1 is a step without a class.
    pub label: String,
    /// Weights of errors, `[B, T, O]`, or `[B, T]` for all outputs.
    pub weight: String,
    /// Steps of each trial, `[B]`.
    pub length: String,
    /// Condition of each trial, `[B]`: numbers from 0, or names.
    pub condition: String,
}

impl Default for ArrayNames {
    fn default() -> Self {
        let [input, target, label, weight, length, condition] =
            ["input", "target", "label", "weight", "length", "condition"].map(String::from);
        Self { input, target, label, weight, length, condition }
    }
}

impl ArrayNames {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Each role with the name of its array.
    pub(super) fn roles(&self) -> [(&'static str, &str); 6] {
        let Self { input, target, label, weight, length, condition } = self;
        [
            ("input", input),
            ("target", target),
            ("label", label),
            ("weight", weight),
            ("length", length),
            ("condition", condition),
        ]
    }
}

/// Trials for validation and test. All others are for training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// For evaluations during training, and for the search: a fraction of the trials, or another file.
    pub validation: Part,
    /// For the evaluation of the trained network: a fraction of the trials, or another file.
    pub test: Part,
    /// Seed of the permutation that fractions are taken from. It is not the seed of the experiment: all networks have the
    /// same test trials.
    pub seed: u64,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { validation: Part::Fraction(0.1), test: Part::Fraction(0.1), seed: 0 }
    }
}

/// Some of the trials.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Part {
    /// Fraction of the trials.
    Fraction(f64),
    /// File of their own.
    File(String),
}

// Through `Value`: numbers inside untagged enums are not read otherwise under `arbitrary_precision`.
impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let part = value.as_str().map(|file| Self::File(file.into()));
        part.or_else(|| value.as_f64().map(Self::Fraction))
            .ok_or_else(|| D::Error::custom(format!("found {value}, expected a fraction or the path of a file")))
    }
}

/// Rule that answers are judged by.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum RuleConfig {
    /// Outputs are near their targets.
    Near(NearRule),
    /// The output of the right class is the largest.
    Largest(LargestRule),
}

impl<'de> Deserialize<'de> for RuleConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.get("largest") {
            Some(_) => serde_json::from_value(value).map(Self::Largest),
            None => serde_json::from_value(value).map(Self::Near),
        }
        .map_err(D::Error::custom)
    }
}

/// Outputs are near their targets: of a trained network at every step, of a LIF network on average over each stretch of steps
/// with a constant target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NearRule {
    /// Largest distance between output and target.
    pub near: f64,
    /// Beginning and end of the window (ms). Default: the whole trial but its first step. Steps of weight 0 do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<[f64; 2]>,
}

/// The mean over a window of the right class's output is larger than that of every other output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LargestRule {
    /// Origin of the right class.
    pub largest: ClassSource,
    /// Beginning and end of the window (ms). Default: of labels of trials, from the first to the last step of weight above 0;
    /// of labels of steps and of targets, the last stretch of steps of one class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<[f64; 2]>,
}

/// Origin of the right class of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClassSource {
    /// The array `label`.
    Label,
    /// The output with the largest target.
    Target,
}

impl RuleConfig {
    /// Its window (ms).
    pub(super) fn window_ms(&self) -> Option<[f64; 2]> {
        match self {
            Self::Near(rule) => rule.window_ms,
            Self::Largest(rule) => rule.window_ms,
        }
    }
}

/// Content of files of trials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialsContents {
    /// Steps of the longest trial.
    pub steps: usize,
    /// Names of the input channels.
    pub inputs: Vec<String>,
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// Names of the conditions.
    pub conditions: Vec<String>,
    /// First and last step (the last not inside) in which answers are judged, of a trained network and of a LIF network.
    pub response: [Option<[usize; 2]>; 2],
    /// Trials for training.
    pub training: PartContents,
    /// Trials for validation.
    pub validation: PartContents,
    /// Trials for test.
    pub test: PartContents,
}

/// Trials of one use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartContents {
    /// Their number.
    pub trials: u64,
    /// SHA-256 of the file that has them.
    pub sha256: String,
}

impl TrialsConfig {
    /// Files that the section names, with their fields inside it.
    pub(super) fn files(&self) -> Vec<(&'static str, &str)> {
        let mut files = vec![("trials", self.trials.as_str())];
        for (field, part) in [("split.validation", &self.split.validation), ("split.test", &self.split.test)] {
            if let Part::File(path) = part {
                files.push((field, path));
            }
        }
        files
    }

    /// Refuses values with which no trials can be read.
    ///
    /// # Errors
    /// [`InvalidField`] naming the field inside the section.
    pub fn validate(&self) -> Result<(), InvalidField> {
        require_duration_ms("step_ms", self.step_ms)?;
        self.axes.as_deref().map(Axes::parse).transpose()?;
        for (field, path) in self.files() {
            require(!path.is_empty(), field, "an empty path", "the path of a file of trials")?;
        }
        let roles = self.arrays.roles();
        for (index, (role, name)) in roles.iter().enumerate() {
            let free = !name.is_empty() && !roles[..index].iter().any(|(_, other)| other == name);
            require(free, &format!("arrays.{role}"), format!("{name:?}"), "a name that no other array has")?;
        }
        let mut left = 1.0;
        for (field, part) in [("split.validation", &self.split.validation), ("split.test", &self.split.test)] {
            if let Part::Fraction(fraction) = part {
                left -= fraction;
                let fits = *fraction > 0.0 && left > 0.0;
                require(fits, field, fraction, "a fraction above 0 that leaves trials for training, or a file")?;
            }
        }
        if let Some(classes) = self.classes {
            require((2..=MOST_NAMES).contains(&classes), "classes", classes, &format!("2 to {MOST_NAMES}"))?;
        }
        for (field, names) in
            [("input_names", &self.input_names), ("output_names", &self.output_names), ("conditions", &self.conditions)]
        {
            let Some(names) = names else { continue };
            let expected = format!("1 to {MOST_NAMES} names");
            require((1..=MOST_NAMES).contains(&names.len()), field, format!("{} names", names.len()), &expected)?;
            for (index, name) in names.iter().enumerate() {
                let fits = !name.is_empty() && !name.contains(char::is_control) && !names[..index].contains(name);
                require(fits, field, format!("{name:?}"), "different names, without control characters")?;
            }
        }
        if let Some(RuleConfig::Near(rule)) = &self.rule {
            require_between("rule.near", rule.near, 1e-6, crate::field::LARGEST)?;
        }
        if let Some(contents) = &self.contents {
            let TrialsContents { steps, inputs, outputs, conditions, training, validation, test, .. } = contents;
            let lists = [inputs, outputs, conditions].iter().all(|names| (1..=MOST_NAMES).contains(&names.len()));
            let parts = [training, validation, test].iter().all(|part| part.trials > 0);
            let expected = "what a program wrote there: steps, names and trials";
            require(*steps >= 2 && lists && parts, "contents", "none of some of them", expected)?;
        }
        match self.rule.as_ref().and_then(RuleConfig::window_ms) {
            Some([from, to]) => {
                let fits = from >= 0.0 && to > from && to.is_finite();
                require(fits, "rule.window_ms", format!("[{from}, {to}]"), "a beginning of at least 0 and a later end")
            }
            None => Ok(()),
        }
    }
}
