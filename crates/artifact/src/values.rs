//! Tensors in memory and as bytes of a file.

use safetensors::tensor::Dtype;
use std::io::{self, Read};

/// Values of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// 64-bit floating point.
    F64(Vec<f64>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit unsigned integers.
    U32(Vec<u32>),
    /// Bytes: masks and flags.
    U8(Vec<u8>),
}

impl Values {
    pub(super) fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
            Self::I64(_) => Dtype::I64,
            Self::U32(_) => Dtype::U32,
            Self::U8(_) => Dtype::U8,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::U8(v) => v.len(),
        }
    }

    /// Type of the numbers, for example `F32`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::F32(_) => f32::NAME,
            Self::F64(_) => f64::NAME,
            Self::I64(_) => i64::NAME,
            Self::U32(_) => u32::NAME,
            Self::U8(_) => u8::NAME,
        }
    }

    /// The numbers as `f64`, whatever their type; integers beyond ±2⁵³ are rounded.
    pub fn numbers(&self) -> Box<dyn Iterator<Item = f64> + '_> {
        match self {
            Self::F32(v) => Box::new(v.iter().map(|x| f64::from(*x))),
            Self::F64(v) => Box::new(v.iter().copied()),
            Self::I64(v) => Box::new(v.iter().map(|x| *x as f64)),
            Self::U32(v) => Box::new(v.iter().map(|x| f64::from(*x))),
            Self::U8(v) => Box::new(v.iter().map(|x| f64::from(*x))),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::U32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::U8(v) => v.clone(),
        }
    }

    /// The next `count` values of a stream, or `None` if artifacts have no tensors of this type.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) fn read(stream: &mut impl Read, dtype: Dtype, count: usize) -> io::Result<Option<Self>> {
        Ok(Some(match dtype {
            Dtype::F32 => Self::F32(numbers(stream, count, f32::from_le_bytes)?),
            Dtype::F64 => Self::F64(numbers(stream, count, f64::from_le_bytes)?),
            Dtype::I64 => Self::I64(numbers(stream, count, i64::from_le_bytes)?),
            Dtype::U32 => Self::U32(numbers(stream, count, u32::from_le_bytes)?),
            Dtype::U8 => Self::U8(numbers(stream, count, u8::from_le_bytes)?),
            _ => return Ok(None),
        }))
    }

    /// First value that is not finite, with its index.
    pub(super) fn not_finite(&self) -> Option<(usize, f64)> {
        match self {
            Self::F32(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, f64::from(v[i]))),
            Self::F64(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, v[i])),
            _ => None,
        }
    }
}

/// Reads `count` numbers of `W` bytes in chunks; only the numbers are kept in memory.
fn numbers<T, const W: usize>(
    stream: &mut impl Read,
    count: usize,
    decode: impl Fn([u8; W]) -> T,
) -> io::Result<Vec<T>> {
    const PIECE: usize = 8192;
    let (mut values, mut buffer) = (Vec::with_capacity(count), [0u8; PIECE]);
    while values.len() < count {
        let piece = &mut buffer[..W * (count - values.len()).min(PIECE / W)];
        stream.read_exact(piece)?;
        values.extend(piece.as_chunks().0.iter().map(|bytes| decode(*bytes)));
    }
    Ok(values)
}

/// A number type of tensors.
pub trait Element: Copy {
    /// Name of the type in messages.
    const NAME: &'static str;
    /// Values, if they are of this type.
    fn of(values: &Values) -> Option<&[Self]>;
    /// Values of this type.
    fn into_values(values: Vec<Self>) -> Values;
}

macro_rules! element {
    ($type:ty, $variant:ident) => {
        impl Element for $type {
            const NAME: &'static str = stringify!($variant);
            fn of(values: &Values) -> Option<&[Self]> {
                if let Values::$variant(v) = values { Some(v) } else { None }
            }
            fn into_values(values: Vec<Self>) -> Values {
                Values::$variant(values)
            }
        }
    };
}
element!(f32, F32);
element!(f64, F64);
element!(i64, I64);
element!(u32, U32);
element!(u8, U8);

/// A tensor: shape and values, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// Values of the tensor.
    pub values: Values,
}
