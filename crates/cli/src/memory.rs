//! Comparison of a run's memory with what is available.

use crate::status::usage;
use mdl_artifact::memory::{readable, room};
use mdl_experiment::memory::Estimate;

/// An estimate is the peak or a little more; a run is refused if this fraction of it does not fit.
const SHARE: f64 = 0.9;

/// Refuses a run that needs more memory than is available.
///
/// # Errors
/// The estimate, the available memory, and the field to change (status 2).
pub fn check(estimate: &Estimate) -> anyhow::Result<()> {
    let needed = estimate.bytes();
    let Some(room) = room() else { return Ok(()) };
    if SHARE * needed <= room.bytes {
        return Ok(());
    }
    let (needed, free, limit) = (readable(needed), readable(room.bytes), room.limit);
    let remedy = match estimate.largest() {
        Some((Estimate::NETWORK, bytes)) => {
            format!("; {} of it are for the network itself: use fewer --threads, or give more memory", readable(bytes))
        }
        Some((field, bytes)) => {
            format!("; {} of it grow with {field}: change it, or give more memory", readable(bytes))
        }
        None => String::new(),
    };
    Err(usage(format!("not enough memory: this needs about {needed}, and {free} are free ({limit}){remedy}")))
}
