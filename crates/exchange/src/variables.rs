//! What a foreign file holds: named arrays and text, each listed, those that were asked for with their values.

use crate::{Error, Result};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Largest number of bytes that one variable may take once unpacked: a weight matrix of 5792² double or 8192² single numbers.
pub const LARGEST_VARIABLE: u64 = 256 << 20;
/// Largest number of bytes that the variables of one file may take together once unpacked.
pub const LARGEST_FILE: u64 = 1 << 30;

/// The content of a variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Numbers, row-major. Double precision holds every single-precision number.
    Numbers(Vec<f64>),
    /// A line of text.
    Text(String),
    /// Something no network consists of, by what it is.
    Other(String),
}

/// A variable: shape and content.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Extent of each dimension.
    pub shape: Vec<usize>,
    /// The content.
    pub content: Content,
}

/// A variable as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Extent of each dimension.
    pub shape: Vec<usize>,
    /// Type of its numbers, or what it is otherwise.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What a reader found in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// Every variable.
    pub entries: Vec<Entry>,
    /// The values of those that were asked for.
    pub by_name: BTreeMap<String, Variable>,
}

/// The variables of a file, and which of them were used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    /// The file, for messages.
    pub path: PathBuf,
    contents: Contents,
    /// For each variable that is computed from others, those.
    sources: BTreeMap<String, Vec<String>>,
    used: RefCell<BTreeSet<String>>,
}

impl Variables {
    /// The variables of the file at `path`. A pruned array, `X_orig` with its `X_mask`, is there as `X`, too.
    ///
    /// # Errors
    /// A pruned array that does not fit its mask.
    pub fn new(path: &Path, contents: Contents) -> Result<Self> {
        let mut variables = Self { path: path.into(), contents, ..Self::default() };
        let names: Vec<String> = variables.contents.by_name.keys().cloned().collect();
        for original in &names {
            if let Some(name) = original.strip_suffix("_orig").filter(|name| !names.iter().any(|n| n == name)) {
                let mask = format!("{name}_mask");
                if variables.has(&mask) {
                    let pruned = variables.product(original, &mask)?;
                    variables.derive(name, pruned, &[original, &mask]);
                }
            }
        }
        Ok(variables)
    }

    /// The array `a` times the array `b`, element by element.
    fn product(&self, a: &str, b: &str) -> Result<Variable> {
        let shape = self.shape(a)?.to_vec();
        let product = self.numbers(a, &shape)?.iter().zip(self.numbers(b, &shape)?).map(|(a, b)| a * b).collect();
        Ok(Variable { shape, content: Content::Numbers(product) })
    }

    /// Adds a variable that was computed from others of the file: they count as used once it is.
    pub fn derive(&mut self, name: &str, variable: Variable, sources: &[&str]) {
        self.contents.by_name.insert(name.into(), variable);
        self.sources.insert(name.into(), sources.iter().map(ToString::to_string).collect());
        sources.iter().for_each(|source| _ = self.used.get_mut().remove(*source));
    }

