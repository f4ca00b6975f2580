//! Configs: JSON files, overridden field by field from the command line.

use crate::conform::{conform, did_you_mean, one_of};
use mdl_artifact::json::{self, JsonError};
use mdl_artifact::{Artifact, ArtifactError, FileType, Purpose};
use mdl_data::tasks::{LONGEST_TASK, TaskConfig, upgrade};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Error of a config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{what} {}: {source}", path.display())]
    Unreadable {
        /// Name of the file's role in messages, such as `config`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file is of another type.
    #[error("{what} {}: {}", path.display(), found.mismatch(Purpose::Json))]
    Foreign {
        /// Name of the file's role in messages, such as `config`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Type of the file.
        found: FileType,
    },
    /// The file is not JSON.
    #[error("{what} {}: not valid JSON: {source}", path.display())]
    NotJson {
        /// Name of the file's role in messages, such as `config`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Position and cause.
        source: JsonError,
    },
    /// The file is an artifact, but not one with a config.
    #[error("{what} {source}")]
    Artifact {
        /// Name of the file's role in messages, such as `config`.
        what: &'static str,
        /// File and cause.
        source: ArtifactError,
    },
    /// A field is unknown, missing or of the wrong type.
    #[error("{what} {origin}: {}{message}", place(field))]
    Field {
        /// Name of the file's role in messages, such as `config`.
        what: &'static str,
        /// Origin of the config.
        origin: String,
        /// Path of the field; empty for the whole config.
        field: String,
        /// Found and expected values.
        message: String,
    },
    /// An override that is not of the form key=value, or whose path includes a value that is not a section.
    #[error("--set {argument}: {message}")]
    Override {
        /// Argument as typed.
        argument: String,
        /// Description of the fault.
        message: String,
    },
}

impl ConfigError {
    /// The same error, with the override that set the field as its origin, if one did.
    #[must_use]
    pub(crate) fn blaming(self, overrides: &[String]) -> Self {
        match self {
            Self::Field { what, origin, field, message } => {
                Self::Field { what, origin: origin_of(&origin, overrides, &field), field, message }
            }
            other => other,
        }
    }
}

/// Origin of the value of a field: the config `origin`, or an override of it.
pub fn origin_of(origin: &str, overrides: &[String], field: &str) -> String {
    const SHOWN: usize = 80;
    let brought = |argument: &&String| {
        let key = argument.split('=').next().unwrap_or_default();
        let below = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        !field.is_empty() && (key == field || below(field, key) || below(key, field))
    };
    match overrides.iter().rev().find(brought) {
        Some(argument) if argument.chars().count() > SHOWN => {
            format!("{origin} with --set {}…", argument.chars().take(SHOWN).collect::<String>())
        }
        Some(argument) => format!("{origin} with --set {argument}"),
        None => origin.into(),
    }
}

fn place(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("field `{field}`: ") }
}

/// Maximum size of a config file (bytes).
const MOST_BYTES: u64 = 1 << 20;
/// Maximum depth of nested sections.
const MOST_SECTIONS: usize = 32;

/// Name of a config in messages.
pub const CONFIG: &str = "config";

/// Reads a JSON config file of at most one mebibyte, or the config in an artifact.
///
/// # Errors
/// [`ConfigError::Unreadable`], [`ConfigError::Foreign`], [`ConfigError::NotJson`], [`ConfigError::Artifact`].
pub fn read_json(path: &Path, what: &'static str) -> Result<Value, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { what, path: path.into(), source };
    let foreign = |found| ConfigError::Foreign { what, path: path.into(), found };
    if path.is_dir() {
        return Err(foreign(FileType::Directory));
    }
    let mut text = Vec::new();
    // Read in chunks, because the file may be a pipe or have no end.
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut text)).map_err(unreadable)?;
    // A safetensors file starts with the length of its header, a JSON object.
    if text.get(6..9) == Some(b"\0\0{") {
        return Artifact::read_config(path).map(without_sweep).map_err(|source| ConfigError::Artifact { what, source });
    }
    match FileType::of(&text) {
        FileType::Json | FileType::Text | FileType::Unknown => {}
        other => return Err(foreign(other)),
    }
    if text.len() as u64 > MOST_BYTES {
        return Err(unreadable(std::io::Error::other(format!("more than {MOST_BYTES} bytes, expected a {what}"))));
    }
    json::parse(&text).map_err(|source| ConfigError::NotJson { what, path: path.into(), source })
}

/// Config of a sweep without the section that describes the sweep.
fn without_sweep(mut config: Value) -> Value {
    config.as_object_mut().map(|sections| sections.remove("sweep"));
    config
}

