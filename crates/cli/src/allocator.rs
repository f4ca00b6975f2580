//! Last resort if memory runs out, or if the code of a task asks for too much of it: one line and an exit status instead
//! of an abort.
//!
//! The memory of a run is estimated before it starts ([`crate::memory`]). It may still run out, if another program
//! takes it or if a limit is too low even for the start.

use crate::Status;
use mdl_data::tasks::program::allocation::{LARGEST, refusal};
use std::alloc::{GlobalAlloc, Layout, System};

/// The system allocator, which ends the process if no memory is left. For executables: a library must not end the
/// process that it is loaded into.
pub struct OrExit;

// SAFETY: every call is passed to the system allocator, and its result is returned.
unsafe impl GlobalAlloc for OrExit {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: guaranteed by the caller.
        there(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: guaranteed by the caller.
        there(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check(size);
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

/// Ends the process if the code of a task asks for a block that is too large for a task.
#[inline(always)]
fn check(bytes: usize) {
    refusal(bytes, |file| exit_refusing(file, bytes));
}

/// Ends the process because a value of the task in `file` would take this many bytes.
#[cold]
pub fn exit_refusing(file: &str, bytes: usize) -> ! {
    let mut line = Line::new();
    line.text("error: task ").text(file).text(": one value of ").number(bytes);
    line.text(" bytes, expected at most ").number(LARGEST).text(" bytes; make it smaller\n");
    line.print_and_exit(Status::Usage)
}

/// Reports how many bytes are missing, and ends the process.
#[cold]
fn exhausted(bytes: usize) -> ! {
    let mut line = Line::new();
    line.text("error: out of memory: ").number(bytes).text(" more bytes are not to be had\n");
    line.print_and_exit(Status::Failed)
}

/// A line of text that is put together without allocating; what does not fit is cut off.
struct Line {
    bytes: [u8; 512],
    end: usize,
}

impl Line {
    fn new() -> Self {
        Self { bytes: [0; 512], end: 0 }
    }

    fn text(&mut self, text: &str) -> &mut Self {
        let length = text.len().min(self.bytes.len() - self.end);
        self.bytes[self.end..self.end + length].copy_from_slice(&text.as_bytes()[..length]);
        self.end += length;
        self
    }

    fn number(&mut self, mut number: usize) -> &mut Self {
        let mut digits = [0u8; 20];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.text(std::str::from_utf8(&digits[first..]).unwrap_or_default())
    }

    fn print_and_exit(&self, status: Status) -> ! {
        #[cfg(unix)]
        // SAFETY: `bytes` has `end` bytes; both calls allocate no memory and may be made by any thread.
        unsafe {
            libc::write(2, self.bytes.as_ptr().cast(), self.end);
            libc::_exit(i32::from(status as u8))
        }
        #[cfg(not(unix))]
        {
            use std::io::Write;
            _ = std::io::stderr().write_all(&self.bytes[..self.end]);
            std::process::exit(i32::from(status as u8))
        }
    }
}
