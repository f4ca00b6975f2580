//! Check of a JSON value against the JSON Schema of a config type. The first mismatch is named by its full path, in
//! JSON's terms.
//!
//! Serde would find the same mismatches, but names neither the position inside tagged sections nor JSON's types. The
//! check also turns a number without a fraction (20.0) into an integer (20) if an integer is expected.

use serde_json::{Map, Value};
use std::fmt::Write;

/// Integers up to this value are exact in double precision.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Maximum number of characters of a text that a message repeats.
const SHOWN: usize = 40;

/// Mismatch of a field: its path (empty for the whole value), and a description.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub path: String,
    pub message: String,
}

/// Checks `value` against `schema`.
pub(crate) fn conform(value: &mut Value, schema: &Value) -> Result<(), Misfit> {
    Checker { root: schema }.check(value, schema, "")
}

/// Shortest representation of a number.
fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(x) if value.is_f64() && x != 0.0 && !(1e-4..1e15).contains(&x.abs()) => format!("{x:e}"),
        _ => value.to_string(),
    }
}

/// A value as named in a message.
fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(_) => number(value),
        Value::String(text) if text.chars().count() > SHOWN => {
            format!("text {:?}…", text.chars().take(SHOWN).collect::<String>())
        }
        Value::String(text) => format!("text {text:?}"),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// Path of a field inside `path`.
fn inside(path: &str, field: &str) -> String {
    if path.is_empty() { field.into() } else { format!("{path}.{field}") }
}

/// Names as a list: `a`, `b`.
fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Known name closest to a misspelt one.
fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), known);
    let near = known.into_iter().map(|known| (distance(known), known));
    near.filter(|(distance, known)| *distance <= known.len() / 3).min().map(|(_, known)| known)
}

pub(crate) fn did_you_mean<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest(name, known).map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

/// Types named by a schema.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Smallest and largest integer accepted by a schema.
fn range(schema: &Value) -> (i128, i128) {
    let (low, high): (i128, i128) = match schema["format"].as_str() {
        Some("uint8") => (0, u8::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("int64") => (i64::MIN.into(), i64::MAX.into()),
        _ => (0, u64::MAX.into()),
    };
    let bound = |key: &str, other: i128| schema[key].as_i64().map_or(other, i128::from);
    (low.max(bound("minimum", low)), high.min(bound("maximum", high)))
}

/// True if a value has a type; a number without a fraction is converted to an integer if one is expected.
fn has_type(value: &mut Value, name: &str) -> bool {
    match (name, &*value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("string", Value::String(_))
        | ("number", Value::Number(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_)) => true,
        ("integer", Value::Number(number)) => match number.as_f64() {
            Some(x) if number.is_f64() && x.fract() == 0.0 && x.abs() <= EXACT => {
                *value = format!("{x:.0}").parse::<i64>().map_or(Value::Null, Value::from);
                true
            }
            _ => !number.is_f64(),
        },
        _ => false,
    }
}

struct Checker<'s> {
    root: &'s Value,
}

