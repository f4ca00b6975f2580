//! Where a program's figures are written: `figures/<output's name>-<figure>.svg` and `.png` beside its output.

use crate::{Figure, ReportError};
use mdl_artifact::output::{OutputError, check_free, remove_unfinished, write_atomically};
use std::path::{Path, PathBuf};

/// Pixels of a PNG to a unit of the figure.
const PNG_SCALE: f32 = 2.0;

/// Where the figures of one output go.
#[derive(Clone, Debug)]
pub struct FigureFiles {
    directory: PathBuf,
    stem: String,
    force: bool,
}

impl FigureFiles {
    /// The place for the figures of `output`, which no other process writes; existing ones are overwritten only with `force`.
    ///
    /// # Errors
    /// One of the figures `names` exists, and `force` is not given.
    pub fn beside(output: &Path, force: bool, names: &[&str]) -> Result<Self, OutputError> {
        let stem = output.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let files = Self { directory: output.with_file_name("figures"), stem, force };
        for name in names {
            for extension in ["svg", "png"] {
                check_free(&files.path(name, extension), force)?;
                remove_unfinished(&files.path(name, extension));
            }
        }
        Ok(files)
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.directory.join(format!("{}-{name}.{extension}", self.stem))
    }

    /// Writes a figure as SVG and PNG.
    ///
    /// # Errors
    /// The figure cannot be rendered or written.
    pub fn write(&self, name: &str, figure: &Figure) -> Result<(), ReportError> {
        write_atomically(&self.path(name, "svg"), figure.svg().as_bytes(), self.force)?;
        write_atomically(&self.path(name, "png"), &figure.png(PNG_SCALE)?, self.force)?;
        Ok(())
    }
}
