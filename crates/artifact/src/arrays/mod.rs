//! Files of named arrays of other tools: interface of their readers, and those of NumPy and safetensors.

pub mod archive;
mod contents;
pub mod numbers;
pub mod numpy;
mod reader;
pub mod safetensors;

pub use contents::{Content, Contents, Entry, Limits, Variable};
pub use reader::Reader;
