//! Memory that is used again: the allocator's, and buffers of one update for the next.

use crate::lanes::{LANES, Lanes};
use crate::real::Real;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps freed memory for the next allocation instead of returning it to the system.
///
/// A training update frees memory that the next one allocates again. By default glibc returns the larger part in
/// between, and the page faults of allocating it again cost more than the update itself. Has no effect with other
/// allocators.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets parameters of the allocator, and may be called at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
    }
}

/// Buffers between their uses. They are as many as were in use at once.
#[derive(Debug)]
pub struct Pool<R> {
    free: Mutex<Vec<Vec<Lanes<R>>>>,
}

impl<R> Default for Pool<R> {
    fn default() -> Self {
        Self { free: Mutex::default() }
    }
}

impl<R: Real> Pool<R> {
    /// A buffer of `len` numbers: those of an earlier use, or 0.
    pub fn buffer(self: &Arc<Self>, len: usize) -> Buffer<R> {
        let groups = len.div_ceil(LANES);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is long enough, else the longest.
        let order =
            |held: &Vec<Lanes<R>>| if held.len() >= groups { (0, held.len()) } else { (1, usize::MAX - held.len()) };
        let best = (0..free.len()).min_by_key(|at| order(&free[*at]));
        let mut values = best.map(|at| free.swap_remove(at)).unwrap_or_default();
        drop(free);
        if values.len() < groups {
            // Nothing of it needs to be copied.
            values.clear();
            values.resize(groups, Lanes::zero());
        }
        Buffer { values, len, pool: self.clone() }
    }
}

/// Numbers that begin a cache line, returned to their pool in the end.
#[derive(Debug)]
pub struct Buffer<R: Real> {
    values: Vec<Lanes<R>>,
    len: usize,
    pool: Arc<Pool<R>>,
}

impl<R: Real> Deref for Buffer<R> {
    type Target = [R];

    #[inline(always)]
    fn deref(&self) -> &[R] {
        &Lanes::values(&self.values)[..self.len]
    }
}

impl<R: Real> DerefMut for Buffer<R> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [R] {
        &mut Lanes::values_mut(&mut self.values)[..self.len]
    }
}

impl<R: Real> Drop for Buffer<R> {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_as_many_buffers_as_were_in_use_at_once() {
        let pool = Arc::<Pool<f32>>::default();
        for round in 1..20 {
            let (mut long, mut short) = (pool.buffer(1000 * round), pool.buffer(10));
            assert_eq!((long.len(), short.len()), (1000 * round, 10));
            long.fill(1.0);
            short.fill(2.0);
            assert!(long.iter().all(|x| *x == 1.0) && short.iter().all(|x| *x == 2.0));
        }
        let free = pool.free.lock().unwrap();
        assert_eq!(free.len(), 2);
        assert!(free.iter().all(|held| held.len() <= 19 * 1000 / LANES + 1));
    }
}
