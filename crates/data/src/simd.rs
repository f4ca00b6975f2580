//! Run-time choice of the vector unit.

use pulp::{Arch, Simd, WithSimd};

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
