//! Stopping on SIGINT, SIGTERM and SIGUSR1, the warnings of terminals and batch systems: the first asks, the second ends
//! the process at once. Files are written whole or not at all, so neither leaves damage.

use crate::status::Status;
use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, signal_hook::consts::SIGUSR1];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Set once the process has been asked to stop.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Registers the flag with the system.
    ///
    /// A program that sees it set keeps what is worth keeping and ends with [`Status::Interrupted`]; a second signal ends
    /// the process with [`Status::Killed`] wherever it is.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn install() -> anyhow::Result<Self> {
        let stop = Self::default();
        for signal in SIGNALS {
            flag::register_conditional_shutdown(signal, i32::from(Status::Killed as u8), stop.0.clone())
                .and_then(|_| flag::register(signal, stop.0.clone()))
                .context("registering a signal handler")?;
        }
        Ok(stop)
    }

    /// Whether the process has been asked to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
