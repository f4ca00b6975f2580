//! Buffers that begin on a cache line, so that no vector of a kernel straddles two.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Numbers whose first one begins a cache line.
pub struct Aligned<T> {
    values: Vec<T>,
    start: usize,
}

impl<T: Copy> Aligned<T> {
    /// None, with room for `length`; `filler` is what may stand before them.
    pub fn with_capacity(filler: T, length: usize) -> Self {
        let spare = LINE / size_of::<T>();
        let mut values: Vec<T> = Vec::with_capacity(length + spare);
        // Alignment is for speed alone: where it can't be had, the numbers stand where they are.
        let start = Some(values.as_ptr().align_offset(LINE)).filter(|start| *start <= spare).unwrap_or(0);
        values.resize(start, filler);
        Self { values, start }
    }

    /// `length` times `value`.
    pub fn full(value: T, length: usize) -> Self {
        let mut aligned = Self::with_capacity(value, length);
        aligned.values.resize(aligned.start + length, value);
        aligned
    }

    /// Goes on with these numbers.
    pub fn extend_from_slice(&mut self, numbers: &[T]) {
        self.values.extend_from_slice(numbers);
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.start..]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..]
    }
}
