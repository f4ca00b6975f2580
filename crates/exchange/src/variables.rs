//! What a foreign file holds: named arrays and text.

use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

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
    Other(&'static str),
}

/// A variable: shape and content.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Extent of each dimension.
    pub shape: Vec<usize>,
    /// The content.
    pub content: Content,
}

/// The variables of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    /// The file, for messages.
    pub path: PathBuf,
    /// The variables, by name.
    pub by_name: BTreeMap<String, Variable>,
}

impl Variables {
    /// Whether there is a variable of this name.
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// An error about a variable.
    pub fn error(&self, name: &str, found: impl ToString, expected: impl ToString) -> Error {
        let (found, expected) = (found.to_string(), expected.to_string());
        Error::Variable { path: self.path.clone(), name: name.into(), found, expected }
    }

    fn get(&self, name: &str, expected: &str) -> Result<&Variable> {
        self.by_name.get(name).ok_or_else(|| self.error(name, "no such variable", expected))
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
        let values = self.numbers(name, shape)?;
        let narrow = |x: &f64| {
            let single = *x as f32;
            if single.is_finite() { Ok(single) } else { Err(self.error(name, x, "a number of single precision")) }
        };
        values.iter().map(narrow).collect()
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
    fn kind(&self) -> &'static str {
        match self.content {
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
