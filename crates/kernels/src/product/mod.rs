//! Products of a network's recurrent weights with the activities of many steps and trials: dense, low-rank, sparse.
//!
//! | file | matrix |
//! |---|---|
//! | `dense` | all entries |
//! | `low_rank` | Ξ_in diag(λ) Ξ_outᵀ, never formed |
//! | `sparse_avx512` | sliced ELLPACK, permuted in registers; one trial |
//! | `sparse_avx2` | windowed ELLPACK; one trial |
//! | `sparse_batch` | pairs of rows in CSR, several trials at once |
//!
//! `batch` cuts a batch into blocks of trials, `pattern` is which entries are present, `coordinates` a list of them, `by_unit` activities turned from step by step to unit
//! by unit, `sparse` the choice between the sparse products and their gradients.

pub mod batch;
pub mod by_unit;
pub mod common;
pub mod coordinates;
pub mod dense;
pub mod low_rank;
pub mod pattern;
pub mod sparse;
#[cfg(target_arch = "x86_64")]
pub mod sparse_avx2;
pub mod sparse_avx512;
pub mod sparse_batch;
