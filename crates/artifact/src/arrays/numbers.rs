//! Number types of foreign files. Half precision and bfloat16 are widened, which is exact.

use half::{bf16, f16};

/// Type of a stored number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberType {
    /// Boolean, one byte.
    Bool,
    /// Signed integer of 8 bits.
    I8,
    /// Unsigned integer of 8 bits.
    U8,
    /// Signed integer of 16 bits.
    I16,
    /// Unsigned integer of 16 bits.
    U16,
    /// Signed integer of 32 bits.
    I32,
    /// Unsigned integer of 32 bits.
    U32,
    /// Signed integer of 64 bits.
    I64,
    /// Unsigned integer of 64 bits.
    U64,
    /// Half precision.
    F16,
    /// bfloat16, the upper half of single precision.
    BF16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl NumberType {
    /// Bytes of a number.
    pub fn width(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::BF16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Name of the type, as in NumPy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::I16 => "int16",
            Self::U16 => "uint16",
            Self::I32 => "int32",
            Self::U32 => "uint32",
            Self::I64 => "int64",
            Self::U64 => "uint64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// Numbers from big-endian bytes.
    pub fn decode_big_endian(self, bytes: &[u8]) -> Vec<f64> {
        let mut bytes = bytes.to_vec();
        bytes.chunks_exact_mut(self.width()).for_each(<[u8]>::reverse);
        self.decode(&bytes)
    }

    /// Numbers from little-endian bytes, in double precision; an incomplete last number is ignored.
    pub fn decode(self, bytes: &[u8]) -> Vec<f64> {
        macro_rules! decode {
            ($type:ty) => {
                bytes.as_chunks().0.iter().map(|number| <$type>::from_le_bytes(*number) as f64).collect()
            };
        }
        match self {
            Self::Bool => bytes.iter().map(|byte| f64::from(u8::from(*byte != 0))).collect(),
            Self::I8 => decode!(i8),
            Self::U8 => decode!(u8),
            Self::I16 => decode!(i16),
            Self::U16 => decode!(u16),
            Self::I32 => decode!(i32),
            Self::U32 => decode!(u32),
            Self::I64 => decode!(i64),
            Self::U64 => decode!(u64),
            Self::F16 => bytes.as_chunks().0.iter().map(|number| f16::from_le_bytes(*number).to_f64()).collect(),
            Self::BF16 => bytes.as_chunks().0.iter().map(|number| bf16::from_le_bytes(*number).to_f64()).collect(),
            Self::F32 => decode!(f32),
            Self::F64 => decode!(f64),
        }
    }
}

/// Row-major values of an array of this shape whose element (i, j, …) is `stored[offset + i·strides[0] + j·strides[1] +
/// …]`; none if an element is out of bounds.
pub fn gather(stored: &[f64], shape: &[usize], strides: &[usize], offset: usize) -> Option<Vec<f64>> {
    let count: usize = shape.iter().product();
    let mut values = Vec::with_capacity(count);
    let mut index = vec![0usize; shape.len()];
    for _ in 0..count {
        let mut steps = index.iter().zip(strides);
        let at = steps.try_fold(offset, |at, (i, stride)| at.checked_add(i.checked_mul(*stride)?))?;
        values.push(*stored.get(at)?);
        for (i, extent) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *extent {
                break;
            }
            *i = 0;
        }
    }
    Some(values)
}

/// Strides of an array whose first index varies fastest, as in MATLAB and Fortran.
pub fn column_major(shape: &[usize]) -> Vec<usize> {
    let extents = shape.iter().scan(1usize, |stride, extent| {
        let own = *stride;
        *stride = stride.saturating_mul(*extent);
        Some(own)
    });
    extents.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_by_hand() {
        assert_eq!(NumberType::I16.decode(&[0xff, 0xff, 1, 0, 7]), [-1.0, 1.0]);
        assert_eq!(NumberType::Bool.decode(&[0, 2]), [0.0, 1.0]);
        assert_eq!(NumberType::F32.decode(&1.5f32.to_le_bytes()), [1.5]);
        // Sign, 5 bits of exponent and 10 of fraction; the largest, the smallest and an infinite half.
        assert_eq!(NumberType::F16.decode(&[0x00, 0xbe, 0xff, 0x7b, 0x01, 0x00]), [-1.5, 65504.0, 2f64.powi(-24)]);
        assert_eq!(NumberType::F16.decode(&[0x00, 0x7c]), [f64::INFINITY]);
        assert_eq!(NumberType::BF16.decode(&[0xc0, 0x3f, 0x49, 0xc0]), [1.5, -3.140625]);
        assert_eq!(NumberType::F32.decode_big_endian(&1.5f32.to_be_bytes()), [1.5]);
        assert_eq!(NumberType::I16.decode_big_endian(&[0xff, 0xfe, 0, 1]), [-2.0, 1.0]);
    }

    #[test]
    fn rows_are_gathered_from_columns_and_never_from_outside() {
        let columns = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
        let strides = column_major(&[2, 3]);
        assert_eq!(gather(&columns, &[2, 3], &strides, 0).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(gather(&columns, &[2, 3], &strides, 1), None);
        assert_eq!(gather(&columns, &[2], &[usize::MAX], 1), None);
    }
}
