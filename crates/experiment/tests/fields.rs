//! The page of all config fields, `docs/fields.md`, which is made from the JSON Schema.

use mdl_experiment::Experiment;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "\
# Fields of a config

Every field of a config file, with its type, its default and its meaning. A field is named by its path, as in
`--set network.neurons=300`; a field without a default is required in its section. `train-rate --config FILE --print-config`
prints a config with all defaults filled in. The page is made from the same types as `configs/schema.json`, with which
editors show these texts, by `make schema`.
";

/// `make schema` (UPDATE_SCHEMA=1) writes the page anew after a change of the config types.
#[test]
fn the_page_of_fields_follows_the_schema() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fields.md");
    let schema = schemars::schema_for!(Experiment);
    let page = Page::new(schema.as_value()).text;
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "docs/fields.md is out of date: run `make schema`");
}

/// Longest object that the column of defaults shows.
const SHORT: usize = 100;

struct Page<'s> {
    root: &'s Value,
    text: String,
}

/// A section of the page: its path, and the schema of its value.
type Section<'s> = (String, &'s Value);

impl<'s> Page<'s> {
    fn new(root: &'s Value) -> Self {
        let mut page = Self { root, text: HEAD.into() };
        let mut waiting: Vec<Section> = Vec::new();
        page.table("", root, &mut waiting);
        while !waiting.is_empty() {
            let (path, schema) = waiting.remove(0);
            let mut below = Vec::new();
            page.section(&path, schema, &mut below);
            waiting.splice(0..0, below);
        }
        page
    }

    fn line(&mut self, line: std::fmt::Arguments) {
        writeln!(self.text, "{line}").unwrap();
    }

    /// The schema that a reference names.
    fn resolved(&self, schema: &'s Value) -> &'s Value {
        let name = schema["$ref"].as_str().map(|name| name.trim_start_matches('#'));
        name.and_then(|name| self.root.pointer(name)).unwrap_or(schema)
    }

    /// What a value may be, without the older spellings and without none.
    fn alternatives(&self, schema: &'s Value) -> Vec<&'s Value> {
        let schema = self.resolved(schema);
        let Some(branches) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) else { return vec![schema] };
        let kept = branches.iter().filter(|branch| branch["deprecated"] != true && branch["type"] != "null");
        kept.flat_map(|branch| self.alternatives(branch)).collect()
    }

    /// Sections of a value with fields: one, or one per kind.
    fn section(&mut self, path: &str, schema: &'s Value, below: &mut Vec<Section<'s>>) {
        self.line(format_args!("\n## `{path}`\n\n{}", text(&self.resolved(schema)["description"])));
        let alternatives = self.alternatives(schema);
        let several = alternatives.len() > 1;
        for alternative in alternatives {
            let description = text(&alternative["description"]);
            match alternative["properties"]["kind"]["const"].as_str() {
                Some(kind) => self.line(format_args!("\n`\"kind\": \"{kind}\"`: {description}")),
                None if several => self.line(format_args!("\n{description}")),
                None => {}
            }
            self.table(path, alternative, below);
        }
    }

    /// Fields of an object.
    fn table(&mut self, path: &str, schema: &'s Value, below: &mut Vec<Section<'s>>) {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let fields: Vec<_> = properties.filter(|(name, field)| *name != "kind" || field["const"].is_null()).collect();
        if fields.is_empty() {
            return;
        }
        self.line(format_args!("\n| field | value | default | meaning |\n|---|---|---|---|"));
        for (name, field) in fields {
            let own = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let (value, inner) = self.value(&own, field);
            let short = |default: &&Value| !default.is_object() || default.to_string().len() <= SHORT;
            let default = match field.get("default").filter(short) {
                Some(Value::Null) => "none".into(),
                Some(default) => format!("`{default}`"),
                None if required.contains(&name.as_str()) => "–".into(),
                None if field.get("default").is_some() => "see below".into(),
                None => "none".into(),
            };
            let meaning = text(&field["description"]).replace('|', "\\|");
            self.line(format_args!("| `{name}` | {value} | {default} | {meaning} |"));
            below.extend(inner.map(|schema| (own, schema)));
        }
    }

    /// The values that a field takes, and the schema to explain them if they have fields of their own.
    fn value(&self, path: &str, field: &'s Value) -> (String, Option<&'s Value>) {
        let alternatives = self.alternatives(field);
        let names: Vec<&str> = alternatives.iter().filter_map(|one| one["const"].as_str()).collect();
        if names.len() == alternatives.len() {
            return (names.iter().map(|name| format!("`\"{name}\"`")).collect::<Vec<_>>().join(", "), None);
        }
        let has_fields = |one: &&Value| one["properties"].is_object();
        if alternatives.iter().all(has_fields) {
            return (format!("[`{path}`](#{})", anchor(path)), Some(field));
        }
        let one = |schema: &&Value| -> String {
            let kinds = match &schema["type"] {
                Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
                kind => vec![kind.as_str().unwrap_or("any")],
            };
            let named = kinds.iter().filter(|kind| **kind != "null").map(|kind| match *kind {
                "number" => "number".into(),
                "integer" => "whole number".into(),
                "boolean" => "`true`, `false`".into(),
                "string" => schema["const"].as_str().map_or("text".into(), |name| format!("`\"{name}\"`")),
                "array" => format!("list: {}", self.value(path, &schema["items"]).0),
                other => other.to_owned(),
            });
            named.collect::<Vec<String>>().join(", ")
        };
        let inner = alternatives.iter().find(|one| one["items"].is_object()).map(|one| &one["items"]);
        let inner = inner.filter(|items| self.alternatives(items).iter().all(has_fields));
        (alternatives.iter().map(one).collect::<Vec<_>>().join(", "), inner)
    }
}

/// A description in one line.
fn text(description: &Value) -> String {
    description.as_str().unwrap_or_default().replace('\n', " ")
}

/// Anchor of the heading of a section, as pages of the repository show it.
fn anchor(path: &str) -> String {
    path.chars().filter(|c| *c != '.').collect()
}
