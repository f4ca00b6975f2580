//! Report of an artifact: its key results, its figures, its provenance.

use crate::citation::references;
use crate::evaluation::{Evaluation, is_sweep, measure, task_name};
use crate::figures::{Drawn, FIGURES};
use crate::html::explore;
use crate::html::{Provenance, Report, Section, Stage, Table};
use crate::{Population, ReportError};
use mdl_artifact::{Artifact, Kind};
use mdl_data::score::Score;
use mdl_data::tasks::Evaluated;
use serde_json::Value;

/// Report of a network or an evaluation, with the figures drawn from it.
///
/// # Errors
/// [`ReportError`]: an invalid config, a mismatched tensor.
pub fn report(artifact: &Artifact, drawn: &Drawn) -> Result<Report, ReportError> {
    let name = artifact.config["name"].as_str().unwrap_or_default();
    let (mut report, mut behaviour) = match Evaluation::with_activity(artifact)? {
        Some(recording) if recording.is_recording() => (of_recording(name, &recording)?, None),
        Some(evaluation) if evaluation.evaluated == Evaluated::Lif => of_lif_network(name, &evaluation)?,
        Some(evaluation) => of_trained_network(name, &evaluation)?,
        None => (of_other(name, artifact), None),
    };
    let headings = FIGURES.iter().map(|(_, heading, _)| *heading).collect::<Vec<_>>();
    for heading in headings.chunk_by(|a, b| a == b).map(|same| same[0]) {
        let of_section = |name: &str| FIGURES.iter().any(|(other, section, _)| *other == name && *section == heading);
        let mut figures = drawn.figures.iter().filter(|(name, _)| of_section(name)).peekable();
        let table = if heading == FIGURES[0].1 { behaviour.take() } else { None };
        if table.is_none() && figures.peek().is_none() {
            continue;
        }
        let mut section = Section::new(heading);
        if let Some(table) = table {
            section = section.table(table);
        }
        report = report
            .section(figures.fold(section, |section, (_, figure)| section.figure(figure.clone(), figure.caption())));
    }
    // What is missing in an evaluation of an earlier version is named where its figures are drawn.
    let explored = explore::data(artifact).unwrap_or_default();
    Ok(report.explored(explored).references(references(artifact)).provenance(provenance(artifact)))
}

/// Head of the report of a LIF network's evaluation, and its table.
fn of_lif_network(name: &str, evaluation: &Evaluation) -> Result<(Report, Option<Table>), ReportError> {
    let artifact = evaluation.artifact;
    let correct = correct(artifact)?;
    let score = score_of(correct.iter());
    let mut report = Report::new(&format!("{name}: LIF network"))
        .summary("A LIF network made from a trained rate network, judged on its task.")
        .result("Performance", &format!("{}, {} trials", with_interval(&score), score.trials));
    report = with_strict(report, artifact, correct.len())?.result("Network", &network(artifact));
    if artifact.has("scaling_factor") {
        let factor = artifact.values::<f64>("scaling_factor", &[1])?[0];
        report = report.result("Scaling factor", &factor.to_string());
    }
    for (tensor, name) in [
        ("output_error", "Mean squared error of the output"),
        ("rate_network_error", "Mean squared difference from the rate network's output"),
        ("output_gain", "Output as a multiple of the rate network's"),
    ] {
        if artifact.has(tensor) {
            report = report.result(name, &format!("{:.3}", artifact.values::<f64>(tensor, &[1])?[0]));
        }
    }
    let units = evaluation.experiment.network.neurons();
    let rates_hz = artifact.values::<f64>("rate_hz", &[units])?;
    for (population, units) in Population::groups(&Population::of_units(artifact, units)?) {
        let mean = units.iter().map(|unit| rates_hz[*unit]).sum::<f64>() / units.len() as f64;
        report = report.result(&format!("Mean firing rate, {}", population.label()), &format!("{mean:.1} Hz"));
    }
    let table = by_condition(evaluation, correct)?;
    Ok((report, table))
}

/// Performance by condition of a task, or by class of a data set.
fn by_condition(evaluation: &Evaluation, correct: &[u8]) -> Result<Option<Table>, ReportError> {
    let (of, names, column): (Vec<usize>, Vec<String>, &str) = match evaluation.task() {
        Some(task) => (evaluation.conditions(task)?, task.conditions().to_vec(), "Condition"),
        None if evaluation.artifact.has("label") => {
            let labels = evaluation.artifact.values::<u8>("label", &[correct.len()])?;
            let classes = labels.iter().max().map_or(0, |label| usize::from(*label) + 1);
            let names = (0..classes).map(|class| evaluation.class(class)).collect();
            (labels.iter().map(|label| usize::from(*label)).collect(), names, "Class")
        }
        None => return Ok(None),
    };
    let row = |(condition, name): (usize, &String)| {
        let own = of.iter().zip(correct).filter(|(own, _)| **own == condition).map(|(_, correct)| correct);
        let score = score_of(own);
        let cells = [name.clone(), score.trials.to_string(), score.correct.to_string(), with_interval(&score)];
        (score.trials > 0).then_some(cells.to_vec())
    };
    let (count, caption) = match column {
        "Class" => ("Examples", "Accuracy by class, with 95 % intervals (Wilson)."),
        _ => ("Trials", "Performance by condition, with 95 % intervals (Wilson)."),
    };
    Ok(Some(Table {
        caption: caption.into(),
        columns: [column, count, "Correct", measure(&evaluation.experiment)].map(String::from).to_vec(),
        rows: names.iter().enumerate().filter_map(row).collect(),
    }))
}

