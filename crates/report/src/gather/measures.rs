//! Results of a network, from its newest artifact.

use super::record::Record;
use crate::{Population, ReportError};
use mdl_artifact::{Artifact, ArtifactError, Kind};
use mdl_convert::fidelity::Line;
use mdl_convert::lif_artifact::read_candidates;
use mdl_convert::search::{SearchConfig, choose};
use mdl_data::field::length;
use mdl_data::score::Score;
use mdl_train::config::TrainingConfig;
use mdl_train::metrics::read_history;
use mdl_train::trainer::Trained;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Cells of a row, by column. A missing cell is empty.
pub(super) type Cells = BTreeMap<&'static str, Value>;

/// Results in an artifact. `record` is that of the evaluation, if there is one.
pub(super) fn of_artifact(artifact: &Artifact, record: Option<&Record>) -> Result<Cells, ReportError> {
    let mut cells = Cells::new();
    training(artifact, &mut cells)?;
    search(artifact, &mut cells)?;
    if artifact.has("calibration.chosen") {
        cells.insert("calibration", json!(artifact.values::<u32>("calibration.chosen", &[1])?[0]));
    }
    if artifact.kind == Kind::Evaluation {
        evaluation(artifact, &mut cells)?;
        agreement(artifact, &mut cells)?;
        rates(artifact, &mut cells)?;
        printed(record, &mut cells);
    }
    // A number that a network does not have, such as a correlation without variance.
    cells.retain(|_, value| !value.is_null());
    Ok(cells)
}

/// A section of the artifact's config.
fn section<T: DeserializeOwned>(artifact: &Artifact, name: &'static str) -> Result<T, ArtifactError> {
    T::deserialize(&artifact.config[name])
        .map_err(|error| artifact.config_error(format!("{name}: {error}"), "a config that this version can read"))
}

fn training(artifact: &Artifact, cells: &mut Cells) -> Result<(), ReportError> {
    // Imported networks have no history.
    if !artifact.has("history.update") {
        return Ok(());
    }
    let config: TrainingConfig = section(artifact, "training")?;
    let Some(trained) = Trained::from_history(&config, &read_history(artifact, &config)?) else { return Ok(()) };
    cells.insert("criterion_met", json!(trained.success));
    cells.insert("updates", json!(trained.updates));
    cells.insert("loss", json!(trained.kept.loss));
    cells.insert("training_performance", json!(trained.kept.performance));
    Ok(())
}

fn search(artifact: &Artifact, cells: &mut Cells) -> Result<(), ReportError> {
    for name in ["scaling_factor", "predicted_scaling_factor"] {
        if artifact.has(name) {
            cells.insert(name, json!(artifact.values::<f64>(name, &[1])?[0]));
        }
    }
    if !artifact.has("search.scaling_factor") {
        return Ok(());
    }
    let config: SearchConfig = section(artifact, "search")?;
    let candidates = read_candidates(artifact).map_err(|error| {
        artifact.tensor_error("search.scaling_factor", error.to_string(), "results of a search".into())
    })?;
    if candidates.is_empty() {
        return Ok(());
    }
    let found = choose(&candidates, config.select, config.trials);
    let (first, last) = found.plateau;
    // The search is that of the network's factor, unless the factor was set in another way.
    let chosen = candidates.iter().find(|c| cells.get("scaling_factor") == Some(&json!(c.scaling_factor)));
    if let Some(chosen) = chosen {
        cells.insert("search_performance", json!(chosen.performance()));
        cells.insert("search_criterion_met", json!(chosen.performance() >= config.performance_at_least));
    }
    cells.insert("plateau_from", json!(candidates[first].scaling_factor));
    cells.insert("plateau_to", json!(candidates[last].scaling_factor));
    Ok(())
}

