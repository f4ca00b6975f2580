//! Last resort if memory runs out: one line and an exit status instead of an abort.
//!
//! The memory of a run is estimated before it starts ([`crate::memory`]). It may still run out, if another program
//! takes it or if a limit is too low even for the start.

use std::alloc::{GlobalAlloc, Layout, System};

#[global_allocator]
static ALLOCATOR: OrExit = OrExit;

/// The system allocator, which ends the process if no memory is left.
struct OrExit;

// SAFETY: every call is passed to the system allocator, and its result is returned.
unsafe impl GlobalAlloc for OrExit {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: guaranteed by the caller.
        there(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: guaranteed by the caller.
        there(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: guaranteed by the caller.
        there(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: guaranteed by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[inline(always)]
fn there(pointer: *mut u8, bytes: usize) -> *mut u8 {
    if pointer.is_null() {
        exhausted(bytes);
    }
    pointer
}

/// Reports how many bytes are missing, without allocating, and ends the process with status 1.
#[cold]
fn exhausted(bytes: usize) -> ! {
    let mut text = [0u8; 160];
    let mut end = 0;
    let mut digits = [0u8; 20];
    let (mut first, mut rest) = (digits.len(), bytes);
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let line: [&[u8]; 3] = [b"error: out of memory: ", &digits[first..], b" more bytes are not to be had\n"];
    for part in line {
        text[end..end + part.len()].copy_from_slice(part);
        end += part.len();
    }
    #[cfg(unix)]
    // SAFETY: `text` has `end` bytes; both calls allocate no memory and may be made by any thread.
    unsafe {
        libc::write(2, text.as_ptr().cast(), end);
        libc::_exit(1)
    }
    #[cfg(not(unix))]
    {
        use std::io::Write;
        _ = std::io::stderr().write_all(&text[..end]);
        std::process::exit(1)
    }
}
