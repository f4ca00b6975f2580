//! Arrays of NumPy as arguments, which are read in place.
//!
//! NumPy's array interface gives address, shape, strides and type of an array; the Python code passes them with the array
//! itself, which keeps the memory alive. No C interface of NumPy is needed, so that one build serves all of its versions.

use mdl_cli::stages::InputArray;
use mdl_data::field::InvalidField;
use pyo3::prelude::*;
use std::ops::Range;

/// An array of Python, which is kept alive: its address, shape, strides (bytes), type as in the array interface (`<f4`,
/// `<f8` or `|u1`), and the array itself.
#[derive(FromPyObject)]
pub struct ArrayArgument(usize, Vec<usize>, Vec<isize>, String, #[expect(dead_code)] Py<PyAny>);

/// Numbers of an array.
pub enum Numbers {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Bytes.
    U8(Vec<u8>),
}

impl ArrayArgument {
    /// Size of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.1
    }

    /// A copy of the numbers in row-major order; none if they are of another type.
    pub fn numbers(&self) -> Option<Numbers> {
        Some(match &self.3[..] {
            "<f4" => Numbers::F32(self.copy()),
            "<f8" => Numbers::F64(self.copy()),
            "|u1" => Numbers::U8(self.copy()),
            _ => return None,
        })
    }

    fn copy<T: Copy>(&self) -> Vec<T> {
        let count = self.1.iter().product();
        let mut index = vec![0; self.1.len()];
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            // SAFETY: the index is inside the shape, and T is the type of the numbers.
            values.push(unsafe { self.at(&index) });
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < self.1[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        values
    }

    /// The number at an index.
    ///
    /// # Safety
    /// The index must be inside the shape, and the numbers of type `T`.
    unsafe fn at<T: Copy>(&self, index: &[usize]) -> T {
        let offset: isize = index.iter().zip(&self.2).map(|(i, stride)| *i as isize * stride).sum();
        // SAFETY: NumPy guarantees that every index inside the shape is inside the memory of the array, which the owner
        // keeps alive. A program that changes an array while it is read gets some of the changes.
        unsafe { (self.0 as *const u8).offset(offset).cast::<T>().read_unaligned() }
    }
}

impl InputArray for ArrayArgument {
    fn shape(&self) -> [usize; 3] {
        self.1[..].try_into().unwrap_or_default()
    }

    fn copy(&self, trials: Range<usize>, to: &mut [f32]) -> Result<(), InvalidField> {
        let [_, steps, channels] = InputArray::shape(self);
        let double = self.3 == "<f8";
        let mut to = to.iter_mut();
        for step in 0..steps {
            for trial in trials.clone() {
                for channel in 0..channels {
                    let index = [trial, step, channel];
                    // SAFETY: the index is inside the shape; the Python code passes inputs of these two types alone.
                    let number =
                        unsafe { if double { self.at::<f64>(&index) } else { f64::from(self.at::<f32>(&index)) } };
                    let Some(to) = to.next() else { return Ok(()) };
                    *to = number as f32;
                    if !to.is_finite() {
                        return Err(InvalidField {
                            field: "inputs".into(),
                            found: format!("{number} at [{trial}, {step}, {channel}]"),
                            expected: "finite numbers, in single precision".into(),
                        });
                    }
                }
            }
        }
        Ok(())
    }
}
