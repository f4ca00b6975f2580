//! Content of a file of arrays: named arrays and text, all listed, with the values of the requested ones.

use serde::Serialize;
use std::collections::BTreeMap;

/// Maximum unpacked sizes, as numbers in double precision (bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one array.
    pub array: u64,
    /// Of all requested arrays of a file.
    pub file: u64,
}

impl Limits {
    /// Those of a file with a network: weight matrices of 5792² double or 8192² single numbers.
    pub const NETWORK: Self = Self { array: 256 << 20, file: 1 << 30 };
    /// Those of a file with trials: 2²⁸ numbers per array.
    pub const TRIALS: Self = Self { array: 2 << 30, file: 4 << 30 };

    /// Number of elements of an array of this shape.
    ///
    /// # Errors
    /// More elements of `bytes` bytes each than an array may have.
    pub fn elements(&self, shape: &[usize], bytes: usize) -> Result<usize, String> {
        let count = shape.iter().try_fold(1usize, |product, extent| product.checked_mul(*extent));
        match count {
            Some(count) if (count as u64).saturating_mul(bytes as u64) <= self.array => Ok(count),
            _ => Err(format!("an array of shape {shape:?}, more than {} MiB", self.array >> 20)),
        }
    }
}

/// Content of a variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Numbers, row-major. Double precision represents every single-precision number.
    Numbers(Vec<f64>),
    /// A line of text.
    Text(String),
    /// Several lines of text, row-major.
    Texts(Vec<String>),
    /// Content that is not read, by description.
    Other(String),
}

/// A variable: shape and content.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// Content of the variable.
    pub content: Content,
}

/// A variable as shown in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Name of the variable.
    pub name: String,
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// Type of its numbers, or a description of other content.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Result of a reader.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// Every variable.
    pub entries: Vec<Entry>,
    /// Values of the requested variables.
    pub by_name: BTreeMap<String, Variable>,
}

impl Variable {
    /// Description of the content.
    pub fn kind(&self) -> &str {
        match &self.content {
            Content::Numbers(_) => "numbers",
            Content::Text(_) => "text",
            Content::Texts(_) => "several texts",
            Content::Other(what) => what,
        }
    }
}
