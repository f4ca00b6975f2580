//! Figures and the HTML report, drawn from artifacts alone.
//!
//! Every figure has its own file in [`figures`]: `from_artifact` reads its data from an artifact into a struct of
//! borrowed slices, whose `draw()` checks them and returns a [`Figure`]. A figure is an SVG (with text as text) and can
//! be written as PDF and rendered as PNG with the embedded font, for the screen or for a column of a journal ([`Look`]). [`figures::draw`] draws the figures of an artifact, and
//! [`from_artifact::report`] combines them with the key results in a [`Report`], a self-contained HTML file.
//! [`evaluation`] describes the data that evaluations include for it. [`inspect`] summarises artifacts; [`gather`]
//! makes a table of many networks.
//!
//! ```
//! use mdl_report::Look;
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
//! .draw(Look::SCREEN)?;
//! assert!(figure.svg().starts_with("<svg") && figure.png(2.0)?.starts_with(b"\x89PNG"));
//! # Ok::<(), mdl_report::ReportError>(())
//! ```
//!
//! The same data give the same bytes. Invalid data (nothing to draw, different lengths, values that are not finite) are
//! a [`ReportError`] that names the figure and the data; nothing panics.
//!
//! Axes, ticks and the SVG itself come from the crate `kuva`, PNGs from `resvg`; the embedded font is Noto Sans (SIL
//! Open Font License). A new figure is one file in `figures` and one line in [`figures::FIGURES`].

mod analysis;
mod canvas;
mod check;
pub mod citation;
mod error;
pub mod evaluation;
mod figure;
pub mod figures;
mod files;
mod font;
pub mod from_artifact;
pub mod gather;
mod grid;
mod histogram;
mod html;
pub mod inspect;
mod lanes;
mod look;
mod mark;
mod mode_space;
mod outputs;
mod panel;
mod pdf;
mod population;
mod style;
mod window;

pub use error::ReportError;
pub use figure::Figure;
pub use files::{DPI, FigureFiles, FileFormat};
pub use html::{Provenance, Report, Section, Stage, Table};
pub use look::Look;
pub use population::Population;
