//! Readers of file formats of other tools, one per file, and the list of readers.

pub mod matlab;
pub mod numpy;
mod reader;
pub mod safetensors;
pub mod torch;

pub use reader::Reader;

/// Every supported format; the first match reads the file.
pub const READERS: [&dyn Reader; 5] = [&matlab::Matlab, &torch::Torch, &numpy::Npz, &numpy::Npy, &safetensors::Tensors];
