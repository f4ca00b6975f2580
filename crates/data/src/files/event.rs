//! What happens during a fetch.

use std::ops::ControlFlow;

/// Event during a fetch.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Part of a file has arrived.
    Received {
        /// Name of the file.
        file: &'a str,
        /// Bytes so far.
        bytes: u64,
        /// Total number of bytes, if known.
        of: Option<u64>,
    },
    /// A source does not have the files; the next one will be tried.
    Failed {
        /// The source.
        source: &'a str,
        /// Reason.
        reason: &'a str,
    },
    /// Another program is running, such as one that downloads a package.
    Waiting,
}

/// Observer of events; breaking stops the fetch.
pub type Observer<'a> = dyn FnMut(Event) -> ControlFlow<()> + 'a;
