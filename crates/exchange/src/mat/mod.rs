//! MATLAB files, version 5, as written by MATLAB's `save -v6` and `-v7`, Octave's `save -v6` and SciPy's `savemat`.
//!
//! ```text
//! file     = header of 128 bytes (text, 0x0100, "IM"), elements
//! element  = type u32, size u32, data, padding to 8 bytes (none after a compressed one)
//!          | size u16 << 16 | type u16, data of at most 4 bytes in 4 bytes
//! array    = flags (class, logical, complex), dimensions, name, data in order of columns
//! ```
//!
//! An array may be compressed as a whole (zlib). Numbers may be stored in a narrower type than their class.

pub(crate) mod format;
mod write;

pub use write::{Data, Matrix, write};
