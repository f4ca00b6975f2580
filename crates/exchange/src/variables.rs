//! Content of a foreign file: named arrays and text, all listed, with the values of the requested ones.

use crate::{Error, Result};
use mdl_artifact::arrays::{Content, Contents, Entry, Variable};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Variables of a file, with a record of their use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    /// The file, for messages.
    pub path: PathBuf,
    contents: Contents,
    /// For each computed variable, those it is computed from.
    sources: BTreeMap<String, Vec<String>>,
    used: RefCell<BTreeSet<String>>,
}

impl Variables {
    /// Variables of the file at `path`. A pruned array, `X_orig` with its `X_mask`, is also available as `X`.
    ///
    /// # Errors
    /// A pruned array that does not match its mask.
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

    /// Product of the arrays `a` and `b`, element by element.
    fn product(&self, a: &str, b: &str) -> Result<Variable> {
        let shape = self.shape(a)?.to_vec();
        let product = self.numbers(a, &shape)?.iter().zip(self.numbers(b, &shape)?).map(|(a, b)| a * b).collect();
        Ok(Variable { shape, content: Content::Numbers(product) })
    }

    /// Adds a variable computed from others of the file, which count as used once it is used.
    pub fn derive(&mut self, name: &str, variable: Variable, sources: &[&str]) {
        self.contents.by_name.insert(name.into(), variable);
        self.sources.insert(name.into(), sources.iter().map(ToString::to_string).collect());
        sources.iter().for_each(|source| _ = self.used.get_mut().remove(*source));
    }

    /// Every variable of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.contents.entries
    }

    /// Names of the variables that were not requested, in file order.
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        self.entries().iter().map(|entry| &entry.name).filter(|name| !used.contains(*name)).cloned().collect()
    }

    /// Marks a variable as used.
    pub fn mark_used(&self, name: &str) {
        let mut used = self.used.borrow_mut();
        match self.sources.get(name) {
            Some(sources) => used.extend(sources.iter().cloned()),
            None => _ = used.insert(name.into()),
        }
    }

    /// True if there is a variable of this name.
    pub fn has(&self, name: &str) -> bool {
        self.contents.by_name.contains_key(name)
    }

    /// Names of the variables that were read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.contents.by_name.keys().map(String::as_str)
    }

    /// Numbers of a variable, if it has any, without marking it as used.
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

    /// Error about a missing variable, with the reason and the available ones.
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

    /// Parameter that PyTorch stores for a computed variable: under a parametrization, weight normalization or spectral
    /// normalization.
    fn parameter_of(&self, name: &str) -> Option<&str> {
        let (folder, base) = name.rsplit_once('.').map_or((String::new(), name), |(f, base)| (format!("{f}."), base));
        let parametrized = format!("{folder}parametrizations.{base}.");
        let [original, magnitude] = ["_orig", "_g"].map(|ending| format!("{name}{ending}"));
        let mut names = self.entries().iter().map(|entry| entry.name.as_str());
        names.find(|found| found.starts_with(&parametrized) || *found == original || *found == magnitude)
    }

    /// Shape of a variable.
    ///
    /// # Errors
    /// [`Error::Variable`] if it is missing.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        self.get(name, "numbers").map(|variable| variable.shape.as_slice())
    }

    /// Shape of a variable that must be a matrix.
    ///
    /// # Errors
    /// [`Error::Variable`].
    pub fn matrix_shape(&self, name: &str) -> Result<[usize; 2]> {
        let shape = &self.get(name, "a matrix")?.shape;
        shape.as_slice().try_into().map_err(|_| self.error(name, format!("shape {shape:?}"), "a matrix"))
    }

    /// Numbers of a variable, which must be finite and of this shape.
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

    /// Numbers of a variable in single precision.
    ///
    /// # Errors
    /// [`Error::Variable`], also for numbers outside single precision.
    pub fn singles(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.narrow(name, self.numbers(name, shape)?)
    }

    /// Numbers of a variable in single precision.
    ///
    /// # Errors
    /// [`Error::Variable`] for numbers outside its range.
    pub fn narrow(&self, name: &str, values: &[f64]) -> Result<Vec<f32>> {
        let narrow = |x: &f64| {
            let single = *x as f32;
            if single.is_finite() { Ok(single) } else { Err(self.error(name, x, "a number of single precision")) }
        };
        values.iter().map(narrow).collect()
    }

    /// Numbers of a vector of `length` elements, a row or a column.
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

    /// Single number of a variable.
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

    /// Lines of text of a variable, row-major.
    ///
    /// # Errors
    /// [`Error::Variable`].
    pub fn texts(&self, name: &str) -> Result<&[String]> {
        let variable = self.get(name, "lines of text")?;
        match &variable.content {
            Content::Texts(texts) => Ok(texts),
            Content::Text(text) => Ok(std::slice::from_ref(text)),
            Content::Numbers(numbers) if numbers.is_empty() => Ok(&[]),
            _ => Err(self.error(name, variable.kind(), "lines of text")),
        }
    }

    /// Text of a variable.
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
