//! Readers of file formats of other tools, one per file, and the list of readers. Those of NumPy and safetensors, which
//! trials are read by as well, are in `mdl_artifact::arrays`.

pub mod hdf5;
pub mod matlab;
pub mod torch;

pub use mdl_artifact::arrays::{Reader, numpy, safetensors};

/// Every supported format; the first match reads the file.
pub const READERS: [&dyn Reader; 7] =
    [&matlab::Matlab, &hdf5::Matlab73, &hdf5::Hdf5, &torch::Torch, &numpy::Npz, &numpy::Npy, &safetensors::Tensors];
