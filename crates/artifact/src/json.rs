//! Strict JSON reader: duplicate keys in an object are refused, and common deviations from JSON are recognised.

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::fmt;

/// Error of a text that is not the expected JSON, with its position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// Reads a JSON value without duplicate keys in objects.
///
/// # Errors
/// [`JsonError`] with line and column, the path of a duplicate key, or a description of text that is not JSON.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    if let Some(encoding) = byte_order_mark(text) {
        return Err(JsonError(format!("it begins with a {encoding} byte order mark; save it as UTF-8 without one")));
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(JsonError("it is not text in UTF-8".into()));
    };
    if text.trim().is_empty() {
        return Err(JsonError("it is empty".into()));
    }
    let path = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { path: &path }.deserialize(&mut deserializer);
    value.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
        let hint = hint(text).filter(|_| !error.is_data()).map(|hint| format!(": {hint}")).unwrap_or_default();
        JsonError(format!("{error}{hint}"))
    })
}

fn byte_order_mark(text: &[u8]) -> Option<&'static str> {
    match text {
        [0xEF, 0xBB, 0xBF, ..] => Some("UTF-8"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// Value at the path `path`.
#[derive(Clone, Copy)]
struct Strict<'a> {
    path: &'a RefCell<Vec<String>>,
}

impl<'d> DeserializeSeed<'d> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'d>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            self.path.borrow_mut().push(list.len().to_string());
            let item = items.next_element_seed(self)?;
            self.path.borrow_mut().pop();
            match item {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'d>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key == NUMBER && object.is_empty() {
                return Ok(number(&entries.next_value::<String>()?));
            }
            self.path.borrow_mut().push(key.clone());
            if object.contains_key(&key) {
                let path = self.path.borrow().join(".");
                return Err(A::Error::custom(format_args!("`{path}` is given twice; remove one of them")));
            }
            object.insert(key, entries.next_value_seed(self)?);
            self.path.borrow_mut().pop();
        }
        Ok(Value::Object(object))
    }
}

/// The key under which serde_json hands on the digits of a number, where a dependency asks it to keep all of them.
const NUMBER: &str = "$serde_json::private::Number";

/// A number as its digits say: whole where they are, else in double precision.
fn number(digits: &str) -> Value {
    let whole = digits.parse::<u64>().map(Number::from).or_else(|_| digits.parse::<i64>().map(Number::from));
    let number = whole.ok().or_else(|| Number::from_f64(digits.parse().ok()?));
    number.map_or(Value::Null, Value::Number)
}

/// What a text that is not JSON looks like, or what is written in it that JSON does not have.
fn hint(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().unwrap_or_default();
    let mut characters = first.chars();
    let looks_like = match (characters.next(), characters.next()) {
        (Some('<'), _) => Some("an HTML or XML page"),
        (Some('['), Some(letter)) if letter.is_alphabetic() && first.ends_with(']') => Some("TOML"),
        (Some('-'), Some('-')) => Some("YAML"),
        (Some(letter), _) if letter.is_alphabetic() => match (first.find(':'), first.find('=')) {
            (colon, Some(equals)) if colon.is_none_or(|colon| equals < colon) => Some("TOML"),
            (Some(_), _) => Some("YAML"),
            _ => Some("plain text"),
        },
        _ => None,
    };
    looks_like.map(|kind| format!("it looks like {kind}, expected JSON")).or_else(|| foreign(text))
}

