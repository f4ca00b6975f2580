//! The figures, one per file, and [their table](FIGURES).
//!
//! A figure is drawn from a single artifact. Its file reads, checks and draws the tensors that it needs; programs,
//! reports and tests know it only by its line in the table. The exception is [`networks`], which is drawn from a
//! [table of many networks](crate::gather).

pub mod agreement;
pub mod choices;
pub mod comparison;
pub mod components;
pub mod confusion;
pub mod continuation;
pub mod digits;
pub mod fixed_points;
pub mod flow;
pub mod importance;
pub mod intervals;
pub mod lesions;
pub mod membrane;
pub mod mode_space;
pub mod networks;
pub mod output;
pub mod raster;
pub mod rates;
pub mod removal;
pub mod search;
pub mod sweep;
pub mod switching;
pub mod targeted;
pub mod task;
pub mod time_constants;
pub mod training;
pub mod trajectory;

pub use crate::window::Window;
pub use agreement::Agreement;
pub use confusion::Confusion;
pub use digits::ExampleDigits;
pub use membrane::MembraneTraces;
pub use networks::Networks;
pub use output::Output;
pub use raster::Raster;
pub use rates::RateDistribution;
pub use search::SearchCurve;
pub use sweep::Sweep;
pub use training::TrainingCurve;
pub use trajectory::Trajectory;

use crate::{Figure, Look, ReportError};
use mdl_artifact::Artifact;

/// Draws a figure from an artifact; none for an artifact of another kind or without data for the figure.
pub type Draw = fn(&Artifact, Look) -> Result<Option<Figure>, ReportError>;

/// Every figure in the order of a report: its name in files and options, its section in the report, its function.
pub const FIGURES: &[(&str, &str, Draw)] = &[
    ("output", "Behaviour", output::from_artifact),
    ("modes", "Behaviour", trajectory::from_artifact),
    ("confusion", "Behaviour", confusion::from_artifact),
    ("digits", "Behaviour", digits::from_artifact),
    ("raster", "Behaviour", raster::from_artifact),
    ("rates", "Behaviour", rates::from_artifact),
    ("membrane", "Behaviour", membrane::from_artifact),
    ("agreement", "Rate and LIF network", agreement::from_artifact),
    ("sweep", "Parameter sweep", sweep::from_artifact),
    ("search", "Search for the scaling factor", search::from_artifact),
    ("training", "Training", training::from_artifact),
    ("task", "Task", task::from_artifact),
    ("time-constants", "Time constants", time_constants::from_artifact),
    ("mode-space", "Mode space", mode_space::from_artifact),
    ("flow", "Mode space", flow::from_artifact),
    ("fixed-points", "Fixed points", fixed_points::from_artifact),
    ("continuation", "Fixed points", continuation::from_artifact),
    ("importance", "Modes, units and connections", importance::from_artifact),
    ("removal", "Modes, units and connections", removal::from_artifact),
    ("lesions", "Modes, units and connections", lesions::from_artifact),
    ("components", "Populations", components::from_artifact),
    ("targeted", "Populations", targeted::from_artifact),
    ("choices", "Populations", choices::from_artifact),
    ("intervals", "Populations", intervals::from_artifact),
    ("switching", "Context switch", switching::from_artifact),
    ("comparison", "Two networks", comparison::from_artifact),
];

/// Names of all figures.
pub fn names() -> Vec<&'static str> {
    FIGURES.iter().map(|(name, ..)| *name).collect()
}

/// Figures of an artifact.
#[derive(Debug, Default)]
pub struct Drawn {
    /// Drawn figures, by name.
    pub figures: Vec<(&'static str, Figure)>,
    /// Errors of figures that could not be drawn, by name.
    pub failed: Vec<(&'static str, ReportError)>,
}

/// Draws those figures of an artifact that are in `names`, in the order of the table.
pub fn draw(artifact: &Artifact, names: &[&str]) -> Drawn {
    draw_as(artifact, names, Look::SCREEN)
}

/// The same for a look.
pub fn draw_as(artifact: &Artifact, names: &[&str], look: Look) -> Drawn {
    let mut drawn = Drawn::default();
    for (name, _, draw) in FIGURES.iter().filter(|(name, ..)| names.contains(name)) {
        match draw(artifact, look) {
            Ok(figure) => drawn.figures.extend(figure.map(|figure| (*name, figure))),
            Err(error) => drawn.failed.push((*name, error)),
        }
    }
    drawn
}
