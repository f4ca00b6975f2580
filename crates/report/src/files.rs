//! Files of a program's figures: `figures/<output's name>-<figure>.svg` and `.png` beside its output.

use crate::{Figure, ReportError};
use mdl_artifact::output::{OutputError, check_free, write_atomically};
use std::path::{Path, PathBuf};

/// Pixels of a PNG per unit of the figure.
const PNG_SCALE: f32 = 2.0;

/// Format of a figure's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Scalable, with text as text.
    Svg,
    /// Pixels.
    Png,
}

impl FileFormat {
    /// Format of a file by the end of its name: `.svg` or `.png`.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }

    /// Writes a figure in this format.
    ///
    /// # Errors
    /// [`ReportError`]: a figure that cannot be rendered, a file that cannot be written.
    pub fn write(self, figure: &Figure, path: &Path, force: bool) -> Result<(), ReportError> {
        let bytes = match self {
            Self::Svg => figure.svg().as_bytes().to_vec(),
            Self::Png => figure.png_at_most(PNG_SCALE)?,
        };
        Ok(write_atomically(path, &bytes, force)?)
    }
}

/// Files for the figures of one output.
#[derive(Clone, Debug)]
pub struct FigureFiles {
    directory: PathBuf,
    stem: String,
    names: Vec<&'static str>,
}

impl FigureFiles {
    /// Files for the figures `names` of `output`.
    pub fn beside(output: &Path, names: &[&'static str]) -> Self {
        let stem = output.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        Self { directory: output.with_file_name("figures"), stem, names: names.into() }
    }

    /// Files for the figures `names` of `artifact`, beside its report.
    pub fn of_report(report: &Path, artifact: &Path, names: &[&'static str]) -> Self {
        Self { directory: report.with_file_name("figures"), ..Self::beside(artifact, names) }
    }

    /// Names of the figures that may be written.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Prefix shared by all figures of the output, and by those of no other output in its directory.
    pub fn name(&self) -> PathBuf {
        self.directory.join(&self.stem)
    }

    /// All files that may be written.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.names.iter().flat_map(|name| ["svg", "png"].map(|extension| self.path(name, extension)))
    }

    /// Checks that no file exists, or that it may be overwritten.
    ///
    /// # Errors
    /// Those of [`check_free`].
    pub fn check_free(&self, force: bool) -> Result<(), OutputError> {
        self.paths().try_for_each(|path| check_free(&path, force))
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.directory.join(format!("{}-{name}.{extension}", self.stem))
    }

    /// Writes a figure as SVG and PNG; returns one message per file that could not be written, which names it.
    pub fn write(&self, name: &str, figure: &Figure, force: bool) -> Vec<String> {
        let [svg, png] = ["svg", "png"].map(|extension| self.path(name, extension));
        let written = write_atomically(&svg, figure.svg().as_bytes(), force).map_err(|error| error.to_string());
        let drawn = figure.png_at_most(PNG_SCALE).map_err(|error| format!("cannot write {}: {error}", png.display()));
        let png = drawn.and_then(|bytes| write_atomically(&png, &bytes, force).map_err(|error| error.to_string()));
        [written, png].into_iter().filter_map(Result::err).collect()
    }

    /// Removes the figures of an earlier output of the same name, except those of these names.
    pub fn remove_others(&self, kept: &[&str]) {
        let others = self.names.iter().filter(|name| !kept.contains(name));
        let paths = others.flat_map(|name| ["svg", "png"].map(|extension| self.path(name, extension)));
        paths.for_each(|path| drop(std::fs::remove_file(path)));
    }

    /// File of a figure that could not be drawn.
    pub fn svg(&self, name: &str) -> PathBuf {
        self.path(name, "svg")
    }
}
