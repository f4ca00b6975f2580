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
