//! Treatment of freed memory.

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
