//! Configs: JSON files, overridden field by field from the command line.

use mdl_artifact::{FileType, Purpose};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Why a config cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("config {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is of another type.
    #[error("config {}: {}", path.display(), found.mismatch(Purpose::Json))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: FileType,
    },
    /// The file is not JSON.
    #[error("config {}: not valid JSON: {source}", path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A field is unknown, missing or of the wrong type.
    #[error("config {origin}: field `{field}`: {message}")]
    Field {
        /// Where the config came from.
        origin: String,
        /// Path of the field.
        field: String,
        /// What was found and expected.
        message: String,
    },
    /// An override is not of the form key=value, or goes through a value that is no section.
    #[error("--set {argument}: {message}")]
    Override {
        /// The argument as typed.
        argument: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Most bytes of a config file.
const MOST_BYTES: u64 = 1 << 20;
/// Most sections inside one another.
const MOST_SECTIONS: usize = 32;

/// Reads a JSON config file, of at most a mebibyte.
///
/// # Errors
/// [`ConfigError::Unreadable`], [`ConfigError::Foreign`], [`ConfigError::NotJson`].
pub fn read_json(path: &Path) -> Result<Value, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.into(), source };
    let foreign = |found| ConfigError::Foreign { path: path.into(), found };
    if path.is_dir() {
        return Err(foreign(FileType::Directory));
    }
    let mut text = Vec::new();
    // Read piece by piece: the file may be a pipe, or one without an end.
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut text)).map_err(unreadable)?;
    match FileType::of(&text) {
        FileType::Json | FileType::Text | FileType::Unknown => {}
        other => return Err(foreign(other)),
    }
    if text.len() as u64 > MOST_BYTES {
        return Err(unreadable(std::io::Error::other(format!("more than {MOST_BYTES} bytes, expected a config"))));
    }
    serde_json::from_slice(&text).map_err(|source| ConfigError::NotJson { path: path.into(), source })
}

/// Applies `--set key=value` arguments: keys are paths (`training.learning_rate`), values are JSON, or text where they are not.
///
/// # Errors
/// [`ConfigError::Override`].
pub fn apply_overrides(config: &mut Value, overrides: &[String]) -> Result<(), ConfigError> {
    for argument in overrides {
        let refuse = |message: &str| ConfigError::Override { argument: argument.clone(), message: message.into() };
        let (key, text) = argument.split_once('=').ok_or_else(|| refuse("expected KEY=VALUE"))?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into()));
        if key.split('.').count() > MOST_SECTIONS {
            return Err(refuse(&format!("expected at most {MOST_SECTIONS} fields inside one another")));
        }
        let mut place = &mut *config;
        for part in key.split('.') {
            if part.is_empty() {
                return Err(refuse("expected a field path such as training.learning_rate"));
            }
            if place.is_null() {
                *place = Value::Object(serde_json::Map::new());
            }
            let section =
                place.as_object_mut().ok_or_else(|| refuse(&format!("`{part}` lies inside a plain value")))?;
            place = section.entry(part).or_insert(Value::Null);
        }
        *place = value;
    }
    Ok(())
}

/// Turns JSON into a typed config; `origin` names where it came from in messages.
///
/// # Errors
/// [`ConfigError::Field`].
pub fn parse<T: DeserializeOwned>(config: Value, origin: &str) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(config).map_err(|e| ConfigError::Field {
        origin: origin.into(),
        field: e.path().to_string(),
        message: e.inner().to_string(),
    })
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
        let message = read_json(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(message.contains("/dev/zero: more than 1048576 bytes"), "{message}");
    }

    #[test]
    fn files_of_other_types_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        let artifact = [&[37, 0, 0, 0, 0, 0, 0, 0][..], br#"{"__metadata__":{"format":"mdl-rnn"}}"#].concat();
        for (bytes, expected) in [
            (&artifact[..], "found an artifact of mdl-rnn, expected a JSON file; `inspect FILE --json`"),
            (b"\x93NUMPY\x01\0", "found a NumPy file of a single array (.npy), expected a JSON file"),
            (b"\xff\xfe{\0}\0", "found text in UTF-16, expected a JSON file; save it as UTF-8"),
            (b"", "found an empty file"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let message = read_json(&path).unwrap_err().to_string();
            assert!(message.contains("config.json: found ") && message.contains(expected), "{message}");
        }
        let message = read_json(dir.path()).unwrap_err().to_string();
        assert!(message.contains("found a directory, expected a JSON file; name the JSON file in it"), "{message}");
    }

    #[test]
    fn wrong_types_are_named() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Inner {
            b: u32,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            a: Inner,
        }
        assert_eq!(parse::<Outer>(json!({"a": {"b": 1}}), "x.json").unwrap().a.b, 1);
        let message = |v| parse::<Outer>(v, "x.json").unwrap_err().to_string();
        assert!(message(json!({"a": {"b": "one"}})).contains("`a.b`"));
        assert!(message(json!({"a": {"b": 1, "c": 2}})).contains("unknown field `c`"));
    }
}
