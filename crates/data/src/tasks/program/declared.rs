//! What the file of a task declares: names, durations, parameters.

use super::allocation;
use super::config::ProgramConfig;
use super::limits::TICKS;
use super::{failure, values};
use crate::field::require_duration_ms;
use crate::tasks::task::TaskError;
use serde_json::{Map, Number, Value as Json};
use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use starlark::values::Value;
use std::collections::BTreeMap;
use std::ops::Range;

/// Most steps of a trial.
const MOST_STEPS: usize = 1_000_000;
/// Most channels of inputs, and of outputs.
const MOST_CHANNELS: usize = 4096;
/// Most values of a trial's inputs, and of its targets.
const MOST_VALUES: usize = 1 << 24;
/// Most conditions.
const MOST_CONDITIONS: usize = 4096;

/// Channels by the name of their group, or their own.
type Groups = BTreeMap<String, Range<usize>>;

/// What the file declares, with the parameters of the config.
#[derive(Debug)]
pub(super) struct Declared {
    pub step_ms: f64,
    /// Steps T of the longest trial.
    pub steps: usize,
    /// Names of the input channels, `[K]`
    pub inputs: Vec<String>,
    /// Names of the output channels, `[O]`
    pub outputs: Vec<String>,
    /// Channels by name: a single one, or those of a group.
    pub input_groups: Groups,
    /// Likewise of outputs.
    pub output_groups: Groups,
    pub conditions: Vec<String>,
    /// All parameters: the file's, with those of the config.
    pub parameters: Map<String, Json>,
}

impl Declared {
    pub fn new(module: &FrozenModule, config: &ProgramConfig) -> Result<Self, TaskError> {
        let reader = Reader { file: &config.file, module, parameters: resolved(module, config)? };
        let step_ms = match config.step_ms {
            Some(own) => own,
            None => reader.number("step_ms")?,
        };
        let name = if config.step_ms.is_some() { "task.step_ms" } else { "step_ms" };
        require_duration_ms(name, step_ms).map_err(|field| reader.error(field.to_string()))?;
        let duration_ms = reader.number("duration_ms")?;
        let steps = (duration_ms / step_ms).round();
        if !(2.0..=MOST_STEPS as f64).contains(&steps) {
            return Err(reader.error(format!(
                "duration_ms: found {duration_ms} ms, which are {steps} steps of {step_ms} ms, expected 2 to {MOST_STEPS} steps"
            )));
        }
        let steps = steps as usize;
        let (inputs, input_groups) = reader.channels("inputs", steps)?;
        let (outputs, output_groups) = reader.channels("outputs", steps)?;
        if let Some(name) = input_groups.keys().find(|name| output_groups.contains_key(*name)) {
            return Err(reader.error(format!("`{name}` is the name of an input and of an output; rename one of them")));
        }
        let conditions = reader.conditions()?;
        if module.get_option("trial").ok().flatten().is_none_or(|trial| trial.value().get_type() != "function") {
            return Err(reader.error("missing function `trial(t, p)`, which draws one trial".into()));
        }
        let parameters = reader.parameters;
        Ok(Self { step_ms, steps, inputs, outputs, input_groups, output_groups, conditions, parameters })
    }

    /// Index of a condition.
    pub fn condition(&self, name: &str) -> Option<usize> {
        self.conditions.iter().position(|own| own == name)
    }
}

/// The file's parameters, with those of the config in their place.
fn resolved(module: &FrozenModule, config: &ProgramConfig) -> Result<Map<String, Json>, TaskError> {
    let error = |message: String| TaskError { file: config.file.clone(), line: None, message };
    let mut parameters = Map::new();
    if let Ok(Some(own)) = module.get_option("parameters") {
        let entries = values::entries(own.value())
            .ok_or_else(|| error(format!("parameters: found {}, expected a dictionary", own.value().get_type())))?;
        for (name, value) in entries {
            let name =
                name.unpack_str().ok_or_else(|| error(format!("parameters: found the key {name}, expected text")))?;
            let shown = values::shown(value);
            let value = values::to_json(value).ok_or_else(|| {
                error(format!(
                    "parameters: {name}: found {shown}, expected a finite number, text, True, False, or a list of these"
                ))
            })?;
            parameters.insert(name.into(), value);
        }
    }
    for (name, value) in &config.parameters {
        let known: Vec<&str> = parameters.keys().map(String::as_str).collect();
        let Some(own) = parameters.get(name) else {
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            return Err(error(format!("unknown parameter `{name}`, expected one of its own: {known}")));
        };
        let value = like(own, value)
            .ok_or_else(|| error(format!("parameter `{name}`: found {value}, expected {}", kind(own))))?;
        parameters.insert(name.clone(), value);
    }
    Ok(parameters)
}

/// What a value is, for a person.
fn kind(value: &Json) -> &'static str {
    match value {
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        _ => "a list, of the same kind of items",
    }
}

