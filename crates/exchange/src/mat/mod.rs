//! MATLAB files, version 5, which MATLAB writes by `save -v6` and `-v7`, Octave by `save -v6` and SciPy by `savemat`.
//!
//! ```text
//! file     = header of 128 bytes (text, 0x0100, "IM"), elements
//! element  = type u32, size u32, data, padding to 8 bytes (none after a compressed one)
//!          | size u16 << 16 | type u16, data of at most 4 bytes in 4 bytes
//! array    = flags (class, logical, complex), dimensions, name, data in order of columns
//! ```
//!
//! An array may be compressed as a whole (zlib). Numbers may be stored in a narrower type than their class.

mod read;
mod write;

pub use read::read;
pub use write::{Data, Matrix, write};

/// Bytes before the first element.
const HEADER: usize = 128;

/// Element types.
mod element {
    pub const INT8: u32 = 1;
    pub const UINT8: u32 = 2;
    pub const INT16: u32 = 3;
    pub const UINT16: u32 = 4;
    pub const INT32: u32 = 5;
    pub const UINT32: u32 = 6;
    pub const SINGLE: u32 = 7;
    pub const DOUBLE: u32 = 9;
    pub const INT64: u32 = 12;
    pub const UINT64: u32 = 13;
    pub const MATRIX: u32 = 14;
    pub const COMPRESSED: u32 = 15;
    pub const UTF8: u32 = 16;
    pub const UTF16: u32 = 17;
}

/// Array classes.
mod class {
    pub const CHAR: u8 = 4;
    pub const DOUBLE: u8 = 6;
    pub const SINGLE: u8 = 7;
    pub const UINT8: u8 = 9;
    pub const UINT32: u8 = 13;
    pub const INT64: u8 = 14;
    pub const UINT64: u8 = 15;
    /// Text in double quotes, tables and what else MATLAB keeps in a workspace of its own.
    pub const OPAQUE: u8 = 17;
    /// Names of the classes that hold no plain numbers or text.
    pub const OTHER: [(u8, &str); 5] = [
        (1, "a cell array"),
        (2, "a struct"),
        (3, "an object"),
        (5, "a sparse array"),
        (OPAQUE, "an object (a string in double quotes or a table)"),
    ];
    /// Names of the others.
    pub const NAMES: [(u8, &str); 11] = [
        (CHAR, "char"),
        (DOUBLE, "double"),
        (SINGLE, "single"),
        (8, "int8"),
        (UINT8, "uint8"),
        (10, "int16"),
        (11, "uint16"),
        (12, "int32"),
        (UINT32, "uint32"),
        (INT64, "int64"),
        (UINT64, "uint64"),
    ];
}
