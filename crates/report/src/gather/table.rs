//! The table, as CSV and as the data of figures.

use super::error::GatherError;
use super::fields::{self, BEFORE};
use super::run::Run;
use crate::figures::networks::{Criterion, Measure, Networks, Point, Positions};
use crate::{Figure, Look};
use serde_json::Value;

/// Columns of every table. Config fields in which the runs differ are between the first and the second list.
pub const COLUMNS: [&[&str]; 2] = [
    &["run", "state", "problem", "name", "seed"],
    &[
        "network",
        "criterion_met",
        "updates",
        "loss",
        "training_performance",
        "scaling_factor",
        "plateau_from",
        "plateau_to",
        "predicted_scaling_factor",
        "search_performance",
        "search_criterion_met",
        "calibration",
        "trials",
        "performance",
        "performance_low",
        "performance_high",
        "strict_performance",
        "strict_performance_low",
        "strict_performance_high",
        "output_error",
        "rate_network_error",
        "output_gain",
        "output_offset",
        "unit_rate_correlation",
        "hz_per_rate",
        "rate_hz",
        "rate_hz_excitatory",
        "rate_hz_inhibitory",
        "rate_hz_somatostatin",
        "train_seconds",
        "search_seconds",
        "calibration_seconds",
        "evaluation_seconds",
        "seconds",
        "cpu_seconds",
        "version",
        "revision",
        "device",
    ],
];

/// Performances, for which the search of the runs has a criterion.
const PERFORMANCES: [&str; 2] = ["performance", "strict_performance"];

/// One row per run, one column per result or config field.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<String>,
    /// Cells; null is empty.
    rows: Vec<Vec<Value>>,
    /// Criterion of the search, if all runs that were converted have the same.
    performance_at_least: Option<f64>,
}

/// Columns of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Select<'a> {
    /// Columns of the vertical axes, one panel each.
    pub y: &'a [String],
    /// Column of the horizontal axis.
    pub x: &'a str,
    /// Column whose values get a colour each.
    pub by: Option<&'a str>,
    /// What counts as a success; by default, the criterion of the search for performances, and nothing for other columns.
    pub criterion: Option<Criterion>,
    /// Layout of the figure.
    pub look: Look,
}

impl Table {
    /// Table of these runs, in their order.
    ///
    /// # Errors
    /// [`GatherError::Twice`], [`GatherError::EarlierStage`]: rows that are not different networks.
    pub fn new(runs: &[Run]) -> Result<Self, GatherError> {
        Run::check_different(runs)?;
        Ok(Self::of_all(runs))
    }

    /// The same of runs that may be the same network.
    pub(super) fn of_all(runs: &[Run]) -> Self {
        let varying = fields::varying(runs.iter().map(|run| &run.fields));
        let [first, second] = COLUMNS.map(|names| names.iter().map(|name| (*name).to_owned()));
        let columns: Vec<String> = first.chain(varying.iter().cloned()).chain(second).collect();
        let cell = |run: &Run, column: &String| {
            let own = run.cells.get(column.as_str()).or_else(|| run.fields.get(column));
            // A stage that was not made differently was made with the same value.
            own.or_else(|| run.fields.get(column.strip_prefix(BEFORE)?)).cloned().unwrap_or_default()
        };
        let rows = runs.iter().map(|run| columns.iter().map(|column| cell(run, column)).collect()).collect();
        let criteria: Vec<f64> = runs.iter().filter_map(Run::performance_at_least).collect();
        let same = criteria.windows(2).all(|pair| pair[0] == pair[1]);
        let performance_at_least = criteria.first().copied().filter(|_| same);
        Self { columns, rows, performance_at_least }
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Value of a cell, by row and name of the column; none if it is empty.
    pub fn cell(&self, row: usize, column: &str) -> Option<&Value> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(index).filter(|value| !value.is_null())
    }

