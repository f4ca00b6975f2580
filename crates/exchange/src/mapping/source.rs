//! Source of a tensor: an array of the file, transposed or multiplied if requested, or a number.

use crate::{Error, Result, Variables};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// Source of a tensor. In JSON the name of an array, a number, or an object.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Source {
    origin: Origin,
    /// True if rows and columns are swapped.
    pub transpose: bool,
    /// Factors of the array, applied after rows and columns are swapped.
    pub scale: Vec<Factor>,
}

#[derive(Clone, Debug, PartialEq)]
enum Origin {
    Array(String),
    Number(f64),
}

/// A number, or the name of an array of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Factor {
    /// A number.
    Number(f64),
    /// Array with the shape of the tensor, the length of one of its dimensions, or a single element.
    Array(String),
}

/// A source as written in the file.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Source")]
#[expect(dead_code, reason = "only its schema is used")]
enum SourceText {
    /// Name of the array.
    Name(String),
    /// Value of every element of the tensor.
    Number(f64),
    /// An array that is transposed or multiplied.
    Array(ArrayText),
}

/// An array that is transposed or multiplied.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ArrayText {
    /// Name of the array.
    name: String,
    /// Swaps rows and columns.
    #[serde(default)]
    transpose: bool,
    /// Factors, applied after rows and columns are swapped: a number, the name of an array, or a list of them.
    #[serde(default)]
    scale: ScaleText,
}

/// One factor, or several.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum ScaleText {
    /// One factor.
    One(Factor),
    /// Several factors.
    Several(Vec<Factor>),
}

impl Default for ScaleText {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl TryFrom<Value> for Source {
    type Error = String;

    fn try_from(value: Value) -> std::result::Result<Self, String> {
        let plain = |origin| Self { origin, transpose: false, scale: Vec::new() };
        match value {
            Value::String(name) => Ok(plain(Origin::Array(name))),
            Value::Number(number) => {
                number.as_f64().map(|x| plain(Origin::Number(x))).ok_or_else(|| "no number".into())
            }
            Value::Object(_) => {
                let text: ArrayText = serde_json::from_value(value).map_err(|e| e.to_string())?;
                let scale = match text.scale {
                    ScaleText::One(factor) => vec![factor],
                    ScaleText::Several(factors) => factors,
                };
                Ok(Self { origin: Origin::Array(text.name), transpose: text.transpose, scale })
            }
            other => Err(format!("found {other}, expected the name of an array, a number, or an object with a name")),
        }
    }
}

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        SourceText::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        SourceText::json_schema(generator)
    }
}

impl Source {
    /// An array without changes.
    pub fn array(name: &str) -> Self {
        Self { origin: Origin::Array(name.into()), transpose: false, scale: Vec::new() }
    }

    /// Name of the array; none for a number.
    pub fn name(&self) -> Option<&str> {
        match &self.origin {
            Origin::Array(name) => Some(name),
            Origin::Number(_) => None,
        }
    }

    /// Names of all arrays that it uses.
    pub fn arrays(&self) -> impl Iterator<Item = &str> {
        let factors = self.scale.iter().filter_map(|factor| match factor {
            Factor::Array(name) => Some(name.as_str()),
            Factor::Number(_) => None,
        });
        self.name().into_iter().chain(factors)
    }

    /// The value, if it is a number.
    pub(super) fn number(&self, variables: &Variables) -> Result<f64> {
        let mut number = match &self.origin {
            Origin::Number(number) => vec![*number],
            Origin::Array(name) => vec![variables.scalar(name)?],
        };
        for factor in &self.scale {
            factor.multiply(&mut number, variables, "scaling_factor", &[1])?;
        }
        Ok(number[0])
    }

    /// Values of `tensor`, which must have this shape except for dimensions of size 1.
    pub(super) fn values(&self, variables: &Variables, tensor: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let values = self.unrounded(variables, tensor, shape)?;
        variables.narrow(self.name().unwrap_or(tensor), &values)
    }

    /// The same in double precision.
    pub(super) fn doubles(&self, variables: &Variables, tensor: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let values = self.unrounded(variables, tensor, shape)?;
        // Refuses numbers that are not finite.
        variables.narrow(self.name().unwrap_or(tensor), &values)?;
        Ok(values)
    }

    fn unrounded(&self, variables: &Variables, tensor: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let mut values = match &self.origin {
            Origin::Number(number) => vec![*number; shape.iter().product()],
            Origin::Array(name) => self.stored(variables, name, tensor, shape)?,
        };
        for factor in &self.scale {
            factor.multiply(&mut values, variables, tensor, shape)?;
        }
        Ok(values)
    }