    /// Every variable of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.contents.entries
    }

    /// The names of the variables that nothing has asked for, in the order of the file.
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.entries().iter().map(|entry| &entry.name).filter(|name| !used.contains(*name)).cloned().collect()
    }

    /// Counts a variable as used.
    pub fn mark_used(&self, name: &str) {
        let mut used = self.used.borrow_mut();
        match self.sources.get(name) {
            Some(sources) => used.extend(sources.iter().cloned()),
            None => _ = used.insert(name.into()),
        }
    }

    /// Whether there is a variable of this name.
    pub fn has(&self, name: &str) -> bool {
        self.contents.by_name.contains_key(name)
    }

    /// The names of the variables that were read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.contents.by_name.keys().map(String::as_str)
    }

    /// The numbers of a variable, if it has any, without counting it as used.
    pub fn peek(&self, name: &str) -> Option<(&[usize], &[f64])> {
        match self.contents.by_name.get(name) {
            Some(Variable { shape, content: Content::Numbers(values) }) => Some((shape, values)),
            _ => None,
        }
    }

    /// An error about a variable.
    pub fn error(&self, name: &str, found: impl ToString, expected: impl ToString) -> Error {
        let (found, expected) = (found.to_string(), expected.to_string());
        Error::Variable { path: self.path.clone(), name: name.into(), found, expected }
    }

    fn get(&self, name: &str, expected: &str) -> Result<&Variable> {
        self.mark_used(name);
        self.contents.by_name.get(name).ok_or_else(|| self.missing(name, expected))
    }

    /// The error about a variable that is not there: why, and what there is.
    fn missing(&self, name: &str, expected: &str) -> Error {
        if let Some(parameter) = self.parameter_of(name) {
            let found = format!("only `{parameter}`, from which a function that the file does not hold computes it");
            let expected = format!("{expected}: take the parametrization off in PyTorch and save again");
            return self.error(name, found, expected);
        }
        let names: Vec<&str> = self.entries().iter().take(40).map(|entry| entry.name.as_str()).collect();
        let more = if self.entries().len() > names.len() { ", …" } else { "" };
        let found = match names[..] {
            [] => "no such variable: the file holds none".into(),
            _ => format!("no such variable among {}{more}", names.join(", ")),
        };
        self.error(name, found, expected)
    }

    /// The parameter that PyTorch keeps for a variable that it computes by itself: under a parametrization, weight or
    /// spectral normalization.
    fn parameter_of(&self, name: &str) -> Option<&str> {
        let (folder, base) = name.rsplit_once('.').map_or((String::new(), name), |(f, base)| (format!("{f}."), base));
        let parametrized = format!("{folder}parametrizations.{base}.");
        let [original, magnitude] = ["_orig", "_g"].map(|ending| format!("{name}{ending}"));
        let mut names = self.entries().iter().map(|entry| entry.name.as_str());
        names.find(|found| found.starts_with(&parametrized) || *found == original || *found == magnitude)
    }

    /// The shape of a variable.
    ///
    /// # Errors
    /// [`Error::Variable`] when it is missing.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        self.get(name, "numbers").map(|variable| variable.shape.as_slice())
    }

    /// The shape of a variable that must be a matrix.
    ///
    /// # Errors
    /// [`Error::Variable`].
    pub fn matrix_shape(&self, name: &str) -> Result<[usize; 2]> {
        let shape = &self.get(name, "a matrix")?.shape;
        shape.as_slice().try_into().map_err(|_| self.error(name, format!("shape {shape:?}"), "a matrix"))
    }

    /// The numbers of a variable, which must be finite and of this shape.
    ///
    /// # Errors
    /// [`Error::Variable`].
    pub fn numbers(&self, name: &str, shape: &[usize]) -> Result<&[f64]> {
        let expected = format!("numbers of shape {shape:?}");
        let variable = self.get(name, &expected)?;
        let Content::Numbers(values) = &variable.content else {
            return Err(self.error(name, variable.kind(), expected));
        };
        if variable.shape != shape {
            return Err(self.error(name, format!("shape {:?}", variable.shape), expected));
        }
        match values.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(self.error(name, format!("{} at element {at}", values[at]), "finite numbers")),
            None => Ok(values),
        }
    }

    /// The numbers of a variable in single precision.
    ///
    /// # Errors
    /// [`Error::Variable`], also for numbers beyond single precision.
    pub fn singles(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.narrow(name, self.numbers(name, shape)?)
    }

    /// Numbers of a variable in single precision.
    ///
    /// # Errors
    /// [`Error::Variable`] for numbers beyond it.
    pub fn narrow(&self, name: &str, values: &[f64]) -> Result<Vec<f32>> {
        let narrow = |x: &f64| {
            let single = *x as f32;
            if single.is_finite() { Ok(single) } else { Err(self.error(name, x, "a number of single precision")) }
        };
        values.iter().map(narrow).collect()
    }

    /// The numbers of a vector of `length` elements, whatever its orientation.
    ///
    /// # Errors
    /// [`Error::Variable`].
    pub fn vector(&self, name: &str, length: usize) -> Result<&[f64]> {
        let shape = self.get(name, "a vector")?.shape.clone();
        let longer = shape.iter().filter(|extent| **extent != 1).count();
        if longer > 1 || shape.iter().product::<usize>() != length {
            return Err(self.error(name, format!("shape {shape:?}"), format!("a vector of {length} numbers")));
        }
        self.numbers(name, &shape)
    }

    /// All numbers of a variable, whatever its shape.
    ///
    /// # Errors
    /// [`Error::Variable`].
    pub fn flat(&self, name: &str) -> Result<&[f64]> {
        let shape = self.get(name, "numbers")?.shape.clone();
        self.numbers(name, &shape)
    }

    /// The only number of a variable.
    ///
    /// # Errors
    /// [`Error::Variable`].
    pub fn scalar(&self, name: &str) -> Result<f64> {
        let values = self.flat(name)?;
        if let [value] = values {
            Ok(*value)
        } else {
            Err(self.error(name, format!("{} numbers", values.len()), "one"))
        }
    }

    /// The text of a variable.
    ///
    /// # Errors
    /// [`Error::Variable`].
    pub fn text(&self, name: &str) -> Result<&str> {
        let variable = self.get(name, "text")?;
        match &variable.content {
            Content::Text(text) => Ok(text),
            _ => Err(self.error(name, variable.kind(), "text")),
        }
    }
}

impl Variable {
    fn kind(&self) -> &str {
        match &self.content {
            Content::Numbers(_) => "numbers",
            Content::Text(_) => "text",
            Content::Other(what) => what,
        }
    }
}

/// Elements of an array of this shape, if that many of `bytes` bytes each are allowed.
pub fn elements(shape: &[usize], bytes: usize) -> std::result::Result<usize, String> {
    let count = shape.iter().try_fold(1usize, |product, extent| product.checked_mul(*extent));
    match count {
        Some(count) if (count as u64).saturating_mul(bytes as u64) <= LARGEST_VARIABLE => Ok(count),
        _ => Err(format!("an array of shape {shape:?}, more than {} MiB", LARGEST_VARIABLE >> 20)),
    }
}
