//! File formats of other tools, one file each, and the list of them.

pub mod matlab;
pub mod numpy;
mod reader;
pub mod safetensors;
pub mod torch;

pub use reader::Reader;

/// Every format that is read; the first that matches a file reads it.
pub const READERS: [&dyn Reader; 5] = [&matlab::Matlab, &torch::Torch, &numpy::Npz, &numpy::Npy, &safetensors::Tensors];
