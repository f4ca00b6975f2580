//! Writes one figure of every kind, as SVG and PNG, and a report with all of them, from simulated data.
//!
//! `cargo run --release -p mdl-report --example gallery -- DIRECTORY`

#[path = "../tests/common/mod.rs"]
mod common;

use mdl_report::{Provenance, Report, Section, Stage, Table};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).map_or_else(|| PathBuf::from("gallery"), PathBuf::from);
    std::fs::create_dir_all(&directory)?;
    let mut figures = Section::new("Figures").text("One figure of every kind, from simulated data.");
    for (name, figure) in common::gallery()? {
        std::fs::write(directory.join(format!("{name}.svg")), figure.svg())?;
        std::fs::write(directory.join(format!("{name}.png")), figure.png_of_dpi(300.0)?)?;
        std::fs::write(directory.join(format!("{name}.pdf")), figure.pdf()?)?;
        let caption = figure.caption().to_owned();
        figures = figures.figure(figure, &caption);
    }
    let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
    let table = Table {
        caption: "Performance by condition.".into(),
        columns: row(["Condition", "Trials", "Correct", "Performance"]),
        rows: vec![row(["Go", "52", "50", "0.96 (0.87–0.99)"]), row(["NoGo", "48", "48", "1.00 (0.93–1.00)"])],
    };
    let stage = |program: &str, input: &str| Stage {
        program: program.into(),
        seed: 1,
        inputs: vec![(input.into(), "0".repeat(64))],
    };
    let provenance = Provenance {
        stages: vec![stage("eval-lif 0.1.0", "lif.safetensors"), stage("lambda-search 0.1.0", "rate.safetensors")],
        config: "{\n  \"network\": { \"units\": 200 }\n}".into(),
    };
    let report = Report::new("Gallery of figures")
        .summary("Every figure that the programs draw, made from simulated data.")
        .result("Performance", "0.98 (0.93–0.99), 100 trials")
        .result("Mean firing rate", "8.1 Hz")
        .section(Section::new("Performance").table(table))
        .section(figures)
        .provenance(provenance);
    std::fs::write(directory.join("report.html"), report.html())?;
    Ok(())
}
