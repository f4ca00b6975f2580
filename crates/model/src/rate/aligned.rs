//! Buffers that begin on a cache line, so that no vector of a kernel straddles two.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Numbers whose first one begins a cache line.
pub(super) struct Aligned<T> {
    values: Vec<T>,
    start: usize,
    length: usize,
}

impl<T: Copy> Aligned<T> {
    /// `length` times `value`.
    pub(super) fn full(value: T, length: usize) -> Self {
        let values = vec![value; length + LINE / size_of::<T>()];
        // Alignment is for speed alone: where it can't be had, the numbers stand where they are.
        let start = Some(values.as_ptr().align_offset(LINE)).filter(|start| start + length <= values.len());
        Self { start: start.unwrap_or(0), values, length }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.start..self.start + self.length]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..self.start + self.length]
    }
}
