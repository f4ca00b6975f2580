//! The extension module of the Python package `mdl_rnn`: the functions of `mdl_cli::stages` on NumPy arrays.
//!
//! The Python code beside it (`python/mdl_rnn`) has the public classes and functions with their documentation. This crate
//! converts arguments, results and errors, and runs long work on a thread of its own (`job`).

mod allocator;
mod artifact;
mod errors;
mod functions;
mod inputs;
mod job;
mod memory;
mod operators;

use pyo3::prelude::*;

/// Functions of mdl-rnn on artifacts.
#[pymodule]
mod _mdl_rnn {
    #[pymodule_export]
    use super::artifact::Artifact;
    #[pymodule_export]
    use super::functions::{
        analyze, calibrate, draw_network, draw_trials, evaluate, export_network, find_scaling_factor, import_network,
        program, program_names, resolve, run, shipped, train,
    };
    #[pymodule_export]
    use super::job::Cancel;
    #[pymodule_export]
    use super::memory::Memory;
    #[pymodule_export]
    use super::operators::{RateTape, SpikingTape};
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
