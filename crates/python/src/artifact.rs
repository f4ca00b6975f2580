//! Artifacts: files in memory, and their tensors as arrays without a copy.

use crate::errors::{self, OrRaise};
use crate::inputs::{ArrayArgument, Numbers};
use crate::job;
use crate::memory::Memory;
use mdl_artifact::{Artifact as Content, Kind, Provenance, Values};
use mdl_cli::{OrExit, Status};
use mdl_report::{figures, inspect};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An artifact: its kind, config, provenance and tensors.
#[pyclass(frozen, module = "mdl_rnn._mdl_rnn")]
pub struct Artifact {
    pub content: Arc<Content>,
}

impl From<Content> for Artifact {
    fn from(content: Content) -> Self {
        Self { content: Arc::new(content) }
    }
}

impl Artifact {
    /// An artifact in memory, as if it had been read from a file of the usual name of its kind.
    ///
    /// # Errors
    /// An artifact that cannot be written.
    pub fn in_memory(content: Content) -> Result<Self, anyhow::Error> {
        let name = match content.kind {
            Kind::Evaluation => "eval".into(),
            kind => kind.to_string(),
        };
        let content = content.as_written(Path::new(&format!("{name}.safetensors")));
        content.map(Self::from).map_err(anyhow::Error::msg)
    }
}

#[pymethods]
impl Artifact {
    /// Reads a file.
    #[staticmethod]
    fn read(py: Python, path: PathBuf) -> PyResult<Self> {
        let content = py.detach(|| Content::read_any(&path).or_exit(Status::DamagedInput));
        content.or_raise(py).map(Self::from)
    }

    /// An artifact of a network with these tensors, each by its name, which must be those of the config.
    #[staticmethod]
    fn network(py: Python, kind: &str, config: &str, tensors: &Bound<PyDict>) -> PyResult<Self> {
        let kind = [Kind::Rate, Kind::Spiking, Kind::Lif].into_iter().find(|known| known.to_string() == kind);
        let kind = kind.ok_or_else(|| errors::argument(py, "kind", "another", "rate, spiking or lif"))?;
        let config = serde_json::from_str(config).or_raise(py)?;
        let config = mdl_cli::stages::resolve(mdl_cli::stages::Config::Json(&config), Default::default());
        let config = config.or_raise(py)?;
        let seed = config["seed"].as_u64().unwrap_or_default();
        let mut content = Content::new(kind, config, Provenance::new("mdl_rnn", None, seed));
        for (name, array) in tensors {
            let name: String = name.extract()?;
            let array: ArrayArgument = array.extract()?;
            match array.numbers() {
                Some(Numbers::F32(values)) => content.insert(&name, array.shape(), values),
                Some(Numbers::F64(values)) => content.insert(&name, array.shape(), values),
                Some(Numbers::U8(values)) => content.insert(&name, array.shape(), values),
                None => {
                    let expected = "an array of float32, float64 or uint8";
                    return Err(errors::argument(py, &name, "another type", expected));
                }
            }
        }
        mdl_cli::stages::check_network(&content).map_err(|error| {
            let (_, text) = Status::of(&error);
            // Without the file, which there is none of.
            let text = text.strip_prefix(": tensor ").unwrap_or(&text).replace('`', "");
            errors::exception(py, "ArgumentError", &text)
        })?;
        Self::in_memory(content).or_raise(py)
    }

    /// Writes the file.
    fn write(&self, py: Python, path: PathBuf, force: bool) -> PyResult<()> {
        py.detach(|| self.content.write(&path, force).or_exit(Status::Usage)).or_raise(py)
    }

    /// The artifact as if it had been read from this file.
    fn named(&self, py: Python, path: PathBuf) -> PyResult<Self> {
        let content = py.detach(|| (*self.content).clone().as_written(&path).map_err(anyhow::Error::msg));
        content.or_raise(py).map(Self::from)
    }

    /// True if kind, config and tensors are the same.
    fn same(&self, other: &Self) -> bool {
        let (one, other) = (&self.content, &other.content);
        (one.kind, &one.config, &one.tensors) == (other.kind, &other.config, &other.tensors)
    }

    /// Kind.
    #[getter]
    fn kind(&self) -> String {
        self.content.kind.to_string()
    }

    /// Config, as JSON.
    #[getter]
    fn config(&self) -> String {
        self.content.config.to_string()
    }

    /// Provenance, as JSON.
    #[getter]
    fn provenance(&self, py: Python) -> PyResult<String> {
        serde_json::to_string(&self.content.provenance).or_raise(py)
    }

    /// File.
    #[getter]
    fn path(&self) -> PathBuf {
        self.content.path().into()
    }

    /// SHA-256 of the file.
    #[getter]
    fn sha256(&self) -> String {
        self.content.as_input().sha256
    }

    /// Names of the tensors, sorted.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.content.tensors.keys().cloned().collect()
    }

    /// The memory of a tensor; `None` if there is none of this name.
    fn tensor(&self, name: &str) -> Option<Memory> {
        let array = self.content.tensors.get(name)?;
        let (owner, shape) = (self.content.clone(), &array.shape);
        Some(match &array.values {
            Values::F32(values) => Memory::of_artifact(owner, values, shape, "<f4"),
            Values::F64(values) => Memory::of_artifact(owner, values, shape, "<f8"),
            Values::I64(values) => Memory::of_artifact(owner, values, shape, "<i8"),
            Values::U32(values) => Memory::of_artifact(owner, values, shape, "<u4"),
            Values::U8(values) => Memory::of_artifact(owner, values, shape, "|u1"),
        })
    }

    /// Description, as of the program `inspect`.
    fn summary(&self) -> String {
        inspect::to_text(&self.content)
    }

    /// The first of the figures of these names that the artifact has, as SVG.
    fn figure(&self, py: Python, names: Vec<String>) -> PyResult<Option<String>> {
        let content = self.content.clone();
        job::quick(py, move || {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let drawn = figures::draw(&content, &names);
            Ok(names.iter().find_map(|name| {
                let (_, figure) = drawn.figures.iter().find(|(drawn, _)| drawn == name)?;
                Some(figure.svg().to_owned())
            }))
        })
    }
}