impl<'s> Checker<'s> {
    /// Schema with its references resolved.
    fn resolved(&self, mut schema: &'s Value) -> &'s Value {
        while let Some(definition) =
            schema["$ref"].as_str().and_then(|at| self.root.pointer(at.trim_start_matches('#')))
        {
            schema = definition;
        }
        schema
    }

    /// Alternatives of a schema, including nested ones.
    fn alternatives(&self, schema: &'s Value) -> Vec<&'s Value> {
        match schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            Some(branches) => branches.iter().flat_map(|branch| self.alternatives(self.resolved(branch))).collect(),
            None => vec![schema],
        }
    }

    fn check(&self, value: &mut Value, schema: &'s Value, path: &str) -> Result<(), Misfit> {
        let alternatives = self.alternatives(self.resolved(schema));
        let schema = match alternatives[..] {
            [only] => only,
            _ => self.chosen(value, &alternatives, path)?,
        };
        let wrong = |value: &Value| misfit(path, format!("found {}, expected {}", found(value), expected(schema)));
        if let Some(constant) = schema.get("const") {
            return if value == constant { Ok(()) } else { Err(wrong(value)) };
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|name| has_type(value, name)) {
            return Err(wrong(value));
        }
        match value {
            Value::Number(number) if types.contains(&"integer") => {
                let (low, high) = range(schema);
                let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
                let fits = whole.is_some_and(|whole| (low..=high).contains(&whole));
                if fits { Ok(()) } else { Err(wrong(&Value::Number(number.clone()))) }
            }
            Value::Array(items) => {
                let bound = |key: &str| schema[key].as_u64();
                let count = items.len() as u64;
                if bound("minItems").is_some_and(|least| count < least)
                    || bound("maxItems").is_some_and(|most| count > most)
                {
                    return Err(misfit(path, format!("found a list of {count}, expected {}", expected(schema))));
                }
                match schema.get("items") {
                    None => Ok(()),
                    Some(of) => items
                        .iter_mut()
                        .enumerate()
                        .try_for_each(|(i, item)| self.check(item, of, &inside(path, &i.to_string()))),
                }
            }
            Value::Object(fields) => self.check_fields(fields, schema, path),
            _ => Ok(()),
        }
    }

    fn check_fields(&self, fields: &mut Map<String, Value>, schema: &'s Value, path: &str) -> Result<(), Misfit> {
        let none = Map::new();
        let known = schema["properties"].as_object().unwrap_or(&none);
        for (name, value) in fields.iter_mut() {
            match (known.get(name), &schema["additionalProperties"]) {
                (Some(of), _) | (None, of @ Value::Object(_)) => {
                    let of = if known.contains_key(name) { &schema["properties"][name] } else { of };
                    self.check(value, of, &inside(path, name))?;
                }
                (None, Value::Bool(false)) => return Err(self.unknown(name, known, path)),
                _ => {}
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let missing: Vec<&str> = required.filter(|name| !fields.contains_key(*name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(misfit(path, format!("missing {}", listed(missing)))) }
    }

    fn unknown(&self, name: &str, known: &Map<String, Value>, path: &str) -> Misfit {
        let names = || known.keys().map(String::as_str).filter(|name| !name.starts_with('$'));
        let mut message = format!("unknown field `{name}`");
        let meant = did_you_mean(name, names());
        let own = inside(path, name);
        let elsewhere: Vec<String> = self.places_of(name).into_iter().filter(|place| *place != own).collect();
        if meant.is_empty() && !elsewhere.is_empty() {
            let top = if elsewhere == [name] { " at the top level" } else { "" };
            _ = write!(message, ", there is {}{top}", listed(elsewhere.iter().map(String::as_str)));
        }
        let names = listed(names());
        _ = match names.is_empty() {
            true => write!(message, "{meant}; expected no field here"),
            false => write!(message, "{meant}; expected one of {names}"),
        };
        misfit(&inside(path, name), message)
    }

    /// Paths of all fields of this name.
    fn places_of(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        self.collect(self.root, name, "", 0, &mut found);
        found.sort();
        found.dedup();
        found
    }

    fn collect(&self, schema: &'s Value, name: &str, path: &str, depth: usize, into: &mut Vec<String>) {
        const DEEPEST: usize = 5;
        for branch in self.alternatives(self.resolved(schema)) {
            for (field, of) in branch["properties"].as_object().into_iter().flatten() {
                let place = inside(path, field);
                if field == name {
                    into.push(place.clone());
                }
                if depth < DEEPEST {
                    self.collect(of, name, &place, depth + 1, into);
                }
            }
        }
    }

    /// The first of the forms of an object that know most of its fields; none if no form knows any of several fields.
    fn most_like(&self, fields: &Map<String, Value>, forms: &[&'s Value]) -> Option<&'s Value> {
        let known = |schema: &Value| fields.keys().filter(|name| !schema["properties"][*name].is_null()).count();
        let most = forms.iter().map(|schema| known(schema)).max()?;
        forms.iter().find(|schema| known(schema) == most).copied()
    }

    /// Alternative that a value is meant to be.
    fn chosen(&self, value: &Value, alternatives: &[&'s Value], path: &str) -> Result<&'s Value, Misfit> {
        let refused = || {
            let all: Vec<String> = alternatives.iter().map(|schema| expected(schema)).collect();
            let constants = alternatives.iter().filter_map(|schema| schema["const"].as_str());
            let meant = value.as_str().map(|text| did_you_mean(text, constants)).unwrap_or_default();
            misfit(path, format!("found {}, expected {}{meant}", found(value), one_of(&all)))
        };
        let objects = || alternatives.iter().copied().filter(|schema| types(schema).contains(&"object"));
        let kind = |schema: &'s Value| schema["properties"]["kind"]["const"].as_str();
        let kinds: Vec<&str> = objects().filter_map(kind).collect();
        let no_kind = |value: &Value, path: &str| {
            let meant = value.as_str().map(|text| did_you_mean(text, kinds.iter().copied())).unwrap_or_default();
            let all: Vec<String> = kinds.iter().map(|kind| (*kind).into()).collect();
            misfit(path, format!("found {}, expected {}{meant}", found(value), one_of(&all)))
        };
        let Value::Object(fields) = value else {
            // The older spelling of a choice, by its name alone.
            let older = |schema: &&Value| schema["deprecated"] == true && types(schema).contains(&"string");
            if let Value::String(name) = value
                && !kinds.contains(&name.as_str())
                && alternatives.iter().any(older)
            {
                return Err(no_kind(value, path));
            }
            let fits = |schema: &&&Value| match schema.get("const") {
                Some(constant) => constant == value,
                None => types(schema).iter().any(|name| has_type(&mut value.clone(), name)),
            };
            return alternatives.iter().find(fits).copied().ok_or_else(refused);
        };
        let of_other_form = || {
            let named = |schema: &&Value| {
                schema["required"].as_array().is_some_and(|names| {
                    !names.is_empty() && names.iter().filter_map(Value::as_str).all(|name| fields.contains_key(name))
                })
            };
            let others = || objects().filter(|schema| kind(schema).is_none());
            let only = || others().next().filter(|_| others().count() == 1);
            others().find(named).or_else(only).or_else(|| self.most_like(fields, &others().collect::<Vec<_>>()))
        };
        match fields.get("kind") {
            Some(value) if !kinds.is_empty() => {
                let same = objects().find(|schema| kind(schema).is_some_and(|kind| value == kind));
                same.ok_or_else(|| no_kind(value, &inside(path, "kind")))
            }
            _ => of_other_form().ok_or_else(|| match kinds.is_empty() {
                true => refused(),
                false => {
                    let all: Vec<String> = kinds.iter().map(|kind| (*kind).into()).collect();
                    misfit(&inside(path, "kind"), format!("missing, expected {}", one_of(&all)))
                }
            }),
        }
    }
}

fn misfit(path: &str, message: String) -> Misfit {
    Misfit { path: path.into(), message }
}

/// Alternatives as a list: a, b or c.
pub(crate) fn one_of(all: &[String]) -> String {
    let mut all: Vec<&str> = all.iter().map(String::as_str).collect();
    all.dedup();
    match all.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => all.concat(),
    }
}

/// Description of the values that a schema without alternatives accepts, in JSON's terms.
fn expected(schema: &Value) -> String {
    if let Some(constant) = schema.get("const") {
        return constant.as_str().map_or_else(|| found(constant), String::from);
    }
    let word = |name: &&str| match *name {
        "null" => "null".into(),
        "boolean" => "true or false".into(),
        "string" => "text".into(),
        "number" => "a number".into(),
        "integer" => match range(schema) {
            (low, high) if high == u64::MAX.into() => format!("a whole number of at least {low}"),
            (low, high) => format!("a whole number from {low} to {high}"),
        },
        "array" => match (schema["minItems"].as_u64(), schema["maxItems"].as_u64()) {
            (Some(least), Some(most)) if least == most => format!("a list of {least}"),
            _ => "a list".into(),
        },
        _ => match schema["required"].as_array().and_then(|names| names.first()?.as_str()) {
            Some(first) if first != "kind" => format!("an object with `{first}`"),
            _ => "an object".into(),
        },
    };
    one_of(&types(schema).iter().map(word).collect::<Vec<String>>())
}