/// `value` in the form of the file's `own`: whole where it can be and that is whole, a fraction where that is one.
fn like(own: &Json, value: &Json) -> Option<Json> {
    match (own, value) {
        (Json::Bool(_), Json::Bool(_)) | (Json::String(_), Json::String(_)) => Some(value.clone()),
        (Json::Number(own), Json::Number(value)) => {
            let x = value.as_f64()?;
            let whole = x.fract() == 0.0 && x.abs() < 2e9;
            match own.is_f64() || !whole {
                true => Number::from_f64(x).map(Json::Number),
                false => Some((x as i64).into()),
            }
        }
        (Json::Array(own), Json::Array(items)) => {
            let item = |(i, item): (usize, &Json)| match own.get(i).or_else(|| own.last()) {
                Some(own) => like(own, item),
                None => Some(item.clone()),
            };
            items.iter().enumerate().map(item).collect::<Option<Vec<_>>>().map(Json::Array)
        }
        _ => None,
    }
}

/// Reads what a file declares.
struct Reader<'m> {
    file: &'m str,
    module: &'m FrozenModule,
    parameters: Map<String, Json>,
}

impl Reader<'_> {
    fn error(&self, message: String) -> TaskError {
        TaskError { file: self.file.into(), line: None, message }
    }

    /// Reads a value, or what a function of the parameters returns in its place.
    fn read<T>(&self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Result<T, TaskError> {
        let found = self.module.get_option(name).ok().flatten();
        let found = found.ok_or_else(|| self.error(format!("missing `{name}`, expected {}", expected(name))))?;
        Module::with_temp_heap(|module| {
            let value = module.heap().access_owned_frozen_value(&found);
            let value = if value.get_type() == "function" {
                let mut evaluator = Evaluator::new(&module);
                values::limit(&mut evaluator, TICKS);
                let p = values::parameters(&module, &self.parameters);
                let returned = allocation::limited(self.file, || evaluator.eval_function(value, &[p], &[]));
                returned.map_err(|error| failure::of(self.file, error))?
            } else {
                value
            };
            read(value).map_err(|found| self.error(format!("{name}: found {found}, expected {}", expected(name))))
        })
    }

    fn number(&self, name: &str) -> Result<f64, TaskError> {
        self.read(name, |value| values::number(value).filter(|x| x.is_finite()).ok_or_else(|| values::shown(value)))
    }

    fn conditions(&self) -> Result<Vec<String>, TaskError> {
        let conditions = self.read("conditions", |value| {
            let items = values::items(value).ok_or_else(|| values::shown(value))?;
            let names =
                items.iter().map(|item| item.unpack_str().map(str::to_owned).ok_or_else(|| values::shown(*item)));
            names.collect::<Result<Vec<_>, _>>()
        })?;
        let count = conditions.len();
        if !(1..=MOST_CONDITIONS).contains(&count) {
            return Err(self.error(format!("conditions: found {count} names, expected 1 to {MOST_CONDITIONS}")));
        }
        match (1..count).find(|i| conditions[..*i].contains(&conditions[*i])) {
            Some(twice) => Err(self.error(format!("conditions: `{}` is there twice", conditions[twice]))),
            None => Ok(conditions),
        }
    }

    /// The names of channels and of groups of them.
    fn channels(&self, name: &str, steps: usize) -> Result<(Vec<String>, Groups), TaskError> {
        let items = self.read(name, |value| {
            let items = values::items(value).ok_or_else(|| values::shown(value))?;
            let channel = |item: &Value| {
                if let Some(single) = item.unpack_str() {
                    return Ok((single.to_owned(), None));
                }
                let pair = values::items(*item).unwrap_or_default();
                match pair[..] {
                    [group, size] => {
                        let size =
                            size.unpack_i32().and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
                        group.unpack_str().zip(size).map(|(group, size)| (group.to_owned(), Some(size)))
                    }
                    _ => None,
                }
                .ok_or_else(|| values::shown(*item))
            };
            items.iter().map(channel).collect::<Result<Vec<_>, String>>()
        })?;
        let count: usize = items.iter().map(|(_, size)| size.unwrap_or(1)).sum();
        let most = MOST_CHANNELS.min(MOST_VALUES / steps);
        if !(1..=most).contains(&count) {
            return Err(self.error(format!("{name}: found {count} channels, expected 1 to {most} with {steps} steps")));
        }
        let (mut names, mut groups) = (Vec::with_capacity(count), BTreeMap::new());
        for (channel, size) in items {
            let first = names.len();
            match size {
                None => names.push(channel.clone()),
                Some(size) => names.extend((0..size).map(|i| format!("{channel} {i}"))),
            }
            let printable = !channel.trim().is_empty() && !channel.contains(char::is_control);
            if !printable || groups.insert(channel.clone(), first..names.len()).is_some() {
                return Err(self.error(format!("{name}: found {channel:?} twice or empty, expected a name of its own")));
            }
        }
        Ok((names, groups))
    }
}

/// What a file must say.
fn expected(name: &str) -> &'static str {
    match name {
        "step_ms" => "the duration of a step in milliseconds, such as step_ms = 5",
        "duration_ms" => {
            "the duration of the longest trial in milliseconds, such as duration_ms = 1000, or a function of p"
        }
        "inputs" => r#"a list of names, such as inputs = ["cue", ("ring", 16)], where the pair is a group of channels"#,
        "outputs" => r#"a list of names, such as outputs = ["answer"]"#,
        _ => r#"a list of names, such as conditions = ["left", "right"]"#,
    }
}
