//! How freed memory is treated.

/// Keeps freed memory for the next allocation instead of giving it back to the system.
///
/// A training update frees what the next one allocates again. By default glibc gives the larger part back in between, and
/// the page faults of taking it anew cost more than the update itself. Does nothing with other allocators.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets parameters of the allocator, at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
    }
}
