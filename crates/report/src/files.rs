//! Files of a program's figures: `figures/<output's name>-<figure>.svg`, `.pdf` and `.png` beside its output.

use crate::{Figure, ReportError};
use mdl_artifact::output::{OutputError, check_free, write_atomically};
use std::path::{Path, PathBuf};

/// Default resolution of PNGs, in pixels per inch.
pub const DPI: u32 = 300;

/// Format of a figure's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Scalable, with text as text.
    Svg,
    /// Scalable, with its fonts embedded.
    Pdf,
    /// Pixels.
    Png,
}

impl FileFormat {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Svg, Self::Pdf, Self::Png];

    /// Endings of names, for messages.
    pub const ENDINGS: &str = ".svg, .pdf or .png";

    /// Ending of the name of a file.
    fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Pdf => "pdf",
            Self::Png => "png",
        }
    }

    /// Format of a file by the end of its name: `.svg`, `.pdf` or `.png`.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }

    /// A figure in this format; `dpi` is the resolution of a PNG.
    fn bytes(self, figure: &Figure, dpi: u32) -> Result<Vec<u8>, ReportError> {
        match self {
            Self::Svg => Ok(figure.svg().as_bytes().to_vec()),
            Self::Pdf => figure.pdf(),
            Self::Png => figure.png_of_dpi(dpi as f32),
        }
    }

    /// Writes a figure in this format.
    ///
    /// # Errors
    /// [`ReportError`]: a figure that cannot be rendered, a file that cannot be written.
    pub fn write(self, figure: &Figure, path: &Path, force: bool) -> Result<(), ReportError> {
        Ok(write_atomically(path, &self.bytes(figure, DPI)?, force)?)
    }
}

/// Files for the figures of one output.
#[derive(Clone, Debug)]
pub struct FigureFiles {
    directory: PathBuf,
    stem: String,
    names: Vec<&'static str>,
    dpi: u32,
}

impl FigureFiles {
    /// Files for the figures `names` of `output`.
    pub fn beside(output: &Path, names: &[&'static str]) -> Self {
        let stem = output.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        Self { directory: output.with_file_name("figures"), stem, names: names.into(), dpi: DPI }
    }

    /// Files for the figures `names` of `artifact`, beside its report.
    pub fn of_report(report: &Path, artifact: &Path, names: &[&'static str]) -> Self {
        Self { directory: report.with_file_name("figures"), ..Self::beside(artifact, names) }
    }

    /// The same with PNGs of this many pixels per inch.
    #[must_use]
    pub fn of_dpi(self, dpi: u32) -> Self {
        Self { dpi, ..self }
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
        self.names.iter().flat_map(|name| self.paths_of(name))
    }

    /// Checks that no file exists, or that it may be overwritten.
    ///
    /// # Errors
    /// Those of [`check_free`].
    pub fn check_free(&self, force: bool) -> Result<(), OutputError> {
        self.paths().try_for_each(|path| check_free(&path, force))
    }

    fn path(&self, name: &str, format: FileFormat) -> PathBuf {
        self.directory.join(format!("{}-{name}.{}", self.stem, format.extension()))
    }

    fn paths_of(&self, name: &str) -> [PathBuf; 3] {
        FileFormat::ALL.map(|format| self.path(name, format))
    }

    /// Writes a figure in all formats; returns one message per file that could not be written, which names it.
    pub fn write(&self, name: &str, figure: &Figure, force: bool) -> Vec<String> {
        let write = |format: FileFormat| {
            let path = self.path(name, format);
            let drawn = format.bytes(figure, self.dpi);
            let bytes = drawn.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            write_atomically(&path, &bytes, force).map_err(|error| error.to_string())
        };
        FileFormat::ALL.into_iter().filter_map(|format| write(format).err()).collect()
    }

    /// Removes the figures of an earlier output of the same name, except those of these names.
    pub fn remove_others(&self, kept: &[&str]) {
        let others = self.names.iter().filter(|name| !kept.contains(name));
        let paths = others.flat_map(|name| self.paths_of(name));
        paths.for_each(|path| drop(std::fs::remove_file(path)));
    }

    /// File of a figure that could not be drawn.
    pub fn svg(&self, name: &str) -> PathBuf {
        self.path(name, FileFormat::Svg)
    }
}
