//! The last resort where memory runs out: one line and a status, in place of an abort.
//!
//! What a run needs is estimated before it begins ([`crate::memory`]). Memory may still run out: another program takes it, or
//! a limit leaves too little even to start.

use std::alloc::{GlobalAlloc, Layout, System};

#[global_allocator]
static ALLOCATOR: OrExit = OrExit;

/// The system's allocator, which ends the process where it has nothing left.
struct OrExit;

// SAFETY: every call is passed on to the system's allocator, and what it returns is returned.
unsafe impl GlobalAlloc for OrExit {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        there(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        there(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        there(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
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

/// Says how many bytes are missing, without taking any, and ends the process with status 1.
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
    // SAFETY: `text` has `end` bytes; both calls take no memory and may be made by any thread.
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
