//! Allocator of the library: the system's, except for blocks that are too large for the code of a task.
//!
//! An allocator can neither return an error to the code of a task nor unwind, and a library must not end the process. So
//! the thread that asks for such a block waits for ever, and the work it belongs to ([`owner`]) is reported as refused:
//! [`refusal_of`] tells the caller, who goes on without this thread. In a program, the process ends with a message, as in
//! the executables.

use mdl_cli::allocator::exit_refusing;
use mdl_data::tasks::program::allocation::{LARGEST, owner, refusal};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The allocator.
struct Limited;

#[global_allocator]
static ALLOCATOR: Limited = Limited;

/// True in a program.
static EXITS: AtomicBool = AtomicBool::new(false);
/// Work that was refused a block, with the reason.
static REFUSED: Mutex<Vec<(u64, String)>> = Mutex::new(Vec::new());

// SAFETY: every call is passed to the system allocator, and its result is returned.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: guaranteed by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: guaranteed by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check(size);
        // SAFETY: guaranteed by the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: guaranteed by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[inline(always)]
fn check(bytes: usize) {
    refusal(bytes, |file| refuse(file, bytes));
}

/// Reports the refusal and waits for ever. The small blocks for the report are granted.
#[cold]
fn refuse(file: &str, bytes: usize) {
    if EXITS.load(Ordering::Relaxed) {
        exit_refusing(file, bytes);
    }
    let reason = format!("task {file}: one value of {bytes} bytes, expected at most {LARGEST} bytes; make it smaller");
    REFUSED.lock().unwrap_or_else(PoisonError::into_inner).push((owner(), reason));
    loop {
        std::thread::park();
    }
}

/// From now on, the process ends if a block is refused.
pub fn exit_on_refusal() {
    EXITS.store(true, Ordering::Relaxed);
}

/// Why the work of this number was refused a block, if it was. Its threads will not return.
pub fn refusal_of(owner: u64) -> Option<String> {
    let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    let at = refused.iter().position(|(number, _)| *number == owner)?;
    Some(refused.swap_remove(at).1)
}
