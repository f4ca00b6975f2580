//! Run-time choice of the vector unit and of constants that a kernel is compiled for, and prefetching.

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
/// Plain Rust arithmetic is never fused, and `mul_add` always is, so the result has the same bits on every unit.
#[inline(always)]
pub fn dispatch<R>(kernel: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Kernel(kernel))
}

/// Evaluates an expression compiled for one of several values of a constant, the one that `$value` has at run time.
///
/// ```
/// fn sum<const N: usize>(values: &[u32]) -> u32 {
///     values.first_chunk::<N>().map_or(0, |values| values.iter().sum())
/// }
/// let count = [7, 8, 9].len();
/// assert_eq!(mdl_kernels::with_const!(count, N in [1, 2, 3] => sum::<N>(&[7, 8, 9])), 24);
/// ```
///
/// # Panics
/// If the value is none of those listed.
#[macro_export]
macro_rules! with_const {
    ($value:expr, $name:ident in [$($constant:literal),+] => $body:expr) => {
        match $value {
            $($constant => {
                const $name: usize = $constant;
                $body
            })+
            value => unreachable!("{} is {value}, not one of {:?}", stringify!($name), [$($constant),+]),
        }
    };
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
