//! Readouts.
