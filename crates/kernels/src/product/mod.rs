//! Products of a network's recurrent weights with the activities of many steps and trials: dense, low-rank, sparse.
//!
//! | file | matrix |
//! |---|---|
//! | `dense` | all entries |
//! | `low_rank` | Ξ_in diag(λ) Ξ_outᵀ, never formed |
//! | `low_rank_batch` | the same, several trials at once |
//! | `sparse_avx512` | sliced ELLPACK, permuted in registers; one trial |
//! | `sparse_avx2` | windowed ELLPACK; one trial |
//! | `sparse_batch` | four rows at a time in CSR, several trials at once |
//! | `spike_columns` | columns of the units that spike: all entries, modes, or the connections of `spike_connections` |
//!
//! `batch` cuts a batch into blocks of trials, and `pattern` holds which entries are present. The gradient of the present entries is
//! in `present` for several trials, with the trials side by side, and in `sparse` for one trial, with its steps side by side:
//! `coordinates` lists the entries for it, and `by_unit` transposes activities from step by step to unit by unit. `sparse` also
//! chooses between the sparse products.

pub mod batch;
pub mod by_unit;
pub mod common;
pub mod coordinates;
pub mod dense;
pub mod low_rank;
pub mod low_rank_batch;
pub mod pattern;
pub mod present;
pub mod sparse;
#[cfg(target_arch = "x86_64")]
pub mod sparse_avx2;
pub mod sparse_avx512;
pub mod sparse_batch;
pub mod spike_columns;
mod spike_connections;
