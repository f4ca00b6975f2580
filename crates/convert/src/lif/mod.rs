//! LIF simulation.
