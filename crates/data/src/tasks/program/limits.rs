//! What a task may cost.

/// Function calls and turns of loops that a file, or a trial, may take.
pub(super) const TICKS: u64 = 1_000_000;
/// Memory of a file's values, or of those of a chunk of trials (bytes).
pub(super) const HEAP: usize = 16 << 20;
/// Trials that are drawn in one go.
pub(super) const CHUNK: usize = 64;
/// Function calls inside one another.
pub(super) const CALLS: usize = 50;
/// Longest list that `range` makes.
pub(super) const RANGE: usize = 1_000_000;
/// Stack of the thread that reads a task (bytes).
pub(super) const STACK: usize = 128 << 20;
/// Longest text of a task (bytes): what can be nested in it fits on the stack.
pub const LONGEST: usize = 1 << 16;
/// Lists inside one another in a parameter.
pub(super) const DEPTH: usize = 8;
