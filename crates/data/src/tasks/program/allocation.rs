//! Limit on the memory of a single value of a task's code.
//!
//! The language counts its memory only between steps, so that one operation, such as `[0] * 1000000000`, can exceed any
//! limit. A program's allocator asks [`refusal`] before it grants a large block. A library's allocator cannot end the
//! process, and learns from [`owner`] for whom the code runs.

use std::cell::Cell;

/// Largest block of memory that the code of a task may ask for (bytes).
pub const LARGEST: usize = 32 << 20;

thread_local! {
    /// File of the task whose code runs on this thread.
    static RUNNING: Cell<Option<*const str>> = const { Cell::new(None) };
    /// Number of the work that this thread belongs to.
    static OWNER: Cell<u64> = const { Cell::new(0) };
}

/// Number of the work that this thread belongs to; 0 if nobody has set it.
pub fn owner() -> u64 {
    OWNER.get()
}

/// Sets the number of the work that this thread belongs to. The threads on which tasks are read inherit it.
pub fn set_owner(owner: u64) {
    OWNER.set(owner);
}

/// Runs code of the task in `file`, for which [`refusal`] refuses large blocks.
pub(super) fn limited<T>(file: &str, code: impl FnOnce() -> T) -> T {
    struct Reset(Option<*const str>);
    impl Drop for Reset {
        fn drop(&mut self) {
            RUNNING.set(self.0);
        }
    }
    let _reset = Reset(RUNNING.replace(Some(file)));
    code()
}

/// Runs the project's own code on the way, which may have large blocks.
pub(super) fn unlimited<T>(code: impl FnOnce() -> T) -> T {
    let running = RUNNING.take();
    let result = code();
    RUNNING.set(running);
    result
}

/// Shows `refused` the file of the task whose code runs on this thread, if a block of `bytes` is too large for it.
/// Allocates nothing itself.
#[inline]
pub fn refusal(bytes: usize, refused: impl FnOnce(&str)) {
    if bytes > LARGEST
        && let Some(file) = RUNNING.get()
    {
        // SAFETY: `limited` holds the text for as long as it is set.
        refused(unsafe { &*file });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_blocks_of_a_running_task_are_refused() {
        let refused = |bytes| {
            let mut found = None;
            refusal(bytes, |file| found = Some(file.to_owned()));
            found
        };
        assert_eq!(refused(LARGEST + 1), None);
        limited("outer.star", || {
            assert_eq!(limited("inner.star", || refused(LARGEST + 1)).as_deref(), Some("inner.star"));
            assert_eq!(refused(LARGEST + 1).as_deref(), Some("outer.star"));
            assert_eq!(refused(LARGEST), None);
            assert_eq!(unlimited(|| refused(LARGEST + 1)), None);
            assert_eq!(refused(LARGEST + 1).as_deref(), Some("outer.star"));
        });
        assert!(std::panic::catch_unwind(|| limited("a.star", || panic!("a fault in the code"))).is_err());
        assert_eq!(refused(LARGEST + 1), None);
    }
}