/// Names of the columns of a fraction: the fraction, and the ends of its interval.
type Fraction = [&'static str; 3];

fn evaluation(artifact: &Artifact, cells: &mut Cells) -> Result<(), ReportError> {
    const PUBLISHED: Fraction = ["performance", "performance_low", "performance_high"];
    const STRICT: Fraction = ["strict_performance", "strict_performance_low", "strict_performance_high"];
    let [trials] = artifact.shape::<1>("correct")?;
    let mut fraction = |name: &str, columns: Fraction| -> Result<(), ReportError> {
        let correct = artifact.values::<u8>(name, &[trials])?.iter().filter(|correct| **correct != 0).count();
        let score = Score { trials: trials as u32, correct: correct as u32 };
        let (low, high) = score.interval();
        let values = [score.performance(), low, high];
        cells.extend(columns.into_iter().zip(values).map(|(column, value)| (column, json!(value))));
        Ok(())
    };
    if trials > 0 {
        fraction("correct", PUBLISHED)?;
        if artifact.has("correct_strict") {
            fraction("correct_strict", STRICT)?;
        }
    }
    cells.insert("trials", json!(trials));
    for name in ["output_error", "rate_network_error", "output_gain", "output_offset"] {
        if artifact.has(name) {
            cells.insert(name, json!(artifact.values::<f64>(name, &[1])?[0]));
        }
    }
    Ok(())
}

/// Agreement of the units' mean rates with those in the rate network: mean over conditions of the correlation and of the
/// slope.
fn agreement(artifact: &Artifact, cells: &mut Cells) -> Result<(), ReportError> {
    if !artifact.has("rate_mean_rate") || !artifact.has("rate_hz_by_condition") {
        return Ok(());
    }
    let shape @ [conditions, units] = artifact.shape::<2>("rate_mean_rate")?;
    let (rate, hz) =
        (artifact.values::<f64>("rate_mean_rate", &shape)?, artifact.values::<f64>("rate_hz_by_condition", &shape)?);
    let trials = artifact.shape::<1>("condition")?;
    let condition = artifact.values::<u32>("condition", &trials)?;
    let occurs = |index: &usize| condition.iter().any(|own| length(*own) == *index);
    let row = |values: &'_ [f64], index: usize| values[index * units..][..units].to_vec();
    let line = |index: usize| Line::through(row(rate, index).into_iter().zip(row(hz, index)));
    let lines: Vec<Line> = (0..conditions).filter(occurs).map(line).collect();
    let mean = |of: fn(&Line) -> f64| lines.iter().map(of).sum::<f64>() / lines.len() as f64;
    // JSON has no NaN: the cell stays empty.
    cells.insert("unit_rate_correlation", json!(mean(|line| line.correlation)));
    cells.insert("hz_per_rate", json!(mean(|line| line.gain)));
    Ok(())
}

fn rates(artifact: &Artifact, cells: &mut Cells) -> Result<(), ReportError> {
    const COLUMNS: [(&str, Population); 3] = [
        ("rate_hz_excitatory", Population::Excitatory),
        ("rate_hz_inhibitory", Population::Inhibitory),
        ("rate_hz_somatostatin", Population::Somatostatin),
    ];
    if !artifact.has("rate_hz") {
        return Ok(());
    }
    let shape @ [units] = artifact.shape::<1>("rate_hz")?;
    let rate_hz = artifact.values::<f64>("rate_hz", &shape)?;
    let populations = Population::of_units(artifact, units)?;
    let mean = |own: Vec<f64>| json!(own.iter().sum::<f64>() / own.len() as f64);
    cells.insert("rate_hz", mean(rate_hz.to_vec()));
    for (column, population) in COLUMNS {
        let own = rate_hz.iter().zip(&populations).filter(|(_, own)| **own == population);
        cells.insert(column, mean(own.map(|(rate, _)| *rate).collect()));
    }
    Ok(())
}

/// Results that evaluations of rate and spiking networks only print. The record must be that of this evaluation.
fn printed(record: Option<&Record>, cells: &mut Cells) {
    let Some(result) = record.filter(|record| record.is_written()).map(|record| &record.result) else { return };
    let performance = [&result["performance"], &result["accuracy"]].into_iter().find(|value| !value.is_null());
    let same = performance == cells.get("performance") && Some(&result["trials"]) == cells.get("trials");
    if same && result["output_error"].is_number() {
        cells.entry("output_error").or_insert_with(|| result["output_error"].clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdl_artifact::Provenance;

    fn evaluation_of_two_conditions() -> Artifact {
        let config = json!({ "training": {}, "search": {} });
        let mut artifact = Artifact::new(Kind::Evaluation, config, Provenance::new("eval-lif", None, 1));
        artifact.insert("correct", &[4], vec![1u8, 1, 1, 0]);
        artifact.insert("condition", &[4], vec![0u32, 0, 2, 2]);
        artifact.insert("rate_hz", &[3], vec![2f64, 4.0, 9.0]);
        artifact.insert("population", &[3], vec![0u8, 0, 1]);
        // The second condition does not occur.
        artifact.insert("rate_mean_rate", &[3, 3], vec![0f64, 0.5, 1.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0]);
        artifact.insert("rate_hz_by_condition", &[3, 3], vec![0f64, 5.0, 10.0, 0.0, 0.0, 0.0, 10.0, 20.0, 30.0]);
        artifact
    }

    #[test]
    fn results_are_those_of_the_evaluation() {
        let cells = of_artifact(&evaluation_of_two_conditions(), None).unwrap();
        let number = |column: &str| cells[column].as_f64().unwrap();
        assert_eq!(number("performance"), 0.75);
        // scipy.stats.binomtest(3, 4).proportion_ci(method="wilson")
        assert!((number("performance_low") - 0.300_641_84).abs() < 1e-7, "{}", number("performance_low"));
        assert!((number("performance_high") - 0.954_412_73).abs() < 1e-7, "{}", number("performance_high"));
        assert_eq!((number("rate_hz"), number("rate_hz_excitatory"), number("rate_hz_inhibitory")), (5.0, 3.0, 9.0));
        // Slopes 10 and 20 Hz, both without scatter.
        assert_eq!((number("hz_per_rate"), number("unit_rate_correlation")), (15.0, 1.0));
        for empty in ["rate_hz_somatostatin", "strict_performance", "scaling_factor", "updates", "output_error"] {
            assert!(!cells.contains_key(empty), "{empty}");
        }
    }

    #[test]
    fn a_printed_error_counts_only_for_its_own_evaluation() {
        let record = |performance: f64| Record {
            result: json!({ "performance": performance, "trials": 4, "output_error": 0.5 }),
            ..Record::default()
        };
        let error = |record: Record| {
            of_artifact(&evaluation_of_two_conditions(), Some(&record)).unwrap().remove("output_error")
        };
        assert_eq!(error(record(0.75)), Some(json!(0.5)));
        assert_eq!(error(record(0.5)), None);
        assert_eq!(error(Record { status: 1, ..record(0.75) }), None);
    }

    #[test]
    fn a_condition_without_variance_leaves_the_correlation_empty() {
        let mut artifact = evaluation_of_two_conditions();
        artifact.insert("rate_hz_by_condition", &[3, 3], vec![1f64; 9]);
        let cells = of_artifact(&artifact, None).unwrap();
        assert!(!cells.contains_key("unit_rate_correlation") && cells["hz_per_rate"] == json!(0.0), "{cells:?}");
    }
}
