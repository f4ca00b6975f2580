//! What populations of units do: principal components, targeted dimensions, selectivity, rates, intervals between spikes,
//! choices, operations.

pub mod choices;
pub mod components;
pub mod intervals;
pub mod operations;
pub mod rates;
pub mod selectivity;
pub mod targeted;
pub mod variables;
