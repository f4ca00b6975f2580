//! Figures and the HTML report, drawn from plain data.
//!
//! Every figure is a struct of borrowed slices in its own file of [`figures`]; `draw()` checks the data and gives a
//! [`Figure`], which is an SVG (text stays text) and can be rendered as PNG with the embedded font. [`Report`] puts
//! figures, tables and text into one self-contained HTML file. [`from_artifact`] takes the data of some out of artifacts.
//! [`inspect`] says what an artifact is.
//!
//! ```
//! use mdl_report::figures::SearchCurve;
//! use mdl_report::figures::search::Candidate;
//!
//! let candidates = [20.0, 25.0, 30.0].map(|scaling_factor| Candidate {
//!     scaling_factor,
//!     performance: 0.9,
//!     interval: (0.82, 0.95),
//!     rate_hz: 12.0,
//! });
//! let figure = SearchCurve {
//!     title: "Search for the scaling factor",
//!     candidates: &candidates,
//!     chosen: Some(25.0),
//!     predicted: None,
//!     criterion: Some(0.95),
//! }
//! .draw()?;
//! assert!(figure.svg().starts_with("<svg") && figure.png(2.0)?.starts_with(b"\x89PNG"));
//! # Ok::<(), mdl_report::ReportError>(())
//! ```
//!
//! The same data give the same bytes. Bad data (nothing to draw, lengths that differ, values that are not finite) are a
//! [`ReportError`] that names the figure and the data; nothing panics.
//!
//! Axes, ticks and the SVG itself come from the crate `kuva`, PNGs from `resvg`, the embedded font is Noto Sans (SIL Open
//! Font License). A new figure is one file in `figures`, and its line in `figures/mod.rs`.

mod canvas;
mod check;
mod error;
pub mod evaluation;
mod figure;
pub mod figures;
mod files;
mod font;
pub mod from_artifact;
mod html;
pub mod inspect;
mod mark;
mod panel;
mod population;
mod style;
mod window;

pub use error::ReportError;
pub use figure::Figure;
pub use files::FigureFiles;
pub use html::{Provenance, Report, Section, Stage, Table};
pub use population::Population;