    /// Values of the array, in the order of the tensor.
    fn stored(&self, variables: &Variables, name: &str, tensor: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let stored = variables.shape(name)?;
        let values = variables.numbers(name, stored)?;
        let mut turned = stored.to_vec();
        if self.transpose {
            turned.reverse();
        }
        if longer(&turned) != longer(shape) || (self.transpose && stored.len() > 2) {
            let how = if self.transpose { ", transposed" } else { "" };
            return Err(variables.error(name, format!("shape {turned:?}{how}"), format!("{shape:?}, for `{tensor}`")));
        }
        Ok(match turned[..] {
            [rows, columns] if self.transpose => {
                (0..rows * columns).map(|at| values[at % columns * rows + at / columns]).collect()
            }
            _ => values.to_vec(),
        })
    }
}

impl Factor {
    /// Multiplies the values of a tensor of this shape.
    fn multiply(&self, values: &mut [f64], variables: &Variables, tensor: &str, shape: &[usize]) -> Result<()> {
        let name = match self {
            Self::Number(number) if number.is_finite() => {
                values.iter_mut().for_each(|value| *value *= number);
                return Ok(());
            }
            Self::Number(number) => {
                let message = format!("`{tensor}`: found scale {number}, expected a finite number");
                return Err(Error::Undecided { path: variables.path.clone(), message });
            }
            Self::Array(name) => name,
        };
        let stored = variables.shape(name)?;
        let strides = strides(stored, shape).map_err(|why| {
            variables.error(
                name,
                format!("shape {stored:?}{why}"),
                format!("a shape that multiplies {shape:?}, for `{tensor}`"),
            )
        })?;
        let factors = variables.numbers(name, stored)?;
        for (at, value) in values.iter_mut().enumerate() {
            let (mut rest, mut index) = (at, 0);
            for (extent, stride) in shape.iter().zip(&strides).rev() {
                index += rest % extent * stride;
                rest /= extent;
            }
            *value *= factors[index];
        }
        Ok(())
    }
}

/// Dimensions of size other than 1.
fn longer(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|extent| *extent != 1).collect()
}

/// For each dimension of a tensor, the stride between the factors of its elements, for factors with the tensor's own
/// shape, with the length of one dimension, or one factor for all.
fn strides(factors: &[usize], shape: &[usize]) -> std::result::Result<Vec<usize>, &'static str> {
    let row_major = |shape: &[usize]| {
        (0..shape.len()).map(|i| if shape[i] == 1 { 0 } else { shape[i + 1..].iter().product() }).collect::<Vec<_>>()
    };
    let broadcast = factors.len() == shape.len() && factors.iter().zip(shape).all(|(f, extent)| *f == 1 || f == extent);
    if broadcast {
        return Ok(row_major(factors));
    }
    match longer(factors)[..] {
        [] => Ok(vec![0; shape.len()]),
        [length] => {
            let mut axes = (0..shape.len()).filter(|axis| shape[*axis] == length);
            match (axes.next(), axes.next()) {
                (Some(axis), None) => Ok((0..shape.len()).map(|i| usize::from(i == axis)).collect()),
                (Some(_), Some(_)) => Err(", which fits rows and columns: give it a second dimension of 1"),
                _ => Err(""),
            }
        }
        _ => Err(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_multiply_a_tensor_by_element_row_column_or_whole() {
        assert_eq!(strides(&[2, 3], &[2, 3]), Ok(vec![3, 1]));
        assert_eq!(strides(&[2, 1], &[2, 3]), Ok(vec![1, 0]));
        assert_eq!(strides(&[1, 3], &[2, 3]), Ok(vec![0, 1]));
        assert_eq!(strides(&[3], &[2, 3]), Ok(vec![0, 1]));
        assert_eq!(strides(&[2], &[2, 3]), Ok(vec![1, 0]));
        assert_eq!(strides(&[], &[2, 3]), Ok(vec![0, 0]));
        assert_eq!(strides(&[1], &[1, 3]), Ok(vec![0, 0]));
        assert_eq!(strides(&[3, 1], &[3]), Ok(vec![1]));
        assert_eq!(strides(&[3, 1], &[3, 3]), Ok(vec![1, 0]));
        assert!(strides(&[3], &[3, 3]).unwrap_err().contains("rows and columns"));
        assert!(strides(&[4], &[2, 3]).is_err());
        assert!(strides(&[3, 2], &[2, 3]).is_err());
    }

    #[test]
    fn sources_are_a_name_a_number_or_an_object() {
        let source = |text: &str| serde_json::from_str::<Source>(text).map_err(|e| e.to_string());
        assert_eq!(source(r#""a""#).unwrap(), Source::array("a"));
        assert_eq!(source("0.5").unwrap().name(), None);
        let scaled = source(r#"{"name": "a", "transpose": true, "scale": ["b", 0.5]}"#).unwrap();
        assert_eq!(scaled.arrays().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(source(r#"{"name": "a", "scale": 2}"#).unwrap().scale, [Factor::Number(2.0)]);
        assert!(source(r#"{"name": "a", "scaled": 2}"#).unwrap_err().contains("unknown field `scaled`"));
        assert!(source("[1]").unwrap_err().contains("expected the name of an array, a number"));
    }
}
