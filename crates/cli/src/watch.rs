//! What a stage reports while it runs, and how it is stopped.

use crate::status::with_status;

/// Callbacks of a running stage.
pub struct Watch<'a> {
    /// Called once, with the number of steps of the stage.
    pub begin: &'a (dyn Fn(u64) + Sync),
    /// Called after each number of steps.
    pub done: &'a (dyn Fn(u64) + Sync),
    /// True to stop.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Watch<'_> {
    /// Returns an error if the stage is to stop.
    ///
    /// # Errors
    /// An interruption (status 75).
    pub fn check(&self) -> anyhow::Result<()> {
        if (self.stopped)() { with_status(Err(mdl_convert::Error::Interrupted)) } else { Ok(()) }
    }
}
