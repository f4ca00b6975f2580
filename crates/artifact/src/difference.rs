//! Differences between two configs, field by field.

use serde_json::Value;

/// Field that differs between two configs, with both values; null if it is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference<'v> {
    /// Path of the field, such as `training.learning_rate`.
    pub field: String,
    /// Its value in the first config.
    pub first: &'v Value,
    /// Its value in the second config.
    pub second: &'v Value,
}

/// Most characters of a text in a message.
const SHOWN: usize = 80;

impl Difference<'_> {
    /// Both values for a message: of texts of several lines, the first line in which they differ; long texts are cut.
    pub fn shown(&self) -> (String, String) {
        let (Value::String(first), Value::String(second)) = (self.first, self.second) else {
            return (shown(self.first), shown(self.second));
        };
        let same = first.lines().zip(second.lines()).take_while(|(a, b)| a == b).count();
        let several = |text: &str| text.lines().nth(1).is_some();
        let line = |text: &str| match text.lines().nth(same) {
            Some(line) if several(text) => format!("{} in line {}", cut(line), same + 1),
            Some(line) => cut(line),
            None => format!("no line {}", same + 1),
        };
        (line(first), line(second))
    }
}

/// A value for a message; long texts are cut.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text),
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// All fields in which two configs differ: those of the first config in its order, then those only in the second.
pub fn differences<'v>(first: &'v Value, second: &'v Value) -> Vec<Difference<'v>> {
    let mut found = Vec::new();
    compare(String::new(), first, second, &mut found);
    found
}

fn compare<'v>(field: String, first: &'v Value, second: &'v Value, found: &mut Vec<Difference<'v>>) {
    let (Value::Object(x), Value::Object(y)) = (first, second) else {
        if first != second {
            found.push(Difference { field, first, second });
        }
        return;
    };
    for key in x.keys().chain(y.keys().filter(|key| !x.contains_key(*key))) {
        let below = if field.is_empty() { key.clone() } else { format!("{field}.{key}") };
        let [a, b] = [x, y].map(|section| section.get(key).unwrap_or(&Value::Null));
        compare(below, a, b, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn long_texts_are_shown_by_the_line_that_differs() {
        let [first, second] = [json!("a = 1\nb = 2\n"), json!("a = 1\n")];
        fn of(first: &Value, second: &Value) -> (String, String) {
            Difference { field: "text".into(), first, second }.shown()
        }
        assert_eq!(of(&first, &second), (r#""b = 2" in line 2"#.into(), "no line 2".into()));
        assert_eq!(of(&json!(2), &json!("tasks/a.star")), ("2".into(), r#""tasks/a.star""#.into()));
        assert_eq!(of(&json!("x"), &json!("y")), (r#""x""#.into(), r#""y""#.into()));
        assert_eq!(shown(&json!("é".repeat(100))), format!("\"{}\"…", "é".repeat(80)));
    }

    #[test]
    fn every_difference_is_named_by_its_path() {
        let a = json!({"a": {"b": 1, "c": [2]}, "d": 3});
        let b = json!({"a": {"b": 1, "c": [4]}, "d": 3, "e": 1});
        assert!(differences(&a, &a).is_empty());
        let [x, y] = [(json!([2]), json!([4])), (json!(null), json!(1))];
        let expected =
            [("a.c", &x), ("e", &y)].map(|(field, (first, second))| Difference { field: field.into(), first, second });
        assert_eq!(differences(&a, &b), expected);
    }
}
