//! An index over the runs in a folder: one HTML page with a row per network and links to the reports.

use super::fields;
use super::run::{Run, State};
use super::table::Table;
use crate::canvas::escaped;
use crate::html::{self, page};
use mdl_data::score::Spread;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folders are searched down to this depth.
const DEEPEST: usize = 12;
/// Maximum number of config fields with a column; runs may differ in hundreds.
const MOST_FIELDS: usize = 6;
/// Script that sorts and filters the table.
const SCRIPT: &str = include_str!("index.js");

/// Folders of runs in `root` and below, by path. Links to folders are not followed.
///
/// # Errors
/// A folder that cannot be read.
pub fn find_runs(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    search(root, 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if super::run::is_run(folder) {
        found.push(folder.into());
    }
    if depth == DEEPEST {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if entry.file_type()?.is_dir() && !hidden {
            search(&entry.path(), depth + 1, found)?;
        }
    }
    Ok(())
}

/// Page over the runs that were found in `root`, to be written into `folder`.
pub fn page(root: &Path, folder: &Path, runs: &[Run]) -> String {
    let table = Table::of_all(runs);
    let columns = columns(&table, runs);
    let title = format!("Runs in {}", root.display());
    let mut html = page::head(&title, html::STYLE, SCRIPT);
    let count = |state: State| runs.iter().filter(|run| run.state() == state).count();
    let states: Vec<String> =
        State::ALL.iter().filter(|state| count(**state) > 0).map(|s| format!("{} {}", count(*s), s.name())).collect();
    html.push_str(&format!("<p>{} networks: {}.</p>\n", runs.len(), states.join(", ")));
    html.push_str(&summary(&table, runs.len()));
    html.push_str(
        "<p class=\"filter\" hidden><label>Show rows with <input type=\"search\" id=\"filter\"></label> \
         <output id=\"shown\" for=\"filter\"></output></p>\n",
    );
    let heads: String =
        columns.iter().map(|column| format!("<th scope=\"col\">{}</th>", escaped(&column.title))).collect();
    html.push_str(&format!(
        "<div class=\"table\"><table id=\"runs\">\n<caption>Networks. Performances with Wilson's 95 % intervals over trials.</caption>\n\
         <thead>\n<tr><th scope=\"col\">Run</th>{heads}<th scope=\"col\">Reports</th></tr>\n</thead>\n<tbody>\n"
    ));
    for (row, run) in runs.iter().enumerate() {
        let name = run.path().strip_prefix(root).unwrap_or(run.path());
        let name = if name.as_os_str().is_empty() { ".".into() } else { name.display().to_string() };
        let cells: String = columns.iter().map(|column| column.cell(&table, row)).collect();
        html.push_str(&format!(
            "<tr><th scope=\"row\">{}</th>{cells}<td>{}</td></tr>\n",
            escaped(&name),
            links(folder, run.path())
        ));
    }
    html.push_str("</tbody>\n</table></div>\n");
    html.push_str(&page::script(SCRIPT));
    html.push_str(page::END);
    html
}

/// Column of the page.
struct Column {
    title: String,
    /// Column of the table, and those of the ends of its interval.
    names: Vec<String>,
}

impl Column {
    fn new(title: &str, names: &[&str]) -> Self {
        Self { title: title.into(), names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    fn cell(&self, table: &Table, row: usize) -> String {
        let value = |index: usize| self.names.get(index).and_then(|name| table.cell(row, name));
        let (text, number) = match (value(0), value(1), value(2)) {
            (None, ..) => (String::new(), None),
            (Some(value), Some(low), Some(high)) => {
                (format!("{} ({}–{})", shown(value), shown(low), shown(high)), value.as_f64())
            }
            (Some(value), ..) => (shown(value), value.as_f64()),
        };
        let class = if number.is_some() { " class=\"number\"" } else { "" };
        let sort = number.map(|number| format!(" data-value=\"{number}\"")).unwrap_or_default();
        format!("<td{class}{sort}>{}</td>", escaped(&text))
    }
}

/// Columns with a value in any row.
fn columns(table: &Table, runs: &[Run]) -> Vec<Column> {
    let mut columns =
        vec![Column::new("Name", &["name"]), Column::new("Network", &["network"]), Column::new("Seed", &["seed"])];
    let varying = fields::varying(runs.iter().map(|run| &run.fields));
    let shown = varying.iter().filter(|field| !field.starts_with(fields::BEFORE)).take(MOST_FIELDS);
    columns.extend(shown.map(|field| Column::new(field, &[field])));
    columns.extend([
        Column::new("Loss", &["loss"]),
        Column::new("Performance", &["performance", "performance_low", "performance_high"]),
        Column::new("Strict performance", &["strict_performance", "strict_performance_low", "strict_performance_high"]),
        Column::new("Scaling factor", &["scaling_factor"]),
        Column::new("Output error", &["output_error"]),
        Column::new("Rate (Hz)", &["rate_hz"]),
        Column::new("State", &["state"]),
        Column::new("Problem", &["problem"]),
    ]);
    columns.retain(|column| (0..runs.len()).any(|row| table.cell(row, &column.names[0]).is_some()));
    columns
}

/// Table of the performance of all networks of a name.
fn summary(table: &Table, rows: usize) -> String {
    let mut groups: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    let text = |row: usize, column: &str| table.cell(row, column).map(shown).unwrap_or_default();
    for row in 0..rows {
        if let Some(performance) = table.cell(row, "performance").and_then(Value::as_f64) {
            groups.entry((text(row, "name"), text(row, "network"))).or_default().push(performance);
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    let row = |((name, network), values): (&(String, String), &Vec<f64>)| {
        let Spread { mean, sd } = Spread::of(values);
        let sd = sd.map(|sd| format!(" ± {sd:.3}")).unwrap_or_default();
        let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
        format!(
            "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{mean:.3}{sd}</td><td class=\"number\">{lowest:.3}</td></tr>\n",
            escaped(name),
            escaped(network),
            values.len()
        )
    };
    let body: String = groups.iter().map(row).collect();
    format!(
        "<div class=\"table\"><table>\n<caption>Performance of evaluated networks, mean ± SD over networks.</caption>\n<thead>\n\
         <tr><th scope=\"col\">Name</th><th scope=\"col\">Network</th><th scope=\"col\">Networks</th>\
         <th scope=\"col\">Performance</th><th scope=\"col\">Lowest</th></tr>\n</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
    )
}

/// A value in a few digits.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_u64() || number.is_i64() => number.to_string(),
        Value::Number(number) => crate::panel::number((number.as_f64().unwrap_or(f64::NAN) * 1e4).round() / 1e4),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Links to the reports of a run, relative to the page's folder.
fn links(folder: &Path, run: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(run) else { return String::new() };
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".html") && name != "index.html");
    names.sort();
    let link = |name: &String| {
        let relative = relative(folder, &run.join(name));
        format!("<a href=\"{}\">{}</a>", address(&relative), escaped(name.trim_end_matches(".html")))
    };
    names.iter().map(link).collect::<Vec<_>>().join(", ")
}

/// Path of a file as seen from a folder; both are absolute, or relative to the same folder.
fn relative(folder: &Path, file: &Path) -> PathBuf {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
    let (folder, file) = (absolute(folder), absolute(file));
    let shared = folder.components().zip(file.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| std::path::Component::ParentDir);
    up.chain(file.components().skip(shared)).collect()
}

/// A relative path as an address: unreserved characters and slashes as they are, other bytes as `%XX`.
fn address(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let mut address = String::from("./");
    for byte in path.to_string_lossy().bytes() {
        match plain(byte) {
            true => address.push(char::from(byte)),
            false => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative_and_escaped() {
        let seen = |folder: &str, file: &str| address(&relative(Path::new(folder), Path::new(file)));
        assert_eq!(seen("/a/runs", "/a/runs/1/report.html"), "./1/report.html");
        assert_eq!(seen("/a/pages", "/a/runs/1 #2/é\".html"), "./../runs/1%20%232/%C3%A9%22.html");
    }
}