/// First item outside strings that JSON does not allow.
fn foreign(text: &str) -> Option<String> {
    let (bytes, mut at, mut line) = (text.as_bytes(), 0, 1);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let what = match rest {
            [b'"', ..] => {
                at += text_length(rest);
                continue;
            }
            [b'/', b'/' | b'*', ..] | [b'#', ..] => Some("a comment; JSON has none"),
            [b'\'', ..] => Some("a single quote; JSON takes double quotes"),
            [b',', ..] if matches!(rest[1..].trim_ascii_start().first(), Some(b'}' | b']')) => {
                Some("a comma with nothing behind it; remove it")
            }
            [letter, ..] if letter.is_ascii_alphabetic() => {
                let word = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == b'_').count();
                let what = match &rest[..word] {
                    b"true" | b"false" | b"null" | b"e" | b"E" => None,
                    b"True" | b"False" | b"None" => Some("Python's True, False or None; JSON has true, false and null"),
                    b"NaN" | b"Infinity" | b"inf" | b"nan" => Some("no finite number; JSON has none but finite ones"),
                    word if word[0].eq_ignore_ascii_case(&b'e') && word[1..].iter().all(u8::is_ascii_digit) => None,
                    _ => Some("a word without double quotes"),
                };
                at += word - 1;
                what
            }
            _ => None,
        };
        if let Some(what) = what {
            return Some(format!("line {line} has {what}"));
        }
        line += usize::from(bytes[at] == b'\n');
        at += 1;
    }
    None
}

/// Length in bytes of the double-quoted string at the start of `rest`.
fn text_length(rest: &[u8]) -> usize {
    let mut escaped = false;
    let end = rest[1..].iter().position(|c| {
        let is_end = *c == b'"' && !escaped;
        escaped = *c == b'\\' && !escaped;
        is_end
    });
    end.map_or(rest.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn json_is_read_as_serde_json_reads_it() {
        let text =
            r#"{"a": [1, -2, 2.5e-3, 18446744073709551615, {"b": null}], "c": "ü \" // # '", "d": {}, "e": true}"#;
        let expected = serde_json::json!({
            "a": [1, -2, 0.0025, u64::MAX, {"b": null}], "c": "ü \" // # '", "d": {}, "e": true
        });
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn keys_that_come_twice_are_named_with_their_place() {
        assert_eq!(
            message("{\"seed\": 1,\n \"seed\": 2}"),
            "`seed` is given twice; remove one of them at line 2 column 7"
        );
        assert!(message(r#"{"task": {"steps": 1, "kind": "xor", "steps": 2}}"#).contains("`task.steps`"));
        assert!(message(r#"{"a": [{}, {"b": 1, "b": 1}]}"#).contains("`a.1.b`"));
        assert!(message(r#"{"a": 1, "\u0061": 2}"#).contains("`a`"));
    }

    #[test]
    fn what_is_no_json_is_recognised() {
        for (text, expected) in [
            ("", "it is empty"),
            (" \n\t", "it is empty"),
            ("\u{feff}{}", "UTF-8 byte order mark"),
            ("{\n  // the seed\n  \"seed\": 1}", "line 2 has a comment"),
            ("{\"seed\": 1 /* one */}", "line 1 has a comment"),
            ("{\"seed\": 1 # one\n}", "a comment"),
            ("# seed\n{\"seed\": 1}", "a comment"),
            ("{'seed': 1}", "double quotes"),
            ("{\"url\": \"http://a#b\", 'seed': 1}", "double quotes"),
            ("{\"seed\": 1,}", "line 1 has a comma"),
            ("{\"a\": [1, 2,\n]}", "line 1 has a comma"),
            ("{\"a\": True}", "Python's True"),
            ("{\"a\": NaN}", "no finite number"),
            ("{seed: 1}", "without double quotes"),
            ("name: go-nogo\nseed: 1\n", "looks like YAML"),
            ("# config\n---\nname: a\n", "looks like YAML"),
            ("[task]\nkind = \"xor\"\n", "looks like TOML"),
            ("name = \"a\"\n", "looks like TOML"),
            ("<!DOCTYPE html>", "HTML"),
            ("{\"a\": 1} {\"a\": 1}", "trailing characters"),
            ("{\"a\": 1", "EOF"),
        ] {
            let message = message(text);
            assert!(message.contains(expected), "{text:?}: {message}");
        }
        assert!(parse(b"\xff\xfe{\0").unwrap_err().to_string().contains("UTF-16"));
        assert!(parse(b"{\"a\": \"\xfc\"}").unwrap_err().to_string().contains("UTF-8"));
    }

    #[test]
    fn deep_nesting_is_an_error() {
        assert!(message(&"[".repeat(100_000)).contains("recursion limit"));
    }
}
