//! The tasks that come with the programs, and the older spelling of three of them.

use crate::field::InvalidField;
use serde_json::{Map, Value, json};

/// Text of the file of a task of this name.
pub(super) fn source(name: &str) -> Option<&'static str> {
    Some(match name {
        "go-nogo" => include_str!("../../tasks/go-nogo.star"),
        "xor" => include_str!("../../tasks/xor.star"),
        "mante" => include_str!("../../tasks/mante.star"),
        _ => return None,
    })
}

/// Tasks that configs once named by `kind`.
pub(super) const OLDER_KINDS: [&str; 3] = ["go-nogo", "xor", "mante"];

/// A field of the older spelling: its name, that of the parameter in its place, and whether it counts steps, or sets the end
/// of a window by its beginning alone.
type Field = (&'static str, &'static str, bool);

/// The fields of an older kind.
fn fields(kind: &str) -> Option<&'static [Field]> {
    Some(match kind {
        "go-nogo" => &[
            ("steps", "trial_ms", true),
            ("stimulus_steps", "stimulus_ms", true),
            ("go_probability", "go_probability", false),
            ("go_threshold", "go_threshold", false),
            ("nogo_threshold", "nogo_threshold", false),
            ("lif_response_from_step", "lif_response_from_ms", true),
        ],
        "xor" => &[
            ("steps", "trial_ms", true),
            ("first_pulse_steps", "first_pulse_ms", true),
            ("second_pulse_steps", "second_pulse_ms", true),
            ("target_steps", "target_ms", true),
            ("threshold", "threshold", false),
            ("response_from_step", "response_from_ms", true),
        ],
        "mante" => &[
            ("steps", "trial_ms", true),
            ("stimulus_steps", "stimulus_ms", true),
            ("offset", "offset", false),
            ("noise_sd", "noise_sd", false),
            ("threshold", "threshold", false),
            ("response_from_step", "response_from_ms", true),
            ("lif_response_from_step", "lif_response_from_ms", true),
        ],
        _ => return None,
    })
}

/// Values of the older spelling that were in steps of 5 ms: with other steps they meant other times.
fn default_steps(kind: &str, field: &str) -> Value {
    match (kind, field) {
        ("go-nogo", "steps") => json!(200),
        ("go-nogo", "stimulus_steps") => json!([50, 75]),
        ("go-nogo", _) => json!(100),
        ("xor", "steps") => json!(300),
        ("xor", "first_pulse_steps") => json!([50, 100]),
        ("xor", "second_pulse_steps") => json!([110, 160]),
        ("xor", "target_steps") => json!([170, 270]),
        ("xor", _) => json!(200),
        (_, "steps") => json!(500),
        (_, "stimulus_steps") => json!([50, 250]),
        (_, "response_from_step") => json!(300),
        _ => json!(260),
    }
}

/// Turns the older spelling of a task section, `"kind": "go-nogo"` with fields in steps, into the present one.
///
/// # Errors
/// [`InvalidField`]: a field that the kind does not have, or that is no number.
pub fn upgrade(task: &mut Value) -> Result<(), InvalidField> {
    let Some(kind) = task["kind"].as_str().map(str::to_owned) else { return Ok(()) };
    let Some(fields) = fields(&kind) else { return Ok(()) };
    let invalid = |field: &str, found: &Value, expected: String| InvalidField {
        field: field.into(),
        found: found.to_string(),
        expected,
    };
    let old = task.as_object_mut().expect("it has a kind");
    let step_ms = match old.get("step_ms") {
        None => 5.0,
        Some(value) => value.as_f64().ok_or_else(|| invalid("step_ms", value, "a number".into()))?,
    };
    for (name, value) in &*old {
        if !["kind", "step_ms"].contains(&name.as_str()) && !fields.iter().any(|(old, ..)| old == name) {
            let known: Vec<&str> = fields.iter().map(|(old, ..)| *old).collect();
            return Err(invalid(name, value, format!("no such field; kind {kind} has step_ms, {}", known.join(", "))));
        }
    }
    let mut parameters = Map::new();
    for (name, parameter, in_steps) in fields {
        let found = old.get(*name).cloned();
        let Some(value) = found.or_else(|| in_steps.then(|| default_steps(&kind, name))) else { continue };
        let ms = |value: &Value| {
            let steps = value.as_f64().filter(|steps| steps.fract() == 0.0 && *steps >= 0.0);
            let ms = steps.ok_or_else(|| invalid(name, value, "a whole number of steps".into()))? * step_ms;
            Ok(if ms.fract() == 0.0 && ms < 1e15 { json!(ms as i64) } else { json!(ms) })
        };
        let value = match (&value, in_steps) {
            (_, false) => value,
            (Value::Array(items), true) => Value::Array(items.iter().map(ms).collect::<Result<_, _>>()?),
            (value, true) => ms(value)?,
        };
        parameters.insert((*parameter).into(), value);
    }
    *task =
        json!({"file": format!("{kind}.star"), "parameters": parameters, "step_ms": step_ms, "source": source(&kind)});
    Ok(())
}