/// Applies `--set key=value` arguments: keys are paths (`training.learning_rate`), values are JSON, or text if they are
/// not valid JSON.
///
/// # Errors
/// [`ConfigError::Override`].
pub fn apply_overrides(config: &mut Value, overrides: &[String]) -> Result<(), ConfigError> {
    for argument in overrides {
        let refuse = |message: &str| ConfigError::Override { argument: argument.clone(), message: message.into() };
        let (key, text) = argument.split_once('=').ok_or_else(|| refuse("expected KEY=VALUE"))?;
        let value = match (json::parse(text.as_bytes()), serde_json::from_str::<Value>(text)) {
            (Ok(value), _) => value,
            (Err(twice), Ok(_)) => return Err(refuse(&twice.to_string())),
            (Err(_), Err(_)) => Value::String(text.into()),
        };
        if key.split('.').count() > MOST_SECTIONS {
            return Err(refuse(&format!("expected at most {MOST_SECTIONS} fields inside one another")));
        }
        let (mut place, mut path) = (&mut *config, String::new());
        for part in key.split('.') {
            if part.is_empty() {
                return Err(refuse("expected a field path such as training.learning_rate"));
            }
            if place.is_null() {
                *place = Value::Object(serde_json::Map::new());
            }
            let whole =
                || refuse(&format!("`{path}` has no field `{part}`: it is not an object; set `{path}` as a whole"));
            let section = place.as_object_mut().ok_or_else(whole)?;
            place = section.entry(part).or_insert(Value::Null);
            path = if path.is_empty() { part.into() } else { format!("{path}.{part}") };
        }
        *place = value;
    }
    Ok(())
}

/// Reads the text of the task that a config names, if it does not hold it yet, and brings older spellings of the section up
/// to date. The path is relative to the config `file`; one from an override is relative to the working directory. Returns
/// the file that was read.
///
/// # Errors
/// [`ConfigError::Field`]: a file that cannot be read.
pub(crate) fn resolve_task(
    config: &mut Value,
    overrides: &[String],
    file: Option<&Path>,
    origin: &str,
) -> Result<Option<PathBuf>, ConfigError> {
    let Some(task) = config.get_mut("task").filter(|task| task.is_object()) else { return Ok(None) };
    let field = |name: &str, message: String| {
        let field = if name.is_empty() { "task".into() } else { format!("task.{name}") };
        ConfigError::Field { what: CONFIG, origin: origin_of(origin, overrides, &field), field, message }
    };
    upgrade(task).map_err(|e| field(&e.field, format!("found {}, expected {}", e.found, e.expected)))?;
    if let Some(kind) = task["kind"].as_str() {
        let known = TaskConfig::kinds();
        if !known.contains(&kind) {
            let meant = did_you_mean(kind, known.iter().copied());
            let message = format!(
                "found {kind:?}, expected {}{meant}; a task of your own is named by task.file",
                one_of(&known.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>())
            );
            return Err(field("kind", message));
        }
    }
    if task["file"].is_string() && task["trials"].is_string() {
        let message =
            format!("found {}, expected none beside `file`: a task draws trials, or a file has them", task["trials"]);
        return Err(field("trials", message));
    }
    let is_set = |key: &str| overrides.iter().any(|set| set.split('=').next() == Some(key));
    let Some(path) = task["file"].as_str().map(PathBuf::from) else { return Ok(None) };
    let renamed = is_set("task.file") || is_set("task");
    match &task["source"] {
        Value::Null => {}
        Value::String(_) if is_set("task.file") => {}
        Value::String(_) => return Ok(None),
        other => return Err(field("source", format!("found {other}, expected the text of the task"))),
    }
    let folder = file.and_then(Path::parent).filter(|_| !renamed);
    let found = folder.map_or(path.clone(), |folder| folder.join(&path));
    let text = read_text(&found).map_err(|message| field("file", format!("{}: {message}", found.display())))?;
    task["source"] = text.into();
    Ok(Some(found))
}

/// Where the files of a task's trials are looked for.
#[derive(Debug, Default)]
pub(crate) struct TrialsPlace {
    /// Folder of the config file, or of the artifact with the config.
    folder: Option<PathBuf>,
    /// Whether the config is that of a file: paths are relative to its folder alone.
    is_file: bool,
    /// Fields whose paths are those of overrides, relative to the working directory.
    overridden: Vec<&'static str>,
    /// Path from an override, of a file that an artifact records: its content must be the recorded one.
    moved: Option<PathBuf>,
}

impl TrialsPlace {
    /// Places for the trials of a config, whose section `task` was `recorded` before the overrides. An override of `task.trials`
    /// alone says where the recorded file is now; after any other, what was recorded no longer holds and is removed.
    pub fn new(config: &mut Value, recorded: &Value, overrides: &[String], file: Option<&Path>, origin: &str) -> Self {
        let is_set = |key: &str| overrides.iter().any(|set| set.split('=').next() == Some(key));
        let mut place = Self {
            folder: file.unwrap_or(Path::new(origin)).parent().map(Path::to_owned),
            is_file: file.is_some(),
            ..Self::default()
        };
        for field in ["trials", "split.validation", "split.test"] {
            let of_split = field != "trials" && is_set("task.split");
            if is_set("task") || of_split || is_set(&format!("task.{field}")) {
                place.overridden.push(field);
            }
        }
        let Some(task) = config.get_mut("task").and_then(Value::as_object_mut) else { return place };
        if recorded["trials"].is_string() && recorded["contents"].is_object() {
            if is_set("task.trials") {
                place.moved = task["trials"].as_str().map(PathBuf::from);
                task["trials"] = recorded["trials"].clone();
            }
            if is_set("task")
                || overrides.iter().any(|set| set.starts_with("task.") && !set.starts_with("task.trials="))
            {
                task.remove("contents");
            }
        }
        place
    }

