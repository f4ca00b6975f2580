//! Recordings of a network's states on trials: what is recorded, of which trials, units and steps, and how it is written.

mod layout;
mod lif;
mod memory;
mod quantity;
mod selection;
mod sink;
mod trained;

pub(crate) use layout::{Choice, Layout, Sizes};
pub(crate) use memory::Memory;
pub(crate) use quantity::Quantity;
pub(crate) use selection::Selection;
pub(crate) use sink::{Inputs, Records, Sink, TrialRecord, describe_trials, target};
pub(crate) use {lif::run as run_lif, trained::run as run_trained};
