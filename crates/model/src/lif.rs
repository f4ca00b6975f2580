//! Constants of LIF networks: plain data.
