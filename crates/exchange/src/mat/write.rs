//! Writer of MATLAB files, uncompressed.

use super::format::{HEADER, class, element};
use mdl_artifact::Values;

/// Values of a variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Numbers, row-major, each type as the class of its name.
    Numbers(Values),
    /// Booleans, row-major.
    Logical(Vec<bool>),
    /// A line of text.
    Text(String),
}

/// A variable to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Size of each dimension; a vector becomes a column.
    pub shape: Vec<usize>,
    /// The values.
    pub data: Data,
}

impl Matrix {
    /// Numbers of some shape.
    pub fn numbers(shape: &[usize], values: Values) -> Self {
        Self { shape: shape.into(), data: Data::Numbers(values) }
    }

    /// One number in double precision.
    pub fn scalar(value: f64) -> Self {
        Self::numbers(&[1, 1], Values::F64(vec![value]))
    }

    /// A line of text.
    pub fn text(text: &str) -> Self {
        Self { shape: vec![1, text.encode_utf16().count()], data: Data::Text(text.into()) }
    }
}

/// The bytes of a file with these variables.
///
/// # Errors
/// A variable of more than 4 GiB, which the format does not support.
pub fn write(variables: &[(String, Matrix)]) -> Result<Vec<u8>, String> {
    let mut file = format!("{:<124}", "MATLAB 5.0 MAT-file, written by mdl-rnn").into_bytes();
    file[116..].fill(0);
    file.extend(0x0100u16.to_le_bytes());
    file.extend(b"IM");
    debug_assert_eq!(file.len(), HEADER);
    for (name, matrix) in variables {
        let array = array(name, matrix);
        let fits = |extent: &usize| i32::try_from(*extent).is_ok();
        if u32::try_from(array.len()).is_err() || !matrix.shape.iter().all(fits) {
            return Err(format!("variable `{name}` of shape {:?} is larger than the format allows", matrix.shape));
        }
        part(&mut file, element::MATRIX, &array);
    }
    Ok(file)
}

/// The body of an array: flags, dimensions, name, data.
fn array(name: &str, matrix: &Matrix) -> Vec<u8> {
    let mut shape = matrix.shape.clone();
    shape.resize(shape.len().max(2), 1);
    let (class, kind, data) = match &matrix.data {
        Data::Numbers(Values::F32(v)) => (class::SINGLE, element::SINGLE, bytes(&shape, v, f32::to_le_bytes)),
        Data::Numbers(Values::F64(v)) => (class::DOUBLE, element::DOUBLE, bytes(&shape, v, f64::to_le_bytes)),
        Data::Numbers(Values::I64(v)) => (class::INT64, element::INT64, bytes(&shape, v, i64::to_le_bytes)),
        Data::Numbers(Values::U32(v)) => (class::UINT32, element::UINT32, bytes(&shape, v, u32::to_le_bytes)),
        Data::Numbers(Values::U8(v)) => (class::UINT8, element::UINT8, bytes(&shape, v, u8::to_le_bytes)),
        Data::Logical(v) => (class::UINT8, element::UINT8, bytes(&shape, v, |flag| [u8::from(flag)])),
        Data::Text(text) => (class::CHAR, element::UINT16, text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    };
    let logical = u8::from(matches!(matrix.data, Data::Logical(_)));
    let extents: Vec<u8> = shape.iter().flat_map(|extent| (*extent as u32).to_le_bytes()).collect();
    let mut body = Vec::with_capacity(data.len() + 64 + name.len());
    part(&mut body, element::UINT32, &[class, logical << 1, 0, 0, 0, 0, 0, 0]);
    part(&mut body, element::INT32, &extents);
    part(&mut body, element::INT8, name.as_bytes());
    part(&mut body, kind, &data);
    body
}

/// Appends an element, padded to 8 bytes.
fn part(out: &mut Vec<u8>, kind: u32, data: &[u8]) {
    out.extend(kind.to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out.resize(out.len().next_multiple_of(8), 0);
}

/// Row-major values in column order, as bytes.
fn bytes<T: Copy, const W: usize>(shape: &[usize], rows: &[T], to_bytes: impl Fn(T) -> [u8; W]) -> Vec<u8> {
    let row_major = |mut at: usize| {
        let (mut index, mut stride) = (0, rows.len());
        for extent in shape {
            stride /= extent;
            index += at % extent * stride;
            at /= extent;
        }
        index
    };
    (0..rows.len()).flat_map(|at| to_bytes(rows[row_major(at)])).collect()
}
