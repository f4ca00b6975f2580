//! Summary of a result in one line.

use serde_json::Value;

/// Fields of a summary, in order, with the wording around their values.
const FIELDS: [(&str, &str, &str); 16] = [
    ("performance", "performance ", ""),
    ("strict_performance", "under strict rules ", ""),
    ("accuracy", "accuracy ", ""),
    ("output_error", "mean squared error ", ""),
    ("scaling_factor", "scaling factor ", ""),
    ("rate_hz", "", " Hz"),
    ("loss", "loss ", ""),
    ("updates", "", " updates"),
    ("trials", "", " trials"),
    ("networks", "", " networks"),
    ("rows", "", " rows"),
    ("steps", "", " steps"),
    ("kind", "", " network"),
    ("dataset", "", ""),
    ("report", "report ", ""),
    ("artifact", "report of ", ""),
];

/// Summary of a result: `lif.safetensors: performance 0.990 (0.946–0.998), scaling factor 35, 7.72 Hz`.
pub fn of(result: &Value) -> String {
    let said = FIELDS.iter().filter_map(|(name, before, after)| {
        let value = worded(result.get(name)?)?;
        let interval = result.get(format!("{name}_interval")).and_then(interval).unwrap_or_default();
        Some(format!("{before}{value}{after}{interval}"))
    });
    let mut parts: Vec<String> = said.collect();
    if result.get("success") == Some(&Value::Bool(false)) {
        parts.push("criterion not met".into());
    }
    let output = result.get("output").and_then(Value::as_str).unwrap_or("done");
    if parts.is_empty() { output.into() } else { format!("{output}: {}", parts.join(", ")) }
}

/// A number with three significant digits, or a text; none for values that do not fit on a line.
fn worded(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        Value::Number(number) => number.as_f64().map(significant),
        _ => None,
    }
}

fn interval(value: &Value) -> Option<String> {
    let [low, high] = value.as_array()?.as_slice() else { return None };
    Some(format!(" ({}–{})", significant(low.as_f64()?), significant(high.as_f64()?)))
}

/// Three significant digits; integers in full.
fn significant(x: f64) -> String {
    if x == x.trunc() && x.abs() < 1e6 && x.abs() >= 2.0 {
        return format!("{x:.0}");
    }
    let magnitude = if x == 0.0 { 0 } else { x.abs().log10().floor() as i32 };
    if (-4..6).contains(&magnitude) {
        format!("{x:.*}", (2 - magnitude).clamp(0, 3) as usize)
    } else {
        format!("{x:.2e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn results_fit_on_a_line() {
        let searched = json!({"output": "lif.safetensors", "scaling_factor": 35.0, "performance": 0.99,
            "performance_interval": [0.9455, 0.9982], "rate_hz": 7.7234, "trials": 1200, "curve": [1, 2]});
        assert_eq!(
            of(&searched),
            "lif.safetensors: performance 0.990 (0.946–0.998), scaling factor 35, 7.72 Hz, 1200 trials"
        );
        let failed = json!({"output": "a", "performance": 1.0, "loss": 12345.678, "updates": 50, "success": false});
        assert_eq!(of(&failed), "a: performance 1.00, loss 12346, 50 updates, criterion not met");
        assert_eq!(of(&json!({"output": "a", "report": null})), "a");
        assert_eq!(of(&json!({"output": "a", "loss": 1e-9})), "a: loss 1.00e-9");
    }
}