/// Head of the report of a trained network's evaluation, and its table.
fn of_trained_network(name: &str, evaluation: &Evaluation) -> Result<(Report, Option<Table>), ReportError> {
    let correct = correct(evaluation.artifact)?;
    let score = score_of(correct.iter());
    let (low, high) = score.interval();
    let shown = if evaluation.task().is_some() { "trials" } else { "test examples" };
    let value = format!("{:.4} ({low:.4}–{high:.4}), {} {shown}", score.performance(), score.trials);
    let report = Report::new(&format!("{name}: {} network", evaluation.network()))
        .summary("A trained network, judged on examples or trials that its training never saw.")
        .result(measure(&evaluation.experiment), &value);
    let report = with_strict(report, evaluation.artifact, score.trials as usize)?;
    let report = report.result("Network", &network(evaluation.artifact));
    Ok((report, by_condition(evaluation, correct)?))
}

/// Adds the performance under strict rules, where these differ from the published ones.
fn with_strict(report: Report, artifact: &Artifact, trials: usize) -> Result<Report, ReportError> {
    const STRICT: &str = "correct_strict";
    if !artifact.has(STRICT) {
        return Ok(report);
    }
    let score = score_of(artifact.values::<u8>(STRICT, &[trials])?.iter());
    Ok(report.result("Performance under strict rules", &with_interval(&score)))
}

/// Head of the report of a recording.
fn of_recording(name: &str, recording: &Evaluation) -> Result<Report, ReportError> {
    let artifact = recording.artifact;
    let score = score_of(correct(artifact)?.iter());
    Ok(Report::new(name)
        .summary(&format!("Activity of a {} network, recorded by run.", recording.network()))
        .result("Performance", &format!("{}, {} trials", with_interval(&score), score.trials))
        .result("Recorded units", &artifact.shape::<1>("recorded_unit")?[0].to_string())
        .result("Recorded steps", &artifact.shape::<1>("time_ms")?[0].to_string())
        .result("Network", &network(artifact)))
}

/// Head of the report of a network or a sweep.
fn of_other(name: &str, artifact: &Artifact) -> Report {
    let summary = match artifact.kind {
        Kind::Lif => "A LIF network made from a trained rate network.",
        Kind::Evaluation if is_sweep(artifact) => {
            "LIF networks with different values of a parameter, judged on their task."
        }
        Kind::Trials => "Trials of a task.",
        Kind::Analysis => "Analyses of a trained network.",
        _ => "A trained network.",
    };
    let mut report = Report::new(name).summary(summary);
    if artifact.kind == Kind::Trials {
        let count = artifact.shape::<1>("condition").map_or(0, |[count]| count);
        return report.result("Trials", &count.to_string());
    }
    report = report.result("Network", &network(artifact));
    match artifact.values::<f64>("scaling_factor", &[1]) {
        Ok(factor) if artifact.kind == Kind::Lif => report.result("Scaling factor", &factor[0].to_string()),
        _ => report,
    }
}

/// 1 for each trial that was answered correctly.
fn correct(artifact: &Artifact) -> Result<&[u8], ReportError> {
    let shape = artifact.shape::<1>("correct")?;
    Ok(artifact.values::<u8>("correct", &shape)?)
}

fn score_of<'a>(correct: impl Iterator<Item = &'a u8>) -> Score {
    let count = |score: Score, correct: &u8| Score {
        trials: score.trials + 1,
        correct: score.correct + u32::from(*correct != 0),
    };
    correct.fold(Score { trials: 0, correct: 0 }, count)
}

/// Performance with its interval, as text.
fn with_interval(score: &Score) -> String {
    let (low, high) = score.interval();
    format!("{:.2} ({low:.2}–{high:.2})", score.performance())
}

/// Summary of a trained network in a line: `rate, N = 200 (160 excitatory, 40 inhibitory), sigmoid, task go-nogo`.
pub fn network(artifact: &Artifact) -> String {
    let (network, task) = (&artifact.config["network"], &artifact.config["task"]);
    let text = |value: &Value| value.as_str().map(String::from);
    let units = network["neurons"].as_u64().unwrap_or(0) as usize;
    let groups = Population::groups(&Population::of_units(artifact, units).unwrap_or_default());
    let signed = groups.iter().filter(|(population, _)| *population != Population::Unsigned);
    let counts: Vec<String> = signed.map(|(population, own)| format!("{} {}", own.len(), population.label())).collect();
    let counts = if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
    let modes = [&network["modes"], &network["recurrence"]["modes"]].into_iter().find_map(Value::as_u64);
    let parts = [
        text(&network["kind"]),
        Some(format!("N = {units}{counts}")),
        modes.map(|modes| format!("P = {modes} modes")),
        text(&network["activation"]).or_else(|| text(&network["activation"]["kind"])),
        task_name(task).map(|name| format!("task {name}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Provenance of an artifact: the stage that wrote it, the stages before, and its config.
pub fn provenance(artifact: &Artifact) -> Provenance {
    let revision =
        |from: &mdl_artifact::Provenance| from.revision.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
    let stage = |from: &mdl_artifact::Provenance| Stage {
        program: format!("{} {}{}", from.program, from.version, revision(from)),
        seed: from.seed,
        inputs: from.inputs.iter().map(|input| (input.file.clone(), input.sha256.clone())).collect(),
    };
    let before = std::iter::successors(Some(&artifact.provenance), |from| from.parent.as_deref());
    Provenance { stages: before.map(stage).collect(), config: format!("{:#}", artifact.config) }
}