    /// The table as CSV with a header (RFC 4180). Lists are JSON.
    ///
    /// # Errors
    /// [`GatherError::Csv`].
    pub fn csv(&self) -> Result<Vec<u8>, GatherError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(text))?;
        }
        writer.into_inner().map_err(|error| GatherError::Csv(error.into_error().into()))
    }

    /// Draws columns against another column: a dot per network, mean ± SD over networks, and where there is a criterion
    /// the number of networks that meet it, with Wilson's interval.
    ///
    /// # Errors
    /// [`GatherError`] for a column that is unknown, empty or not numeric.
    pub fn figure(&self, select: &Select) -> Result<Figure, GatherError> {
        let x = self.column("--x", select.x)?;
        let by = select.by.map(|name| self.column("--by", name)).transpose()?;
        let series = by.as_ref().map(|by| distinct(by)).unwrap_or_default();
        let (positions, x_of_row) = positions(&x);
        let measures = select.y.iter().map(|name| {
            let y = self.column("--y", name)?;
            let mut points = Vec::new();
            for (row, value) in y.iter().enumerate() {
                let (Some(value), Some(x)) = (value, x_of_row[row]) else { continue };
                let value = value.as_f64().ok_or_else(|| self.no_number(name, value, row))?;
                let own = by.as_ref().map(|by| by[row].map(text).unwrap_or_default());
                let series = own.and_then(|own| series.iter().position(|name| *name == own)).unwrap_or(0);
                points.push(Point { x, series, value });
            }
            if points.is_empty() {
                return Err(GatherError::Nothing { column: name.clone(), x: select.x.into() });
            }
            let of_search = self.performance_at_least.filter(|_| PERFORMANCES.contains(&name.as_str()));
            let criterion = select.criterion.or(of_search.map(Criterion::AtLeast));
            Ok(Measure { label: name.clone(), points, criterion })
        });
        let measures = measures.collect::<Result<Vec<_>, GatherError>>()?;
        let title = format!("{} against {}", select.y.join(", "), select.x);
        let networks = Networks {
            title: &title,
            x_label: select.x,
            positions,
            series: &series,
            measures: &measures,
            networks: self.len(),
        };
        Ok(networks.draw(select.look)?)
    }

    /// Values of a column; none for empty cells.
    fn column(&self, option: &'static str, name: &str) -> Result<Vec<Option<&Value>>, GatherError> {
        if !self.columns.iter().any(|column| column == name) {
            let known = self.columns.join(", ");
            return Err(GatherError::NoColumn { option, found: name.into(), known });
        }
        Ok((0..self.len()).map(|row| self.cell(row, name)).collect())
    }

    fn no_number(&self, column: &str, value: &Value, row: usize) -> GatherError {
        let run = self.cell(row, "run").map(text).unwrap_or_default();
        GatherError::NoNumber { column: column.into(), found: text(value), run }
    }
}

/// Text of a cell.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Different texts, in the order of the rows; of numbers, ascending. Empty cells are one of them.
fn distinct(values: &[Option<&Value>]) -> Vec<String> {
    let mut different: Vec<&Value> = Vec::new();
    for value in values.iter().map(|value| value.unwrap_or(&Value::Null)) {
        if !different.contains(&value) {
            different.push(value);
        }
    }
    if different.iter().all(|value| value.is_number()) {
        different.sort_by(|a, b| a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0)));
    }
    different.into_iter().map(text).collect()
}

/// Positions on the horizontal axis, and that of each row; none for an empty cell.
fn positions(values: &[Option<&Value>]) -> (Positions, Vec<Option<f64>>) {
    let present: Vec<&Value> = values.iter().flatten().copied().collect();
    if !present.is_empty() && present.iter().all(|value| value.is_number()) {
        return (Positions::Numbers, values.iter().map(|value| value.and_then(Value::as_f64)).collect());
    }
    let names = distinct(&present.into_iter().map(Some).collect::<Vec<_>>());
    let of = |value: &&Value| names.iter().position(|name| *name == text(value)).map(|index| index as f64);
    let of_rows = values.iter().map(|value| value.as_ref().and_then(of)).collect();
    (Positions::Names(names), of_rows)
}
