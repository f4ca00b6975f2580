//! Fields of configs by their dotted names, and those in which runs differ.

use mdl_artifact::output::sha256;
use mdl_artifact::{Artifact, Kind};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Fields of a config, by dotted name.
pub(super) type Fields = BTreeMap<String, Value>;

/// Prefix of the value of a field with which an earlier stage was made.
pub(super) const BEFORE: &str = "before.";
/// Text of a task, shown as the start of its checksum.
const SOURCE: &str = "task.source";
/// File of a task.
const FILE: &str = "task.file";
/// Digits of a checksum in a cell.
const DIGITS: usize = 12;

/// Fields that describe the stages behind an artifact. Sections that no stage has used yet are left out, because a later
/// stage may change them. With fields that a later stage changed there is also their earlier value, after [`BEFORE`].
pub(super) fn of_artifact(artifact: &Artifact) -> Fields {
    let config = &artifact.config;
    let converted = artifact.has("scaling_factor");
    let mut sections = vec!["task", "network", "training"];
    if converted {
        sections.extend(["lif", "search"]);
    }
    if artifact.has("calibration.chosen") {
        sections.push("calibration");
    }
    if artifact.kind == Kind::Evaluation {
        sections.push("evaluation");
    }
    let mut fields = Fields::new();
    for section in sections {
        flatten(section, &config[section], &mut fields);
    }
    if let Some(Value::String(text)) = fields.get_mut(SOURCE) {
        *text = sha256(text.as_bytes())[..DIGITS].to_owned();
    }
    let generations = std::iter::successors(Some(&artifact.provenance), |from| from.parent.as_deref());
    for provenance in generations {
        // The first input is the artifact of the stage before.
        let before = provenance.inputs.first().and_then(|input| provenance.differs.get(&input.file));
        for (field, value) in before.into_iter().flatten() {
            flatten(&format!("{BEFORE}{field}"), value, &mut fields);
        }
    }
    fields
}

/// Adds the fields of a value: objects are sections, everything else is the value of a field.
fn flatten(name: &str, value: &Value, fields: &mut Fields) {
    match value {
        Value::Object(section) => {
            section.iter().for_each(|(key, value)| flatten(&format!("{name}.{key}"), value, fields));
        }
        value => _ = fields.insert(name.into(), value.clone()),
    }
}

/// Names of the fields in which runs differ. A run without a field differs from one that has it if `knows` says that the
/// run has the field's section.
pub(super) fn varying<'a>(runs: impl Iterator<Item = &'a Fields> + Clone) -> Vec<String> {
    let names: BTreeSet<&String> = runs.clone().flat_map(Fields::keys).collect();
    let varies = |name: &str| {
        let section = |fields: &Fields| {
            let own = format!("{}.", name.split('.').next().unwrap_or_default());
            fields.keys().any(|key| key.starts_with(&own))
        };
        let values = runs.clone().filter(|fields| fields.contains_key(name) || section(fields));
        let values: BTreeSet<String> = values.map(|fields| format!("{:?}", fields.get(name))).collect();
        values.len() > 1
    };
    let before = |name: &str| name.starts_with(BEFORE);
    let mut found: Vec<String> =
        names.iter().filter(|name| before(name) || varies(name)).map(|n| (*n).clone()).collect();
    if found.iter().any(|name| name == SOURCE) && !several_sources(runs) {
        found.retain(|name| name != SOURCE);
    }
    found
}

/// True if two runs have different texts of a task in the same file.
fn several_sources<'a>(runs: impl Iterator<Item = &'a Fields>) -> bool {
    let mut sources: BTreeMap<String, &Value> = BTreeMap::new();
    for fields in runs {
        let (file, Some(source)) = (format!("{:?}", fields.get(FILE)), fields.get(SOURCE)) else { continue };
        if *sources.entry(file).or_insert(source) != source {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdl_artifact::Provenance;
    use serde_json::json;

    fn fields(config: Value) -> Fields {
        let mut fields = Fields::new();
        config.as_object().unwrap().iter().for_each(|(name, value)| flatten(name, value, &mut fields));
        fields
    }

    #[test]
    fn only_fields_that_differ_vary() {
        let [a, b, c] = [(50, json!([1, 2])), (100, json!([1, 2])), (100, json!([1, 3]))].map(|(neurons, factors)| {
            fields(json!({"network": {"neurons": neurons, "kind": "rate"}, "search": {"factors": factors}}))
        });
        assert_eq!(varying([&a, &b].into_iter()), ["network.neurons"]);
        assert_eq!(varying([&b, &c].into_iter()), ["search.factors"]);
        assert_eq!(varying([&b].into_iter()), [""; 0]);
    }

    #[test]
    fn a_missing_stage_is_no_difference_but_a_missing_field_is() {
        let whole = fields(json!({"network": {"neurons": 50}, "search": {"trials": 6}}));
        let trained = fields(json!({"network": {"neurons": 50}}));
        let modes = fields(json!({"network": {"neurons": 50, "modes": 3}}));
        assert_eq!(varying([&whole, &trained].into_iter()), [""; 0]);
        assert_eq!(varying([&trained, &modes].into_iter()), ["network.modes"]);
    }

    #[test]
    fn the_text_of_a_task_varies_only_within_its_file() {
        let run = |file: &str, source: &str| fields(json!({"task": {"file": file, "source": source}}));
        let (a, b, c) = (run("a.star", "1"), run("b.star", "2"), run("b.star", "3"));
        assert_eq!(varying([&a, &b].into_iter()), ["task.file"]);
        assert_eq!(varying([&b, &c].into_iter()), ["task.source"]);
    }

    #[test]
    fn sections_of_later_stages_are_left_out() {
        let config = json!({"name": "a", "seed": 1, "task": {"source": "x"}, "network": {"neurons": 5}, "training": {},
            "lif": {"dt_ms": 0.05}, "search": {"trials": 100}, "evaluation": {"trials": 400}});
        let mut artifact = Artifact::new(Kind::Rate, config, Provenance::new("train-rate", None, 1));
        let names = |artifact: &Artifact| of_artifact(artifact).into_keys().collect::<Vec<_>>();
        assert_eq!(names(&artifact), ["network.neurons", "task.source"]);
        artifact.insert("scaling_factor", &[1], vec![30f64]);
        assert_eq!(names(&artifact), ["lif.dt_ms", "network.neurons", "search.trials", "task.source"]);
        artifact.kind = Kind::Evaluation;
        assert!(names(&artifact).contains(&"evaluation.trials".into()));
        // echo -n x | sha256sum
        assert_eq!(of_artifact(&artifact)["task.source"], "2d711642b726");
    }
}
