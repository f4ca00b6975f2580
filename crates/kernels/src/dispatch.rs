//! Run-time choice of the vector unit, and what else a kernel asks of the processor.

use pulp::{Arch, Simd, WithSimd};

/// Bytes that a processor moves between its caches at once.
#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

/// A kernel as pulp takes it.
struct Kernel<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Kernel<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _simd: S) -> R {
        (self.0)()
    }
}

/// Runs `kernel` compiled for the widest vector unit of this processor (AVX-512, AVX2, else the target's baseline).
///
/// The kernel must be an `#[inline(always)]` closure, and all it calls inline too: only what is inlined is compiled for the
/// wider unit. The bound is `FnMut`, not `FnOnce`, because the latter calls a closure through a shim that is not inlined.
/// Plain Rust arithmetic is never fused, so the result has the same bits on every unit.
#[inline(always)]
pub fn dispatch<R>(kernel: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Kernel(kernel))
}

/// Asks the processor to bring `values` into its first-level cache, for use soon; what it computes does not change.
#[inline(always)]
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables))]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..size_of_val(values)).step_by(CACHE_LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every CPU of this architecture supports prefetching, and `at` is inside the values.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().cast::<i8>().add(at)) };
    }
}
