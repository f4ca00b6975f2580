//! Stopping on SIGINT and SIGTERM: the first asks, the second ends the process at once.

use crate::status::{OrExit, Status};
use anyhow::{Context, anyhow};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once the process has been asked to stop.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Registers the flag with the system.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn install() -> anyhow::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, i32::from(Status::Interrupted as u8), stop.0.clone())
                .and_then(|_| flag::register(signal, stop.0.clone()))
                .context("registering a signal handler")?;
        }
        Ok(stop)
    }

    /// Whether the process has been asked to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error with status 130 once the process has been asked to stop.
    ///
    /// # Errors
    /// The process has been asked to stop.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.is_set() {
            return Err(anyhow!("interrupted; no output was written")).or_exit(Status::Interrupted);
        }
        Ok(())
    }
}
