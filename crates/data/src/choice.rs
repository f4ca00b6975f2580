//! Spelling of a choice with its own settings, such as a surrogate.
//!
//! Configs name it in `kind`, as in `{"kind": "arctan", "slope": 2}`. The older spellings, in which the name encloses
//! the settings, `{"arctan": {"slope": 2}}`, or is a string, `"straight-through"`, are read as well and are used in
//! artifacts.

use schemars::Schema;
use serde_json::{Map, Value, json};

const KIND: &str = "kind";

/// Makes a schema accept the older spelling without suggesting it.
pub fn accept_older(schema: &mut Schema) {
    let description = "The older spelling, in which the name encloses the settings.";
    let older = json!({ "deprecated": true, "description": description, "type": ["object", "string"], "not": { "required": [KIND] } });
    if let Some(choices) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        choices.push(older);
    }
}

/// Converts either spelling to the one with `kind`; anything else is unchanged.
pub fn with_kind(value: Value) -> Value {
    let named = |name: String, settings| {
        let mut choice = Map::from_iter([(KIND.to_owned(), Value::String(name.clone()))]);
        match settings {
            Some(Value::Object(settings)) => choice.extend(settings),
            Some(other) => drop(choice.insert(name, other)),
            None => {}
        }
        Value::Object(choice)
    };
    match value {
        Value::String(name) => named(name, None),
        Value::Object(choice) if choice.len() == 1 && !choice.contains_key(KIND) => {
            choice.into_iter().map(|(name, settings)| named(name, Some(settings))).collect::<Vec<_>>().swap_remove(0)
        }
        other => other,
    }
}

/// Converts the spelling with `kind` to the older one.
pub fn without_kind(value: Value) -> Value {
    let Value::Object(mut choice) = value else { return value };
    let Some(Value::String(name)) = choice.remove(KIND) else { return Value::Object(choice) };
    if choice.is_empty() {
        return Value::String(name);
    }
    let only_value = (choice.len() == 1).then(|| choice.remove(&name)).flatten();
    Value::Object(Map::from_iter([(name, only_value.unwrap_or(Value::Object(choice)))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_mean_the_same() {
        for (kind, older) in [
            (json!({"kind": "arctan", "slope": 2}), json!({"arctan": {"slope": 2}})),
            (json!({"kind": "straight-through"}), json!("straight-through")),
            (json!({"kind": "units", "units": [0, 3]}), json!({"units": [0, 3]})),
        ] {
            assert_eq!(with_kind(older.clone()), kind);
            assert_eq!(with_kind(kind.clone()), kind);
            assert_eq!(without_kind(kind), older);
        }
        for other in [json!(3), json!({}), json!({"a": 1, "b": 2}), json!({"kind": 3}), json!([1])] {
            assert_eq!(with_kind(other.clone()), other);
        }
    }
}