    /// Places where a file may be.
    pub fn places(&self, field: &str, path: &str) -> Vec<PathBuf> {
        let path = PathBuf::from(path);
        match (&self.folder, &self.moved) {
            (_, Some(moved)) if field == "trials" => vec![moved.clone()],
            _ if self.overridden.contains(&field) => vec![path],
            (Some(folder), _) if self.is_file => vec![folder.join(&path)],
            (Some(folder), _) => vec![folder.join(&path), path],
            (None, _) => vec![path],
        }
    }
}

/// Reads the text of a task.
fn read_text(path: &Path) -> Result<String, String> {
    if path.is_dir() {
        return Err("found a directory, expected a task in Starlark, such as tasks/xor.star".into());
    }
    // A pipe is read once, but a task may be read several times.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err("found no regular file, expected a task in Starlark, such as tasks/xor.star".into());
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_TASK as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    if bytes.len() > LONGEST_TASK {
        return Err(format!("more than {LONGEST_TASK} bytes, expected a task in Starlark"));
    }
    String::from_utf8(bytes).map_err(|_| "found no text in UTF-8, expected a task in Starlark".into())
}

/// Turns JSON into a typed config; `origin` names where it came from in messages.
///
/// # Errors
/// [`ConfigError::Field`].
pub fn parse<T: DeserializeOwned + JsonSchema>(
    mut config: Value,
    what: &'static str,
    origin: &str,
) -> Result<T, ConfigError> {
    let refused = |field: String, message: String| ConfigError::Field { what, origin: origin.into(), field, message };
    conform(&mut config, schemars::schema_for!(T).as_value()).map_err(|misfit| refused(misfit.path, misfit.message))?;
    serde_path_to_error::deserialize(config)
        .map_err(|e| refused(e.path().to_string(), e.inner().to_string().replace("unknown variant", "unknown choice")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn overrides_reach_nested_fields() {
        let mut config = json!({"a": {"b": 1}, "c": 2});
        let set = ["a.b=3", "a.d=[1,2]", "e.f=text", "c=true"].map(String::from);
        apply_overrides(&mut config, &set).unwrap();
        assert_eq!(config, json!({"a": {"b": 3, "d": [1, 2]}, "c": true, "e": {"f": "text"}}));
    }

    #[test]
    fn bad_overrides_are_named() {
        for bad in ["a", "a..b=1", "c.d=1", "=1"] {
            let error = apply_overrides(&mut json!({"c": 2}), &[bad.into()]).unwrap_err();
            assert!(error.to_string().contains(bad), "{error}");
        }
    }

    #[test]
    fn bottomless_overrides_are_refused() {
        let deep = format!("{}a=1", "a.".repeat(30_000));
        let error = apply_overrides(&mut json!({}), &[deep]).unwrap_err();
        assert!(error.to_string().contains("at most 32"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_an_end_is_no_config() {
        let message = read_json(Path::new("/dev/zero"), CONFIG).unwrap_err().to_string();
        assert!(message.contains("/dev/zero: more than 1048576 bytes"), "{message}");
    }

    #[test]
    fn files_of_other_types_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        for (bytes, expected) in [
            (&b"\x93NUMPY\x01\0"[..], "found a NumPy file of a single array (.npy), expected a JSON file"),
            (b"\xff\xfe{\0}\0", "found text in UTF-16, expected a JSON file; save it as UTF-8"),
            (b"", "found an empty file"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let message = read_json(&path, CONFIG).unwrap_err().to_string();
            assert!(message.contains("config.json: found ") && message.contains(expected), "{message}");
        }
        let message = read_json(dir.path(), CONFIG).unwrap_err().to_string();
        assert!(message.contains("found a directory, expected a JSON file; name the JSON file in it"), "{message}");
    }

    #[test]
    fn wrong_types_are_named() {
        #[derive(Debug, serde::Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct Inner {
            b: u32,
        }
        #[derive(Debug, serde::Deserialize, JsonSchema)]
        struct Outer {
            a: Inner,
        }
        assert_eq!(parse::<Outer>(json!({"a": {"b": 1}}), CONFIG, "x.json").unwrap().a.b, 1);
        let message = |v| parse::<Outer>(v, CONFIG, "x.json").unwrap_err().to_string();
        assert!(message(json!({"a": {"b": "one"}})).contains("`a.b`"));
        assert!(message(json!({"a": {"b": 1, "c": 2}})).contains("unknown field `c`"));
    }
}
