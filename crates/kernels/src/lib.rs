//! The numeric ground of the networks: run-time choice of the vector unit, lanes of numbers, counter-based random streams.

pub mod aligned;
pub mod dispatch;
pub mod lanes;
pub mod memory;
pub mod random;
pub mod real;
